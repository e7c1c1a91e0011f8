//! Decisions on values whose type nobody declared.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("dynamic-type", Severity::Error, include_str!("dynamic-type.md"), find);

const CONSEQUENCE: &str = "the engine would find out when the value is there, and an error is an unknown outcome then";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::DynamicType)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
