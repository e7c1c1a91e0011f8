//! From files to declarations: one document at a time, each problem reported, nothing guessed. A document
//! that cannot be read as a whole is remembered by its kind and name, so that nobody is told twice.

use std::sync::Arc;

use crate::catalogue::{Declarations, Releases, digest_of};
use crate::decode::{Decode, Decoder};
use crate::diagnostic::{Diagnostic, Edit, nearest};
use crate::folder::{BYTES, FILES};
use crate::kind::metadata::{CapabilityMetadata, Metadata};
use crate::kind::scalar::{Name, Version};
use crate::kind::workspace::WorkspaceSpec;
use crate::kind::{Declared, Kind};
use crate::scan::scan;
use crate::source::{FileId, Notation, SourceFile, Sources, Span};
use crate::tree::{Key, Map, Node, Value};

/// The version of the language that this engine reads.
pub const API_VERSION: &str = "ordain/v1";
const FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];

/// Reads all documents of all files.
pub(super) fn read(sources: Sources, sink: &mut Vec<Diagnostic>) -> Declarations {
    let sources = Arc::new(sources);
    let mut declarations = Declarations { sources: Arc::clone(&sources), ..Declarations::default() };
    if too_large(&sources, sink) {
        return declarations;
    }
    let mut rosters = Vec::new();
    for (id, file) in sources.iter() {
        for node in documents(id, file, sink) {
            document(&node, file, &mut declarations, &mut rosters, sink);
        }
    }
    one_roster(&mut declarations, rosters, sink);
    declarations
}

fn too_large(sources: &Sources, sink: &mut Vec<Diagnostic>) -> bool {
    let bytes: usize = sources.iter().map(|(_, file)| file.text.len()).sum();
    let message = if sources.len() > FILES {
        format!("the catalogue has {} files, more than {FILES}", sources.len())
    } else if bytes > BYTES {
        format!("the catalogue has {bytes} bytes, more than {BYTES}")
    } else {
        return false;
    };
    let problem = Diagnostic::new("too-large-or-deep", crate::diagnostic::Severity::Law, None, message);
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

/// The four fields of a document.
pub(super) struct Envelope<'n> {
    pub(super) kind: Kind,
    pub(super) kind_span: Span,
    pub(super) metadata: Option<&'n (Key, Node)>,
    pub(super) spec: Option<&'n (Key, Node)>,
}

/// Reads the fields that every document has; reports what is none of them.
pub(super) fn envelope<'n>(
    node: &'n Node,
    file: &SourceFile,
    sink: &mut Vec<Diagnostic>,
) -> Option<Envelope<'n>> {
    let mut cx = Decoder::new(file);
    let map = cx.map(node, "a spec (a map with `apiVersion`, `kind`, `metadata` and `spec`)");
    let envelope = map.and_then(|map| {
        unknown_fields(map, &mut cx);
        let version_read = api_version(node, map, &mut cx);
        let (kind, kind_span) = kind(node, map, &mut cx)?;
        version_read.then(|| Envelope {
            kind,
            kind_span,
            metadata: map.get("metadata"),
            spec: map.get("spec"),
        })
    });
    sink.append(&mut cx.finish());
    envelope
}

fn unknown_fields(map: &Map, cx: &mut Decoder<'_>) {
    for (key, _) in &map.entries {
        if FIELDS.contains(&&*key.text) {
            continue;
        }
        let problem = Diagnostic::law("unknown-field", key.span, format!("unknown field `{}`", key.text))
            .consequence("the engine refuses the catalogue: an unknown field is never ignored");
        cx.report(match nearest(&key.text, FIELDS.iter().copied()) {
            Some(near) => problem
                .help(format!("did you mean `{near}`?"))
                .fix(true, vec![Edit { span: key.span, text: near.to_owned() }]),
            None => problem.help(
                "a spec has `apiVersion`, `kind`, `metadata` and `spec`; other fields belong below `spec`",
            ),
        });
    }
}

fn missing(node: &Node, field: &str, cx: &mut Decoder<'_>) {
    let problem = Diagnostic::law("missing-field", cx.first_line(node), format!("`{field}` is missing"))
        .label("the spec begins here")
        .help(format!("add `{field}`"))
        .consequence("the engine refuses the catalogue");
    cx.report(problem);
}

