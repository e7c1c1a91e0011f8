//! Law `effect-above-capability`: an operation that does more than its capability admits.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Some((_, operation)) = cx.operation(capability) else { continue };
        let (own, done) = (&capability.spec.effect, &operation.effect);
        if done.value > own.value {
            let spec = &capability.spec;
            sink.push(
                law(
                    "effect-above-capability",
                    spec.operation.span,
                    format!(
                        "operation `{}` has effect {}, capability `{}` declares {}",
                        spec.operation.value, done.value, capability.metadata.name.value, own.value
                    ),
                )
                .related(done.span, "the operation's effect")
                .related(own.span, "the capability's effect")
                .help(format!(
                    "write `effect: {}` for the capability, with the risk and approvals that it asks for",
                    done.value
                )),
            );
        }
    }
}
