//! Law `same-person-twice`: two entries of the roster that are one human being.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, law};
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::roster::ActorType;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(roster) = &cx.all.roster else { return };
    let mut seen: BTreeMap<(&str, String), (&str, Span)> = BTreeMap::new();
    for (name, person) in roster.spec.people.iter() {
        if person.type_.value != ActorType::Human {
            continue;
        }
        let marks: [(&str, &Option<Spanned<Arc<str>>>); 3] =
            [("email", &person.email), ("key", &person.key), ("subject", &person.subject)];
        for (what, mark) in marks {
            let Some(mark) = mark else { continue };
            let value = if what == "email" { mark.value.to_lowercase() } else { mark.value.to_string() };
            if let Some((other, place)) = seen.get(&(what, value.clone())) {
                sink.push(
                    law(
                        "same-person-twice",
                        mark.span,
                        format!("`{name}` and `{other}` have the same {what}"),
                    )
                    .related(*place, format!("`{other}`"))
                    .help("keep one entry for each person")
                    .consequence("the engine refuses the catalogue: one person could count as two"),
                );
            } else {
                seen.insert((what, value), (name, mark.span));
            }
        }
    }
}