fn api_version(node: &Node, map: &Map, cx: &mut Decoder<'_>) -> bool {
    let Some((_, value)) = map.get("apiVersion") else {
        missing(node, "apiVersion", cx);
        return true;
    };
    let Some(text) = cx.text(value, &format!("the version of the language (`{API_VERSION}`)")) else {
        return true;
    };
    if &*text.value == API_VERSION {
        return true;
    }
    let message = format!("`{}` is no version of the language that this engine reads", text.value);
    cx.report(
        Diagnostic::law("unsupported-api-version", value.span, message)
            .help(format!("write `apiVersion: {API_VERSION}`"))
            .consequence("the engine refuses the catalogue"),
    );
    false
}

fn kind(node: &Node, map: &Map, cx: &mut Decoder<'_>) -> Option<(Kind, Span)> {
    let Some((_, value)) = map.get("kind") else {
        missing(node, "kind", cx);
        return None;
    };
    let text = cx.text(value, "a kind (a string like `Capability`)")?;
    let kind = Kind::from_word(&text.value);
    if kind.is_none() {
        let problem =
            Diagnostic::law("unknown-kind", value.span, format!("`{}` is no kind of spec", text.value))
                .consequence("the engine refuses the catalogue");
        let known = || Kind::ALL.iter().map(|kind| kind.as_str());
        cx.report(match nearest(&text.value, known()) {
            Some(near) => problem
                .help(format!("did you mean `{near}`?"))
                .fix(true, vec![Edit { span: value.span, text: cx.quoted(near) }]),
            None => {
                problem.help(format!("the kinds are {}", crate::decode::listed(&known().collect::<Vec<_>>())))
            }
        });
    }
    Some((kind?, value.span))
}

