//! Law `secret-literal`: a secret that is written into a spec. No message repeats it.

use super::context::law;
use super::secrets::{is_secret_name, looks_like};
use crate::diagnostic::Diagnostic;
use crate::kind::Kind;
use crate::source::{FileId, SourceFile, Span};
use crate::tree::{Map, Node, Value};

/// Those that stand in the text of a file, told by what they look like and by the names they stand under. Asked of
/// what is written, so that a fault elsewhere in the spec hides none.
pub(super) fn written(id: FileId, file: &SourceFile, documents: &[Node]) -> Vec<Diagnostic> {
    let mut sink = Vec::new();
    for document in documents.iter().filter_map(Node::as_map).filter(|document| is_connector(document)) {
        if let Some((_, spec)) = document.get("spec") {
            named(spec, &mut sink);
        }
    }
    // A text without the beginning of any known secret is not looked at again.
    if looks_like(&file.text).is_none() && !file.text.contains("PRIVATE KEY") {
        return sink;
    }
    let told = sink.len();
    for node in documents {
        texts(node, &mut |text, span| {
            if let Some(what) = looks_like(text) {
                sink.push(found(span, &format!("{what} is written here")));
            }
        });
    }
    if sink.len() == told {
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

fn is_connector(document: &Map) -> bool {
    let kind = document.get("kind").and_then(|(_, kind)| kind.as_text());
    kind.is_some_and(|kind| Kind::from_word(&kind.value) == Some(Kind::Connector))
}

/// What connectors give and take besides secrets: names of fields, declared answers, and parameters of URLs, of which
/// `secret-in-url` speaks.
const HARMLESS: [&str; 5] = ["secret", "input", "output", "mock", "query"];

/// Headers, variables and whatever else a connector writes under a name that says that it holds a secret, whether or
/// not the field is known.
fn named(node: &Node, sink: &mut Vec<Diagnostic>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| named(item, sink)),
        Value::Map(map) => {
            for (key, value) in map.entries.iter().filter(|(key, _)| !HARMLESS.contains(&&*key.text)) {
                match &value.value {
                    Value::Text(text) if is_literal(&text.value) && is_secret_name(&key.text) => {
                        if looks_like(&text.value).is_none() {
                            sink.push(found(
                                value.span,
                                &format!("the value of `{}` is written here", key.text),
                            ));
                        }
                    }
                    _ => named(value, sink),
                }
            }
        }
        _ => {}
    }
}

/// True for a text that says something and computes nothing of it.
fn is_literal(text: &str) -> bool {
    !text.is_empty() && !text.replace("$${", "").contains("${")
}
