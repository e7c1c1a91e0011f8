//! The four fields that every document has: `apiVersion`, `kind`, `metadata`, `spec`. What is none of them is
//! reported here, whatever the kind.

use crate::decode::Decoder;
use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::edit::{Side, TODO, Written, field_into};
use crate::kind::Kind;
use crate::source::{SourceFile, Span};
use crate::tree::{Key, Map, Node};

/// The version of the language that this engine reads.
pub const API_VERSION: &str = "ordain/v1";
const FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec"];
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

pub(super) fn missing(node: &Node, field: &str, cx: &mut Decoder<'_>) {
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
pub(super) fn inserted(map: Span, field: &str, cx: &Decoder<'_>) -> Option<Edit> {
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
