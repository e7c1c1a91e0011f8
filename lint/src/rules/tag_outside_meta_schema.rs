//! Tags that the meta schema lets leave hold what it allows, judged by the validator that the engine asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::catalogue::every;
use ordain_spec::decode::Spanned;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::field::Named;
use ordain_spec::kind::meta_schema::{MetaField, MetaFrom};
use ordain_spec::sheet;
use ordain_spec::source::Span;
use serde_json::Value;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new(
    "tag-outside-meta-schema",
    Severity::Warning,
    include_str!("tag-outside-meta-schema.md"),
    find,
);

/// The columns that a tag fills, each with the place of its name.
type Filled<'a> = BTreeMap<&'a str, Vec<(&'a Arc<str>, Span, &'a MetaField)>>;

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut filled = Filled::new();
    for (column, entry) in cx.all.meta_schema.iter().flat_map(|meta| &meta.spec.fields.0) {
        if let MetaFrom::Tag(tag) = &entry.value.from.value {
            filled.entry(tag).or_default().push((column, entry.key_span, &entry.value));
        }
    }
    let of_runbooks = every(&cx.all.runbooks).map(|runbook| &runbook.metadata.tags);
    let of_capabilities = every(&cx.all.capabilities).map(|capability| &capability.metadata.tags);
    for tags in of_runbooks.chain(of_capabilities) {
        judge(tags, &filled, found);
    }
}

fn judge(tags: &Named<Spanned<Arc<str>>>, filled: &Filled<'_>, found: &mut Vec<Diagnostic>) {
    for (name, value) in tags.iter() {
        for (column, place, field) in filled.get(&**name).into_iter().flatten() {
            let Err(why) = sheet::fits(field, &Value::from(&*value.value)) else { continue };
            let message = format!("tag `{name}` may not leave as column `{column}`: it {why}");
            found.push(
                RULE.at(value.span, message)
                    .related(*place, "the column")
                    .help("correct the tag, or have the meta schema's owner allow it")
                    .consequence("the engine would stop every export of the column in which such a row stands"),
            );
        }
    }
}
