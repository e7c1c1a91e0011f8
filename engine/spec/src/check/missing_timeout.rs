//! Law `missing-timeout`: an attempt without an end.

use super::context::{Context, law, with_todo};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::ConnectorType;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let connectors = every(&cx.all.connectors).filter(|connector| cx.is_of_known_type(connector));
    for connector in connectors.filter(|connector| connector.spec.type_.value != ConnectorType::Mock) {
        for (name, entry) in &connector.spec.operations.0 {
            if entry.value.timeout.is_none() && cx.is_whole(entry.value.span) {
                let message = format!(
                    "operation `{name}` of connector `{}` has no `timeout`",
                    connector.metadata.name.value
                );
                let problem = law("missing-timeout", entry.key_span, message)
                    .help("add `timeout`, like `10s`: what takes longer is an unknown outcome");
                sink.push(with_todo(cx, problem, entry.value.span, "timeout"));
            }
        }
    }
}
