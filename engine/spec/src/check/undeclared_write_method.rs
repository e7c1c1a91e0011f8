//! Law `undeclared-write-method`: a method that changes things, declared as reading.

use super::context::{Context, REFUSES, law};
use crate::catalogue::every;
use crate::decode::{is_placeholder, pretended};
use crate::diagnostic::Diagnostic;
use crate::kind::connector::Method;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        for (name, operation) in connector.spec.operations.iter() {
            if let Some(why) = &operation.read_only {
                let pretends = pretended("readOnly", &why.value.0, why.span);
                sink.extend(pretends.map(|problem| problem.consequence(REFUSES)));
            }
            let Some(method) =
                operation.method.filter(|method| !matches!(method.value, Method::Get | Method::Head))
            else {
                continue;
            };
            if operation.effect.value == Effect::Read && operation.read_only.as_ref().is_none_or(|why| is_placeholder(&why.value.0))
            {
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
