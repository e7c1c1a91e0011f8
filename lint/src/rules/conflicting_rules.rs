//! Policies that together refuse everybody.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("conflicting-rules", Severity::Error, include_str!("conflicting-rules.md"), find);

const CONSEQUENCE: &str = "the engine would deny every step that uses it: `no_rule_allows` or `policy_denied`";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::ConflictingRules).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
