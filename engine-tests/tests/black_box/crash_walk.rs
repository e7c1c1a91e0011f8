//! Every kind of step × every crash point: the process dies there, another one goes on, and the run ends with
//! the outcome it would have had: no recorded outcome lost or repeated, no effect beyond its keys, and an audit
//! log that verifies. Effects are real: `tee` appends each to a file. By default the first and the second
//! passage of each point; all of them with ORDAIN_EVERY=1.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use engine_tests::{Said, Workspace};
use serde_json::Value;

const POINTS: [&str; 6] =
    ["before-intent", "after-intent", "after-effect", "mid-transaction", "after-outcome", "after-settle"];

/// How an interrupted command looks.
const ABORTED: i32 = 128 + 6;

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
struct Ended {
    state: String,
    outcome: String,
    steps: BTreeMap<String, String>,
    /// How often each name was really appended, by key.
    effects: BTreeMap<(String, String), usize>,
    /// Steps with the number of their settled records.
    settled: BTreeMap<String, usize>,
    /// Exports that left.
    released: usize,
}

const COUNTED: &str = "
apiVersion: ordain/v1
kind: Budget
metadata: {name: counted, version: 1.0.0, owner: 'group:team', summary: Counts every call.}
spec: {unit: calls, limit: 100000, window: month, applies: {}}
";

impl Ended {
    /// Names of effects, as the outside sees them: once a key.
    fn names(&self) -> Vec<&String> {
        self.effects.keys().map(|(name, _)| name).collect()
    }
}

struct Walk<'w> {
    space: &'w Workspace,
    fault: Option<String>,
    fired: bool,
}

impl<'w> Walk<'w> {
    /// In the same folder each time, without what was there: the folder is part of the plan's digest.
    fn new(space: &'w Workspace, fault: Option<String>) -> Self {
        let _ = std::fs::remove_dir_all(space.path().join(".ordain"));
        let _ = std::fs::remove_file(space.path().join("out/effects"));
        Self { space, fault, fired: false }
    }

    /// Runs a command as `who`, with the fault while it has not fired.
    fn say(&mut self, arguments: &[&str], who: &str) -> Said {
        let mut command = self.space.command(arguments);
        command.args(["--as", who, "--json"]);
        if let Some(fault) = self.fault.as_ref().filter(|_| !self.fired) {
            command.env("ORDAIN_FAULT", fault);
        }
        let said = engine_tests::said_by(&mut command);
        let point = self.fault.as_deref().and_then(|fault| fault.split(':').next()).unwrap_or("none");
        if said.stderr.contains(&format!("fault fired: {point}")) {
            assert!(!self.fired && said.code == ABORTED, "{said:?}");
            self.fired = true;
        } else {
            assert_ne!(said.code, ABORTED, "{said:?}");
        }
        said
    }

    fn document(&mut self, arguments: &[&str]) -> Value {
        let said = self.say(arguments, "user:ann");
        if self.fired && said.stdout.is_empty() {
            self.say(arguments, "user:ann").json()
        } else {
            said.json()
        }
    }

    /// The one run, if there is one.
    fn run_id(&mut self) -> Option<String> {
        let listed = self.document(&["runs"]);
        let runs = listed["runs"].as_array().unwrap();
        let roots: Vec<&Value> =
            runs.iter().filter(|run| run["runbook"] != "uses" || runs.len() == 1).collect();
        roots.first().map(|run| run["id"].as_str().unwrap().to_owned())
    }

    /// Starts the run; again where the start was not stored before the process died.
    fn start(&mut self, runbook: &str) -> String {
        for _ in 0..2 {
            let said = self.say(&["run", runbook, "--live"], "user:ann");
            assert!(said.code == ABORTED || [0, 3, 4, 5].contains(&said.code), "{said:?}");
            if let Some(id) = self.run_id() {
                return id;
            }
        }
        panic!("no run after two starts");
    }

    /// Does what the run waits for until it is settled or stuck.
    fn go_on(&mut self, id: &str) -> Value {
        for _ in 0..12 {
            let run = self.document(&["watch", id])["run"].clone();
            let state = run["state"].as_str().unwrap();
            if !["pending", "running", "waiting"].contains(&state) {
                return run;
            }
            let waits = run["waitingFor"].to_string();
            if waits.contains("signal") {
                // A second one is refused; that the first one was stored is seen at the next look.
                let _ = self.say(&["signal", id, "go", "--field", "name=heard"], "user:ann");
            }
            if waits.contains("approval") {
                self.approve();
            }
        }
        panic!("run {id} never settles");
    }

