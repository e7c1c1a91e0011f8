//! What the meta schema lets through is there.

use std::collections::BTreeSet;

use ordain_spec::catalogue::every;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::edit::taken_out;
use ordain_spec::kind::MetaSchema;
use ordain_spec::kind::meta_schema::MetaFrom;
use ordain_spec::source::Span;

use super::{Context, FixClass, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("dead-allow-list-entry", Severity::Warning, include_str!("dead-allow-list-entry.md"), find).fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(meta) = cx.all.meta_schema.as_deref() else { return };
    let (tags, outputs) = (tags(cx), outputs(cx));
    for (name, entry) in &meta.spec.fields.0 {
        let from = &entry.value.from;
        let missing = match &from.value {
            MetaFrom::Tag(tag) if !tags.contains(&**tag) => format!("no runbook or capability has the tag `{tag}`"),
            MetaFrom::Output(output) if !outputs.contains(output.as_str()) => {
                format!("no runbook or capability has the output `{output}`")
            }
            _ => continue,
        };
        let problem = RULE
            .at(from.span, format!("column `{name}` has no source: {missing}"))
            .help("remove the column, or correct where it comes from")
            .consequence("the engine would let a later tag or output of that name leave, and nobody would have asked");
        let file = cx.all.sources.get(from.span.file);
        let edit = file.filter(|_| !is_exported(cx, name)).and_then(|file| {
            let (places, at) = places(meta, entry.key_span)?;
            taken_out(&file.text, &places, at)
        });
        found.push(match edit {
            Some(edit) => problem.fix(true, vec![edit]),
            None => problem,
        });
    }
}

/// The columns as they stand in the file, and which one begins there.
fn places(meta: &MetaSchema, key: Span) -> Option<(Vec<Span>, usize)> {
    let column = |entry: &ordain_spec::kind::field::Entry<ordain_spec::kind::meta_schema::MetaField>| {
        let (key, value) = (entry.key_span, entry.value.span);
        Span::new(key.file, key.start.min(value.start), value.end.max(key.end))
    };
    let mut places: Vec<Span> = meta.spec.fields.0.values().map(column).collect();
    places.sort();
    let at = places.iter().position(|place| place.start <= key.start && key.end <= place.end)?;
    Some((places, at))
}

/// True where an export names the column: it would be broken without it.
fn is_exported(cx: &Context<'_>, column: &str) -> bool {
    cx.all.exports.values().any(|export| export.spec.fields.iter().any(|field| *field.value == *column))
}

fn tags<'a>(cx: &Context<'a>) -> BTreeSet<&'a str> {
    let of_capabilities = every(&cx.all.capabilities).flat_map(|spec| spec.metadata.tags.keys());
    let of_runbooks = every(&cx.all.runbooks).flat_map(|spec| spec.metadata.tags.keys());
    of_capabilities.chain(of_runbooks).map(AsRef::as_ref).collect()
}

fn outputs<'a>(cx: &Context<'a>) -> BTreeSet<&'a str> {
    let of_capabilities = every(&cx.all.capabilities).flat_map(|spec| spec.spec.output.keys());
    let of_runbooks = every(&cx.all.runbooks).flat_map(|spec| spec.spec.outputs.keys());
    of_capabilities.chain(of_runbooks).map(AsRef::as_ref).collect()
}
