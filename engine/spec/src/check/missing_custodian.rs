//! Law `missing-custodian`: a service or agent that nobody answers for.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::kind::roster::{ActorType, Person};
use crate::kind::scalar::Principal;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(roster) = &cx.all.roster else { return };
    for (name, entry) in &roster.spec.people.0 {
        let person: &Person = &entry.value;
        if !matches!(person.type_.value, ActorType::Service | ActorType::Agent) {
            continue;
        }
        if person.custodians.is_empty() && cx.is_whole(person.span) {
            sink.push(
                law(
                    "missing-custodian",
                    entry.key_span,
                    format!("{} `{name}` has no custodians", person.type_.value),
                )
                .help("add `custodians`: the people who hold its credentials or direct it")
                .consequence(
                    "the engine refuses the catalogue: somebody could approve what his own program asked for",
                ),
            );
        }
        for custodian in &person.custodians {
            let human = matches!(&custodian.value, Principal::User(name) if roster.spec.people.get(name.as_str()).is_none_or(|person| person.type_.value == ActorType::Human));
            if !human {
                sink.push(
                    law(
                        "missing-custodian",
                        custodian.span,
                        format!("custodian `{}` of `{name}` is no human", custodian.value),
                    )
                    .help("name people: `user:…` of type `human`"),
                );
            }
        }
    }
}
