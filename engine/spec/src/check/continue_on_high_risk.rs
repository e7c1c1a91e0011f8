//! Law `continue-on-high-risk`: tolerating the failure of what can do much harm.

use std::collections::BTreeMap;

use super::context::{Context, law, risk};
use super::subruns::{children, children_first};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::kind::metadata::Risk;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let highest = highest_risks(cx);
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let Some(word) = &step.on_failure else { continue };
            let capability = step.uses.as_ref().and_then(|reference| cx.all.capability(reference).ok());
            let child = step.runbook.as_ref().and_then(|reference| cx.all.runbook(reference).ok());
            let of_child = child.and_then(|child| highest.get(&child.digest)).copied();
            let Some(risk) = capability.map(|capability| risk(capability)).max(of_child) else { continue };
            if risk >= Risk::High {
                sink.push(
                    law(
                        "continue-on-high-risk",
                        word.span,
                        format!("step `{}` tolerates a failure at risk {risk}", step.id.value),
                    )
                    .related(step.id.span, "this step")
                    .help("remove `onFailure`: only steps of risk low or medium may be tolerated"),
                );
            }
        }
    }
}

/// The highest risk that a run of each runbook can meet, sub-runs included.
fn highest_risks(cx: &Context<'_>) -> BTreeMap<Digest, Risk> {
    let mut highest: BTreeMap<Digest, Risk> = BTreeMap::new();
    for runbook in children_first(cx) {
        let own = runbook.spec.steps.iter().filter_map(|step| cx.all.capability(step.uses.as_ref()?).ok());
        let below =
            children(cx, runbook).into_iter().filter_map(|(_, child)| highest.get(&child.digest).copied());
        let most = own.map(|capability| risk(capability)).chain(below).max();
        highest.insert(runbook.digest, most.unwrap_or(Risk::Low));
    }
    highest
}
