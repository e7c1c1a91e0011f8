//! The gate asks for governance metadata itself: whatever reaches it without is denied, although no checked
//! catalogue can hold such a capability. So the plan of a waiting run is changed past every check.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use engine_tests::memory::{Case, Memory, People, checked, files_of};
use engine_tests::root;
use ordain_kernel::run::{Run, RunState};
use ordain_plan::model::Body;
use ordain_plan::{Grants, Plan};
use ordain_spec::kind::Capability;
use serde_json::json;

const PIECES: [&str; 5] = ["owner", "risk", "failureMode", "rollback", "tests"];

/// Takes away the pieces whose bit is set.
fn strip(capability: &mut Capability, missing: usize) {
    let lacks = |piece: usize| missing & (1 << piece) != 0;
    let metadata = &mut capability.metadata;
    metadata.owner = metadata.owner.take().filter(|_| !lacks(0));
    metadata.risk = metadata.risk.take().filter(|_| !lacks(1));
    metadata.failure_mode = metadata.failure_mode.take().filter(|_| !lacks(2));
    metadata.rollback = metadata.rollback.take().filter(|_| !lacks(3));
    if lacks(4) {
        metadata.tests.clear();
    }
}

fn stripped(run: &Run, missing: usize) -> Run {
    let mut run = run.clone();
    let mut plan: Plan = (*run.plan).clone();
    for step in &mut plan.steps {
        if let Body::Use(action) = &mut step.body {
            strip(Arc::make_mut(&mut Arc::make_mut(action).capability), missing);
        }
    }
    run.plan = Arc::new(plan);
    run
}

/// A refund of the payments catalogue, held for people, then granted: its end, its reasons, what was attempted
/// after the plan had changed.
fn refunded(missing: usize) -> (RunState, Vec<String>, Vec<String>) {
    let files = files_of(&root().join("engine-tests/fixtures/catalogues/payments/specs"));
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let mut memory = Memory::new(checked(&files).catalogue.unwrap(), Grants::default(), at);
    let case = Case {
        runbook: "refund@^1".into(),
        inputs: json!({"payment": "pay_12345678", "amount": 5000}),
        who: "user:bob".into(),
        at,
        people: People::Eager,
    };
    let id = memory.start(&case).unwrap();
    let held = memory.realm.run(id).unwrap();
    assert!(!held.is_settled(), "it waits for people");
    let before = memory.seen(id).attempted;
    let changed = stripped(held, missing);
    memory.realm.insert(changed);
    memory.drive(id, People::Eager);
    let run = memory.realm.run(id).unwrap();
    let reasons =
        run.steps.iter().flat_map(|step| &step.reasons).map(|reason| {
            format!("{} {}", reason.code.as_str(), reason.detail.as_deref().unwrap_or_default())
        });
    let after = memory.seen(id).attempted;
    (run.state(), reasons.collect(), after.difference(&before).cloned().collect())
}

#[test]
fn a_capability_with_all_its_metadata_passes() {
    let (state, _, attempted) = refunded(0);
    assert_eq!(state, RunState::Succeeded);
    assert!(!attempted.is_empty());
}

#[test]
fn every_combination_of_missing_metadata_that_reaches_the_gate_is_denied() {
    for missing in 1..1 << PIECES.len() {
        let lacking: Vec<&str> = PIECES
            .iter()
            .enumerate()
            .filter(|(piece, _)| missing & (1 << piece) != 0)
            .map(|(_, name)| *name)
            .collect();
        let (state, reasons, attempted) = refunded(missing);
        assert_eq!(state, RunState::Denied, "without {lacking:?}");
        let due = format!("metadata_missing {}", lacking.join(", "));
        assert!(reasons.contains(&due), "without {lacking:?}: {reasons:?}");
        assert!(attempted.is_empty(), "without {lacking:?}: {attempted:?}");
    }
}
