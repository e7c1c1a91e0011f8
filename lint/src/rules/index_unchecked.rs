//! Items that need not be there.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("index-unchecked", Severity::Warning, include_str!("index-unchecked.md"), find);

const CONSEQUENCE: &str = "the engine would take the error as the outcome of the whole, which denies";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::Index)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
