//! KDL 2 as the one tree: documents shaped exactly as the YAML ones. What a node means where (a list, a
//! map, a field in kebab-case) is directed by the shapes of the kinds; nothing is guessed.
//!
//! The parser recurses and trusts its input, so a linear guard looks at the text first and the parser
//! runs on a thread of its own with a large stack.

mod build;
mod guard;
mod text;

use std::sync::Arc;

use kdl::{KdlDocument, KdlNode};

use crate::decode::{RecordShape, kebab};
use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::kind::Kind;
use crate::scan::span;
use crate::source::{FileId, Span};
use crate::tree::{Key, Map, Node, Text, Value, Way};

use build::{Builder, Entries, place};
pub use build::{key_field, singular};

/// Stack of the parser's thread: 64 levels need about a tenth of it.
const STACK: usize = 32 << 20;

/// The documents of a KDL file. The file has passed [`crate::scan::scan`].
pub fn read(file: FileId, source: &str, sink: &mut Vec<Diagnostic>) -> Vec<Node> {
    if !guard::admits(file, source, sink) {
        return Vec::new();
    }
    let Some(document) = parse(file, source, sink) else { return Vec::new() };
    let mut nodes = document.nodes().iter();
    let mut builder = Builder { file, source, sink };
    let Some(version) = header(&mut builder, nodes.next()) else { return Vec::new() };
    nodes.filter_map(|node| spec(&mut builder, node, &version)).collect()
}

fn parse(file: FileId, source: &str, sink: &mut Vec<Diagnostic>) -> Option<KdlDocument> {
    let owned = source.to_owned();
    let started = std::thread::Builder::new().stack_size(STACK).spawn(move || KdlDocument::parse_v2(&owned));
    let outcome = started.ok().and_then(|thread| thread.join().ok());
    let problems = match outcome {
        Some(Ok(document)) => return Some(document),
        Some(Err(error)) => error.diagnostics,
        None => Vec::new(),
    };
    if problems.is_empty() {
        let problem = Diagnostic::law("unparsable-file", span(file, 0, 0), "this file could not be parsed");
        sink.push(problem.help("write KDL 2"));
    }
    let mut last = None;
    for problem in problems {
        let place = span(file, problem.span.offset(), problem.span.offset() + problem.span.len());
        // One place is often reported once for each rule that did not fit.
        if last.replace(place) == Some(place) {
            continue;
        }
        let message = problem.message.unwrap_or_else(|| "this is no KDL".to_owned());
        let help = problem
            .help
            .unwrap_or_else(|| "write KDL 2; texts with special characters are quoted".to_owned());
        sink.push(
            Diagnostic::law("unparsable-file", place, lower(&message))
                .help(help)
                .consequence("the engine refuses the catalogue"),
        );
    }
    None
}

