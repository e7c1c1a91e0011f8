//! The roster by itself: what each entry has to say of somebody is said, and said really, and groups lead to
//! people. Who is named elsewhere is asked by the laws about principals.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::context::{Context, law, real};
use crate::decode::is_placeholder;
use crate::diagnostic::Diagnostic;
use crate::kind::Roster;
use crate::kind::field::Format;
use crate::kind::format;
use crate::kind::roster::{ActorType, Group, Person};
use crate::kind::scalar::Principal;
use crate::source::Span;

/// What to write where a key is none.
pub(super) const KEY_DUE: &str = "write `ed25519:` and the key's 32 bytes in base64, with its `=`";

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let Some(roster) = &cx.all.roster else { return };
    for (name, entry) in &roster.spec.people.0 {
        person(cx, name, entry.key_span, &entry.value, sink);
    }
    circles(roster, sink);
}

fn person(cx: &Context<'_>, name: &str, place: Span, person: &Person, sink: &mut Vec<Diagnostic>) {
    match person.type_.value {
        ActorType::Human if person.email.is_none() && cx.is_whole(person.span) => {
            sink.push(
                law("missing-field", place, format!("`{name}` is human and has no `email`"))
                    .help("add `email`"),
            );
        }
        ActorType::System => {
            sink.push(
                law(
                    "unknown-value",
                    person.type_.span,
                    "`system` is the engine itself and stands in no roster",
                )
                .help("write `human`, `service` or `agent`"),
            );
        }
        _ => {}
    }
    for (field, text) in [("email", &person.email), ("login", &person.login), ("subject", &person.subject)] {
        let Some(text) = text else { continue };
        real(field, text, sink);
        let said = &*text.value;
        if is_placeholder(said) {
            continue;
        }
        if said.trim() != said {
            sink.push(
                law("wrong-type", text.span, format!("`{field}` of `{name}` begins or ends with a blank"))
                    .help("take the blank out: it is compared as it stands"),
            );
        } else if field == "email" && !format::is(Format::Email, said) {
            sink.push(
                law("wrong-type", text.span, format!("the `email` of `{name}` is no e-mail address"))
                    .help("write it like `name@example.org`, and nothing around it"),
            );
        }
    }
    if let Some(key) = person.key.as_ref().filter(|key| !is_public_key(&key.value)) {
        sink.push(law("wrong-type", key.span, format!("the key of `{name}` is no public key")).help(KEY_DUE));
    }
}

/// `ed25519:` and base64 of 32 bytes, as it is read where signatures are verified.
pub(super) fn is_public_key(text: &str) -> bool {
    let bytes = text.strip_prefix("ed25519:").and_then(|key| STANDARD.decode(key).ok());
    bytes.is_some_and(|bytes| bytes.len() == 32)
}

/// `ed25519:` and base64.
pub(super) fn is_signature(text: &str) -> bool {
    text.strip_prefix("ed25519:").is_some_and(|bytes| !bytes.is_empty() && STANDARD.decode(bytes).is_ok())
}

/// A group or role, where it names the next one, and how far the walk has come there.
struct Open<'a> {
    principal: Principal,
    members: std::slice::Iter<'a, crate::decode::Spanned<Principal>>,
}

/// Groups and roles that are in themselves: nobody belongs to one because of that.
fn circles(roster: &Roster, sink: &mut Vec<Diagnostic>) {
    let members = |principal: &Principal| -> std::slice::Iter<'_, _> {
        let name = principal.name().as_str();
        match principal {
            Principal::User(_) => [].iter(),
            Principal::Group(_) => match roster.spec.groups.get(name) {
                Some(Group::Members(members)) => members.iter(),
                Some(Group::External(_)) | None => [].iter(),
            },
            Principal::Role(_) => roster.spec.roles.get(name).map_or([].iter(), |members| members.iter()),
        }
    };
    let groups = roster.spec.groups.keys().map(|name| format!("group:{name}"));
    let roles = roster.spec.roles.keys().map(|name| format!("role:{name}"));
    // The place of each principal in the walk that is on its way; none where it has been walked through.
    let mut seen: BTreeMap<Principal, Option<usize>> = BTreeMap::new();
    for start in groups.chain(roles).filter_map(|text| Principal::new(&text)) {
        if seen.contains_key(&start) {
            continue;
        }
        seen.insert(start.clone(), Some(0));
        let mut path = vec![Open { members: members(&start), principal: start }];
        while let Some(open) = path.last_mut() {
            let Some(next) = open.members.next() else {
                seen.insert(open.principal.clone(), None);
                path.pop();
                continue;
            };
            match seen.get(&next.value) {
                Some(Some(first)) => report(path.get(*first..).unwrap_or_default(), next.span, sink),
                Some(None) => {}
                None => {
                    seen.insert(next.value.clone(), Some(path.len()));
                    path.push(Open { members: members(&next.value), principal: next.value.clone() });
                }
            }
        }
    }
}

fn report(circle: &[Open<'_>], place: Span, sink: &mut Vec<Diagnostic>) {
    let Some(first) = circle.first() else { return };
    let names: Vec<String> = circle.iter().map(|open| format!("`{}`", open.principal)).collect();
    let message =
        format!("`{}` is in itself: {} → `{}`", first.principal, names.join(" → "), first.principal);
    sink.push(
        law("cycle", place, message).help("take it out here: nobody belongs to a group by way of itself"),
    );
}
