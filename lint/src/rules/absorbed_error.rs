//! Errors that a later part was meant to keep from mattering.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("absorbed-error", Severity::Error, include_str!("absorbed-error.md"), find);

const CONSEQUENCE: &str = "the engine would take the error as the outcome of the whole, which denies: it absorbs none";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::AbsorbedError)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
