//! Patterns that are open at an end.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("unanchored-regex", Severity::Warning, include_str!("unanchored-regex.md"), find);

const CONSEQUENCE: &str = "the engine would let through whatever holds the part that was meant";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::Unanchored)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
