//! Law `undeclared-write-method`: a method that changes things, declared as reading.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::Method;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        for (name, operation) in connector.spec.operations.iter() {
            let Some(method) =
                operation.method.filter(|method| !matches!(method.value, Method::Get | Method::Head))
            else {
                continue;
            };
            if operation.effect.value == Effect::Read && operation.read_only.is_none() {
                sink.push(
                    law(
                        "undeclared-write-method",
                        method.span,
                        format!("operation `{name}` sends {} and declares `effect: read`", method.value),
                    )
                    .related(operation.effect.span, "the effect")
                    .help("write `effect: write`, or `readOnly: \"why\"` if it changes nothing"),
                );
            }
        }
    }
}
