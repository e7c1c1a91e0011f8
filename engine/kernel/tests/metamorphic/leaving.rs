//! The same of what leaves the house: exports, their meta schema, labels and clearances, masks. Worlds are scenarios:
//! somebody is found, their name is given to a runbook that says it takes less, and a sheet of steps leaves once
//! somebody agreed. What succeeded is compared; the sheet's rows are there whenever it is asked for, so that nothing
//! leaves only because there was less to tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_kernel::rehearsal::rehearse;
use ordain_plan::Grants;
use ordain_spec::check::Checker;
use serde_json::{Map, Value, json};

use super::catalogues::{Given, document};
use super::chance::Chance;
use super::change::places;

/// Worlds that are played.
const WORLDS: u64 = 15;

/// A world of documents alone; the scenario is the last.
fn world(chance: &mut Chance) -> Given {
    let who = *chance.one(&["internal", "internal", "personal"]);
    let capability = |name: &str, operation: &str, connector: &str, spec: Value| {
        let mut made = document("Capability", name, spec);
        for (field, value) in [
            ("risk", json!("low")),
            ("failureMode", json!("retry")),
            ("rollback", json!({"none": "needless", "why": "It reads."})),
            ("tests", json!(["leaves"])),
        ] {
            made["metadata"][field] = value;
        }
        made["spec"]["effect"] = json!("read");
        (made["spec"]["uses"], made["spec"]["operation"]) = (json!(connector), json!(operation));
        made
    };
    let text = |sensitivity: &str| json!({"type": "string", "maxLength": 20, "sensitivity": sensitivity});
    let find =
        json!({"input": {"ticket": text("meta")}, "output": {"who": text(who), "ticket": text("meta")}});
    let pin = json!({"input": {"text": text("internal")}, "output": {"ticket": text("meta")}});
    let connector = |name: &str, operation: &str, clearance: &str, output: Value| {
        let operations = json!({operation: {"effect": "read", "mock": {"output": output}}});
        document("Connector", name, json!({"type": "mock", "clearance": clearance, "operations": operations}))
    };
    let clearance = *chance.one(&["internal", "internal", "personal"]);
    let mut rules = vec![json!({"id": "team", "allow": "true", "to": ["group:team"], "reason": "team"})];
    if chance.in_ten(2) {
        rules.push(json!({"id": "hide", "mask": ["ticket"], "when": "true", "reason": "hidden"}));
    }
    if chance.in_ten(2) {
        rules.push(json!({"id": "closed", "deny": "capability.name == \"t.pin\"", "reason": "closed"}));
    }
    let quorum = *chance.one(&[1, 1, 2]);
    let ticket = *chance.one(&["T-12", "T-12", "T-9", "T-123456", "some prose"]);
    let mut act = Vec::new();
    for (by, often) in [("bob", 7), ("carol", 6)] {
        if chance.in_ten(often) {
            act.push(json!({"approve": "look", "by": format!("user:{by}")}));
        } else if chance.in_ten(3) {
            act.push(json!({"reject": "look", "by": format!("user:{by}")}));
        }
    }
    let steps = json!([
        {"id": "find", "uses": "t.find", "with": {"ticket": "${ inputs.ticket }"}},
        {"id": "pin", "needs": ["find"], "runbook": "below", "onFailure": "continue",
         "with": {"text": "${ steps.find.outputs.who }"}},
        {"id": "again", "needs": ["find"], "uses": "t.find", "with": {"ticket": "${ steps.find.outputs.ticket }"}},
        {"id": "leave", "needs": ["again", {"step": "pin", "on": "any"}], "export": "sheet"},
    ]);
    let below = json!([{"id": "pin", "uses": "t.pin", "with": {"text": "${ inputs.text }"}}]);
    let sheet = json!({
        "source": "steps", "filter": "has(row.capability) && row.capability == \"t.find\"",
        "fields": ["stepId", "capability", "ticket"], "approval": "look",
        "maxRows": *chance.one(&[1, 2, 1000]), "expires": "4h",
    });
    let people: Map<String, Value> = ["alice", "bob", "carol"]
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "human", "email": format!("{name}@example.org")})))
        .collect();
    let roster = json!({
        "people": people, "groups": {"team": ["user:alice", "user:bob", "user:carol"]},
        "roles": {"operator": ["group:team"], "viewer": ["group:team"]},
    });
    let scenario = json!({
        "run": "main", "as": "user:alice", "at": "2026-01-05T10:00:00Z", "inputs": {"ticket": ticket}, "act": act,
        "expect": {"state": "succeeded"},
    });
    let reviewers = json!(["user:bob", "user:carol"]);
    let stages = json!([{"id": "one", "anyOf": reviewers, "quorum": quorum, "expires": "2h"}]);
    let fields = json!({"ticket": {"type": "pattern", "pattern": "T-[0-9]{1,4}", "from": "outputs.ticket"}});
    let documents = vec![
        document("Roster", "roster", roster),
        connector("letters", "find", "personal", json!({"who": "kim", "ticket": "${ input.ticket }"})),
        connector("board", "pin", clearance, json!({"ticket": "T-1"})),
        capability("t.find", "find", "letters", find),
        capability("t.pin", "pin", "board", pin),
        document("Policy", "team", json!({"applies": {"capabilities": ["t.*"]}, "rules": rules})),
        document("Approval", "look", json!({"stages": stages})),
        without_version(document("MetaSchema", "meta", json!({"fields": fields}))),
        document("Export", "sheet", sheet),
        document("Runbook", "below", json!({"inputs": {"text": text("internal")}, "steps": below})),
        document("Runbook", "main", json!({"inputs": {"ticket": text("meta")}, "steps": steps})),
        document("Scenario", "leaves", scenario),
    ];
    Given {
        documents,
        connection: None,
        inputs: Map::new(),
        requester: "alice",
        says: Vec::new(),
        kills: Vec::new(),
        exempted: false,
    }
}

