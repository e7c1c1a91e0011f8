//! From files to declarations: one document at a time, each problem reported, nothing guessed. A document
//! that cannot be read as a whole is remembered by its kind and name, so that nobody is told twice.

use std::sync::Arc;

use crate::catalogue::{Declarations, Releases, digest_of};
use crate::decode::{Decode, Decoder};
use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::edit::{Side, TODO, Written, field_into};
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

/// What one file says by itself, before it is put beside the others.
#[derive(Default)]
pub(super) struct FileRead {
    /// Its documents as they are written.
    pub(super) documents: Arc<[Node]>,
    /// What was declared, document by document.
    declared: Vec<Declaration>,
    /// What authors let pass in its comments.
    suppressions: Vec<crate::suppression::Suppression>,
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

/// Puts a spec among the others and reports what it is twice.
type Join = Box<dyn Fn(&mut Joined, &mut Vec<Diagnostic>) -> bool + Send + Sync>;

/// Declarations while files are put together.
#[derive(Default)]
struct Joined {
    all: Declarations,
    rosters: Vec<Arc<crate::kind::Roster>>,
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
    read.suppressions = crate::suppression::read(id, file, &documents);
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
    let mut joined = Joined { all: Declarations { sources, ..Declarations::default() }, ..Joined::default() };
    for file in files {
        sink.extend_from_slice(&file.diagnostics);
        joined.all.suppressions.extend_from_slice(&file.suppressions);
        for document in &file.declared {
            if !document.join.as_ref().is_some_and(|join| join(&mut joined, sink)) {
                joined.all.unread.extend(document.names.iter().cloned());
            }
        }
    }
    one_roster(&mut joined.all, joined.rosters, sink);
    joined.all
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
        if is_foreign(map) {
            no_spec(node, &mut cx);
            return None;
        }
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

/// True for a map with nothing of a spec in it, not even misspelt.
fn is_foreign(map: &Map) -> bool {
    map.entries.iter().all(|(key, _)| nearest(&key.text, FIELDS.iter().copied()).is_none())
}

/// Said once, and without a repair: nobody wants the file of another system to become a spec.
fn no_spec(node: &Node, cx: &mut Decoder<'_>) {
    let message = "this is no spec: it has no `apiVersion` and no `kind`";
    cx.report(
        Diagnostic::law("missing-field", cx.first_line(node), message)
            .help(format!(
                "a spec begins with `apiVersion: {API_VERSION}` and `kind: …`; files of other systems belong elsewhere"
            ))
            .consequence("the engine refuses the catalogue: nothing in its folders is passed over"),
    );
}

fn unknown_fields(map: &Map, cx: &mut Decoder<'_>) {
    for (key, _) in &map.entries {
        if FIELDS.contains(&&*key.text) {
            continue;
        }
        let problem = Diagnostic::law("unknown-field", key.span, format!("unknown field `{}`", key.text))
            .consequence("the engine refuses the catalogue: an unknown field is never ignored");
        let problem = match nearest(&key.text, FIELDS.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(
                "a spec has `apiVersion`, `kind`, `metadata` and `spec`; other fields belong below `spec`",
            ),
        };
        let surely = meant(&key.text, FIELDS.iter().copied()).filter(|near| map.get(near).is_none());
        cx.report(match surely {
            Some(near) => problem.fix(true, vec![Edit { span: key.span, text: near.to_owned() }]),
            None => problem,
        });
    }
}

fn missing(node: &Node, field: &str, cx: &mut Decoder<'_>) {
    let problem = Diagnostic::law("missing-field", cx.first_line(node), format!("`{field}` is missing"))
        .label("the spec begins here")
        .help(format!("add `{field}`"))
        .consequence("the engine refuses the catalogue");
    let added = inserted(node.span, field, cx);
    cx.report(match added {
        Some(edit) => problem.fix(false, vec![edit]),
        None => problem,
    });
}

/// The edit that adds a field with a value that is refused in its turn.
fn inserted(map: Span, field: &str, cx: &Decoder<'_>) -> Option<Edit> {
    field_into(cx.source(), cx.notation(), map, (field, Written::Text(TODO)), Side::Head)
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
    let is_ours = text.value.starts_with("ordain");
    let help = if is_ours { "" } else { "; files of other systems belong elsewhere" };
    cx.report(
        Diagnostic::law("unsupported-api-version", value.span, message)
            .help(format!("a spec says `apiVersion: {API_VERSION}`{help}"))
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
        let problem = match nearest(&text.value, known()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => {
                problem.help(format!("the kinds are {}", crate::decode::listed(&known().collect::<Vec<_>>())))
            }
        };
        cx.report(match meant(&text.value, known()) {
            Some(near) => problem.fix(true, vec![Edit { span: value.span, text: cx.quoted(near) }]),
            None => problem,
        });
    }
    Some((kind?, value.span))
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
    let join = declare(&envelope, node, &mut cx);
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

/// Reads a spec of any kind, and says where it belongs.
fn declare(envelope: &Envelope<'_>, node: &Node, cx: &mut Decoder<'_>) -> Option<Join> {
    let kind = envelope.kind;
    Some(match kind {
        Kind::Capability => release(decode(envelope, node, cx)?, kind, |all| &mut all.capabilities),
        Kind::Connector => release(decode(envelope, node, cx)?, kind, |all| &mut all.connectors),
        Kind::Runbook => release(decode(envelope, node, cx)?, kind, |all| &mut all.runbooks),
        Kind::Approval => release(decode(envelope, node, cx)?, kind, |all| &mut all.approvals),
        Kind::Policy => single(decode(envelope, node, cx)?, kind, |all| &mut all.policies),
        Kind::Budget => single(decode(envelope, node, cx)?, kind, |all| &mut all.budgets),
        Kind::Scenario => single(decode(envelope, node, cx)?, kind, |all| &mut all.scenarios),
        Kind::Export => single(decode(envelope, node, cx)?, kind, |all| &mut all.exports),
        Kind::Exemption => single(decode(envelope, node, cx)?, kind, |all| &mut all.exemptions),
        Kind::Notice => single(decode(envelope, node, cx)?, kind, |all| &mut all.notices),
        Kind::Ingress => single(decode(envelope, node, cx)?, kind, |all| &mut all.ingresses),
        Kind::Trigger => single(decode(envelope, node, cx)?, kind, |all| &mut all.triggers),
        Kind::MetaSchema => alone(decode(envelope, node, cx)?, |all| &mut all.meta_schema, &META_SCHEMA),
        Kind::Retention => alone(decode(envelope, node, cx)?, |all| &mut all.retention, &RETENTION),
        Kind::Roster => {
            let roster = Arc::new(decode(envelope, node, cx)?);
            Box::new(move |joined, _| {
                joined.rosters.push(Arc::clone(&roster));
                true
            })
        }
        Kind::Workspace => return None,
    })
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
            let added = inserted(node.span, "version", cx);
            cx.report(match added {
                Some(edit) => problem.fix(false, vec![edit]),
                None => problem,
            });
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
fn release<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    kind: Kind,
    into: fn(&mut Declarations) -> &mut Releases<Declared<M, S>>,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let name = spec.metadata.name();
        let version = spec.metadata.version().map(|version| version.value.clone());
        let readable = version.is_some();
        let version = version.unwrap_or_else(|| Version::new(0, 0, 0));
        let releases = into(&mut joined.all).entry(name.value.clone()).or_default();
        if let Some(first) = releases.get(&version) {
            if readable {
                sink.push(duplicate(kind, name, first.metadata.name().span, &format!(" {version}")));
            }
            return readable;
        }
        releases.insert(version, Arc::clone(&spec));
        readable
    })
}

/// Specs of a kind that stands once under a name.
type Singles<T> = std::collections::BTreeMap<Name, Arc<T>>;

/// A kind that stands once under a name.
fn single<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    kind: Kind,
    into: fn(&mut Declarations) -> &mut Singles<Declared<M, S>>,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let name = spec.metadata.name();
        let into = into(&mut joined.all);
        match into.get(&name.value) {
            Some(first) => sink.push(twice(kind, &*spec, &**first)),
            None => {
                into.insert(name.value.clone(), Arc::clone(&spec));
            }
        }
        true
    })
}

