//! Changes of a world that can only ever stop something: what is taken away, and what is added.

use std::fmt;

use serde_json::{Value, json};

use super::catalogues::{Given, document};
use super::chance::Chance;
use super::play::Played;

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    LosesMetadata,
    LosesField,
    LosesSpec,
    LosesAllow,
    LosesMember,
    LosesReviewer,
    LosesConnection,
    LosesKey,
    LosesRecord,
    LosesGrant,
    LosesInput,
    LosesExemption,
    LosesExempted,
    ExemptionNotAgreed,
    ExemptionIsOver,
    GainsDenyingPolicy,
    GainsRequiringPolicy,
    GainsAllowingPolicy,
    GainsDeny,
    GainsRequire,
    GainsMask,
    GainsGuard,
    GainsStepGuard,
    GainsBudget,
    GainsQuota,
    GainsFloor,
    GainsStage,
    GainsKill,
}

use Change as C;

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 28] = [
        C::LosesMetadata,
        C::LosesField,
        C::LosesSpec,
        C::LosesAllow,
        C::LosesMember,
        C::LosesReviewer,
        C::LosesConnection,
        C::LosesKey,
        C::LosesRecord,
        C::LosesGrant,
        C::LosesInput,
        C::LosesExemption,
        C::LosesExempted,
        C::ExemptionNotAgreed,
        C::ExemptionIsOver,
        C::GainsDenyingPolicy,
        C::GainsRequiringPolicy,
        C::GainsAllowingPolicy,
        C::GainsDeny,
        C::GainsRequire,
        C::GainsMask,
        C::GainsGuard,
        C::GainsStepGuard,
        C::GainsBudget,
        C::GainsQuota,
        C::GainsFloor,
        C::GainsStage,
        C::GainsKill,
    ];

    /// It adds a control: the catalogue still loads.
    pub fn adds(self) -> bool {
        self >= Self::GainsDenyingPolicy
    }

    /// It may come into force while a run is under way. What was given at the start and what the operator's file
    /// grants is read once.
    pub fn may_come_later(self) -> bool {
        !matches!(
            self,
            Self::LosesConnection
                | Self::LosesRecord
                | Self::LosesGrant
                | Self::LosesInput
                | Self::ExemptionNotAgreed
        )
    }

    /// Changes the world; none where there is nothing of that kind in it.
    pub fn make(self, given: &mut Given, before: &Played, chance: &mut Chance) -> Option<()> {
        match self {
            C::LosesMetadata => {
                let place = chance.below(given.documents.len());
                lose(&mut given.documents[place]["metadata"], chance)
            }
            C::LosesField => {
                let fields = places(given).into_iter().filter(|place| !place.loosens(given));
                let fields: Vec<_> = fields.collect();
                chance.one(&fields).take(given);
                Some(())
            }
            C::LosesSpec => {
                let needed = ["Capability", "Connector", "Approval", "Roster", "Runbook"];
                let kind = *chance.one(&needed);
                let found: Vec<usize> = (0..given.documents.len())
                    .filter(|place| given.documents[*place]["kind"] == kind)
                    .collect();
                given.documents.remove(*chance.one(&found));
                Some(())
            }
            C::LosesAllow => {
                let policy = one(given.of_kind("Policy"), chance)?;
                drop_one(&mut policy["spec"]["rules"], chance, |rule| rule.get("allow").is_some())
            }
            C::LosesMember => {
                let roster = given.of_kind("Roster").pop()?;
                let (part, name) = *chance.one(&[
                    ("groups", "team"),
                    ("groups", "machines"),
                    ("roles", "operator"),
                    ("roles", "runner"),
                ]);
                // Who may reject keeps that right: somebody who may no longer say no says nothing.
                drop_one(&mut roster["spec"][part][name], chance, |member| member != "user:dan")
            }
            C::LosesReviewer => {
                let (name, stage, goes) = *chance.one(&[("peer", 0, "user:bob"), ("two", 1, "user:carol")]);
                let mut approvals = given.of_kind("Approval").into_iter();
                let approval = approvals.find(|one| one["metadata"]["name"] == name)?;
                drop_one(&mut approval["spec"]["stages"][stage]["anyOf"], chance, |of| of == goes)
            }
            C::LosesConnection => {
                let granted = given.connection.as_mut()?;
                match chance.below(4) {
                    3 => given.connection = None,
                    part => granted[part].clear(),
                }
                Some(())
            }
            C::LosesKey => {
                let roster = given.of_kind("Roster").pop()?;
                let person = *chance.one(&["carol", "dan"]);
                roster["spec"]["people"][person].as_object_mut()?.remove("key").map(|_| ())
            }
            C::LosesRecord => {
                given.says.remove(agreement(before, chance)?);
                Some(())
            }
            C::LosesGrant => {
                given.says[agreement(before, chance)?].withdraws = true;
                Some(())
            }
            C::LosesInput => given.inputs.remove(*chance.one(&["n", "cause"])).map(|_| ()),
            C::LosesExemption => {
                let place = given.documents.iter().position(|one| one["kind"] == "Exemption")?;
                given.documents.remove(place);
                Some(())
            }
            C::LosesExempted => {
                let requester = json!(format!("user:{}", given.requester));
                let exemption = given.of_kind("Exemption").pop()?;
                drop_one(&mut exemption["spec"]["scope"]["actors"], chance, |actor| *actor == requester)
            }
            C::ExemptionNotAgreed => {
                given.of_kind("Exemption").pop()?;
                given.exempted = false;
                Some(())
            }
            C::ExemptionIsOver => {
                let exemption = given.of_kind("Exemption").pop()?;
                exemption["spec"]["expires"] = json!("2026-01-05T10:00:00Z");
                Some(())
            }
            _ => self.add(given, chance),
        }
    }

    fn add(self, given: &mut Given, chance: &mut Chance) -> Option<()> {
        let when = *chance.one(&[
            "true",
            "input.n > 10",
            "actor.type == \"human\"",
            "capability.effect == \"write\"",
        ]);
        let applies =
            chance.one(&[json!({}), json!({"capabilities": ["c.*"]}), json!({"risk": ["medium"]})]).clone();
        let policy = |rule: Value, narrows: bool| {
            let mut spec = json!({"applies": applies.clone(), "rules": [rule]});
            if narrows {
                spec["restrictsOnly"] = json!(true);
            }
            document("Policy", "added", spec)
        };
        let deny = json!({"id": "added", "deny": when, "reason": "added"});
        let require = json!({"id": "added", "require": "extra", "when": when, "reason": "added"});
        match self {
            C::GainsDenyingPolicy => given.documents.push(policy(deny, true)),
            C::GainsRequiringPolicy => given.documents.push(policy(require, true)),
            C::GainsAllowingPolicy => {
                let mut rule = json!({"id": "added", "allow": when, "reason": "added"});
                rule["to"] = json!(["user:alice"]);
                given.documents.push(policy(rule, false));
            }
            C::GainsDeny => push(&mut one(given.of_kind("Policy"), chance)?["spec"], "rules", deny),
            C::GainsRequire => push(&mut one(given.of_kind("Policy"), chance)?["spec"], "rules", require),
            C::GainsMask => {
                let mask = json!({"id": "added", "mask": ["got"], "when": when, "reason": "added"});
                let mut policies = given.of_kind("Policy").into_iter();
                let policy = policies.find(|one| one["metadata"]["name"] == "team")?;
                push(&mut policy["spec"], "rules", mask);
            }
            C::GainsGuard => {
                let expr = *chance.one(&["input.n < 10", "actor.type == \"service\"", "100 / input.n > 4"]);
                let guard = json!({"id": "added", "expr": expr, "reason": "added"});
                push(&mut one(given.of_kind("Capability"), chance)?["spec"], "guards", guard);
            }
            C::GainsStepGuard => {
                let guard = json!({"id": "added", "expr": "inputs.n < 10", "reason": "added"});
                push(use_of(given, chance, |_| true)?, "guards", guard);
            }
            C::GainsBudget => {
                let breaches = [json!("deny"), json!({"approval": "extra"})];
                let breach = chance.one(&breaches);
                let spec = json!({
                    "unit": "calls", "limit": 1 + chance.below(2), "window": "day", "applies": applies, "onBreach": breach,
                });
                given.documents.push(document("Budget", "added", spec));
            }
            C::GainsQuota => {
                let per = *chance.one(&["actor", "owner", "tenant", "capability", "runbook"]);
                let quota = json!({"per": per, "limit": 1, "window": "1h"});
                let name = use_of(given, chance, |step| step.get("forEach").is_some())?["uses"].clone();
                let name = name.as_str()?.trim_end_matches("@^1");
                let mut capabilities = given.of_kind("Capability").into_iter();
                let capability = capabilities.find(|one| one["metadata"]["name"] == name)?;
                push(&mut capability["spec"], "quotas", quota);
            }
            C::GainsFloor => {
                let capabilities = given.of_kind("Capability").into_iter();
                let free = capabilities.filter(|one| one["spec"].get("approval").is_none());
                one(free.collect(), chance)?["spec"]["approval"] = json!("extra");
            }
            C::GainsStage => {
                let stage = json!({"id": "added", "anyOf": ["group:team"], "expires": "1h"});
                push(&mut one(given.of_kind("Approval"), chance)?["spec"], "stages", stage);
            }
            _ => {
                let capability = one(given.of_kind("Capability"), chance)?;
                let capability = format!("capability:{}", capability["metadata"]["name"].as_str()?);
                let others = [
                    "all",
                    "connector:outside",
                    "runbook:below",
                    "actor:user:alice",
                    &capability,
                    &capability,
                ];
                given.kills.push((*chance.one(&others)).to_owned());
            }
        }
        Some(())
    }
}

