//! From files to declarations: one document at a time, each problem reported, nothing guessed. A document
//! that cannot be read as a whole is remembered by its kind and name, so that nobody is told twice.

mod declare;
mod envelope;
mod join;

pub use envelope::API_VERSION;

use std::sync::Arc;

use crate::catalogue::Declarations;
use crate::decode::{Decode, Decoder};
use crate::diagnostic::{Diagnostic, Severity};
use crate::folder::{BYTES, FILES};
use crate::kind::Kind;
use crate::kind::workspace::WorkspaceSpec;
use crate::scan::scan;
use crate::source::{FileId, Notation, SourceFile, Sources, Span};
use crate::suppression::{self, Suppression};
use crate::tree::{Node, Value};

use envelope::{Envelope, envelope, missing};
use join::{Join, Joined};

/// What one file says by itself, before it is put beside the others.
#[derive(Default)]
pub(super) struct FileRead {
    /// Its documents as they are written.
    pub(super) documents: Arc<[Node]>,
    /// What was declared, document by document.
    declared: Vec<Declaration>,
    /// What authors let pass in its comments.
    suppressions: Vec<Suppression>,
    /// Secrets that stand in it.
    pub(super) secrets: Vec<Diagnostic>,
    /// What is wrong with the file whatever the others say.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// One document of a file.
struct Declaration {
    /// Puts the spec among the declarations; false where its release cannot be told. None where it could
    /// not be read.
    join: Option<Join>,
    /// What it may have been meant as.
    names: Vec<(Kind, Arc<str>)>,
}

/// Reads the documents of one file.
pub(super) fn file(id: FileId, file: &SourceFile) -> FileRead {
    let mut read = FileRead::default();
    let documents = documents(id, file, &mut read.diagnostics);
    let cut = read.diagnostics.iter().any(|problem| problem.code == "unparsable-file");
    if cut || documents.is_empty() && !read.diagnostics.is_empty() {
        read.declared.push(Declaration { join: None, names: vec![anything()] });
    }
    for node in &documents {
        read.declared.extend(document(node, file, &mut read.diagnostics));
    }
    read.suppressions = suppression::read(id, file, &documents);
    read.secrets = super::secret_literal::written(id, file, &documents);
    read.documents = documents.into();
    read
}

/// Puts together what the files say, in their order.
pub(super) fn join<'f>(
    sources: Arc<Sources>,
    files: impl Iterator<Item = &'f FileRead>,
    sink: &mut Vec<Diagnostic>,
) -> Declarations {
    let mut joined = Joined::of(sources);
    for file in files {
        sink.extend_from_slice(&file.diagnostics);
        joined.all.suppressions.extend_from_slice(&file.suppressions);
        for document in &file.declared {
            if !document.join.as_ref().is_some_and(|join| join(&mut joined, sink)) {
                joined.all.unread.extend(document.names.iter().cloned());
            }
        }
    }
    joined.finish(sink)
}

pub(super) fn too_large(sources: &Sources, sink: &mut Vec<Diagnostic>) -> bool {
    let bytes: usize = sources.iter().map(|(_, file)| file.text.len()).sum();
    let message = if sources.len() > FILES {
        format!("the catalogue has {} files, more than {FILES}", sources.len())
    } else if bytes > BYTES {
        format!("the catalogue has {bytes} bytes, more than {BYTES}")
    } else {
        return false;
    };
    let problem = Diagnostic::new("too-large-or-deep", Severity::Law, None, message);
    sink.push(problem.help("split the catalogue").consequence("the engine refuses the catalogue"));
    true
}

/// The documents of one file, in either notation.
pub(super) fn documents(id: FileId, file: &SourceFile, sink: &mut Vec<Diagnostic>) -> Vec<Node> {
    if let Some(refusal) = &file.refusal {
        let place = Span::new(id, refusal.at, refusal.at);
        sink.push(
            Diagnostic::law(refusal.code, place, refusal.message.clone())
                .help(refusal.help)
                .consequence("the engine refuses the catalogue"),
        );
        return Vec::new();
    }
    if !scan(id, &file.text, sink) {
        return Vec::new();
    }
    match file.notation {
        Notation::Yaml => crate::tree::yaml::read(id, &file.text, sink),
        Notation::Kdl => crate::tree::kdl::read(id, &file.text, sink),
    }
}

