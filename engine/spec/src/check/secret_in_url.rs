//! Law `secret-in-url`: URLs stand in logs, histories and error messages of everybody on the way.

use std::sync::Arc;

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::cut;
use super::secrets::is_secret_name;
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::ArgValue;
use crate::kind::Connector;

const HELP: &str = "use `auth` (`bearer`, `basic` or `header`) with a secret's name";

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    literal(cx).for_each(|(connector, url)| judge(connector, url, sink));
    for connector in every(&cx.all.connectors) {
        for (name, operation) in connector.spec.operations.iter() {
            if let Some(path) = &operation.path
                && let ArgValue::Text(template) = &path.value.value
                && let Some(parameter) = secret_parameter(template.source())
            {
                let message = format!("operation `{name}` sends `{parameter}` in its URL");
                sink.push(law("secret-in-url", path.span, message).help(HELP));
            }
            for (parameter, entry) in
                operation.query.0.iter().filter(|(parameter, _)| is_secret_name(parameter))
            {
                sink.push(
                    law(
                        "secret-in-url",
                        entry.key_span,
                        format!("operation `{name}` sends `{parameter}` in its URL"),
                    )
                    .help(HELP),
                );
            }
        }
    }
}

/// What stands before the host or in the query of a base URL.
pub(super) fn judge(connector: &Connector, url: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    let Some(cut) = cut(&url.value) else { return };
    let parameter = cut
        .query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .any(|pair| is_secret_name(pair.split('=').next().unwrap_or_default()));
    if cut.user.is_some() || parameter {
        let message = format!("the base URL of connector `{}` carries credentials", connector.metadata.name.value);
        sink.push(law("secret-in-url", url.span, message).help(HELP));
    }
}

/// A parameter of the query behind a path that is called like a secret.
fn secret_parameter(path: &str) -> Option<&str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split('=').next()).find(|name| is_secret_name(name))
}