/// One document into the declarations.
fn document(
    node: &Node,
    file: &SourceFile,
    into: &mut Declarations,
    rosters: &mut Vec<Arc<crate::kind::Roster>>,
    sink: &mut Vec<Diagnostic>,
) {
    if node.value == Value::Null {
        return;
    }
    let Some(envelope) = envelope(node, file, sink) else {
        remember_unread(node, into);
        return;
    };
    if envelope.kind == Kind::Workspace {
        workspace_in_catalogue(&envelope, file, sink);
        return;
    }
    let mut cx = Decoder::new(file);
    let read = declare(&envelope, node, &mut cx, into, rosters);
    if read.is_none() {
        remember_unread(node, into);
    }
    sink.append(&mut cx.finish());
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

/// Remembers kind and name of a document that could not be read, as far as they can be told.
fn remember_unread(node: &Node, into: &mut Declarations) {
    let Some(map) = node.as_map() else { return };
    let kind =
        map.get("kind").and_then(|(_, kind)| kind.as_text()).and_then(|word| Kind::from_word(&word.value));
    let metadata = map.get("metadata").and_then(|(_, metadata)| metadata.as_map());
    let name = metadata.and_then(|metadata| metadata.get("name")).and_then(|(_, name)| name.as_text());
    let Some(name) = name else { return };
    // Of an unknown kind: it may have been meant as any.
    let kinds = Kind::ALL.iter().filter(|known| kind.is_none_or(|kind| kind == **known));
    into.unread.extend(kinds.map(|kind| (*kind, Arc::clone(&name.value))));
}

/// What every kind's metadata has.
trait Head: Decode {
    fn name(&self) -> &crate::decode::Spanned<Name>;
    fn version(&self) -> Option<&crate::decode::Spanned<Version>>;
}

impl Head for Metadata {
    fn name(&self) -> &crate::decode::Spanned<Name> {
        &self.name
    }
    fn version(&self) -> Option<&crate::decode::Spanned<Version>> {
        self.version.as_ref()
    }
}

impl Head for CapabilityMetadata {
    fn name(&self) -> &crate::decode::Spanned<Name> {
        &self.name
    }
    fn version(&self) -> Option<&crate::decode::Spanned<Version>> {
        self.version.as_ref()
    }
}

fn declare(
    envelope: &Envelope<'_>,
    node: &Node,
    cx: &mut Decoder<'_>,
    into: &mut Declarations,
    rosters: &mut Vec<Arc<crate::kind::Roster>>,
) -> Option<()> {
    match envelope.kind {
        Kind::Capability => release(decode(envelope, node, cx)?, envelope.kind, &mut into.capabilities, cx),
        Kind::Connector => release(decode(envelope, node, cx)?, envelope.kind, &mut into.connectors, cx),
        Kind::Runbook => release(decode(envelope, node, cx)?, envelope.kind, &mut into.runbooks, cx),
        Kind::Approval => release(decode(envelope, node, cx)?, envelope.kind, &mut into.approvals, cx),
        Kind::Policy => single(decode(envelope, node, cx)?, envelope.kind, &mut into.policies, cx),
        Kind::Budget => single(decode(envelope, node, cx)?, envelope.kind, &mut into.budgets, cx),
        Kind::Scenario => single(decode(envelope, node, cx)?, envelope.kind, &mut into.scenarios, cx),
        Kind::Export => single(decode(envelope, node, cx)?, envelope.kind, &mut into.exports, cx),
        Kind::Exemption => single(decode(envelope, node, cx)?, envelope.kind, &mut into.exemptions, cx),
        Kind::Notice => single(decode(envelope, node, cx)?, envelope.kind, &mut into.notices, cx),
        Kind::Ingress => single(decode(envelope, node, cx)?, envelope.kind, &mut into.ingresses, cx),
        Kind::Trigger => single(decode(envelope, node, cx)?, envelope.kind, &mut into.triggers, cx),
        Kind::MetaSchema => alone(decode(envelope, node, cx)?, &mut into.meta_schema, &META_SCHEMA, cx),
        Kind::Retention => alone(decode(envelope, node, cx)?, &mut into.retention, &RETENTION, cx),
        Kind::Roster => {
            rosters.push(Arc::new(decode(envelope, node, cx)?));
            Some(())
        }
        Kind::Workspace => None,
    }
}

/// Metadata and body; both are read before either being unreadable ends it.
fn decode<M: Head, S: Decode>(
    envelope: &Envelope<'_>,
    node: &Node,
    cx: &mut Decoder<'_>,
) -> Option<Declared<M, S>> {
    let metadata: Option<M> = match envelope.metadata {
        Some((_, metadata)) => M::decode(metadata, cx),
        None => {
            missing(node, "metadata", cx);
            None
        }
    };
    let spec: Option<S> = match envelope.spec {
        Some((_, spec)) => S::decode(spec, cx),
        None => {
            missing(node, "spec", cx);
            None
        }
    };
    let (metadata, spec) = (metadata?, spec?);
    version_applies(&metadata, envelope, cx);
    let mut canonical = spec.canonical().unwrap_or_default();
    crate::kind::implied::leave_out(envelope.kind, metadata.name().as_str(), &mut canonical);
    let digest = digest_of(&serde_json::json!({
        "apiVersion": API_VERSION,
        "kind": envelope.kind.as_str(),
        "metadata": metadata.canonical(),
        "spec": canonical,
    }));
    Some(Declared { metadata, spec, digest, span: node.span })
}

fn version_applies<M: Head>(metadata: &M, envelope: &Envelope<'_>, cx: &mut Decoder<'_>) {
    let kind = envelope.kind;
    match (metadata.version(), kind.has_version()) {
        (None, true) => {
            let Some((key, node)) = envelope.metadata else { return };
            let written = node.as_map().is_some_and(|map| map.get("version").is_some());
            if written {
                return;
            }
            let problem = Diagnostic::law("missing-field", cx.first_line(node), "`version` is missing")
                .label("the metadata begins here")
                .related(key.span, format!("a {kind} has a version"))
                .help("add `version`: a release like `1.0.0`")
                .consequence("the engine refuses the catalogue");
            cx.report(problem);
        }
        (Some(version), false) => cx.report(
            Diagnostic::law("unknown-field", version.span, format!("a {kind} has no `version`"))
                .help("remove it")
                .consequence("the engine refuses the catalogue: an unknown field is never ignored"),
        ),
        _ => {}
    }
}

fn duplicate(kind: Kind, name: &crate::decode::Spanned<Name>, first: Span, release: &str) -> Diagnostic {
    let message = format!("{kind} `{}`{release} is declared twice", name.value);
    Diagnostic::law("duplicate-spec", name.span, message)
        .label("declared again")
        .related(first, "first declared here")
        .help("remove one of them, or give it another name or version")
        .consequence("the engine refuses the catalogue: it could not tell which one is meant")
}

/// A kind of which several releases may stand side by side.
fn release<M: Head, S>(
    spec: Declared<M, S>,
    kind: Kind,
    into: &mut Releases<Declared<M, S>>,
    cx: &mut Decoder<'_>,
) -> Option<()> {
    let name = spec.metadata.name().clone();
    let version = spec.metadata.version().map(|version| version.value.clone());
    let readable = version.is_some();
    let version = version.unwrap_or_else(|| Version::new(0, 0, 0));
    let releases = into.entry(name.value.clone()).or_default();
    if let Some(first) = releases.get(&version) {
        if readable {
            cx.report(duplicate(kind, &name, first.metadata.name().span, &format!(" {version}")));
        }
        return readable.then_some(());
    }
    releases.insert(version, Arc::new(spec));
    readable.then_some(())
}

/// A kind that stands once under a name.
fn single<M: Head, S>(
    spec: Declared<M, S>,
    kind: Kind,
    into: &mut std::collections::BTreeMap<Name, Arc<Declared<M, S>>>,
    cx: &mut Decoder<'_>,
) -> Option<()> {
    let name = spec.metadata.name().clone();
    let Some(first) = into.get(&name.value) else {
        into.insert(name.value, Arc::new(spec));
        return Some(());
    };
    let versions = (first.metadata.version(), spec.metadata.version());
    let first_span = first.metadata.name().span;
    cx.report(match versions {
        (Some(one), Some(other)) if one.value != other.value => Diagnostic::law(
            "versions-not-allowed",
            name.span,
            format!("{kind} `{}` stands in two versions, {} and {}", name.value, one.value, other.value),
        )
        .label("declared again")
        .related(first_span, "first declared here")
        .help("remove the older one: only Capability, Connector, Runbook and Approval may stand in several versions")
        .consequence("the engine refuses the catalogue: both would decide"),
        _ => duplicate(kind, &name, first_span, ""),
    });
    Some(())
}

/// What is wrong with a second spec of a kind that stands once in a catalogue.
struct Alone {
    code: &'static str,
    message: &'static str,
    consequence: &'static str,
}

const META_SCHEMA: Alone = Alone {
    code: "second-meta-schema",
    message: "a second MetaSchema: at most one stands in a catalogue",
    consequence: "the engine refuses the catalogue: there is one list of what may leave",
};
const RETENTION: Alone = Alone {
    code: "duplicate-spec",
    message: "a second Retention: at most one stands in a catalogue",
    consequence: "the engine refuses the catalogue: it could not tell how long what is kept",
};

/// A kind of which at most one stands in a catalogue.
fn alone<M: Head, S>(
    spec: Declared<M, S>,
    into: &mut Option<Arc<Declared<M, S>>>,
    wrong: &Alone,
    cx: &mut Decoder<'_>,
) -> Option<()> {
    let Some(first) = into else {
        *into = Some(Arc::new(spec));
        return Some(());
    };
    cx.report(
        Diagnostic::law(wrong.code, spec.metadata.name().span, wrong.message)
            .label("declared again")
            .related(first.metadata.name().span, "the first one")
            .help("make one of them")
            .consequence(wrong.consequence),
    );
    Some(())
}

/// Exactly one roster.
fn one_roster(into: &mut Declarations, rosters: Vec<Arc<crate::kind::Roster>>, sink: &mut Vec<Diagnostic>) {
    let mut rosters = rosters.into_iter();
    into.roster = rosters.next();
    let unread = into.unread.iter().any(|(kind, _)| *kind == Kind::Roster);
    let Some(first) = &into.roster else {
        if !unread {
            let message = "the catalogue has no Roster";
            sink.push(
                Diagnostic::new("missing-field", crate::diagnostic::Severity::Law, None, message)
                    .help("add one spec of kind `Roster`; `ordain init` writes it")
                    .consequence("the engine refuses the catalogue: nobody could run or approve anything"),
            );
        }
        return;
    };
    let first = first.metadata.name.span;
    for roster in rosters {
        let span = roster.metadata.name.span;
        sink.push(
            Diagnostic::law("duplicate-spec", span, "a second Roster: exactly one stands in a catalogue")
                .label("declared again")
                .related(first, "the first one")
                .help("make one of them")
                .consequence("the engine refuses the catalogue: it could not tell who is who"),
        );
    }
}
