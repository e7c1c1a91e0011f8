//! From what the realm decided to rows. Views are derived: `rebuild` makes the same from the journal.

use std::collections::{BTreeMap, BTreeSet};

use ordain_kernel::ids::RunId;
use ordain_kernel::realm::{Body, Entry, Realm};
use ordain_kernel::run::hold::{StageRun, StageState};
use ordain_kernel::run::{Event, Run};

use crate::specs::Specs;
use crate::store::SYSTEM;
use crate::store::rows::{ApprovalRow, AuditRow, JournalRow, PayloadRow, Rows, RunRow, WorldRow};

/// Journal, payloads, records and decisions of what happened.
pub fn rows_of(entries: Vec<Entry>, rows: &mut Rows) {
    for mut entry in entries {
        payload_row(&mut entry, rows);
        if let (Some(run), Body::Run(event)) = (entry.run, &entry.body) {
            decision_row(run, event, rows);
        }
        let run = entry.run.map(|run| run.to_string());
        let lines = entry.lines.into_iter();
        rows.audit.extend(lines.map(|record| AuditRow { seq: 0, run: run.clone(), record }));
        rows.journal.push(JournalRow {
            run: run.unwrap_or_else(|| SYSTEM.to_owned()),
            seq: i64::try_from(entry.seq).unwrap_or(i64::MAX),
            at: entry.at.as_millisecond(),
            place: 0,
            event: entry.json,
        });
    }
}

/// What an event carries joins what its run brought in this transaction before.
fn payload_row(entry: &mut Entry, rows: &mut Rows) {
    let (Some(run), false) = (entry.run, entry.payloads.is_empty()) else { return };
    let seq = i64::try_from(entry.seq).unwrap_or(i64::MAX);
    let row =
        rows.payloads.entry(run.to_string()).or_insert_with(|| PayloadRow { seq, payloads: BTreeMap::new() });
    for payload in std::mem::take(&mut entry.payloads) {
        row.payloads.entry(payload.reference).or_insert(payload.text);
    }
}

/// Which run a decision belongs to.
pub fn decision_row(run: RunId, event: &Event, rows: &mut Rows) {
    if let Event::Decided { decision, .. } = event {
        rows.decisions.push((decision.id.to_string(), run.to_string()));
    }
}

/// The views of what a transaction touched, as they are now.
pub fn current(realm: &mut Realm, touched: &BTreeSet<RunId>, specs: &Specs, rows: &mut Rows) {
    for run in touched.iter().filter_map(|run| realm.run(*run)) {
        run_rows(run, specs, rows);
    }
    world_rows(&mut realm.world, rows);
}

/// What crosses runs and has changed since it was asked last.
pub fn world_rows(world: &mut ordain_kernel::world::World, rows: &mut Rows) {
    let changed = world.changed().into_iter();
    rows.world.extend(changed.map(|row| WorldRow {
        kind: row.kind,
        key: row.key,
        value: row.value.map(|value| value.to_string()),
    }));
}

/// Everything that crosses runs.
pub fn all_world_rows(world: &ordain_kernel::world::World, rows: &mut Rows) {
    let all = world.rows().into_iter();
    rows.world.extend(all.map(|((kind, key), value)| WorldRow { kind, key, value: Some(value.to_string()) }));
}

/// The views of one run.
pub fn run_rows(run: &Run, specs: &Specs, rows: &mut Rows) {
    let (id, started) = (run.id().to_string(), &run.started);
    let parent = started.parent.as_ref().map(|parent| parent.run.to_string());
    rows.runs.push(RunRow {
        specs: specs.of_run(&id, parent.as_deref()),
        runbook: started.runbook.to_string(),
        state: run.state().as_str().to_owned(),
        requester: started.requester.id.to_string(),
        mode: started.mode.as_str().to_owned(),
        parent,
        created_at: run.created_at.as_millisecond(),
        settled_at: run.end.as_ref().map(|end| end.at.as_millisecond()),
        erased_at: None,
        id: id.clone(),
    });
    for stage in stages(run).filter(|stage| stage.state != StageState::Pending) {
        let state = stage.state.as_str().to_owned();
        rows.approvals.push(ApprovalRow { id: stage.id.to_string(), run: id.clone(), state });
    }
}

/// Every stage that people were asked in a run.
pub fn stages(run: &Run) -> impl Iterator<Item = &StageRun> {
    let holds = run.steps.iter().flat_map(|step| &step.holds);
    holds.flat_map(|hold| &hold.requests).flat_map(|request| &request.stages)
}
