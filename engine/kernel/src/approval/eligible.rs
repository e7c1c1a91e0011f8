//! Who may decide, and who stands for the requester.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_spec::kind::Roster;
use ordain_spec::kind::approval::Stage;
use ordain_spec::kind::roster::Group;
use ordain_spec::kind::scalar::Principal;

use crate::actor::{self, Actor};

/// Who asked for what is decided on.
#[derive(Debug, Clone, Copy)]
pub struct Applicant<'a> {
    /// Who started the run.
    pub requester: &'a Actor,
    /// Who said what became of a stuck step, where that is what people are asked about.
    pub word_of: Option<&'a Actor>,
    /// Who created the token in use, as `user:alice`.
    pub token_creator: Option<&'a str>,
}

impl<'a> Applicant<'a> {
    /// Who asked, with no token and nobody's word.
    #[must_use]
    pub const fn of(requester: &'a Actor) -> Self {
        Self { requester, word_of: None, token_creator: None }
    }

    /// True when this person asked, or stands for who did: the requester, whom it acts for, its custodians,
    /// the token's creator, and any of them under another identity; and who gave the word that is asked about,
    /// likewise. `requester_may` lets a human requester in own name through, nobody else.
    #[must_use]
    pub fn is_stood_for_by(&self, roster: &Roster, by: &str, requester_may: bool) -> bool {
        stands_for(self.requester, roster, by, requester_may)
            || self.word_of.is_some_and(|word_of| stands_for(word_of, roster, by, false))
            || self.token_creator.is_some_and(|creator| {
                same_person(roster, creator, by) && !(requester_may && creator == &*self.requester.id)
            })
    }
}

/// True when this person is who asked, or stands for who did.
fn stands_for(asker: &Actor, roster: &Roster, by: &str, asker_may: bool) -> bool {
    let entry = actor::person(roster, &asker.id);
    let custodians = entry.map(|person| &*person.custodians).unwrap_or_default();
    let behalf_now = entry.and_then(|person| person.on_behalf_of.as_ref()).map(|of| &of.value);
    let is = |other: &str| same_person(roster, other, by);
    // A custodian, or whom an agent acts for, is a `user:`; a group there would mean all of its members.
    let named = |principal: &Principal| match principal {
        Principal::User(_) => is(&principal.to_string()),
        Principal::Group(_) | Principal::Role(_) => actor::belongs(roster, by, &BTreeSet::new(), principal),
    };
    (!asker_may && is(&asker.id))
        || asker.on_behalf_of.as_deref().is_some_and(is)
        || behalf_now.is_some_and(named)
        || custodians.iter().any(|custodian| named(&custodian.value))
}

/// True when two ids are one person: the same id, or the same subject, e-mail or key in the roster.
#[must_use]
pub fn same_person(roster: &Roster, a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Some(a), Some(b)) = (actor::person(roster, a), actor::person(roster, b)) else { return false };
    let text = |value: &Option<ordain_spec::decode::Spanned<Arc<str>>>| {
        value.as_ref().map(|value| value.value.trim().to_owned())
    };
    let same = |a: Option<String>, b: Option<String>| a.is_some() && a == b;
    same(text(&a.subject), text(&b.subject))
        || same(text(&a.key), text(&b.key))
        || same(text(&a.email).map(|at| at.to_lowercase()), text(&b.email).map(|at| at.to_lowercase()))
}

/// True when the person is in the stage's `anyOf`, with the groups that the identity provider claims.
#[must_use]
pub fn is_eligible(roster: &Roster, stage: &Stage, by: &str, claims: Option<&BTreeSet<Arc<str>>>) -> bool {
    let nothing = BTreeSet::new();
    let claims = claims.unwrap_or(&nothing);
    stage.any_of.iter().any(|principal| actor::belongs(roster, by, claims, &principal.value))
}

/// Who may decide as of now: the humans of `anyOf`. Members of external groups are known by their claims only.
#[must_use]
pub fn opening(roster: &Roster, stage: &Stage) -> BTreeSet<Arc<str>> {
    actor::humans(roster, stage.any_of.iter().map(|principal| &principal.value))
}

/// The external groups among those that may decide, as `group:risk`, through groups and roles.
#[must_use]
pub fn external(roster: &Roster, stage: &Stage) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut left: Vec<&Principal> = stage.any_of.iter().map(|principal| &principal.value).collect();
    while let Some(principal) = left.pop() {
        if !seen.insert(principal) {
            continue;
        }
        match principal {
            Principal::User(_) => {}
            Principal::Group(name) => match roster.spec.groups.get(name.as_str()) {
                Some(Group::Members(members)) => left.extend(members.iter().map(|member| &member.value)),
                Some(Group::External(_)) => {
                    found.insert(principal.to_string().into());
                }
                None => {}
            },
            Principal::Role(name) => {
                let holders = roster.spec.roles.get(name.as_str());
                left.extend(holders.into_iter().flatten().map(|holder| &holder.value));
            }
        }
    }
    found
}