fn without_version(mut document: Value) -> Value {
    document["metadata"].as_object_mut().unwrap().remove("version");
    document
}

/// The steps that succeeded; why not, where the catalogue is refused.
fn played(given: &Given, checker: &mut Checker) -> Result<BTreeSet<String>, String> {
    let active = given.active(checker, given.files())?;
    let scenario = active.catalogue.scenarios.values().next().ok_or("no scenario")?;
    let result = rehearse(scenario, &active.catalogue, &Arc::new(Grants::default()));
    let steps = result.run["steps"].as_array().cloned().unwrap_or_default();
    let done = steps.iter().filter(|step| step["state"] == "succeeded");
    Ok(done.map(|step| step["id"].as_str().unwrap().to_owned()).collect())
}

/// A world of that seed and what succeeds in it: in one of three the sheet leaves, in the others it does not.
fn original(seed: u64, checker: &mut Checker) -> (Given, BTreeSet<String>) {
    for attempt in 0..200 {
        let given = world(&mut Chance::new(seed * 1_000 + attempt));
        let before = played(&given, checker)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{:#?}", given.documents));
        if before.contains("leave") == seed.is_multiple_of(3) {
            return (given, before);
        }
    }
    panic!("seed {seed}: no such world")
}

/// Labels from the least to the most.
const LABELS: [&str; 5] = ["public", "meta", "internal", "personal", "raw"];

/// Everything that can be turned the way that lets less through.
fn turned(given: &Given) -> Vec<(String, Given)> {
    let mut found = Vec::new();
    for place in places(given) {
        let (kind, field) = (place.kind(given), place.field());
        let value = place.value(given).clone();
        let at = |label: &Value| LABELS.iter().position(|one| label == one);
        let other = match (field, at(&value), value.as_u64()) {
            ("sensitivity", Some(label), _) if label + 1 < LABELS.len() => json!(LABELS[label + 1]),
            ("clearance", Some(label), _) if label > 0 => json!(LABELS[label - 1]),
            ("maxRows", _, Some(rows)) if rows > 1 => json!(rows - 1),
            ("quorum", _, Some(quorum)) => json!(quorum + 1),
            ("pattern", ..) if kind == "MetaSchema" => json!("T-[0-9]"),
            ("expires", ..) => json!("1ms"),
            ("allow", ..) => json!("false"),
            _ => continue,
        };
        let mut changed = given.clone();
        place.set(&mut changed, other.clone());
        found.push((format!("{place} is {other}"), changed));
    }
    let acts = given.documents.last().unwrap()["spec"]["act"].as_array().unwrap().len();
    for act in 0..acts {
        let mut changed = given.clone();
        let acts = changed.documents.last_mut().unwrap()["spec"]["act"].as_array_mut().unwrap();
        // Who no longer says no says nothing: only agreements are taken away.
        if acts.remove(act).get("approve").is_some() {
            found.push((format!("without act {act}"), changed));
        }
    }
    found
}

/// What is added to a world and can only restrict.
fn restricted(given: &Given) -> Vec<(String, Given)> {
    let with = |what: &str, edit: &dyn Fn(&mut Given)| {
        let mut changed = given.clone();
        edit(&mut changed);
        (what.to_owned(), changed)
    };
    let rule = |rule: Value| {
        move |given: &mut Given| {
            let mut policies = given.of_kind("Policy");
            policies[0]["spec"]["rules"].as_array_mut().unwrap().push(rule.clone());
        }
    };
    let hides = json!({"id": "more", "mask": ["who"], "when": "true", "reason": "hidden"});
    // Nothing reads what this one hides, so the sheet is reached all the same.
    let covers =
        json!({"id": "more", "mask": ["ticket"], "when": "step.id == \"again\"", "reason": "hidden"});
    let denies = json!({"id": "more", "deny": "capability.name == \"t.find\"", "reason": "closed"});
    let keep = json!({"keep": {"internal": "30d", "exports": "3d"}});
    let retention = without_version(document("Retention", "kept", keep));
    vec![
        with("with a mask", &rule(hides)),
        with("with a mask that nothing reads", &rule(covers)),
        with("with a deny", &rule(denies)),
        with("with a retention", &move |given| given.documents.insert(0, retention.clone())),
    ]
}

/// Taken away it asks for less, for fewer people, or says that something is less sensitive: the author's own word, and
/// in every diff.
fn declassifies(field: &str, above: &[String], kind: &str) -> bool {
    ["sensitivity", "filter", "mask", "quorum", "reject"].contains(&field)
        || kind == "Export" && above.iter().any(|name| name == "fields")
        || kind == "Scenario"
}

/// Somebody who says no is taken out: who may no longer say no says nothing.
fn silences(field: &str, value: &Value, given: &Given) -> bool {
    let acts = given.documents.last().unwrap()["spec"]["act"].as_array().unwrap().iter();
    let mut rejecting = acts.filter(|act| act.get("reject").is_some()).filter_map(|act| act["by"].as_str());
    rejecting.any(|by| value == by || by.strip_prefix("user:") == Some(field))
}

#[test]
fn what_may_leave_is_never_more_when_something_is_taken_away_or_restricted() {
    let (mut denying, mut leaving, mut refused, mut compared, mut stopped) = (0, 0, 0, 0, 0);
    for seed in 1..=WORLDS {
        let mut checker = Checker::new();
        let (given, before) = original(seed, &mut checker);
        *(if before.contains("leave") { &mut leaving } else { &mut denying }) += 1;
        let taken = places(&given).into_iter().filter(|place| {
            let masks = place.value(&given).get("mask").is_some();
            !masks
                && !silences(place.field(), place.value(&given), &given)
                && !place.loosens(&given)
                && !declassifies(place.field(), place.above(), place.kind(&given))
        });
        let taken = taken.map(|place| {
            let mut changed = given.clone();
            place.take(&mut changed);
            (format!("without {place}"), changed)
        });
        for (what, changed) in taken.chain(turned(&given)).chain(restricted(&given)) {
            let Ok(after) = played(&changed, &mut checker) else {
                refused += 1;
                continue;
            };
            compared += 1;
            stopped += u32::from(!before.is_subset(&after));
            assert!(after.is_subset(&before), "seed {seed}, {what}: {before:?} became {after:?}");
        }
    }
    println!(
        "{leaving} leave, {denying} do not; {refused} refused, {compared} compared, {stopped} with less"
    );
    assert!(leaving >= 5 && denying >= 10, "{leaving} {denying}");
    assert!(refused > 1_000 && compared > 300 && stopped > 50, "{refused} {compared} {stopped}");
}
