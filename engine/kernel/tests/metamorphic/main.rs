//! Less can only stop: what is taken from a world that a run depends on, and every control that is added to it, never
//! makes a step reach the outside that did not. And how a catalogue is written down changes nothing.
//!
//! Worlds are generated ([`catalogues`]), changed ([`change`]) and played in memory ([`play`]); what was called is
//! compared. Not compared are undo calls: what fails in the changed world is undone there. Three things widen because
//! the author wrote them so, and are not generated: a `deny` or `require` that is about members of a group, a test
//! with `has()` that makes a missing fact say yes, and somebody who may reject and is taken out of `anyOf`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where something is not as said"
)]

mod catalogues;
#[path = "../simulation/chance.rs"]
mod chance;
mod change;
mod leaving;
mod play;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use catalogues::{Files, Given, document};
use chance::Chance;
use change::{Change, places};
use ordain_kernel::decision::Outcome;
use ordain_kernel::run::Verdict;
use ordain_kernel::world::Active;
use ordain_spec::check::Checker;
use play::{Later, Played, play};
use serde_json::{Value, json};

const SEEDS: u64 = 60;

/// What a change was tried on and what it did.
#[derive(Debug, Default)]
struct Tally {
    /// Worlds that it was made in.
    made: u32,
    /// … of which so many had a step that was denied, and so many one that was called.
    denying: u32,
    calling: u32,
    /// Catalogues that were refused.
    refused: u32,
    /// Worlds in which something was no longer called; and when the change came while people were asked.
    stopped: u32,
    stopped_later: u32,
    /// Denials that it turned, of what no policy covered.
    covered: usize,
}

