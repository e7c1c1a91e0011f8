//! Law `secret-literal`: a secret that is written into a spec. No message repeats it.

use super::context::{Context, law};
use super::secrets::{is_secret_name, looks_like};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::expr::Arg;
use crate::kind::connector::EnvValue;
use crate::source::{FileId, SourceFile, Span};
use crate::tree::{Node, Value};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    named(cx, sink);
}

/// Those that stand in the text of a file, told by what they look like.
pub(super) fn written(id: FileId, file: &SourceFile, documents: &[Node]) -> Vec<Diagnostic> {
    let mut sink = Vec::new();
    // A text without the beginning of any known secret is not looked at again.
    if looks_like(&file.text).is_none() && !file.text.contains("PRIVATE KEY") {
        return sink;
    }
    for node in documents {
        texts(node, &mut |text, span| {
            if let Some(what) = looks_like(text) {
                sink.push(found(span, &format!("{what} is written here")));
            }
        });
    }
    if sink.is_empty() {
        comments(id, &file.text, &mut sink);
    }
    sink
}

/// A secret in a comment, or in what could not be read, is as public as any other.
fn comments(id: FileId, text: &str, sink: &mut Vec<Diagnostic>) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(what) = looks_like(line) {
            let place = crate::scan::span(id, at, at + line.trim_end().len());
            sink.push(found(place, &format!("{what} is written here")));
        }
        at += line.len();
    }
}

fn found(span: Span, message: &str) -> Diagnostic {
    law("secret-literal", span, message)
        .help("take it out and change it at its issuer; name a secret instead: `{secret: name}`")
        .consequence("the engine refuses the catalogue: whoever reads the file has the secret")
}

fn texts(node: &Node, visit: &mut dyn FnMut(&str, Span)) {
    match &node.value {
        Value::Text(text) => visit(&text.value, node.span),
        Value::List(items) => items.iter().for_each(|item| texts(item, visit)),
        Value::Map(map) => map.entries.iter().for_each(|(_, item)| texts(item, visit)),
        _ => {}
    }
}

/// Headers and variables whose name says that they hold a secret, with a value written here.
fn named(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        let operations = || connector.spec.operations.iter().map(|(_, operation)| operation);
        let mut check = |name: &str, arg: &Arg| {
            let written = !arg.is_computed() && arg.to_json().as_str().is_some_and(|text| !text.is_empty());
            if written
                && is_secret_name(name)
                && looks_like(arg.to_json().as_str().unwrap_or_default()).is_none()
            {
                sink.push(found(arg.span, &format!("the value of `{name}` is written here")));
            }
        };
        operations().flat_map(|operation| operation.headers.iter()).for_each(|(name, arg)| check(name, arg));
        let env = connector.spec.exec.iter().flat_map(|exec| exec.env.iter());
        for (name, value) in env.chain(operations().flat_map(|operation| operation.env.iter())) {
            if let EnvValue::Text(text) = value {
                check(name, text);
            }
        }
    }
}
