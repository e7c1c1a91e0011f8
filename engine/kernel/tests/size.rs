//! A thousand items beside each other, and what a waiting run weighs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop where something is not as said"
)]

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::mock;
use ordain_kernel::realm::{Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::run::state::Item;
use ordain_kernel::run::{Call, Command, Effect, Run, RunState, StepRun};
use ordain_kernel::world::{Active, World};
use ordain_plan::Grants;
use ordain_spec::check::check;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::source::{Notation, SourceFile, Sources};
use serde_json::{Value, json};

const WIDE: &str = "apiVersion: ordain/v1
kind: Runbook
metadata: {name: wide, version: 1.0.0, owner: group:team, summary: Many at once.}
spec:
  inputs: {ns: {type: array, maxItems: 1000, items: {type: integer, minimum: 0, maximum: 90}}}
  steps:
    - {id: m, uses: t.put@^1, with: {n: '${ item }'}, forEach: {in: 'inputs.ns', maxItems: 1000, maxParallel: 1000}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: held, version: 1.0.0, owner: group:team, summary: Waits for people.}
spec:
  steps:
    - {id: a, uses: t.read@^1}
    - {id: b, needs: [a], uses: t.put@^1, approval: peer}
    - {id: c, needs: [b], uses: t.read@^1}
";

fn start(runbook: &str, inputs: Value) -> (Realm, ordain_kernel::ids::RunId, VecDeque<Call>, usize) {
    let mut sources = Sources::default();
    for (path, text) in [
        ("capabilities.yaml", include_str!("sentences/specs/capabilities.yaml")),
        ("outside.yaml", include_str!("sentences/specs/outside.yaml")),
        ("people.yaml", include_str!("sentences/specs/people.yaml")),
        ("runbooks.yaml", include_str!("sentences/specs/runbooks.yaml")),
        ("scenarios.yaml", include_str!("sentences/specs/scenarios.yaml")),
        ("wide.yaml", WIDE),
    ] {
        sources.add(SourceFile::new(path.to_owned(), text.into(), Notation::Yaml));
    }
    let checked = check(sources);
    let catalogue = checked.catalogue.unwrap_or_else(|| panic!("{:?}", checked.diagnostics.first()));
    let active = Arc::new(Active { catalogue, grants: Arc::new(Grants::default()) });
    let mut realm = Realm::new(World::new(Some(active)));
    let request = StartRequest {
        runbook: runbook.to_owned(),
        inputs,
        mode: Mode::Mock,
        requester: Actor { id: "user:alice".into(), type_: ActorType::Human, on_behalf_of: None },
        environment: None,
        signed: false,
        declared: false,
    };
    let StartOutcome::Started { run, batch } =
        realm.start(request, now(), &Entropy { id: [1; 10], salt: [2; 32] }).unwrap()
    else {
        panic!("refused")
    };
    let entries = batch.entries.len();
    (realm, run, calls(batch.effects), entries)
}

fn now() -> Timestamp {
    "2026-01-05T10:00:00Z".parse().unwrap()
}

fn calls(effects: Vec<Effect>) -> VecDeque<Call> {
    let call = |effect| match effect {
        Effect::Call(call) => Some(*call),
        Effect::CancelCall(_) | Effect::Gather(_) => None,
    };
    effects.into_iter().filter_map(call).collect()
}

fn drive(realm: &mut Realm, mut open: VecDeque<Call>) -> usize {
    let mut entries = 0;
    while let Some(call) = open.pop_front() {
        let outcome = mock::answer(&call);
        let id = call.id;
        let (step, item, attempt, phase) = (id.step, id.item, id.attempt, id.phase);
        let batch =
            realm.command(id.run, Command::Outcome { step, item, attempt, phase, outcome }, now()).unwrap();
        entries += batch.entries.len();
        open.extend(calls(batch.effects));
    }
    entries
}

#[test]
fn a_thousand_items_side_by_side_take_a_few_events_each() {
    let ns: Vec<u32> = (0..1000).map(|n| n % 40).collect();
    let (mut realm, run, open, first) = start("wide", json!({"ns": ns}));
    assert_eq!(open.len(), 1000, "all at once");
    let more = drive(&mut realm, open);
    assert_eq!(realm.run(run).unwrap().state(), RunState::Succeeded);
    assert!(first + more <= 3 * 1000 + 10, "{} events", first + more);
}

#[test]
fn a_waiting_run_is_small() {
    let (mut realm, run, open, _) = start("held", json!({}));
    drive(&mut realm, open);
    let run: &Run = realm.run(run).unwrap();
    assert_eq!(run.state(), RunState::Waiting);
    let items: usize = run.steps.iter().map(|step| step.items.len()).sum();
    let started = serde_json::to_string(&*run.started).unwrap().len();
    let held: usize = run
        .steps
        .iter()
        .map(|step| format!("{:?}", step.holds).len() * usize::from(!step.holds.is_empty()))
        .sum();
    let weight = size_of::<Run>()
        + run.steps.len() * size_of::<StepRun>()
        + items * size_of::<Item>()
        + started
        + held;
    assert!(
        weight < 5 * 1024,
        "{weight} bytes: {} {} {}",
        size_of::<Run>(),
        size_of::<StepRun>(),
        size_of::<Item>()
    );
}
