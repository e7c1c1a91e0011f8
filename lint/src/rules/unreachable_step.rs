//! Steps that nothing leads to.

use ordain_spec::check::observed::What;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("unreachable-step", Severity::Error, include_str!("unreachable-step.md"), find);

const CONSEQUENCE: &str = "the engine would skip the step in every run, and whoever reads the runbook believes that it happens";

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(cx.observed(What::UnreachableStep).map(|one| RULE.observed(one).consequence(CONSEQUENCE)));
}
