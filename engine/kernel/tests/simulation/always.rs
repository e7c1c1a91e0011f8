//! What must hold always: looked at before an event is stored, and after every command.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ordain_kernel::audit;
use ordain_kernel::decision;
use ordain_kernel::ids::RunId;
use ordain_kernel::kill::Target;
use ordain_kernel::realm::Realm;
use ordain_kernel::run::event::AttemptStarted;
use ordain_kernel::run::{Call, Event, Phase, Run, RunState, WaitingFor};
use ordain_kernel::view;
use ordain_spec::kind::scenario::ResolveOutcome;

use super::host::Host;

/// An event may follow what is stored.
pub fn allowed(realm: &Realm, id: RunId, journal: &[(Timestamp, Event)], event: &Event, at: Timestamp) {
    if let Some((_, Event::Settled(_))) = journal.last() {
        assert!(matches!(event, Event::Reopened), "nothing happens after the end: {event:?}");
    }
    if let Some((before, _)) = journal.last() {
        assert!(*before <= at, "a journal never goes back in time");
    }
    match event {
        Event::AttemptStarted(start) => attempt_allowed(realm, id, journal, start, at),
        Event::ExportReleased { step, preview } => {
            let first = |(_, event): &&(Timestamp, Event)| matches!(event, Event::Previewed { step: of, preview: made } if of == step && made.id == *preview);
            assert_eq!(journal.iter().filter(first).count(), 1, "what is released was previewed, once");
            let again = |(_, event): &(Timestamp, Event)| matches!(event, Event::ExportReleased { preview: other, .. } if other == preview);
            assert!(!journal.iter().any(again), "a preview is released once");
            assert!(agreed(realm, id, journal, step), "somebody else agreed: {event:?}");
            assert!(
                matches!(journal.last(), Some((before, Event::ExportApproved { .. })) if *before == at),
                "the agreement stands in the same transaction"
            );
        }
        Event::StageOpened { approval, .. } => {
            let again = journal.iter().any(
                |(_, event)| matches!(event, Event::StageOpened { approval: other, .. } if other == approval),
            );
            assert!(!again, "an approval's id is one stage of one step, asked once: {event:?}");
        }
        _ => {}
    }
}

/// No attempt without a decision that allows, people who agreed and no kill switch; none after a recorded success.
fn attempt_allowed(
    realm: &Realm,
    id: RunId,
    journal: &[(Timestamp, Event)],
    start: &AttemptStarted,
    at: Timestamp,
) {
    let last = journal.iter().rev().find_map(|(_, event)| match event {
        Event::Decided { step, item, phase, decision, .. }
            if *step == start.step && *item == start.item && *phase == start.phase =>
        {
            Some(decision.outcome)
        }
        _ => None,
    });
    match start.phase {
        Phase::Do => assert_eq!(last, Some(decision::Outcome::Allow), "{start:?}"),
        Phase::Undo => assert!(last.is_some_and(|outcome| outcome != decision::Outcome::Deny)),
    }
    let open = asked_and_not_agreed(journal, start);
    assert!(open.is_empty() || start.phase == Phase::Undo, "people were asked and did not agree: {start:?}");
    let run = realm.run(id).unwrap();
    let planned = run.plan.step(&start.step).unwrap();
    let action = match start.phase {
        Phase::Do => planned.action().unwrap(),
        Phase::Undo => &planned.undo().unwrap().action,
    };
    let target = Target {
        capability: Some(action.capability.metadata.name.as_str()),
        connector: Some(action.connector.metadata.name.as_str()),
        runbook: &run.started.runbook,
        actor: &run.started.requester,
        tenant: &run.started.tenant,
    };
    assert!(realm.world.kills.hit(&target, at).is_none(), "nothing starts under a kill switch: {start:?}");
    let earlier = journal.iter().rev().take_while(
        |(_, event)| !matches!(event, Event::Resolved(word) if word.step == start.step && word.outcome == ResolveOutcome::Again),
    );
    for (_, event) in earlier {
        if let Event::AttemptSettled(end) = event
            && (&end.step, end.item, end.phase) == (&start.step, start.item, start.phase)
        {
            let over = matches!(end.next, ordain_kernel::run::event::Next::Settled { .. });
            assert!(!over, "a recorded outcome is never repeated: {start:?}");
        }
        if let Event::AttemptStarted(other) = event
            && (&other.step, other.item, other.phase) == (&start.step, start.item, start.phase)
        {
            assert_eq!(other.key, start.key, "all attempts carry one key");
        }
    }
}

/// Everybody who was asked about a step agreed, and nobody who asked for it.
fn agreed(realm: &Realm, id: RunId, journal: &[(Timestamp, Event)], step: &str) -> bool {
    let requester = &realm.run(id).unwrap().started.requester.id;
    let granted = |(_, event): &&(Timestamp, Event)| matches!(event, Event::Granted { step: of, grant, .. } if **of == *step && grant.by.id != *requester);
    let run = realm.run(id).unwrap();
    let planned = run.plan.step(step).unwrap();
    let hold = run.steps[planned.index].holds.last().unwrap();
    journal.iter().any(|entry| granted(&entry)) && hold.is_granted()
}

