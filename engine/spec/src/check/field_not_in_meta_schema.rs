//! Law `field-not-in-meta-schema`: a column that is neither built in nor in the meta schema.

use super::context::{Context, law};
use super::rows::{columns, meta_columns};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Edit, nearest};
use crate::kind::export::RowSource;
use crate::kind::{Export, Kind};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let unread = cx.all.any_unread(Kind::MetaSchema);
    let whole = cx.all.meta_schema.as_ref().is_none_or(|meta| cx.is_whole(meta.span));
    for export in cx.all.exports.values() {
        let source = export.spec.source.value;
        let mut known = columns(source);
        known.extend(meta_columns(cx.all, source));
        for field in export.spec.fields.iter().filter(|field| !known.contains_key(&field.value)) {
            // A field of the meta schema that could not be read is in it all the same.
            if (unread || !whole) && nearest(&field.value, known.keys().map(|name| &**name)).is_none() {
                continue;
            }
            sink.push(unknown(cx, export, field, known.keys().map(|name| &**name)));
        }
    }
}

fn unknown<'k>(
    cx: &Context<'_>,
    export: &Export,
    field: &Spanned<std::sync::Arc<str>>,
    known: impl Iterator<Item = &'k str>,
) -> Diagnostic {
    let source = export.spec.source.value;
    let message = format!("`{}` is neither a column of {source} nor in the meta schema", field.value);
    let mut problem = law("field-not-in-meta-schema", field.span, message)
        .consequence("the engine refuses the catalogue: nothing leaves that the meta schema does not list");
    if let Some(meta) = &cx.all.meta_schema {
        problem = problem.related(meta.metadata.name.span, "the meta schema");
    }
    let of_run = !matches!(source, RowSource::Audit | RowSource::Budgets);
    match nearest(&field.value, known) {
        Some(near) => {
            let there = cx.all.sources.get(field.span.file).map_or("", |file| file.slice(field.span));
            let text = there.replace(&*field.value, near);
            problem.help(format!("did you mean `{near}`?")).fix(true, vec![Edit { span: field.span, text }])
        }
        None if of_run => problem.help("add it to the MetaSchema, or leave it out"),
        None => problem.help(format!("leave it out: rows of {source} have their built-in columns only")),
    }
}
