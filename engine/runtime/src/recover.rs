//! From the store back to runs: the same events through the same `evolve`. There is no other recovery.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::audit::{AuditRecord, Chain};
use ordain_kernel::realm::Realm;
use ordain_kernel::run::system::SystemEvent;
use ordain_kernel::run::{Event, Run};
use ordain_kernel::world::{Row, World};

use crate::specs::Specs;
use crate::store::read::Reader;
use crate::store::rows::{AuditRow, JournalRow, Rows, RunRow};
use crate::store::{SYSTEM, StoreError};
use crate::views;

/// An event of a journal with its instant.
pub type Recorded = (Timestamp, Event);

/// What the store came back as.
pub struct Recovered {
    /// All that is not settled, and what crosses runs.
    pub realm: Realm,
    /// Runs that cannot be continued, and why.
    pub left_out: Vec<(String, String)>,
}

fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// The journal of a run, read.
///
/// # Errors
/// When the data base refuses, or a row is no event.
pub async fn events(reader: &Reader, run: &str) -> Result<Vec<Recorded>, StoreError> {
    let rows = reader.journal(run).await?;
    rows.iter().enumerate().map(|(index, row)| event(row, index)).collect()
}

fn event(row: &JournalRow, index: usize) -> Result<Recorded, StoreError> {
    if row.seq != i64::try_from(index + 1).unwrap_or(i64::MAX) {
        return Err(corrupt(format!("event {} of run {} is missing", index + 1, row.run)));
    }
    let at = Timestamp::from_millisecond(row.at).map_err(corrupt)?;
    let event = serde_json::from_str(&row.event)
        .map_err(|error| corrupt(format!("event {} of run {}: {error}", row.seq, row.run)))?;
    Ok((at, event))
}

/// A run as its journal says.
///
/// # Errors
/// When the data base refuses, the journal is damaged, or its specs are gone.
pub async fn run(reader: &Reader, specs: &Specs, id: &str) -> Result<Run, StoreError> {
    Ok(found(reader, specs, id).await?.0)
}

/// The run, and the digest of the specs that it was started under. Which those are stands in a view; where
/// the view is gone, they are the kept ones that make the plan that the journal names.
async fn found(reader: &Reader, specs: &Specs, id: &str) -> Result<(Run, String), StoreError> {
    let rows = reader.runs_with_prefix(id).await?;
    let mut trouble = None;
    if let Some(row) = rows.into_iter().find(|row| row.id == id) {
        match replay(reader, specs, id, &row.specs).await {
            Ok(run) => return Ok((run, row.specs)),
            Err(error) => trouble = Some(error),
        }
    }
    for set in reader.pinned_digests().await? {
        match replay(reader, specs, id, &set).await {
            Ok(run) => return Ok((run, set)),
            Err(error) => {
                trouble.get_or_insert(error);
            }
        }
    }
    Err(trouble.unwrap_or_else(|| corrupt(format!("no run {id}"))))
}

async fn replay(reader: &Reader, specs: &Specs, id: &str, set: &str) -> Result<Run, StoreError> {
    let events = events(reader, id).await?;
    let Some((_, Event::Started(started))) = events.first() else {
        return Err(corrupt(format!("the journal of run {} has no beginning", id)));
    };
    let plan = specs.plan(reader, set, &started.runbook, &started.version, started.plan).await?;
    Run::replay(plan, events.iter().map(|(at, event)| (*at, event)))
        .map_err(|error| corrupt(format!("run {}: {error}", id)))
}

/// Everything that is not settled. A run that cannot be continued is left out and named; one whose
/// records do not end where its journal does refuses the store.
///
/// # Errors
/// When the data base refuses or is damaged.
pub async fn realm(reader: &Reader, specs: &Arc<Specs>) -> Result<Recovered, StoreError> {
    let mut world = World::new(specs.active().map(|active| Arc::new(active.active())));
    world.load(stored_world(reader).await?).map_err(corrupt)?;
    let recorded =
        reader.audit_head(None).await?.map(|row| record(&row)).transpose()?.map(|record| record.hash);
    if recorded.unwrap_or(Chain::default().head) != world.system_chain.head {
        return Err(corrupt("the workspace's own records do not end where they should"));
    }
    let mut realm = Realm::new(world);
    let mut left_out = Vec::new();
    for row in wanted(reader).await? {
        specs.remember(row.id.clone(), row.specs.clone());
        match replay(reader, specs, &row.id, &row.specs).await {
            Ok(run) => {
                head_is_recorded(reader, &row, &run).await?;
                realm.insert(run);
            }
            Err(StoreError::Corrupt(why)) => left_out.push((row.id, why)),
            Err(error) => return Err(error),
        }
    }
    Ok(Recovered { realm, left_out })
}

