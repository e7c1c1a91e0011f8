//! Who acts, and whom the roster says they are. Membership is always asked of the roster at hand; nothing is
//! remembered, and somebody who is in no roster belongs to nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::Roster;
use ordain_spec::kind::roster::{ActorType, Group, Person};
use ordain_spec::kind::scalar::Principal;
use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// `user:alice`, or `system`.
    pub id: Arc<str>,
    /// What it is.
    #[serde(rename = "type")]
    pub type_: ActorType,
    /// For whom an agent acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Arc<str>>,
}

/// Groups that the identity provider claimed for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Names of groups.
    pub groups: BTreeSet<Arc<str>>,
    /// When they were claimed.
    pub at: Timestamp,
}

/// How old claims may be.
pub const CLAIMS_MAX_AGE_MS: i64 = 12 * 3_600_000;

impl Claims {
    /// Their groups, as long as they are not too old; clocks that went back make them too old as well.
    #[must_use]
    pub fn fresh(&self, now: Timestamp) -> Option<&BTreeSet<Arc<str>>> {
        let age = now.as_millisecond().saturating_sub(self.at.as_millisecond());
        (0..=CLAIMS_MAX_AGE_MS).contains(&age).then_some(&self.groups)
    }
}

impl Actor {
    /// The engine itself.
    #[must_use]
    pub fn system() -> Self {
        Self { id: "system".into(), type_: ActorType::System, on_behalf_of: None }
    }

    /// Somebody of the roster: `user:alice`.
    #[must_use]
    pub fn of(roster: &Roster, id: &str) -> Option<Self> {
        let person = person(roster, id)?;
        Some(Self {
            id: id.into(),
            type_: person.type_.value,
            on_behalf_of: person.on_behalf_of.as_ref().map(|of| of.value.to_string().into()),
        })
    }

    /// The name without `user:`; empty for the engine itself.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.strip_prefix("user:").unwrap_or_default()
    }

    /// For whom it acts in the end: `onBehalfOf`, or itself.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.on_behalf_of.as_deref().unwrap_or(&self.id)
    }
}

/// The roster's entry of `user:alice`.
#[must_use]
pub fn person<'r>(roster: &'r Roster, id: &str) -> Option<&'r Person> {
    roster.spec.people.get(id.strip_prefix("user:")?)
}

/// True when `user:alice` is, or belongs to, the principal. `claims` are the names of external groups that
/// the identity provider claimed for that person, already known to be fresh.
#[must_use]
pub fn belongs(roster: &Roster, id: &str, claims: &BTreeSet<Arc<str>>, principal: &Principal) -> bool {
    person(roster, id).is_some() && Search { roster, id, claims, seen: BTreeSet::new() }.within(principal)
}

/// Looks for one person among principals; groups that name each other are looked into once.
struct Search<'a> {
    roster: &'a Roster,
    id: &'a str,
    claims: &'a BTreeSet<Arc<str>>,
    seen: BTreeSet<&'a Principal>,
}

impl<'a> Search<'a> {
    fn within(&mut self, principal: &'a Principal) -> bool {
        if let Principal::User(name) = principal {
            return self.id.strip_prefix("user:") == Some(name.as_str());
        }
        if !self.seen.insert(principal) {
            return false;
        }
        match principal {
            Principal::User(_) => false,
            Principal::Group(name) => match self.roster.spec.groups.get(name.as_str()) {
                Some(Group::Members(members)) => members.iter().any(|member| self.within(&member.value)),
                Some(Group::External(_)) => self.claims.contains(name.as_str()),
                None => false,
            },
            Principal::Role(name) => {
                let holders = self.roster.spec.roles.get(name.as_str());
                holders.is_some_and(|holders| holders.iter().any(|holder| self.within(&holder.value)))
            }
        }
    }
}

/// Everything that `actor.is(…)` and `to` are true for: the person, its groups and its roles, as texts.
#[must_use]
pub fn principals(roster: &Roster, id: &str, claims: &BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    if person(roster, id).is_none() {
        return found;
    }
    found.insert(id.into());
    let groups = roster.spec.groups.keys().map(|name| format!("group:{name}"));
    let roles = roster.spec.roles.keys().map(|name| format!("role:{name}"));
    for text in groups.chain(roles) {
        if Principal::new(&text).is_some_and(|principal| belongs(roster, id, claims, &principal)) {
            found.insert(text.into());
        }
    }
    found
}

/// The humans whom the principals name, through groups and roles: `user:alice`. Members of external groups
/// are known by their claims only and are not among them.
#[must_use]
pub fn humans<'p>(
    roster: &Roster,
    principals: impl IntoIterator<Item = &'p Principal> + Clone,
) -> BTreeSet<Arc<str>> {
    let nothing = BTreeSet::new();
    let people = roster.spec.people.iter().filter(|(_, person)| person.type_.value == ActorType::Human);
    let ids = people.map(|(name, _)| format!("user:{name}"));
    ids.filter(|id| principals.clone().into_iter().any(|one| belongs(roster, id, &nothing, one)))
        .map(Arc::from)
        .collect()
}