/// Something that somebody agreed to.
fn agreement(before: &Played, chance: &mut Chance) -> Option<usize> {
    let agreed: Vec<usize> = before.agreed.iter().copied().collect();
    if agreed.is_empty() { None } else { Some(*chance.one(&agreed)) }
}

/// A field or an item of a document.
#[derive(Debug)]
pub struct Place {
    document: usize,
    path: Vec<String>,
}

/// Controls that an author may write or not: without them nothing stops what they would have stopped, and the
/// language has no safer default. Everything else is mandatory, or safe when it is left out.
const CONTROLS: [&str; 17] = [
    "approval",
    "capabilities",
    "costs",
    "environments",
    "guards",
    "maximum",
    "maxLength",
    "maxParallel",
    "minimum",
    "needs",
    "onFailure",
    "quotas",
    "rollback",
    "stages",
    "stepUp",
    "to",
    "when",
];

/// Lists of controls.
const LISTS: [&str; 5] = ["costs", "guards", "needs", "quotas", "stages"];

/// Every field and every item of the catalogue.
pub fn places(given: &Given) -> Vec<Place> {
    let mut found = Vec::new();
    for (document, value) in given.documents.iter().enumerate() {
        walk(value, &mut Vec::new(), &mut |path| found.push(Place { document, path: path.to_vec() }));
    }
    found
}

