//! Law `missing-timeout`: an attempt without an end.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::ConnectorType;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in
        every(&cx.all.connectors).filter(|connector| connector.spec.type_.value != ConnectorType::Mock)
    {
        for (name, entry) in &connector.spec.operations.0 {
            if entry.value.timeout.is_none() && cx.is_whole(entry.value.span) {
                sink.push(
                    law(
                        "missing-timeout",
                        entry.key_span,
                        format!(
                            "operation `{name}` of connector `{}` has no `timeout`",
                            connector.metadata.name.value
                        ),
                    )
                    .help("add `timeout`, like `10s`: what takes longer is an unknown outcome"),
                );
            }
        }
    }
}
