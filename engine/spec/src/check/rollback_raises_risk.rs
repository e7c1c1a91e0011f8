//! Law `rollback-raises-risk`: a way back that is more dangerous than the way there.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Rollback;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Some(Spanned { value: Rollback::Uses { uses, .. }, .. }) = &capability.metadata.rollback else {
            continue;
        };
        let Ok(undoing) = cx.all.capability(uses) else { continue };
        let (Some(own), Some(undo)) = (&capability.metadata.risk, &undoing.metadata.risk) else { continue };
        if undo.value > own.value {
            let message = format!(
                "the way back, `{}`, has risk {}; `{}` itself has {}",
                undoing.metadata.name.value, undo.value, capability.metadata.name.value, own.value
            );
            sink.push(
                law("rollback-raises-risk", uses.span, message)
                    .related(undo.span, "the risk of the way back")
                    .related(own.span, "the risk of the way there")
                    .help("a rollback asks for no approval: raise this capability's risk, or name a milder way back"),
            );
        }
    }
}
