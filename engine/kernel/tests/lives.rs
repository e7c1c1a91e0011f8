//! Lives of a few commands each: faults that the simulation found, what people are shown, what a bound is called.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where something is not as said"
)]

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::reason::Code;
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::run::{Call, Command, Decide, Effect, Outcome, RunState, Verdict};
use ordain_kernel::view;
use ordain_kernel::world::{Active, World};
use ordain_plan::Grants;
use ordain_spec::check::check;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use ordain_spec::source::{Notation, SourceFile, Sources};
use serde_json::{Value, json};

const RUNBOOKS: &str = "apiVersion: ordain/v1
kind: Runbook
metadata: {name: one-at-a-time, version: 1.0.0, owner: group:team, summary: Has a lock.}
spec:
  concurrency: {limit: 1}
  steps: [{id: a, uses: t.read@^1}]
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: cleans, version: 1.0.0, owner: group:team, summary: Cleans two things up.}
spec:
  timeout: 30m
  steps:
    - {id: s, signal: {name: go, timeout: 1h, from: ['group:team']}}
    - {id: c, needs: [{step: s, on: any}], uses: t.put@^1, forEach: {in: '[1, 2]', maxItems: 2}, with: {n: '${ item }'}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: gems-and-more, version: 1.0.0, owner: group:team, summary: Asks for gems while something else fails.}
spec:
  steps:
    - {id: g, uses: t.gem@^1, forEach: {in: '[7, 2, 4]', maxItems: 3, maxParallel: 2}, with: {n: '${ item }'}}
    - {id: f, uses: t.once@^1}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: agreed-gems, version: 1.0.0, owner: group:team, summary: Is agreed to before there are too few gems.}
spec:
  steps: [{id: g, uses: t.gem@^1, approval: peer, with: {n: 8}}]
---
apiVersion: ordain/v1
kind: Approval
metadata: {name: patient, version: 1.0.0, owner: group:team, summary: Is reminded.}
spec:
  stages: [{id: one, anyOf: ['group:team'], expires: 4h}]
  remind: 1h
  escalate: {after: 2h, to: ['user:dan']}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: bound, version: 1.0.0, owner: group:team, summary: Has little time.}
spec:
  steps: [{id: a, uses: t.read@^1, timeout: 2m, approval: patient}]
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: goes-back-late, version: 1.0.0, owner: group:team, summary: Has half an hour and something to take back.}
spec:
  timeout: 30m
  onFailure: rollback
  steps:
    - {id: a, uses: t.put@^1}
    - {id: b, uses: t.read@^1, needs: [a]}
---
apiVersion: ordain/v1
kind: Budget
metadata: {name: told, version: 1.0.0, owner: group:team, summary: Coins a day and a word before they are gone.}
spec: {unit: coins, limit: 100, window: day, warnAt: [80%], applies: {capabilities: [t.pay]}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: pays-once, version: 1.0.0, owner: group:team, summary: Pays.}
spec:
  steps: [{id: p, uses: t.pay@^1, with: {n: 1}}]
---
apiVersion: ordain/v1
kind: Connector
metadata: {name: sensor, version: 1.0.0, owner: group:team, summary: What is observed.}
spec:
  type: mock
  operations:
    look: {effect: read, fact: {maxAge: 5m}, mock: {output: {got: 7}}}
---
apiVersion: ordain/v1
kind: Capability
metadata:
  name: t.look
  version: 1.0.0
  owner: group:team
  summary: Looks, and a person looks when it cannot.
  risk: low
  failureMode: halt
  rollback: {none: needless, why: A test.}
  tests: [looked]
spec:
  effect: read
  uses: sensor
  operation: look
  input: {n: {type: integer, minimum: 0, maximum: 9}}
  output: {got: {type: integer, minimum: 0, maximum: 1000}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: looks-twice, version: 1.0.0, owner: group:team, summary: Acts on two looks.}
spec:
  steps:
    - {id: l, uses: t.look@^1, forEach: {in: '[1, 2]', maxItems: 2}, with: {n: '${ item }'}}
    - {id: a, needs: [l], uses: t.put@^1, with: {n: '${ size(steps.l.outputs.got) }'}, approval: peer}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: looked, owner: group:team, summary: Two looks hold.}
