//! Law `repeat-on-write`: polling something that changes the outside.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let Some(repeat) = &step.repeat else { continue };
            let place = cx.first_line(repeat.span);
            let Some(reference) = &step.uses else {
                sink.push(
                    law(
                        "repeat-on-write",
                        place,
                        format!("step `{}` has a `repeat`, but uses no capability", step.id.value),
                    )
                    .help("`repeat` polls a capability of `effect: read`"),
                );
                continue;
            };
            let Ok(capability) = cx.all.capability(reference) else { continue };
            let effect = &capability.spec.effect;
            if effect.value != Effect::Read {
                let message = format!(
                    "step `{}` repeats capability `{}`, whose effect is {}",
                    step.id.value, capability.metadata.name.value, effect.value
                );
                sink.push(
                    law("repeat-on-write", place, message)
                        .related(effect.span, "declared here")
                        .help("poll a capability of `effect: read`, and let a later step change something"),
                );
            }
        }
    }
}
