//! Where a value of an export, a meta schema, a notice or an exemption means nothing: lists of none, names
//! that are taken, signatures of nobody.

use super::bodies::once;
use super::context::{Context, law};
use super::ranges::within;
use super::rosters::is_signature;
use super::rows::{META_CHARACTERS, columns};
use crate::diagnostic::Diagnostic;
use crate::kind::export::RowSource;
use crate::kind::meta_schema::{MetaField, MetaType};
use crate::kind::{Exemption, Export, Notice};
use crate::source::Span;

/// The most rows of an export: they are held in memory between preview and release.
const ROWS: u64 = 1_000_000;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    cx.all.exports.values().for_each(|export| self::export(cx, export, sink));
    cx.all.notices.values().for_each(|notice| self::notice(cx, notice, sink));
    cx.all.exemptions.values().for_each(|exemption| self::exemption(cx, exemption, sink));
    if let Some(meta) = &cx.all.meta_schema {
        for (name, entry) in &meta.spec.fields.0 {
            meta_field(cx, name, entry.key_span, &entry.value, sink);
        }
    }
}

/// A list that may not be empty, and each of it once.
pub(super) fn some<'a>(
    cx: &Context<'_>,
    what: &str,
    field: &str,
    whole: Span,
    place: Span,
    items: impl Iterator<Item = (&'a str, Span)> + Clone,
    sink: &mut Vec<Diagnostic>,
) {
    if items.clone().next().is_none() && cx.is_whole(whole) {
        sink.push(
            law("missing-field", place, format!("`{field}` is empty"))
                .help(format!("list at least one {what}, or remove the spec")),
        );
    }
    once(what, items, sink);
}

fn export(cx: &Context<'_>, export: &Export, sink: &mut Vec<Diagnostic>) {
    let (spec, name) = (&export.spec, &export.metadata.name);
    let fields = spec.fields.iter().map(|field| (&*field.value, field.span));
    some(cx, "field", "fields", export.span, name.span, fields, sink);
    within("maxRows", &spec.max_rows, 1, ROWS, sink);
    super::ranges::lasts("expires", &spec.expires, 1_000, u64::MAX, sink);
}

fn notice(cx: &Context<'_>, notice: &Notice, sink: &mut Vec<Diagnostic>) {
    let actions = notice.spec.on.iter().map(|action| (action.value.as_str(), action.span));
    some(cx, "action", "on", notice.span, notice.metadata.name.span, actions, sink);
}

fn exemption(cx: &Context<'_>, exemption: &Exemption, sink: &mut Vec<Diagnostic>) {
    let spec = &exemption.spec;
    for environment in spec.scope.environments.iter().filter(|name| name.value.0.trim().is_empty()) {
        sink.push(law("bad-name", environment.span, "an environment without a name").help("name it"));
    }
    for signature in &spec.signatures {
        if !spec.approved_by.iter().any(|approver| approver.value == signature.by.value)
            && cx.is_whole(exemption.span)
        {
            let message = format!("`{}` signed and is none of `approvedBy`", signature.by.value);
            sink.push(
                law("unknown-value", signature.by.span, message)
                    .help("remove the signature: it approves nothing"),
            );
        }
        if !is_signature(&signature.sig.value) {
            sink.push(
                law(
                    "wrong-type",
                    signature.sig.span,
                    format!("the signature of `{}` is none", signature.by.value),
                )
                .help("write `ed25519:` and the signature in base64"),
            );
        }
    }
}

fn meta_field(cx: &Context<'_>, name: &str, place: Span, field: &MetaField, sink: &mut Vec<Diagnostic>) {
    if RowSource::ALL.iter().any(|source| columns(*source).contains_key(name)) {
        sink.push(
            law("bad-name", place, format!("`{name}` is a built-in column"))
                .help("give the field another name: built-in columns cannot be changed"),
        );
    }
    let due = match field.type_.value.0 {
        MetaType::Enum if field.values.is_none() => "values",
        MetaType::Pattern if field.pattern.is_none() => "pattern",
        _ => "",
    };
    if !due.is_empty() && cx.is_whole(field.span) {
        let kind = field.type_.value.0;
        sink.push(
            law("missing-field", place, format!("field `{name}` of type {kind} has no `{due}`"))
                .help(format!("add `{due}`")),
        );
    }
    if let Some(pattern) = &field.pattern
        && let Err(message) = crate::expr::pattern(&pattern.value)
    {
        sink.push(
            law("bad-literal", pattern.span, format!("the pattern of `{name}` cannot be read: {message}"))
                .help("write RE2 without look-around; a pattern always matches the whole value"),
        );
    }
    let Some(values) = &field.values else { return };
    some(
        cx,
        "value",
        "values",
        field.span,
        values.span,
        values.value.iter().map(|word| (&*word.value, word.span)),
        sink,
    );
    for word in &values.value {
        let length = word.value.chars().count() as u64;
        if length == 0 || length > META_CHARACTERS {
            sink.push(
                law("out-of-range", word.span, format!("a value of `{name}` has {length} characters"))
                    .help(format!("write 1 to {META_CHARACTERS} characters")),
            );
        }
    }
}