spec: {run: looks-twice, as: 'user:alice', at: 2026-01-05T10:00:00Z, act: [{approve: peer, by: 'user:bob'}], expect: {state: succeeded}}
---
apiVersion: ordain/v1
kind: Notice
metadata: {name: stopped, owner: group:team, summary: Tells of switches.}
spec: {on: [kill.set], uses: t.put@^1, with: {n: 1}}
";

/// The rule that lets the team call, and one that lets the engine.
const MAY: &str = "to: ['group:team', 'group:machines'], reason: team_member}
    - {id: engine-may, allow: 'actor.type == \"system\"', reason: engine}";

/// A realm with what it asked of the outside.
struct Stage {
    realm: Realm,
    calls: Vec<Call>,
    /// Action and subject of every record.
    records: Vec<String>,
    now: Timestamp,
    runs: u8,
}

impl Stage {
    fn new() -> Self {
        let people = include_str!("sentences/specs/people.yaml");
        let people = people.replace("to: ['group:team', 'group:machines'], reason: team_member}", MAY);
        let mut sources = Sources::default();
        for (path, text) in [
            ("capabilities.yaml", include_str!("sentences/specs/capabilities.yaml")),
            ("outside.yaml", include_str!("sentences/specs/outside.yaml")),
            ("people.yaml", &people),
            ("runbooks.yaml", include_str!("sentences/specs/runbooks.yaml")),
            ("scenarios.yaml", include_str!("sentences/specs/scenarios.yaml")),
            ("lives.yaml", RUNBOOKS),
        ] {
            sources.add(SourceFile::new(path.to_owned(), text.into(), Notation::Yaml));
        }
        let checked = check(sources);
        let catalogue = checked.catalogue.unwrap_or_else(|| panic!("{:?}", checked.diagnostics.first()));
        let active = Arc::new(Active { catalogue, grants: Arc::new(Grants::default()) });
        let now = "2026-01-05T10:00:00Z".parse().unwrap();
        Self {
            realm: Realm::new(World::new(Some(active))),
            calls: Vec::new(),
            records: Vec::new(),
            now,
            runs: 0,
        }
    }

    fn take(&mut self, batch: Batch) {
        let records = batch.entries.iter().flat_map(|entry| &entry.audit).map(|record| &record.entry);
        self.records.extend(records.map(|entry| format!("{} {}", entry.action.as_str(), entry.subject)));
        self.calls.extend(batch.effects.into_iter().filter_map(|effect| match effect {
            Effect::Call(call) => Some(*call),
            Effect::CancelCall(_) | Effect::Gather(_) => None,
        }));
    }

    fn start(&mut self, runbook: &str) -> RunId {
        let request = StartRequest {
            runbook: runbook.to_owned(),
            inputs: json!({}),
            mode: Mode::Mock,
            requester: person("alice"),
            environment: None,
            signed: false,
            declared: false,
        };
        self.runs += 1;
        let entropy = Entropy { id: [self.runs; 10], salt: [2; 32] };
        let StartOutcome::Started { run, batch } = self.realm.start(request, self.now, &entropy).unwrap()
        else {
            panic!("refused")
        };
        self.take(batch);
        run
    }

    /// The answer to the call of that step and item.
    fn answer(&mut self, step: &str, item: u32, outcome: Option<Outcome>) {
        let place =
            self.calls.iter().position(|call| &*call.id.step == step && call.id.item == item).unwrap();
        let call = self.calls.remove(place);
        let outcome = outcome.unwrap_or_else(|| mock::answer(&call));
        let id = call.id;
        let command =
            Command::Outcome { step: id.step, item: id.item, attempt: id.attempt, phase: id.phase, outcome };
        let batch = self.realm.command(id.run, command, self.now).unwrap();
        self.take(batch);
    }

    fn pass(&mut self, minutes: i64) {
        self.now += SignedDuration::from_mins(minutes);
        let batch = self.realm.wake(self.now);
        self.take(batch);
    }

