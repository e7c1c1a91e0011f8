//! People told by something else than their id.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::observe::Sort;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("identity-by-display-name", Severity::Error, include_str!("identity-by-display-name.md"), find);

const CONSEQUENCE: &str = "the engine would compare the texts, whoever they belong to that day";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::Within(Sort::DisplayName)).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
