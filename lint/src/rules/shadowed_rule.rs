//! Rules that another one always overrules.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("shadowed-rule", Severity::Error, include_str!("shadowed-rule.md"), find);

const CONSEQUENCE: &str = "the engine would evaluate and record it, and the other rule would decide";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::ShadowedRule).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
