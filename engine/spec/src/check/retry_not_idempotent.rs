//! Law `retry-not-idempotent`: repeating what must not be repeated.

use super::context::{Context, idempotency, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::capability::Idempotency;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let Some(retry) = step.retry.as_ref().filter(|retry| retry.attempts.value > 1) else { continue };
            let id = &step.id.value;
            let problem = |message: String| {
                law("retry-not-idempotent", retry.attempts.span, message)
                    .related(step.id.span, "this step")
                    .consequence(
                        "the engine refuses the catalogue: a second attempt could have a second effect",
                    )
            };
            let Some(reference) = &step.uses else {
                sink.push(
                    problem(format!("step `{id}` has a `retry`, but uses no capability"))
                        .help("remove `retry`"),
                );
                continue;
            };
            let Ok(capability) = cx.all.capability(reference) else { continue };
            if idempotency(capability) == Idempotency::None {
                let name = &capability.metadata.name;
                let place = capability.spec.idempotency.as_ref().map_or(name.span, |declared| declared.span);
                sink.push(
                    problem(format!("step `{id}` retries capability `{}`, which is not idempotent", name.value))
                        .related(place, "`idempotency` is `none` here")
                        .help("remove `retry`, or declare what makes repeating harmless: `{key: …}`, `step` or `natural`"),
                );
            }
        }
    }
}
