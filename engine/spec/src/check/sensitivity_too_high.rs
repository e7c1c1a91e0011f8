//! Law `sensitivity-too-high`: data above what a connector or the meta schema is cleared for. What single steps give is found
//! where their arguments are checked.

use super::context::{Context, law};
use super::scope::passed;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::meta_schema::MetaFrom;
use crate::kind::scalar::Sensitivity;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    connectors(cx, sink);
    meta_schema(cx, sink);
}

/// The meta schema takes outputs that are declared to be for everybody who may see records. What is of the
/// built-in set and nobody uses gives no outputs.
fn meta_schema(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let fields = cx.all.meta_schema.iter().flat_map(|meta| meta.spec.fields.iter());
    for (name, field) in fields {
        let MetaFrom::Output(output) = &field.from.value else { continue };
        for capability in every(&cx.all.capabilities) {
            let used = || cx.calls.iter().any(|used| used.capability.digest == capability.digest);
            let Some(declared) = capability.spec.output.0.get(output.as_str()) else { continue };
            let sensitivity = &declared.value.sensitivity;
            if sensitivity.value <= Sensitivity::Meta || (cx.is_built_in(capability.span) && !used()) {
                continue;
            }
            let message = format!(
                "`{name}` shows output `{output}` of `{}`, which is {}; the meta schema is cleared up to meta",
                capability.metadata.name.value, sensitivity.value
            );
            sink.push(
                law("sensitivity-too-high", field.from.span, message)
                    .related(declared.key_span, "the output")
                    .help("take another output, or have the capability's owner declare it `sensitivity: meta`"),
            );
        }
    }
}

fn connectors(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Some((connector, _)) = cx.operation(capability) else { continue };
        let clearance = &connector.spec.clearance;
        for (name, field) in passed(cx, capability) {
            let given = field.whole();
            if given <= clearance.value {
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
                "`{name}` is {given}; connector `{}` is cleared up to {}",
                connector.metadata.name.value, clearance.value
            );
            sink.push(
                law("sensitivity-too-high", place, message)
                    .related(by, "the connector's clearance")
                    .help("do not pass it on, or have the connector's owner raise its `clearance`"),
            );
        }
    }
}