async fn stored_world(reader: &Reader) -> Result<Vec<Row>, StoreError> {
    let rows = reader.world().await?.into_iter();
    rows.map(|row| {
        let value = row.value.map(|value| serde_json::from_str(&value)).transpose().map_err(corrupt)?;
        Ok(Row { kind: row.kind, key: row.key, value })
    })
    .collect()
}

/// Runs that are not settled, and the settled sub-runs of those, which may have to be undone.
async fn wanted(reader: &Reader) -> Result<Vec<RunRow>, StoreError> {
    let mut wanted = reader.unsettled().await?;
    let mut known: BTreeSet<String> = wanted.iter().map(|row| row.id.clone()).collect();
    let mut parents: Vec<String> = known.iter().cloned().collect();
    while let Some(parent) = parents.pop() {
        for row in reader.children(&parent).await? {
            if known.insert(row.id.clone()) {
                parents.push(row.id.clone());
                wanted.push(row);
            }
        }
    }
    wanted.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(wanted)
}

async fn head_is_recorded(reader: &Reader, row: &RunRow, run: &Run) -> Result<(), StoreError> {
    let recorded = reader.audit_head(Some(&row.id)).await?;
    let recorded = recorded.map(|row| record(&row)).transpose()?.map(|record| record.hash);
    if recorded == Some(run.audit_chain.head) {
        return Ok(());
    }
    Err(corrupt(format!("the audit records of run {} do not end where its journal does", row.id)))
}

/// The rows of all views, from the journal alone.
///
/// # Errors
/// When the data base refuses or is damaged.
pub async fn from_journal(reader: &Reader, specs: &Arc<Specs>) -> Result<Rows, StoreError> {
    let mut timeline = Vec::new();
    let mut rows = Rows::default();
    let mut started = BTreeMap::new();
    for id in reader.run_ids().await? {
        let (run, set) = found(reader, specs, &id).await?;
        specs.remember(id.clone(), set);
        for (seq, (at, event)) in (1..).zip(events(reader, &id).await?) {
            views::decision_row(run.id(), &event, &mut rows);
            timeline.push((at, Some(run.id()), seq, Happened::Run(event)));
        }
        views::run_rows(&run, specs, &mut rows);
        started.insert(run.id(), Arc::clone(&run.started));
    }
    for row in reader.journal(SYSTEM).await? {
        let at = Timestamp::from_millisecond(row.at).map_err(corrupt)?;
        let event = serde_json::from_str(&row.event).map_err(corrupt)?;
        timeline.push((at, None, row.seq, Happened::System(event)));
    }
    // One command was decided after the other: instants, then ids, then numbers are the order wherever
    // the order between runs can matter.
    timeline.sort_by_key(|(at, run, seq, _)| (*at, *run, *seq));
    let mut world = World::new(None);
    for (at, run, _, happened) in &timeline {
        match (happened, run.and_then(|run| started.get(&run))) {
            (Happened::Run(event), Some(started)) => world.apply(started, event, *at),
            (Happened::System(event), _) => world.apply_system(event, *at),
            (Happened::Run(_), None) => return Err(corrupt("an event of no run")),
        }
    }
    let mut stored = World::new(None);
    stored.load(stored_world(reader).await?).map_err(corrupt)?;
    world.system_chain = stored.system_chain;
    views::all_world_rows(&world, &mut rows);
    Ok(rows)
}

/// What is replayed into the world.
enum Happened {
    Run(Event),
    System(SystemEvent),
}

/// Records of the audit log, read; each with its place.
///
/// # Errors
/// When a row is no record.
pub fn records(rows: &[AuditRow]) -> Result<Vec<AuditRecord>, StoreError> {
    rows.iter().map(record).collect()
}

/// One of them.
///
/// # Errors
/// When the row is no record.
pub fn record(row: &AuditRow) -> Result<AuditRecord, StoreError> {
    let record = AuditRecord::from_line(&row.record)
        .map_err(|error| corrupt(format!("record {} of the audit log: {error}", row.seq)))?;
    Ok(AuditRecord { seq: row.seq.unsigned_abs(), ..record })
}
