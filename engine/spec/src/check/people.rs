//! Who a principal stands for, as the roster says.

use std::collections::{BTreeMap, BTreeSet};

use crate::kind::Roster;
use crate::kind::roster::{ActorType, Group, RosterSpec};
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
