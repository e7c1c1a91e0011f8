//! `all` of lists that may be empty.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("empty-all", Severity::Warning, include_str!("empty-all.md"), find);

const CONSEQUENCE: &str = "the engine would find it true of an empty list: nothing was asked, and all of it held";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::EmptyAll)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