    fn approve(&mut self) {
        let open = self.document(&["approvals"]);
        let Some(approval) = open["approvals"].as_array().unwrap().iter().find(|one| one["state"] == "open")
        else {
            return;
        };
        let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
        let arguments = ["approve", id, "--digest", digest, "--rationale", "seen and found right"];
        let said = self.say(&arguments, "user:ben");
        assert!([0, ABORTED].contains(&said.code), "{said:?}");
    }

    /// What is spent and what is set aside, by counter.
    fn booked(&mut self) -> Vec<(i64, i64)> {
        let document = self.say(&["budgets"], "user:ann").json();
        let rows = document["budgets"].as_array().unwrap().iter();
        rows.map(|row| (row["spent"].as_i64().unwrap(), row["reserved"].as_i64().unwrap())).collect()
    }

    fn ended(&mut self, run: &Value) -> Ended {
        let verified = self.say(&["audit", "verify"], "user:ann");
        assert!(verified.code == 0 && verified.json()["ok"] == true, "{verified:?}");
        let complete = self.say(&["audit", "completeness"], "user:ann");
        assert!(complete.code == 0 && complete.json()["ok"] == true, "{complete:?}");
        // Nothing stays set aside, and what is counted anew from the journal is what was stored.
        let counted = self.booked();
        assert!(counted.iter().all(|(_, reserved)| *reserved == 0), "{counted:?}");
        assert!(counted.iter().any(|(spent, _)| *spent > 0), "{counted:?}");
        assert_eq!(self.say(&["rebuild"], "user:ann").code, 0);
        assert_eq!(self.booked(), counted);
        let text = std::fs::read_to_string(self.space.path().join("out/effects")).unwrap_or_default();
        let mut effects = BTreeMap::new();
        for effect in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
            let effect = effect.unwrap();
            let of = |field: &str| effect[field].as_str().unwrap().to_owned();
            *effects.entry((of("name"), of("key"))).or_default() += 1;
        }
        let tail = self.say(&["audit", "tail", "--limit", "1000"], "user:ann").json();
        let mut settled = BTreeMap::new();
        let mut released = 0;
        for record in tail["records"].as_array().unwrap() {
            released += usize::from(record["action"] == "export.released");
            if record["action"] == "step.settled" {
                *settled.entry(format!("{}/{}", record["runId"], record["stepId"])).or_default() += 1;
            }
        }
        let steps = run["steps"].as_array().unwrap().iter();
        Ended {
            state: run["state"].as_str().unwrap().to_owned(),
            outcome: run["outcomeDigest"].as_str().unwrap_or_default().to_owned(),
            steps: steps
                .map(|step| {
                    (step["id"].as_str().unwrap().to_owned(), step["state"].as_str().unwrap().to_owned())
                })
                .collect(),
            effects,
            settled,
            released,
        }
    }
}

/// The run from start to end with a fault; whether it fired, and what it came to.
fn walked(space: &Workspace, runbook: &str, fault: Option<String>) -> (bool, Ended) {
    let mut walk = Walk::new(space, fault);
    let id = walk.start(runbook);
    let run = walk.go_on(&id);
    let ended = walk.ended(&run);
    (walk.fired, ended)
}

fn passages() -> usize {
    if std::env::var("ORDAIN_EVERY").is_ok_and(|every| every == "1") { 40 } else { 2 }
}

/// Walks a runbook through every point. `again`: effects whose outcome is not stored may come again, under their
/// key.
fn walk(runbook: &str, state: &str, judge: impl FnMut(&str, &Ended, &Ended)) {
    walk_through(runbook, state, &POINTS, judge);
}