fn walk(value: &Value, path: &mut Vec<String>, found: &mut impl FnMut(&[String])) {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => return,
    };
    for (name, value) in parts {
        path.push(name);
        found(path);
        walk(value, path, found);
        path.pop();
    }
}

impl Place {
    /// Takes it out.
    pub fn take(&self, given: &mut Given) {
        let (last, above) = self.path.split_last().unwrap();
        let mut owner = &mut given.documents[self.document];
        for name in above {
            owner = match owner {
                Value::Array(list) => &mut list[name.parse::<usize>().unwrap()],
                other => &mut other[name],
            };
        }
        match owner {
            Value::Array(list) => drop(list.remove(last.parse().unwrap())),
            other => drop(other.as_object_mut().unwrap().remove(last)),
        }
    }

    /// What stands there.
    pub fn value<'g>(&self, given: &'g Given) -> &'g Value {
        let document = &given.documents[self.document];
        self.path.iter().fold(document, |value, name| match value {
            Value::Array(list) => &list[name.parse::<usize>().unwrap()],
            other => &other[name],
        })
    }

    /// Another value in its place.
    pub fn set(&self, given: &mut Given, value: Value) {
        let document = &mut given.documents[self.document];
        *self.path.iter().fold(document, |value, name| match value {
            Value::Array(list) => &mut list[name.parse::<usize>().unwrap()],
            other => &mut other[name],
        }) = value;
    }

    /// The kind of its document.
    pub fn kind<'g>(&self, given: &'g Given) -> &'g str {
        given.documents[self.document]["kind"].as_str().unwrap()
    }

    /// The names above it.
    pub fn above(&self) -> &[String] {
        self.path.split_last().unwrap().1
    }

    /// Its name, or its number in a list.
    pub fn field(&self) -> &str {
        self.path.last().unwrap()
    }

    /// It is a control that nothing replaces, or what the outside is said to answer.
    pub fn loosens(&self, given: &Given) -> bool {
        let value = self.value(given);
        let (last, above) = self.path.split_last().unwrap();
        let is_one_of = |names: &[&str], name: &String| names.contains(&name.as_str());
        is_one_of(&CONTROLS, last)
            || above.last().is_some_and(|list| is_one_of(&LISTS, list))
            || above.iter().any(|name| name == "mock")
            || ["deny", "require"].iter().any(|kind| value.get(kind).is_some())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{} of document {}", self.path.join("/"), self.document)
    }
}

/// A step that uses a capability.
fn use_of<'g>(
    given: &'g mut Given,
    chance: &mut Chance,
    meant: impl Fn(&Value) -> bool,
) -> Option<&'g mut Value> {
    let runbooks = given.of_kind("Runbook").into_iter();
    let steps = runbooks.filter_map(|runbook| runbook["spec"]["steps"].as_array_mut()).flatten();
    one(steps.filter(|step| step.get("uses").is_some() && meant(step)).collect(), chance)
}

fn one<'g>(mut among: Vec<&'g mut Value>, chance: &mut Chance) -> Option<&'g mut Value> {
    if among.is_empty() { None } else { Some(among.swap_remove(chance.below(among.len()))) }
}

/// Loses one of its fields.
fn lose(map: &mut Value, chance: &mut Chance) -> Option<()> {
    let map = map.as_object_mut()?;
    let names: Vec<String> = map.keys().cloned().collect();
    map.remove(chance.one(&names)).map(|_| ())
}

/// Loses one of its items that may go.
fn drop_one(list: &mut Value, chance: &mut Chance, may_go: impl Fn(&Value) -> bool) -> Option<()> {
    let list = list.as_array_mut()?;
    let found: Vec<usize> = (0..list.len()).filter(|place| may_go(&list[*place])).collect();
    if found.is_empty() {
        return None;
    }
    list.remove(*chance.one(&found));
    Some(())
}

fn push(owner: &mut Value, name: &str, item: Value) {
    match owner.get_mut(name).and_then(Value::as_array_mut) {
        Some(list) => list.push(item),
        None => owner[name] = json!([item]),
    }
}
