//! Who a principal stands for, as the roster says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::kind::Roster;
use crate::kind::roster::{ActorType, Group, Person, RosterSpec};
use crate::kind::scalar::Principal;

/// The people of the roster by the principals that name them.
pub struct People<'a> {
    roster: Option<&'a RosterSpec>,
    /// Members of each group and role, all levels deep.
    members: BTreeMap<Principal, Members<'a>>,
}

/// Who stands behind a principal.
#[derive(Debug, Clone, Default)]
pub struct Members<'a> {
    /// Humans, by name.
    pub humans: BTreeSet<&'a str>,
    /// External groups with the least number of their members, by name.
    pub external: BTreeMap<&'a str, u64>,
}

impl Members<'_> {
    /// How many people these are at least, as far as the roster promises.
    pub fn count(&self) -> u64 {
        let external = self.external.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
        external.saturating_add(self.humans.len() as u64)
    }
}

impl<'a> Members<'a> {
    /// Adds others.
    pub fn extend(&mut self, other: &Self) {
        self.humans.extend(&other.humans);
        self.external.extend(&other.external);
    }
}

impl<'a> People<'a> {
    /// Everybody behind every group and role.
    #[must_use]
    pub fn of(roster: Option<&'a Roster>) -> Self {
        let mut people = Self { roster: roster.map(|roster| &roster.spec), members: BTreeMap::new() };
        let Some(spec) = people.roster else { return people };
        let groups = spec.groups.keys().filter_map(|name| Principal::new(&format!("group:{name}")));
        let roles = spec.roles.keys().filter_map(|name| Principal::new(&format!("role:{name}")));
        for principal in groups.chain(roles) {
            let members = expand(spec, &principal);
            people.members.insert(principal, members);
        }
        people
    }

    /// True where the roster declares it.
    pub fn knows(&self, principal: &Principal) -> bool {
        let Some(spec) = self.roster else { return true };
        let name = principal.name().as_str();
        match principal {
            Principal::User(_) => spec.people.get(name).is_some(),
            Principal::Group(_) => spec.groups.get(name).is_some(),
            Principal::Role(_) => spec.roles.get(name).is_some(),
        }
    }

    /// The names of the same sort as a principal.
    pub fn alike(&self, principal: &Principal) -> Vec<&'a str> {
        let Some(spec) = self.roster else { return Vec::new() };
        match principal {
            Principal::User(_) => spec.people.keys().map(|name| &**name).collect(),
            Principal::Group(_) => spec.groups.keys().map(|name| &**name).collect(),
            Principal::Role(_) => spec.roles.keys().map(|name| &**name).collect(),
        }
    }

    /// The custodians of a service or an agent, as they are named.
    pub fn custodians(&self, principal: &Principal) -> impl Iterator<Item = &'a Principal> + use<'a> {
        let person = match principal {
            Principal::User(name) => self.roster.and_then(|spec| spec.people.get(name.as_str())),
            Principal::Group(_) | Principal::Role(_) => None,
        };
        person.into_iter().flat_map(|person| &person.custodians).map(|custodian| &custodian.value)
    }

    /// The people behind any of the principals.
    pub fn behind<'p>(&self, principals: impl IntoIterator<Item = &'p Principal>) -> Members<'a> {
        let mut found = Members::default();
        for principal in principals {
            if let Some(known) = self.members.get(principal) {
                found.extend(known);
            } else if let Principal::User(name) = principal
                && let Some((name, person)) =
                    self.roster.and_then(|spec| spec.people.0.get_key_value(name.as_str()))
                && person.value.type_.value == ActorType::Human
            {
                found.humans.insert(name);
            }
        }
        found
    }
}

/// Everybody reached from a principal; each principal is looked at once, so circles end.
fn expand<'a, 'p>(spec: &'a RosterSpec, principal: &'p Principal) -> Members<'a>
where
    'a: 'p,
{
    let mut found = Members::default();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&'p Principal> = vec![principal];
    while let Some(principal) = open.pop() {
        if !seen.insert(principal) {
            continue;
        }
        let name = principal.name().as_str();
        match principal {
            Principal::User(_) => {
                if let Some((name, person)) = spec.people.0.get_key_value(name)
                    && person.value.type_.value == ActorType::Human
                {
                    found.humans.insert(name);
                }
            }
            Principal::Group(_) => {
                match spec.groups.0.get_key_value(name).map(|(name, entry)| (name, &entry.value)) {
                    Some((_, Group::Members(members))) => {
                        open.extend(members.iter().map(|member| &member.value))
                    }
                    Some((name, Group::External(group))) => {
                        found.external.insert(name, group.at_least.value);
                    }
                    None => {}
                }
            }
            Principal::Role(_) => {
                open.extend(spec.roles.get(name).into_iter().flatten().map(|member| &member.value));
            }
        }
    }
    found
}

/// The names of the humans whom the principals name, through groups and roles. Members of external groups are known
/// by their claims only and are not among them.
#[must_use]
pub fn humans<'p>(roster: &Roster, principals: impl IntoIterator<Item = &'p Principal>) -> BTreeSet<&str> {
    principals.into_iter().flat_map(|principal| expand(&roster.spec, principal).humans).collect()
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