/// A second spec of a name that stands once.
fn twice<M: Head, S>(kind: Kind, spec: &Declared<M, S>, first: &Declared<M, S>) -> Diagnostic {
    let (name, first_span) = (spec.metadata.name(), first.metadata.name().span);
    match (first.metadata.version(), spec.metadata.version()) {
        (Some(one), Some(other)) if one.value != other.value => Diagnostic::law(
            "versions-not-allowed",
            name.span,
            format!("{kind} `{}` stands in two versions, {} and {}", name.value, one.value, other.value),
        )
        .label("declared again")
        .related(first_span, "first declared here")
        .help("remove the older one: only Capability, Connector, Runbook and Approval may stand in several versions")
        .consequence("the engine refuses the catalogue: both would decide"),
        _ => duplicate(kind, name, first_span, ""),
    }
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

/// The spec of a kind of which at most one stands in a catalogue.
type Single<T> = Option<Arc<T>>;

/// A kind of which at most one stands in a catalogue.
fn alone<M: Head + Send + Sync + 'static, S: Send + Sync + 'static>(
    spec: Declared<M, S>,
    into: fn(&mut Declarations) -> &mut Single<Declared<M, S>>,
    wrong: &'static Alone,
) -> Join {
    let spec = Arc::new(spec);
    Box::new(move |joined, sink| {
        let into = into(&mut joined.all);
        match into {
            Some(first) => sink.push(
                Diagnostic::law(wrong.code, spec.metadata.name().span, wrong.message)
                    .label("declared again")
                    .related(first.metadata.name().span, "the first one")
                    .help("make one of them")
                    .consequence(wrong.consequence),
            ),
            None => *into = Some(Arc::clone(&spec)),
        }
        true
    })
}

/// Exactly one roster.
fn one_roster(into: &mut Declarations, rosters: Vec<Arc<crate::kind::Roster>>, sink: &mut Vec<Diagnostic>) {
    let mut rosters = rosters.into_iter();
    into.roster = rosters.next();
    let unread = into.any_unread(Kind::Roster);
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
