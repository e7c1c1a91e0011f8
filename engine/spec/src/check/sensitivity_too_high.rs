//! Law `sensitivity-too-high`: data above what a connector is cleared for. What single steps give is found
//! where their arguments are checked.

use super::context::{Context, law};
use super::scope::passed;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Some((connector, _)) = cx.operation(capability) else { continue };
        let clearance = &connector.spec.clearance;
        for (name, field) in passed(cx, capability) {
            if field.sensitivity <= clearance.value {
                continue;
            }
            let place = capability
                .spec
                .input
                .0
                .get(&name)
                .map_or(capability.metadata.name.span, |entry| entry.key_span);
            let by = if clearance.span.is_nowhere() { connector.metadata.name.span } else { clearance.span };
            let message = format!(
                "`{name}` is {}; connector `{}` is cleared up to {}",
                field.sensitivity, connector.metadata.name.value, clearance.value
            );
            sink.push(
                law("sensitivity-too-high", place, message)
                    .related(by, "the connector's clearance")
                    .help("do not pass it on, or have the connector's owner raise its `clearance`"),
            );
        }
    }
}