/// A world of that seed, what is in force, and what it comes to: in one of three a policy denies, in the others the
/// outside is reached more than once.
fn original(seed: u64, checker: &mut Checker) -> (Chance, Given, Arc<Active>, Played) {
    for attempt in 0..100 {
        let mut chance = Chance::new(seed * 100 + attempt);
        let given = Given::new(&mut chance);
        let active = given.active(checker, given.files());
        let active = active.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{:#?}", given.documents));
        let played = play(&given, &active, None);
        let denies = played.first.values().any(|first| first.outcome == Outcome::Deny);
        if if seed.is_multiple_of(3) { denies } else { played.called.len() > 1 } {
            return (chance, given, active, played);
        }
    }
    panic!("seed {seed}: no such world")
}

/// How much one world does beyond another.
#[derive(Default)]
struct Compared {
    /// Something was no longer called.
    stopped: bool,
    /// Denials that were turned because a policy covers now what none covered.
    covered: usize,
}

/// Nothing is called that was not, and no first decision is milder; only where `covers`, what no policy covered may
/// be allowed now, and what follows from it.
fn compare(before: &Played, after: &Played, covers: bool, what: &str) -> Compared {
    let mut compared = Compared { stopped: !before.called.is_subset(&after.called), covered: 0 };
    for (place, now) in &after.first {
        let Some(then) = before.first.get(place) else { continue };
        if covers && !then.covered && then.outcome == Outcome::Deny {
            compared.covered += usize::from(now.outcome != Outcome::Deny);
        } else {
            assert!(now.outcome >= then.outcome, "{what}: {place} was {then:?} and is {now:?}");
        }
    }
    let more = after.called.difference(&before.called);
    let more: Vec<_> = more
        .filter(|(place, _)| {
            compared.covered == 0 || before.first.get(place).is_some_and(|then| then.covered)
        })
        .collect();
    let (was, is, journal) = (&before.runs, &after.runs, &after.journal);
    assert!(
        more.is_empty(),
        "{what}: {more:#?} were not called before\nwas {was:#?}\nis {is:#?}\n{journal:#?}"
    );
    compared
}

/// Makes a change in a world and compares.
fn tried(
    change: Change,
    seed: u64,
    (chance, checker): (&mut Chance, &mut Checker),
    (given, active, before): (&Given, &Arc<Active>, &Played),
    tally: &mut Tally,
) {
    let mut changed = given.clone();
    let Some(()) = change.make(&mut changed, before, chance) else { return };
    tally.made += 1;
    tally.denying += u32::from(before.first.values().any(|first| first.outcome == Outcome::Deny));
    tally.calling += u32::from(!before.called.is_empty());
    let what = format!("seed {seed}, {change}");
    let now = match changed.active(checker, changed.files()) {
        Ok(now) => now,
        Err(error) => {
            assert!(!change.adds(), "{what}: the changed catalogue is refused: {error}");
            tally.refused += 1;
            return;
        }
    };
    let covers = change == Change::GainsAllowingPolicy;
    let compared = compare(before, &play(&changed, &now, None), covers, &what);
    tally.stopped += u32::from(compared.stopped);
    tally.covered += compared.covered;
    if change.may_come_later() && !before.agreed.is_empty() {
        let after = play(given, active, Some(Later { active: now, kills: changed.kills }));
        tally.stopped_later += u32::from(compare(before, &after, covers, &format!("{what}, later")).stopped);
    }
}

#[test]
fn what_is_taken_away_and_what_is_added_to_control_never_widens() {
    let mut tallies: BTreeMap<Change, Tally> = BTreeMap::new();
    for seed in 1..=SEEDS {
        let mut checker = Checker::new();
        let (mut chance, given, active, before) = original(seed, &mut checker);
        for change in Change::ALL {
            let tally = tallies.entry(change).or_default();
            tried(change, seed, (&mut chance, &mut checker), (&given, &active, &before), tally);
        }
    }
    println!("{tallies:#?}");
    for change in Change::ALL {
        let tally = &tallies[&change];
        assert!(tally.denying >= 2 && tally.calling >= 8, "{change} was tried on too little: {tally:?}");
        let stopped = tally.stopped + if change.adds() { 0 } else { tally.refused };
        assert!(stopped >= 1, "{change} never stops anything: {tally:?}");
        let covers = change == Change::GainsAllowingPolicy;
        assert_eq!(tally.covered >= 1, covers, "what nothing covered: {change} {tally:?}");
    }
    let later: u32 = tallies.values().map(|tally| tally.stopped_later).sum();
    assert!(later >= 30, "what comes later hardly ever stops anything: {later}");
}

/// Not some fields but all of them, in one world.
#[test]
fn whatever_is_taken_out_of_a_catalogue_but_a_control_never_widens() {
    let (mut refused, mut played, mut stopped, mut loosened) = (0, 0, 0, 0);
    let mut checker = Checker::new();
    let (_, mut given, active, _) = original(2, &mut checker);
    // Who can no longer say no says nothing.
    given.says.retain(|says| says.verdict == Verdict::Approve);
    let before = play(&given, &active, None);
    for place in places(&given) {
        let mut changed = given.clone();
        place.take(&mut changed);
        let Ok(now) = changed.active(&mut checker, changed.files()) else {
            refused += 1;
            continue;
        };
        if place.loosens(&given) {
            loosened += 1;
            continue;
        }
        let what = format!("without {place}");
        stopped += u32::from(compare(&before, &play(&changed, &now, None), false, &what).stopped);
        played += 1;
    }
    println!("{refused} refused, {played} played, {stopped} of them with less; {loosened} controls left out");
    assert!(refused > 200 && played > 30 && stopped > 3, "{refused} {played} {stopped}");
}

/// What never decides and what only describes.
#[test]
fn shadow_policies_inert_exemptions_and_prose_change_no_decision_and_no_call() {
    let mut decided = 0;
    for seed in 1..=SEEDS / 2 {
        let mut checker = Checker::new();
        let (_, given, _, before) = original(seed, &mut checker);
        let mut other = given.clone();
        for document in &mut other.documents {
            document["metadata"]["summary"] = json!("Says it otherwise.");
        }
        let rules = json!([
            {"id": "all", "allow": "true", "to": ["group:team"], "reason": "shadow"},
            {"id": "none", "deny": "true", "reason": "shadow"},
            {"id": "ask", "require": "extra", "reason": "shadow"},
        ]);
        let shadow = json!({"enforcement": "shadow", "applies": {}, "rules": rules});
        other.documents.push(document("Policy", "shadow", shadow));
        other.documents.extend(exemptions(&given));
        let now = other.active(&mut checker, other.files()).unwrap();
        let after = play(&other, &now, None);
        assert_eq!(after.called, before.called, "seed {seed}");
        assert_eq!(after.first, before.first, "seed {seed}");
        decided += before.first.len();
    }
    assert!(decided > 30, "{decided}");
}

/// Exemptions from the rules of the policy `team`, for every capability of medium risk, that nobody approved.
fn exemptions(given: &Given) -> Vec<Value> {
    let medium = given.documents.iter().filter(|one| one["metadata"]["risk"] == "medium");
    let names: Vec<&Value> = medium.map(|one| &one["metadata"]["name"]).collect();
    let one = |rule: &str| {
        let spec = json!({
            "exempts": {"policy": "team", "rule": rule},
            "scope": {"capabilities": names, "actors": ["user:alice", "user:bot"], "environments": ["local"]},
            "reason": "It is generated.", "requestedBy": "user:alice", "approvedBy": ["user:carol"],
            "from": "2026-01-01T00:00:00Z", "expires": "2026-01-20T00:00:00Z",
        });
        document("Exemption", &format!("not-{rule}"), spec)
    };
    vec![one("no-big"), one("ask")]
}

/// The same documents in other files, under other names, in another order, the fields of maps too.
fn written_otherwise(given: &Given, chance: &mut Chance) -> Files {
    let mut documents = given.documents.clone();
    shuffle(&mut documents, chance);
    let mut files: Files = Vec::new();
    for document in &documents {
        let mut text = String::new();
        write_shuffled(document, chance, &mut text);
        if files.is_empty() || chance.in_ten(5) {
            files.push((format!("{}/x{}-{}.yaml", chance.below(3), chance.below(1000), files.len()), text));
        } else {
            let last = files.last_mut().unwrap();
            last.1 = format!("{}\n---\n{text}", last.1);
        }
    }
    shuffle(&mut files, chance);
    files
}

fn shuffle<T>(list: &mut [T], chance: &mut Chance) {
    for place in (1..list.len()).rev() {
        list.swap(place, chance.below(place + 1));
    }
}

fn write_shuffled(value: &Value, chance: &mut Chance, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            shuffle(&mut fields, chance);
            *text += "{";
            for (place, (name, value)) in fields.into_iter().enumerate() {
                write!(text, "{}{}: ", if place > 0 { ", " } else { "" }, json!(name)).unwrap();
                write_shuffled(value, chance, text);
            }
            *text += "}";
        }
        Value::Array(list) => {
            *text += "[";
            for (place, value) in list.iter().enumerate() {
                *text += if place > 0 { ", " } else { "" };
                write_shuffled(value, chance, text);
            }
            *text += "]";
        }
        scalar => *text += &scalar.to_string(),
    }
}