    fn agree(&mut self, run: RunId, by: &str) {
        let held = self.realm.run(run).unwrap().steps.iter().flat_map(|step| &step.holds);
        let open = held.flat_map(|hold| hold.stages()).find(|stage| view::is_open(stage)).unwrap();
        let decide = Decide {
            approval: open.id.clone(),
            by: person(by),
            verdict: Verdict::Approve,
            rationale: "it is as it should be".to_owned(),
            form: Value::Null,
            digest: None,
            assurance: Some(Assurance::Signed),
            claims: None,
            token_creator: None,
            signature: None,
        };
        let batch = self.realm.command(run, Command::Decide(Box::new(decide)), self.now).unwrap();
        self.take(batch);
    }

    /// What is shown of the approval that was opened last.
    fn shown(&self, run: RunId) -> Value {
        let run = self.realm.run(run).unwrap();
        view::approvals(run, &self.realm.world, self.now).pop().unwrap()
    }

    fn state(&self, run: RunId) -> RunState {
        self.realm.run(run).unwrap().state()
    }
}

fn person(name: &str) -> Actor {
    Actor { id: format!("user:{name}").into(), type_: ActorType::Human, on_behalf_of: None }
}

#[test]
fn what_recovery_starts_is_not_lost_with_what_ran_before() {
    let mut stage = Stage::new();
    let first = stage.start("one-at-a-time");
    let second = stage.start("one-at-a-time");
    assert_eq!((stage.state(first), stage.state(second)), (RunState::Running, RunState::Waiting));
    let called_off = Command::Cancel { by: person("alice"), rollback: false, reason: None };
    let batch = stage.realm.command(first, called_off, stage.now).unwrap();
    stage.take(batch);
    stage.calls.clear();
    let batch = stage.realm.recover(stage.now);
    stage.take(batch);
    assert_eq!(stage.state(first), RunState::Cancelled, "what ran was lost");
    assert_eq!(stage.state(second), RunState::Running, "its lock went to the next");
    assert_eq!(stage.calls.len(), 1, "which asks the outside once");
    stage.answer("a", 0, None);
    assert_eq!(stage.state(second), RunState::Succeeded);
}

#[test]
fn cleaning_up_goes_on_when_the_time_of_the_run_is_up_meanwhile() {
    let mut stage = Stage::new();
    let run = stage.start("cleans");
    stage.pass(60);
    stage.pass(40);
    assert_eq!(stage.realm.run(run).unwrap().timed_out, 1);
    stage.answer("c", 0, None);
    stage.answer("c", 1, None);
    assert_eq!(stage.state(run), RunState::Expired);
    assert_eq!(stage.realm.run(run).unwrap().steps[1].state.as_str(), "succeeded");
}

#[test]
fn a_step_that_asks_people_ends_with_its_run_once_nothing_of_it_runs() {
    let mut stage = Stage::new();
    let run = stage.start("gems-and-more");
    stage.answer("g", 0, None);
    assert_eq!(
        stage.realm.run(run).unwrap().steps[0].state.as_str(),
        "held",
        "eight gems of ten and four more"
    );
    stage.answer("f", 0, Some(Outcome::refused(Code::ConnectorRefused, "no")));
    stage.agree(run, "bob");
    stage.answer("g", 1, None);
    assert_eq!(stage.state(run), RunState::Failed, "{}", view::run(stage.realm.run(run).unwrap()));
}

#[test]
fn an_approval_that_is_asked_once_more_has_an_id_of_its_own() {
    let mut stage = Stage::new();
    let (one, other) = (stage.start("agreed-gems"), stage.start("agreed-gems"));
    stage.agree(one, "bob");
    stage.agree(other, "bob");
    assert_eq!(stage.state(other), RunState::Waiting, "the gems are gone: people are asked about that");
    let row = json!({"name": "asked", "unit": "gems", "amount": 8, "remaining": 2, "breach": true});
    assert_eq!(stage.shown(other)["budget"], json!([row]));
    stage.agree(other, "carol");
    stage.answer("g", 0, None);
    stage.answer("g", 0, None);
    assert_eq!((stage.state(one), stage.state(other)), (RunState::Succeeded, RunState::Succeeded));
}

#[test]
fn people_are_shown_what_would_be_reserved_and_who_may_decide() {
    let mut stage = Stage::new();
    let run = stage.start("agreed-gems");
    let shown = stage.shown(run);
    assert_eq!(shown["budget"], json!([{"name": "asked", "unit": "gems", "amount": 8, "remaining": 10}]));
    assert_eq!(shown["eligible"], json!(["user:bob", "user:carol", "user:dan"]), "not who asked, no guest");
    stage.agree(run, "bob");
    let shown = stage.shown(run);
    assert_eq!((&shown["state"], &shown["eligible"]), (&json!("granted"), &json!([])), "nobody any more");
    assert_eq!(shown.get("budget"), None);
}

