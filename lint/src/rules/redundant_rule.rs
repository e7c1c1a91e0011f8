//! Rules that change nothing.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("redundant-rule", Severity::Warning, include_str!("redundant-rule.md"), find);

const CONSEQUENCE: &str = "the engine would evaluate and record it, and no decision would be another without it";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::RedundantRule).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