fn walk_through(runbook: &str, state: &str, points: &[&str], mut judge: impl FnMut(&str, &Ended, &Ended)) {
    let space = Workspace::copy_of("engine-tests/fixtures/crash");
    space.write("specs/counted.yaml", COUNTED.trim_start());
    let (_, expected) = walked(&space, runbook, None);
    assert_eq!(expected.state, state, "{expected:?}");
    assert!(!expected.outcome.is_empty() && !expected.effects.is_empty(), "{expected:?}");
    assert!(expected.effects.values().all(|times| *times == 1) || runbook == "again", "{expected:?}");
    for point in points.iter().copied() {
        for passage in 1..=passages() {
            let (fired, ended) = walked(&space, runbook, Some(format!("{point}:{passage}")));
            assert!(fired || passage > 1, "{runbook}: `{point}` was never passed");
            if !fired {
                break;
            }
            judge(point, &expected, &ended);
            assert!(ended.settled.values().all(|times| *times == 1), "{point}:{passage}: {ended:?}");
            if ["before-intent", "mid-transaction", "after-outcome"].contains(&point) && passage == 1 {
                assert!(ended.effects.values().all(|times| *times <= 2), "{point}:{passage}: {ended:?}");
            }
        }
    }
}

/// The same end, and the same effects as seen by who looks at keys.
fn same(point: &str, expected: &Ended, ended: &Ended) {
    assert_eq!(ended.state, expected.state, "{point}: {ended:?}");
    assert_eq!(ended.steps, expected.steps, "{point}");
    assert_eq!(ended.outcome, expected.outcome, "{point}: {ended:?}");
    assert_eq!(ended.names(), expected.names(), "{point}: {ended:?}");
    assert_eq!(ended.settled.len(), expected.settled.len(), "{point}: {ended:?}");
    let repeated = ended.effects.values().filter(|times| **times > 1).count();
    assert!(
        repeated <= 1 || point == "after-intent",
        "{point}: at most what was under way comes again: {ended:?}"
    );
}

#[test]
fn steps_in_a_row_survive_every_crash() {
    walk("uses", "succeeded", same);
}

#[test]
fn items_survive_every_crash() {
    walk("each", "succeeded", |point, expected, ended| {
        assert_eq!(
            (&ended.state, &ended.outcome),
            (&expected.state, &expected.outcome),
            "{point}: {ended:?}"
        );
        assert_eq!(ended.names(), expected.names(), "{point}: {ended:?}");
    });
}

#[test]
fn rounds_survive_every_crash() {
    walk("again", "succeeded", |point, expected, ended| {
        assert_eq!(
            (&ended.state, &ended.outcome),
            (&expected.state, &expected.outcome),
            "{point}: {ended:?}"
        );
        assert_eq!(ended.names(), expected.names(), "{point}: a read has one key: {ended:?}");
    });
}

#[test]
fn sub_runs_survive_every_crash() {
    walk("below", "succeeded", same);
}

#[test]
fn an_approval_between_steps_survives_every_crash() {
    walk("gate", "succeeded", same);
}

#[test]
fn an_approved_step_survives_every_crash() {
    walk("held", "succeeded", same);
}

#[test]
fn an_export_survives_every_crash_and_is_released_once() {
    let points: Vec<&str> = POINTS.into_iter().chain(["after-gathering"]).collect();
    walk_through("leaves", "succeeded", &points, |point, expected, ended| {
        same(point, expected, ended);
        assert_eq!(ended.released, 1, "{point}: {ended:?}");
    });
}

#[test]
fn a_wait_survives_every_crash() {
    walk("rests", "succeeded", same);
}

#[test]
fn a_signal_survives_every_crash() {
    walk("hears", "succeeded", same);
}

#[test]
fn a_rollback_and_clean_up_survive_every_crash() {
    walk("back", "failed", same);
}

#[test]
fn what_may_not_come_twice_never_does_and_what_is_not_known_is_said() {
    walk("once", "succeeded", |point, expected, ended| {
        assert!(ended.effects.values().sum::<usize>() <= 1, "{point}: {ended:?}");
        if ["before-intent", "after-outcome", "after-settle"].contains(&point) {
            assert_eq!(
                (&ended.state, &ended.outcome),
                (&expected.state, &expected.outcome),
                "{point}: {ended:?}"
            );
        } else if ended.state != "succeeded" {
            assert_eq!(ended.state, "stuck", "{point}: {ended:?}");
        }
        if point == "after-effect" {
            assert_eq!(ended.state, "stuck", "{point}: nobody knows, and nobody guesses: {ended:?}");
            assert_eq!(ended.effects.len(), 1, "{point}: {ended:?}");
        }
    });
}
