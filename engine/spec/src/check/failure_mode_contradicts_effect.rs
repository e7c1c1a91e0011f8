//! Law `failure-mode-contradicts-effect`: a promised way back that cannot be.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::{FailureMode, NoRollback, Rollback};
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let metadata = &capability.metadata;
        let Some(rollback) = &metadata.rollback else { continue };
        let has_way_back = matches!(rollback.value, Rollback::Uses { .. });
        if let Some(mode) =
            metadata.failure_mode.as_ref().filter(|mode| mode.value == FailureMode::Rollback && !has_way_back)
        {
            sink.push(
                law(
                    "failure-mode-contradicts-effect",
                    mode.span,
                    "`failureMode: rollback` without a `rollback.uses`",
                )
                .related(cx.first_line(rollback.span), "no way back here")
                .help("name the undoing capability, or write `failureMode: retry` or `halt`"),
            );
        }
        let effect = &capability.spec.effect;
        let impossible = matches!(rollback.value, Rollback::None { none: NoRollback::Impossible, .. });
        if effect.value == Effect::Irreversible && !impossible {
            sink.push(
                law(
                    "failure-mode-contradicts-effect",
                    cx.first_line(rollback.span),
                    "an irreversible capability with a `rollback` other than `{none: impossible}`",
                )
                .related(effect.span, "the effect")
                .help(
                    "write `rollback: {none: impossible, why: …}`, or `effect: write` if there is a way back",
                ),
            );
        }
    }
}