/// What one document declares.
fn document(node: &Node, file: &SourceFile, sink: &mut Vec<Diagnostic>) -> Option<Declaration> {
    if node.value == Value::Null {
        return None;
    }
    let Some(envelope) = envelope(node, file, sink) else {
        return Some(Declaration { join: None, names: names(node) });
    };
    if envelope.kind == Kind::Workspace {
        workspace_in_catalogue(&envelope, file, sink);
        return None;
    }
    let mut cx = Decoder::new(file);
    let join = declare::declare(&envelope, node, &mut cx);
    sink.append(&mut cx.finish());
    Some(Declaration { join, names: names(node) })
}

/// The operator's own file may lie in a folder of the catalogue in profile `dev`; it is no part of it.
fn workspace_in_catalogue(envelope: &Envelope<'_>, file: &SourceFile, sink: &mut Vec<Diagnostic>) {
    if file.path.rsplit('/').next() == Some("ordain.yaml") {
        return;
    }
    sink.push(
        Diagnostic::law("unknown-kind", envelope.kind_span, "`Workspace` is no kind of a catalogue")
            .help(
                "the operator's file is `ordain.yaml` at the root of the workspace, outside of the catalogue",
            )
            .consequence("the engine refuses the catalogue: no spec grants a host, a program or a secret"),
    );
}

/// The operator's file: one document of kind `Workspace`, without metadata.
pub(super) fn workspace(id: FileId, file: &SourceFile, sink: &mut Vec<Diagnostic>) -> Option<WorkspaceSpec> {
    let nodes = documents(id, file, sink);
    let mut documents = nodes.iter().filter(|node| node.value != Value::Null);
    let Some(node) = documents.next() else {
        sink.push(
            Diagnostic::law("missing-field", Span::new(id, 0, 0), "the file holds no workspace")
                .help("write `apiVersion: ordain/v1`, `kind: Workspace` and `spec`, or remove the file"),
        );
        return None;
    };
    if let Some(second) = documents.next() {
        sink.push(
            Diagnostic::law("duplicate-spec", second.span, "a second document: a workspace has one")
                .related(node.span, "the first"),
        );
    }
    let envelope = envelope(node, file, sink)?;
    if envelope.kind != Kind::Workspace {
        let message = format!("`{}` is no kind of the operator's file", envelope.kind);
        sink.push(
            Diagnostic::law("unknown-kind", envelope.kind_span, message).help("write `kind: Workspace`"),
        );
        return None;
    }
    let mut cx = Decoder::new(file);
    if let Some((key, _)) = envelope.metadata {
        cx.report(
            Diagnostic::law("unknown-field", key.span, "the operator's file has no `metadata`")
                .help("remove it"),
        );
    }
    let spec = match envelope.spec {
        Some((_, spec)) => WorkspaceSpec::decode(spec, &mut cx),
        None => {
            missing(node, "spec", &mut cx);
            None
        }
    };
    sink.append(&mut cx.finish());
    spec
}

/// What nothing can be told of. It may have been any spec: that one is missing is said when all can be read.
fn anything() -> (Kind, Arc<str>) {
    (Kind::Roster, "".into())
}

/// Kind and name of a document, as far as they can be told although it may not be readable as a whole.
fn names(node: &Node) -> Vec<(Kind, Arc<str>)> {
    let Some(map) = node.as_map() else { return vec![anything()] };
    let text = |field| map.get(field).and_then(|(_, value)| value.as_text());
    let is_ours = text("apiVersion").is_some_and(|version| &*version.value == API_VERSION);
    let kind = text("kind").and_then(|word| Kind::from_word(&word.value));
    let metadata = map.get("metadata").and_then(|(_, metadata)| metadata.as_map());
    let name = metadata.and_then(|metadata| metadata.get("name")).and_then(|(_, name)| name.as_text());
    let Some(name) = name else { return vec![anything()] };
    // Of an unknown kind: it may have been meant as any.
    let kinds = Kind::ALL.iter().filter(|known| kind.is_none_or(|kind| kind == **known));
    let named = kinds.map(|kind| (*kind, Arc::clone(&name.value)));
    named.chain((!is_ours).then(anything)).collect()
}
