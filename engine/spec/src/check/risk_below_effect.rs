//! Law `risk-below-effect`: a risk that its effect gives the lie to.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Risk;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let effect = &capability.spec.effect;
        let least = match effect.value {
            Effect::Read => continue,
            Effect::Write => Risk::Medium,
            Effect::Irreversible => Risk::High,
        };
        let Some(risk) = capability.metadata.risk.as_ref().filter(|risk| risk.value < least) else {
            continue;
        };
        let message = format!("risk {} is too low for effect {}", risk.value, effect.value);
        sink.push(
            law("risk-below-effect", risk.span, message)
                .related(effect.span, "the effect")
                .help(format!("write at least `risk: {least}`")),
        );
    }
}