#[test]
fn people_who_say_nothing_are_reminded_and_others_are_told() {
    let mut stage = Stage::new();
    let run = stage.start("bound");
    assert_eq!(stage.shown(run).get("reminders"), None);
    stage.pass(120);
    let told = stage.shown(run)["reminders"].clone();
    let told: Vec<_> = told.as_array().unwrap().iter().map(|one| (&one["to"], &one["escalation"])).collect();
    let (team, dan) = (json!(["group:team"]), json!(["user:dan"]));
    assert_eq!(told, [(&team, &json!(false)), (&team, &json!(false)), (&dan, &json!(true))]);
}

#[test]
fn a_bound_that_was_up_first_gives_the_reason() {
    for (minutes, code) in [(1, Code::ConnectorTimeout), (2, Code::StepTimeout)] {
        let mut stage = Stage::new();
        let run = stage.start("bound");
        stage.agree(run, "bob");
        stage.pass(minutes);
        stage.answer("a", 0, Some(Outcome::unknown(Code::ConnectorTimeout, "silence")));
        let reasons = stage.realm.run(run).unwrap().reasons();
        assert_eq!(reasons[0].code, code, "after {minutes} minutes");
    }
}

/// A run that saw one thing, some minutes before it saw the other.
fn looking_twice(minutes: i64) -> (Stage, RunId) {
    let mut stage = Stage::new();
    let run = stage.start("looks-twice");
    stage.answer("l", 0, None);
    stage.pass(minutes);
    (stage, run)
}

#[test]
fn what_was_seen_is_no_ground_after_the_clock_was_set_back() {
    for (minutes, state) in [(0, RunState::Running), (5, RunState::Running), (-1, RunState::Denied)] {
        let (mut stage, run) = looking_twice(0);
        stage.answer("l", 1, None);
        stage.pass(minutes);
        stage.agree(run, "bob");
        assert_eq!(
            stage.state(run),
            state,
            "{minutes} minutes: {}",
            view::run(stage.realm.run(run).unwrap())
        );
    }
}

#[test]
fn a_list_that_was_seen_on_both_sides_of_a_clock_that_was_set_back_is_no_ground() {
    for (back, on, state) in [
        (0, 2, RunState::Running),
        (-1, 0, RunState::Denied),
        (-1, 1, RunState::Denied),
        (-1, 3, RunState::Denied),
    ] {
        let (mut stage, run) = looking_twice(back);
        stage.answer("l", 1, None);
        stage.pass(on);
        // What cannot stand is denied before anybody is asked.
        if stage.state(run) == RunState::Waiting {
            stage.agree(run, "bob");
        }
        let shown = view::run(stage.realm.run(run).unwrap());
        assert_eq!(stage.state(run), state, "back {back}, on {on}: {shown}");
    }
}

#[test]
fn a_clock_that_caught_up_makes_nothing_younger_that_was_seen_before_it_was_set_back() {
    for (back, state) in [(0, RunState::Running), (-1, RunState::Denied)] {
        let (mut stage, run) = looking_twice(0);
        stage.answer("l", 1, None);
        stage.pass(back);
        for command in [
            Command::Pause { by: person("alice"), reasons: Vec::new() },
            Command::Resume { by: person("alice"), reason: None },
        ] {
            let batch = stage.realm.command(run, command, stage.now).unwrap();
            stage.take(batch);
        }
        stage.pass(2);
        stage.agree(run, "bob");
        assert_eq!(stage.state(run), state, "back {back}: {}", view::run(stage.realm.run(run).unwrap()));
    }
}

