//! Law `trigger-without-service`: a trigger that acts as somebody who is no service.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::kind::roster::ActorType;
use crate::kind::scalar::Principal;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(roster) = &cx.all.roster else { return };
    for trigger in cx.all.triggers.values() {
        let acting = &trigger.spec.as_;
        let what = match &acting.value {
            Principal::User(name) => match roster.spec.people.get(name.as_str()).map(|person| person.type_.value) {
                None | Some(ActorType::Service) => continue,
                Some(ActorType::Human) => "a person",
                Some(ActorType::Agent) => "an agent",
                Some(ActorType::System) => "the engine itself",
            },
            Principal::Group(_) => "a group",
            Principal::Role(_) => "a role",
        };
        let message =
            format!("trigger `{}` acts as `{}`, which is {what}", trigger.metadata.name.value, acting.value);
        sink.push(
            law("trigger-without-service", acting.span, message)
                .related(roster.metadata.name.span, "the roster")
                .help("name a `user:…` of type `service`, with the custodians who answer for it")
                .consequence("the engine refuses the catalogue: a machine's run would look like a person's"),
        );
    }
}