fn lower(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// The value of `apiVersion` from the first node, which must be `ordain "v1"`.
fn header(builder: &mut Builder<'_>, node: Option<&KdlNode>) -> Option<Node> {
    let Some(node) = node else {
        // An empty file holds no spec, as in YAML.
        return None;
    };
    let place = place!(builder, node.name().span());
    if node.name().value() != "ordain" {
        builder.sink.push(
            Diagnostic::law("unsupported-api-version", place, "the file does not begin with `ordain \"v1\"`")
                .help("write `ordain \"v1\"` as the first node"),
        );
        return None;
    }
    let [entry] = node.entries() else {
        wrong_header(builder, place!(builder, node.span()));
        return None;
    };
    let plain =
        entry.name().is_none() && entry.ty().is_none() && node.ty().is_none() && node.children().is_none();
    let place = place!(builder, entry.span());
    match entry.value().as_string() {
        Some(version) if plain => Some(text_at(&format!("ordain/{version}"), place)),
        _ => {
            wrong_header(builder, place);
            None
        }
    }
}

fn wrong_header(builder: &mut Builder<'_>, place: Span) {
    builder.sink.push(
        Diagnostic::law("unsupported-api-version", place, "this is no version of the language")
            .help("write `ordain \"v1\"` as the first node"),
    );
}

fn text_at(value: &str, place: Span) -> Node {
    let text = Text { value: value.into(), way: Way::Straight(place.start) };
    Node { value: Value::Text(text), span: place }
}

/// The shapes of a kind's metadata and spec; `None` for the workspace file, which is YAML only.
fn records(kind: Kind) -> Option<(&'static RecordShape, &'static RecordShape)> {
    let shape = kind.shape();
    shape.metadata.map(|metadata| (metadata, shape.spec))
}

/// The name of a kind as a KDL node: `MetaSchema` is `meta-schema`.
fn node_name(kind: Kind) -> String {
    kebab(kind.as_str())
}

/// One top-level node as a document.
fn spec(builder: &mut Builder<'_>, node: &KdlNode, version: &Node) -> Option<Node> {
    builder.refuse_annotation(node.ty());
    let name_place = place!(builder, node.name().span());
    let name = node.name().value();
    let known = Kind::ALL.iter().copied().find(|kind| node_name(*kind) == name);
    let Some((kind, (metadata_shape, spec_shape))) = known.and_then(|kind| Some((kind, records(kind)?)))
    else {
        unknown_kind(builder, name, name_place);
        return None;
    };
    let whole = place!(builder, node.span());
    let mut metadata = Entries::default();
    let mut arguments = node.entries().iter().filter(|entry| entry.name().is_none());
    if let Some(argument) = arguments.next() {
        let value = builder.scalar(argument);
        metadata.insert(Key { text: "name".into(), span: value.span }, value, false, builder.sink);
    }
    for extra in arguments {
        builder.superfluous(extra, "a spec has one argument, its name");
    }
    let properties = node.entries().iter().filter(|entry| entry.name().is_some());
    builder.properties(metadata_shape, properties, &mut metadata);
    let mut fields = Entries::default();
    for child in node.children().map(KdlDocument::nodes).unwrap_or_default() {
        if child.name().value() == "metadata" {
            builder.refuse_annotation(child.ty());
            for argument in child.entries().iter().filter(|entry| entry.name().is_none()) {
                builder.superfluous(argument, "`metadata` has properties and children only");
            }
            let properties = child.entries().iter().filter(|entry| entry.name().is_some());
            builder.properties(metadata_shape, properties, &mut metadata);
            builder.children(metadata_shape, child.children(), &mut metadata);
        } else {
            builder.child(spec_shape, child, &mut fields);
        }
    }
    let map = |entries: Entries, span| Node { value: Value::Map(entries.into_map()), span };
    let entry = |key: &str, node: Node, place: Span| (Key { text: Arc::from(key), span: place }, node);
    let entries = vec![
        entry("apiVersion", version.clone(), version.span),
        entry("kind", text_at(kind.as_str(), name_place), name_place),
        entry("metadata", map(metadata, whole), name_place),
        entry("spec", map(fields, whole), name_place),
    ];
    Some(Node { value: Value::Map(Map { entries }), span: whole })
}

fn unknown_kind(builder: &mut Builder<'_>, name: &str, place: Span) {
    let names: Vec<String> =
        Kind::ALL.iter().filter(|kind| records(**kind).is_some()).map(|kind| node_name(*kind)).collect();
    let message = match name {
        "workspace" => "the workspace file is written in YAML only".to_owned(),
        _ => format!("`{name}` is no kind of spec"),
    };
    let problem = Diagnostic::law("unknown-kind", place, message);
    let problem = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("the kinds are {}", crate::decode::listed(&names))),
    };
    builder.sink.push(match meant(name, names.iter().map(String::as_str)) {
        Some(near) => problem.fix(true, vec![Edit { span: place, text: near.to_owned() }]),
        None => problem,
    });
}

#[cfg(test)]
mod tests;
