//! What can do harm is bounded in sum, not only in rate.

use std::collections::BTreeSet;

use ordain_spec::check::context::may_match;
use ordain_spec::kind::metadata::Risk;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("missing-budget", Severity::Error, include_str!("missing-budget.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut said = BTreeSet::new();
    for used in cx.resolved.uses.iter().filter(|used| used.risk() >= Risk::Medium) {
        let runbook = used.runbook.metadata.name.value.as_str();
        let covered =
            cx.all.budgets.values().any(|budget| may_match(&budget.spec.applies, used.capability, Some(runbook)));
        if covered || !said.insert(used.capability.digest) {
            continue;
        }
        let name = &used.capability.metadata.name;
        let message = format!("no budget applies to capability `{}` of risk {} in runbook `{runbook}`", name.value, used.risk());
        found.push(
            RULE.at(used.reference.span, message)
                .related(name.span, "the capability")
                .help("add a budget that applies to it; `unit: calls` needs no declared cost")
                .consequence("the engine would book nothing: what it does in sum has no limit"),
        );
    }
}
