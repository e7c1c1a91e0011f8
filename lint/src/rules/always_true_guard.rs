//! Guards that are always true.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("always-true-guard", Severity::Warning, include_str!("always-true-guard.md"), find);

const CONSEQUENCE: &str = "the engine would ask it every time, and it would never keep anything from happening";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::AlwaysTrueGuard).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