#[test]
fn what_was_seen_grows_no_younger_when_a_person_has_another_thing_looked_at_again() {
    let (mut stage, run) = looking_twice(6);
    stage.answer("l", 1, Some(Outcome::refused(Code::ConnectorRefused, "no")));
    assert_eq!(stage.state(run), RunState::Stuck);
    let again = Command::Resolve {
        step: "l".into(),
        outcome: ResolveOutcome::Again,
        by: person("bob"),
        reason: "it answers again".to_owned(),
        outputs: None,
    };
    let batch = stage.realm.command(run, again, stage.now).unwrap();
    stage.take(batch);
    stage.answer("l", 1, None);
    let run = stage.realm.run(run).unwrap();
    let code = run.reasons().first().map(|reason| reason.code);
    assert_eq!((run.state(), code), (RunState::Denied, Some(Code::FactStale)), "{}", view::run(run));
}

/// A run whose time is up while its last step runs: what was done is being undone.
fn going_back() -> (Stage, RunId) {
    let mut stage = Stage::new();
    let run = stage.start("goes-back-late");
    stage.answer("a", 0, None);
    stage.pass(30);
    stage.answer("b", 0, Some(Outcome::refused(Code::Cancelled, "stopped")));
    assert_eq!(stage.realm.run(run).unwrap().timed_out, 1);
    assert_eq!(stage.calls.len(), 1, "the undo: {}", view::run(stage.realm.run(run).unwrap()));
    (stage, run)
}

#[test]
fn an_undo_after_the_time_of_the_run_has_that_time_once_more() {
    let (mut stage, run) = going_back();
    stage.pass(29);
    assert_eq!(stage.realm.run(run).unwrap().timed_out, 1);
    stage.answer("a", 0, None);
    let run = stage.realm.run(run).unwrap();
    assert_eq!((run.state(), run.rollback().as_str()), (RunState::Failed, "done"));
    assert_eq!(run.reasons()[0].code, Code::RunTimeout);
}

#[test]
fn an_undo_has_no_more_time_than_that_and_then_it_is_for_a_person() {
    let (mut stage, run) = going_back();
    stage.pass(30);
    assert_eq!(stage.realm.run(run).unwrap().timed_out, 2);
    stage.answer("a", 0, Some(Outcome::unknown(Code::ConnectorTimeout, "stopped")));
    let run = stage.realm.run(run).unwrap();
    assert_eq!(run.state(), RunState::Stuck, "{}", view::run(run));
    assert!(stage.calls.is_empty(), "and it is not tried again");
}

#[test]
fn actual_costs_that_pass_a_mark_are_told_once() {
    let mut stage = Stage::new();
    let told = |stage: &Stage| stage.records.iter().filter(|record| *record == "budget.warned told").count();
    for (got, count) in [(85, 1), (5, 1)] {
        stage.start("pays-once");
        let output = Arc::new(json!({"got": got}));
        stage.answer("p", 0, Some(Outcome::Succeeded { output }));
        assert_eq!(told(&stage), count, "after {got} more");
    }
    stage.pass(24 * 60);
    stage.start("pays-once");
    stage.answer("p", 0, Some(Outcome::Succeeded { output: Arc::new(json!({"got": 80})) }));
    assert_eq!(told(&stage), 2, "the next day again");
}

#[test]
fn a_storm_of_tidings_is_bounded_and_what_finds_no_room_is_on_record() {
    const STORM: u16 = 1_010;
    let mut stage = Stage::new();
    for place in 0..STORM {
        let kill = SystemCommand::Kill {
            selector: format!("runbook:r{place}").parse().unwrap(),
            reason: "storm".to_owned(),
            by: person("alice"),
            until: None,
            pause: false,
        };
        let batch = stage.realm.system(kill, stage.now).unwrap();
        stage.take(batch);
        while stage.realm.has_tidings() {
            let [high, low] = place.to_be_bytes();
            let entropy = Entropy { id: [0xee, 0, 0, 0, 0, 0, 0, 0, high, low], salt: [low; 32] };
            let batch = stage.realm.tell(&entropy, false);
            stage.take(batch);
        }
    }
    let missed = || "notice.failed stopped".to_owned();
    assert_eq!(stage.calls.len(), 4, "four at once");
    assert_eq!(stage.records.iter().filter(|record| **record == missed()).count(), 6, "a thousand wait");
    while !stage.calls.is_empty() {
        stage.answer("tell", 0, None);
    }
    let told = stage.realm.runs().filter(|run| run.state() == RunState::Succeeded).count();
    assert_eq!(told, usize::from(STORM) - 6, "each of the others was told");
}