fn asked_and_not_agreed(journal: &[(Timestamp, Event)], start: &AttemptStarted) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for (_, event) in journal {
        match event {
            Event::Held { step, asked, resolving: false, .. } if *step == start.step => {
                open.extend(
                    asked.iter().flat_map(|asked| asked.stages.iter().map(|stage| stage.id.to_string())),
                );
            }
            Event::Granted { step, approval, .. } if *step == start.step => {
                open.remove(approval.as_str());
            }
            Event::Withdrawn { step, approval, .. } if *step == start.step => {
                open.insert(approval.to_string());
            }
            Event::Voided { step, .. } if *step == start.step => open.clear(),
            Event::Resolved(word) if word.step == start.step => open.clear(),
            _ => {}
        }
    }
    open
}

/// No effect without a stored intent.
pub fn intended(journal: &[(Timestamp, Event)], call: &Call) {
    let id = &call.id;
    let intent = journal.iter().rev().find_map(|(_, event)| match event {
        Event::AttemptStarted(start)
            if (&start.step, start.item, start.phase) == (&id.step, id.item, id.phase) =>
        {
            Some(start)
        }
        _ => None,
    });
    let intent = intent.expect("an intent");
    assert_eq!((intent.attempt, &intent.key), (id.attempt, &call.idempotency_key));
}

/// After every command.
pub fn after(host: &Host, now: Timestamp, woken: bool) {
    for counter in &host.realm.world.budgets.used {
        let most = match &*counter.0.budget {
            "coins" => 100,
            "slow" => 10,
            _ => i64::MAX,
        };
        assert!(counter.1.reserved + counter.1.spent <= most, "more than there is: {counter:?}");
        assert!(counter.1.reserved >= 0, "{counter:?}");
    }
    for run in host.realm.runs() {
        is_consistent(host, run);
        // What is due at that instant happened; nobody is woken for nothing, again and again.
        let due = run.next_wake().is_some_and(|at| at <= now);
        assert!(!woken || !due, "woken, and due at once again: {}", view::run(run));
    }
}

/// What tells waits for nobody, and tells of nothing that tells.
fn tells(host: &Host, run: &Run) {
    let Some(tells) = &run.started.tells else { return };
    assert!(run.plan.notice().is_some());
    assert!(run.steps.iter().all(|step| step.holds.is_empty()), "nobody is asked: {}", view::run(run));
    let cancelled = run.failing.as_ref().is_some_and(|failing| failing.state == RunState::Cancelled);
    assert!(run.stuck == 0 || cancelled, "it waits for a person: {}", view::run(run));
    if let Some(of) = tells.run.and_then(|of| host.realm.run(of)) {
        assert!(of.started.tells.is_none(), "a notice of a notice: {}", view::run(run));
    }
}

fn is_consistent(host: &Host, run: &Run) {
    tells(host, run);
    let waits = run.waiting_for();
    match run.state() {
        RunState::Running => assert!(run.flying > 0 || run.ready > 0),
        RunState::Waiting => {
            assert!(!waits.is_empty(), "it waits for nothing: {}", view::run(run));
            let by_others = waits.contains(&WaitingFor::Queue) || waits.contains(&WaitingFor::Subrun);
            assert!(by_others || run.next_wake().is_some(), "nothing will wake it: {}", view::run(run));
        }
        _ => {}
    }
    let flying = run.steps.iter().flat_map(|step| &step.items).filter(|item| {
        [Phase::Do, Phase::Undo].iter().any(|phase| item.of(*phase).is_some_and(|work| work.flight.is_some()))
    });
    assert_eq!(flying.count(), run.flying as usize);
    let asked = host.calls.iter().filter(|call| call.id.run == run.id()).count();
    assert_eq!(asked, run.flying as usize, "what runs was asked of the outside, once");
}

/// At the very end.
pub fn at_the_end(host: &Host) {
    host.read_again();
    for counter in host.realm.world.budgets.used.values() {
        assert_eq!(counter.reserved, 0, "nothing stays reserved");
    }
    assert!(host.realm.world.locks.0.is_empty(), "no lock is left");
    assert!(host.calls.is_empty(), "nobody waits for an answer");
    for event in host.journal.values().flatten().map(|(_, event)| event) {
        if let Event::Previewed { preview, .. } = event {
            let standing = &host.realm.world.previews.0[&preview.id];
            assert_ne!(&*standing.state, "previewed", "how every preview ended is known");
        }
    }
    let mut rows = host.realm.world.rows();
    rows.remove(&("head".to_owned(), "system".to_owned()));
    let mut recounted = host.recounted();
    recounted.remove(&("head".to_owned(), "system".to_owned()));
    assert_eq!(rows, recounted, "counters can be built anew from the journals");
    let mut log = host.audit.clone();
    for (record, seq) in log.iter_mut().zip(1..) {
        record.seq = seq;
    }
    let verified = audit::verify(&log);
    assert!(verified.ok, "{verified:?}");
    for run in host.realm.runs() {
        assert!(run.is_settled());
        let records = log.iter().filter(|record| record.entry.run_id == Some(run.id())).count();
        assert_eq!(records as u64, run.audit_chain.length, "every record of a run is in the log");
    }
}