#[test]
fn files_their_names_and_the_order_of_documents_and_fields_change_nothing() {
    let mut called = 0;
    for seed in 1..=SEEDS {
        let mut checker = Checker::new();
        let (mut chance, given, active, before) = original(seed, &mut checker);
        let files = written_otherwise(&given, &mut chance);
        let other = given.active(&mut Checker::new(), files).unwrap();
        assert_eq!(other.catalogue.digest(), active.catalogue.digest(), "seed {seed}");
        let after = play(&given, &other, None);
        assert_eq!(after, before, "seed {seed}: plan, decisions, journal, outcome and records");
        called += u64::from(!before.called.is_empty());
    }
    assert!(called * 2 > SEEDS, "{called}");
}

/// The decision without digests; lists whose order is the author's, sorted.
fn essence(decision: &Value) -> Value {
    let mut essence = decision.clone();
    for policy in essence["policies"].as_array_mut().unwrap() {
        policy.as_object_mut().unwrap().remove("digest");
        sort(&mut policy["rules"]);
    }
    for list in ["reasons", "approvals", "outstanding"] {
        if essence.get(list).is_some() {
            sort(&mut essence[list]);
        }
    }
    essence
}

fn sort(list: &mut Value) {
    list.as_array_mut().unwrap().sort_by_key(ToString::to_string);
}

#[test]
fn the_order_of_rules_changes_no_decision() {
    let (mut decided, mut turned) = (0, 0);
    for seed in 1..=SEEDS {
        let mut checker = Checker::new();
        let (mut chance, given, active, before) = original(seed, &mut checker);
        let mut other = given.clone();
        for policy in other.of_kind("Policy") {
            shuffle(policy["spec"]["rules"].as_array_mut().unwrap(), &mut chance);
        }
        let now = other.active(&mut checker, other.files()).unwrap();
        turned += usize::from(now.catalogue.digest() != active.catalogue.digest());
        let after = play(&other, &now, None);
        assert_eq!(after.called, before.called, "seed {seed}");
        let essences = |played: &Played| played.decisions.iter().map(essence).collect::<Vec<_>>();
        assert_eq!(essences(&after), essences(&before), "seed {seed}");
        decided += before.decisions.len();
    }
    println!("{decided} decisions; {turned} catalogues with another digest");
    assert!(decided > 100, "{decided}");
}
