//! What can do the most harm asks for more than an open session.

use std::collections::BTreeSet;

use ordain_spec::kind::metadata::Risk;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("step-up-missing", Severity::Error, include_str!("step-up-missing.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut said = BTreeSet::new();
    for used in cx.resolved.uses.iter().filter(|used| used.risk() == Risk::Critical) {
        let approvals = cx.resolved.approvals_of(used.step, used.capability);
        let asks = approvals.iter().flat_map(|approval| &approval.spec.stages).any(|stage| stage.step_up.value);
        if asks || approvals.is_empty() || !said.insert(used.capability.digest) {
            continue;
        }
        let name = &used.capability.metadata.name;
        let message = format!("no stage before critical capability `{}` asks for `stepUp`", name.value);
        let mut problem = RULE
            .at(used.reference.span, message)
            .related(name.span, "the capability")
            .help("write `stepUp: true` at one of the stages")
            .consequence("the engine would accept a decision from any open session, also a stolen one");
        for approval in approvals.iter().take(3) {
            problem = problem.related(approval.metadata.name.span, "an approval before it");
        }
        found.push(problem);
    }
}
