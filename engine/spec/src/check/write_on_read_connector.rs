//! Law `write-on-read-connector`: an operation that changes something, on a connector that only reads.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::Access;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        let (access, name) = (&connector.spec.access, &connector.metadata.name);
        for (operation_name, operation) in connector.spec.operations.iter() {
            if access.value == Access::Write || operation.effect.value == Effect::Read {
                continue;
            }
            let place = if access.span.is_nowhere() { name.span } else { access.span };
            sink.push(
                law(
                    "write-on-read-connector",
                    operation.effect.span,
                    format!(
                        "operation `{operation_name}` has effect {} on a connector with `access: read`",
                        operation.effect.value
                    ),
                )
                .related(
                    place,
                    if access.span.is_nowhere() {
                        "`access` is `read` by default"
                    } else {
                        "only reading is declared"
                    },
                )
                .help("write `access: write` for the connector, or correct the effect"),
            );
        }
        let probe = connector.spec.health.as_ref().map(|health| &health.operation);
        let probed = probe.and_then(|name| Some((name, connector.spec.operations.get(name.value.as_str())?)));
        if let Some((name, operation)) =
            probed.filter(|(_, operation)| operation.effect.value != Effect::Read)
        {
            sink.push(
                law(
                    "write-on-read-connector",
                    name.span,
                    format!(
                        "health is probed by `{}`, whose effect is {}",
                        name.value, operation.effect.value
                    ),
                )
                .related(operation.effect.span, "its effect")
                .help("probe health by a read operation"),
            );
        }
    }
}
