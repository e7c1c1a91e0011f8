//! Law `secret-in-url`: URLs stand in logs, histories and error messages of everybody on the way.

use super::base_urls::literal;
use super::context::{Context, law};
use super::hosts::cut;
use super::secrets::is_secret_name;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::expr::ArgValue;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let help = "use `auth` (`bearer`, `basic` or `header`) with a secret's name";
    for (connector, url) in literal(cx) {
        let Some(cut) = cut(&url.value) else { continue };
        let parameter = cut
            .query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .any(|pair| is_secret_name(pair.split('=').next().unwrap_or_default()));
        if cut.user.is_some() || parameter {
            sink.push(
                law(
                    "secret-in-url",
                    url.span,
                    format!(
                        "the base URL of connector `{}` carries credentials",
                        connector.metadata.name.value
                    ),
                )
                .help(help),
            );
        }
    }
    for connector in every(&cx.all.connectors) {
        for (name, operation) in connector.spec.operations.iter() {
            if let Some(path) = &operation.path
                && let ArgValue::Text(template) = &path.value.value
                && let Some(parameter) = secret_parameter(template.source())
            {
                let message = format!("operation `{name}` sends `{parameter}` in its URL");
                sink.push(law("secret-in-url", path.span, message).help(help));
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
                    .help(help),
                );
            }
        }
    }
}

/// A parameter of the query behind a path that is called like a secret.
fn secret_parameter(path: &str) -> Option<&str> {
    let (_, query) = path.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split('=').next()).find(|name| is_secret_name(name))
}
