//! Law `same-person-twice`: two entries of the roster that are one human being.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, law};
use crate::decode::{Spanned, is_placeholder};
use crate::diagnostic::Diagnostic;
use crate::kind::roster::ActorType;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(roster) = &cx.all.roster else { return };
    let mut seen: BTreeMap<(&str, String), (&str, Span)> = BTreeMap::new();
    for (name, person) in roster.spec.people.iter() {
        let is_human = person.type_.value == ActorType::Human;
        let marks: [(&str, &Option<Spanned<Arc<str>>>); 4] = [
            ("login", &person.login),
            ("email", &person.email),
            ("key", &person.key),
            ("subject", &person.subject),
        ];
        // Whoever acts at the keyboard is the one of that login, whatever it is.
        let marks = marks.into_iter().filter(|(what, _)| is_human || *what == "login");
        for (what, mark) in marks {
            let Some(mark) = mark.as_ref().filter(|mark| !is_placeholder(&mark.value)) else { continue };
            let value = if what == "email" { address(&mark.value) } else { mark.value.to_string() };
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

/// What an address says, without what stands around it: two spellings of one mailbox are one person.
fn address(text: &str) -> String {
    let around = |letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '.');
    text.trim_matches(around).to_lowercase()
}
