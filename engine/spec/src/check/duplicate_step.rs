//! Law `duplicate-step`: two steps of one id in a runbook.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        let Some(flow) = cx.flow(runbook) else { continue };
        for (at, step) in runbook.spec.steps.iter().enumerate() {
            let first = flow.index.get(step.id.value.as_str()).copied().unwrap_or(at);
            let Some(earlier) = flow.steps.get(first).filter(|_| first != at) else { continue };
            sink.push(
                law(
                    "duplicate-step",
                    step.id.span,
                    format!("a second step `{}` in runbook `{}`", step.id.value, runbook.metadata.name.value),
                )
                .related(earlier.id.span, "the first")
                .help("give each step an id of its own"),
            );
        }
    }
}
