//! kill -9 at random instants under load: what was answered is there, what was stored goes on, the audit log
//! verifies after every round, and no effect has more than the key it was made under. Six rounds by default;
//! ORDAIN_ROUNDS=100 for the full number, ORDAIN_SEED for another order of instants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::time::Duration;

use engine_tests::{Workspace, said_by};
use serde_json::Value;

/// Processes of a round.
const LOAD: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Numbers that look random and are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn said(space: &Workspace, arguments: &[&str]) -> Value {
    let mut command = space.command(arguments);
    let said = said_by(command.args(["--as", "user:ann", "--json"]));
    assert!([0, 3, 4, 5].contains(&said.code), "{arguments:?}: {said:?}");
    said.json()
}

fn start(space: &Workspace, live: bool) -> Child {
    let mut command =
        space.command(&["run", if live { "each" } else { "uses" }, "--as", "user:ann", "--json"]);
    if live {
        command.arg("--live");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn nothing_that_was_answered_is_lost_however_often_the_process_is_killed() {
    let rounds = number("ORDAIN_ROUNDS", 6);
    let mut chance = Chance(number("ORDAIN_SEED", 0x9E37_79B9_7F4A_7C15));
    let space = Workspace::copy_of("engine-tests/fixtures/crash");
    let mut answered: BTreeMap<String, Value> = BTreeMap::new();
    let mut killed = 0;
    for round in 0..rounds {
        let mut load: Vec<Child> = (0..LOAD).map(|number| start(&space, number % 2 == 0)).collect();
        std::thread::sleep(Duration::from_millis(20 + chance.below(600)));
        for child in &mut load {
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                killed += 1;
            }
        }
        for child in load {
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                let run = serde_json::from_slice::<Value>(&output.stdout).unwrap()["run"].clone();
                answered.insert(run["id"].as_str().unwrap().to_owned(), run);
            }
        }
        let verified = said(&space, &["audit", "verify"]);
        assert_eq!(verified["ok"], true, "round {round}: {verified}");
    }
    assert!(killed > 0, "nobody was killed in {rounds} rounds");

    // Everything that was stored comes to its end; watching drives it.
    let mut all = BTreeSet::new();
    for _ in 0..4 {
        let listed = said(&space, &["runs", "--limit", "500"]);
        for run in listed["runs"].as_array().unwrap() {
            let id = run["id"].as_str().unwrap();
            all.insert(id.to_owned());
            if run["settledAt"].is_null() {
                said(&space, &["watch", id]);
            }
        }
    }
    let (mut live, mut interrupted) = (0, 0);
    let mut outcomes = BTreeMap::<String, BTreeSet<String>>::new();
    for id in &all {
        let run = said(&space, &["show", id])["run"].clone();
        let given_up = run["state"] == "failed" && run["rollback"] == "done" && unknown(&run);
        assert!(run["state"] == "succeeded" || given_up, "{run}");
        if let Some(then) = answered.remove(id) {
            assert_eq!(run, then, "what was answered is what is stored");
        }
        let runbook = run["runbook"].as_str().unwrap().to_owned();
        if given_up {
            interrupted += 1;
            continue;
        }
        live += usize::from(runbook == "each");
        outcomes.entry(runbook).or_default().insert(run["outcomeDigest"].as_str().unwrap().to_owned());
    }
    assert_eq!(answered, BTreeMap::new(), "answered and gone");
    assert!(outcomes.values().all(|digests| digests.len() == 1), "one outcome a runbook: {outcomes:?}");
    assert_eq!(said(&space, &["audit", "verify"])["ok"], true);
    assert_eq!(said(&space, &["audit", "completeness"])["ok"], true);

    // Each live run made three effects, each under one key, and at most three more where it went back.
    let text = std::fs::read_to_string(space.path().join("out/effects")).unwrap_or_default();
    let mut keys = BTreeSet::new();
    for effect in serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok) {
        keys.insert(effect["key"].as_str().unwrap().to_owned());
    }
    let least = live * 3;
    assert!((least..=least + interrupted * 6).contains(&keys.len()), "{} keys, {live} runs", keys.len());
}

/// True when the run gave up only because an attempt was interrupted more often than it is repeated.
fn unknown(run: &Value) -> bool {
    let reasons = run["reasons"].as_array().unwrap();
    !reasons.is_empty() && reasons.iter().all(|reason| reason["code"] == "outcome_unknown")
}
