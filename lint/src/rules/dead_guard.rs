//! Guards that are never true.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("dead-guard", Severity::Error, include_str!("dead-guard.md"), find);

const CONSEQUENCE: &str = "the engine would deny the step in every run";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::DeadGuard).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
