//! Law `relative-program`: a program that depends on where one stands.

use std::sync::Arc;

use super::context::{Context, law};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::Connector;
use crate::kind::connector::Settable;

/// Every program that is written in a spec, with its connector.
pub(super) fn programs<'a>(
    cx: &Context<'a>,
) -> impl Iterator<Item = (&'a Arc<Connector>, &'a Spanned<Arc<str>>)> {
    every(&cx.all.connectors).filter_map(|connector| match &connector.spec.exec.as_ref()?.program {
        Settable::Literal(text) => Some((connector, text)),
        Settable::Setting(_) => None,
    })
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (connector, program) in programs(cx) {
        let parts_fit = !program.value.split('/').any(|part| part == "..") && !program.value.contains("${");
        if !program.value.starts_with('/') || !parts_fit {
            sink.push(
                law(
                    "relative-program",
                    program.span,
                    format!(
                        "the program of connector `{}`, `{}`, is no absolute path",
                        connector.metadata.name.value, program.value
                    ),
                )
                .help("write the whole path, like `/usr/bin/tar`, or `{setting: name}`"),
            );
        }
    }
    for connector in every(&cx.all.connectors) {
        let Some(exec) = &connector.spec.exec else { continue };
        for path in exec.read.iter().chain(&exec.write).chain(&exec.cwd) {
            if let Settable::Literal(path) = path {
                absolute(path, sink);
            }
        }
    }
}

/// Paths of a connector are written from the root; what a workspace keeps elsewhere is a setting.
fn absolute(path: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    if !path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        sink.push(
            law("relative-program", path.span, format!("`{}` is no absolute path", path.value))
                .help("write the whole path, like `/srv/data`, or `{setting: name}`"),
        );
    }
}
