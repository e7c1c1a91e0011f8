//! Law `unbounded-response`: an answer as long as the other side likes.

use super::context::{Context, law, with_todo};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::ConnectorType;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors).filter(|connector| cx.is_of_known_type(connector)) {
        for (name, entry) in &connector.spec.operations.0 {
            let (field, bound) = match connector.spec.type_.value {
                ConnectorType::Http => ("maxResponse", entry.value.max_response),
                ConnectorType::Exec => ("maxOutput", entry.value.max_output),
                ConnectorType::Mock => continue,
            };
            if bound.is_none() && cx.is_whole(entry.value.span) {
                let message = format!(
                    "operation `{name}` of connector `{}` has no `{field}`",
                    connector.metadata.name.value
                );
                let problem = law("unbounded-response", entry.key_span, message)
                    .help(format!("add `{field}`, like `64KiB`: a longer answer is an unknown outcome"));
                sink.push(with_todo(cx, problem, entry.value.span, field));
            }
        }
    }
}
