//! From the store back to runs: the same events through the same `evolve`. There is no other recovery.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::audit::{AuditRecord, Chain};
use ordain_kernel::realm::Realm;
use ordain_kernel::run::system::SystemEvent;
use ordain_kernel::run::{Event, Kept, Run};
use ordain_kernel::world::{Row, World};
use serde_json::Value;

use crate::bound;
use crate::specs::Specs;
use crate::store::read::Reader;
use crate::store::rows::{AuditRow, JournalRow, Rows, RunRow};
use crate::store::{SYSTEM, StoreError};
use crate::views;

/// An event of a journal with its instant.
pub type Recorded = (Timestamp, Event);

/// When the payloads of runs were erased, in ms since the epoch, by run.
pub type Erasures = BTreeMap<String, i64>;

/// What is kept of a run.
pub struct Journal {
    /// Its events, in order.
    pub events: Vec<Recorded>,
    /// Its payloads were erased: references stand in their places.
    pub erased: bool,
}

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

/// The journal of a run, with its payloads put back.
///
/// # Errors
/// When the data base refuses, a row is no event, or payloads are gone that nobody erased.
pub async fn journal(reader: &Reader, run: &str) -> Result<Journal, StoreError> {
    let rows = reader.journal(run).await?;
    let mut events: Vec<Recorded> =
        rows.iter().enumerate().map(|(index, row)| event(row, index)).collect::<Result<_, _>>()?;
    let mut kept = Kept::default();
    for body in reader.payloads(run).await? {
        let payloads: BTreeMap<String, Value> = serde_json::from_str(&body)
            .map_err(|error| corrupt(format!("the payloads of run {run}: {error}")))?;
        payloads.into_iter().for_each(|(reference, value)| kept.insert(reference, value));
    }
    if kept.is_empty() && !events.is_empty() {
        if erasures(reader).await?.contains_key(run) {
            return Ok(Journal { events, erased: true });
        }
        return Err(corrupt(format!("the payloads of run {run} are gone, and nobody erased them")));
    }
    for (_, event) in &mut events {
        kept.restore(event).map_err(|gone| corrupt(format!("run {run}: {gone}")))?;
    }
    Ok(Journal { events, erased: false })
}

/// Which runs' payloads were erased, as the workspace's own journal says.
///
/// # Errors
/// When the data base refuses, or a row is no event.
pub async fn erasures(reader: &Reader) -> Result<Erasures, StoreError> {
    erasures_in(&reader.journal(SYSTEM).await?)
}

/// Those that these events of the workspace say.
///
/// # Errors
/// When a row is no event.
pub fn erasures_in(rows: &[JournalRow]) -> Result<Erasures, StoreError> {
    let mut erasures = Erasures::new();
    for row in rows {
        if let SystemEvent::Pruned { runs, .. } = serde_json::from_str(&row.event).map_err(corrupt)? {
            erasures.extend(runs.iter().map(|run| (run.to_string(), row.at)));
        }
    }
    Ok(erasures)
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
    for set in reader.pinned_of(&catalogue_of(reader, id).await?).await? {
        match replay(reader, specs, id, &set).await {
            Ok(run) => return Ok((run, set)),
            Err(error) => {
                trouble.get_or_insert(error);
            }
        }
    }
    Err(trouble.unwrap_or_else(|| corrupt(format!("no run {id}"))))
}

/// The catalogue that a run was started under, as its journal says.
async fn catalogue_of(reader: &Reader, id: &str) -> Result<String, StoreError> {
    let first = reader.journal(id).await?.into_iter().next();
    match first.as_ref().map(|row| event(row, 0)).transpose()? {
        Some((_, Event::Started(started))) => Ok(started.catalogue.to_string()),
        _ => Err(corrupt(format!("the journal of run {id} has no beginning"))),
    }
}

async fn replay(reader: &Reader, specs: &Specs, id: &str, set: &str) -> Result<Run, StoreError> {
    let Journal { events, erased } = journal(reader, id).await?;
    let Some((_, Event::Started(started))) = events.first() else {
        return Err(corrupt(format!("the journal of run {id} has no beginning")));
    };
    let plan =
        specs.plan(reader, set, &started.runbook, &started.version, started.plan).await.map_err(|error| {
            match error {
                StoreError::Corrupt(why) => StoreError::LeftOut(why),
                error => error,
            }
        })?;
    let recorded = events.iter().map(|(at, event)| (*at, event));
    let run = if erased { Run::replay_erased(plan, recorded) } else { Run::replay(plan, recorded) };
    run.map_err(|error| StoreError::LeftOut(format!("run {id}: {error}")))
}

/// Everything that is not settled. A run that cannot be continued is left out and named; one whose
/// records do not end where its journal does refuses the store.
///
/// # Errors
/// When the data base refuses or is damaged.
pub async fn realm(reader: &Reader, specs: &Arc<Specs>) -> Result<Recovered, StoreError> {
    let mut world = World::new(specs.active().map(|active| Arc::new(active.active())));
    world.last_roster = specs.last_roster().cloned();
    world.load(stored_world(reader).await?).map_err(corrupt)?;
    if system_chain(reader).await? != world.system_chain {
        return Err(corrupt("the workspace's own records do not end where they should"));
    }
    let mut realm = Realm::new(world);
    let mut left_out = Vec::new();
    for row in wanted(reader).await? {
        specs.remember(row.id.clone(), row.specs.clone());
        match replay(reader, specs, &row.id, &row.specs).await {
            Ok(run) => {
                head_is_recorded(reader, &row.id, &run).await?;
                realm.insert(run);
            }
            Err(StoreError::LeftOut(why)) => {
                journal_is_recorded(reader, &row.id).await?;
                left_out.push((row.id, why));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Recovered { realm, left_out })
}

/// A run that cannot be replayed is left out only where its journal is the one that was recorded.
async fn journal_is_recorded(reader: &Reader, id: &str) -> Result<(), StoreError> {
    match bound::parted(id, &reader.journal(id).await?, &reader.audit_of(id).await?) {
        None => Ok(()),
        Some(parted) => Err(corrupt(format!("record {}: {}", parted.seq, parted.reason))),
    }
}

/// The rows of what crosses runs, as they are stored.
///
/// # Errors
/// When the data base refuses, or a row is no JSON.
pub async fn stored_world(reader: &Reader) -> Result<Vec<Row>, StoreError> {
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

async fn head_is_recorded(reader: &Reader, id: &str, run: &Run) -> Result<(), StoreError> {
    let recorded = reader.audit_head(Some(id)).await?;
    let recorded = recorded.map(|row| record(&row)).transpose()?.map(|record| record.hash);
    if recorded == Some(run.audit_chain.head) {
        return Ok(());
    }
    Err(corrupt(format!("the audit records of run {id} do not end where its journal does")))
}

/// The rows of all views, from journal and records alone.
///
/// # Errors
/// When the data base refuses or is damaged.
pub async fn from_journal(reader: &Reader, specs: &Arc<Specs>) -> Result<Rows, StoreError> {
    let mut timeline = Vec::new();
    let mut rows = Rows::default();
    let mut started = BTreeMap::new();
    let erasures = erasures(reader).await?;
    for id in reader.run_ids().await? {
        let (run, set) = found(reader, specs, &id).await?;
        head_is_recorded(reader, &id, &run).await?;
        specs.remember(id.clone(), set);
        let places = reader.journal(&id).await?;
        for (row, (at, event)) in places.iter().zip(journal(reader, &id).await?.events) {
            views::decision_row(run.id(), &event, &mut rows);
            timeline.push((row.place, at, Some(run.id()), Happened::Run(event)));
        }
        views::run_rows(&run, specs, &mut rows);
        if let (Some(row), Some(at)) = (rows.runs.last_mut(), erasures.get(&id)) {
            row.erased_at = Some(*at);
        }
        started.insert(run.id(), Arc::clone(&run.started));
    }
    for row in reader.journal(SYSTEM).await? {
        let at = Timestamp::from_millisecond(row.at).map_err(corrupt)?;
        let event = serde_json::from_str(&row.event).map_err(corrupt)?;
        timeline.push((row.place, at, None, Happened::System(event)));
    }
    // In the order in which it was decided: between runs too, where locks, keys and counters are shared.
    timeline.sort_by_key(|(place, ..)| *place);
    let mut world = World::new(None);
    for (_, at, run, happened) in &timeline {
        match (happened, run.and_then(|run| started.get(&run))) {
            (Happened::Run(event), Some(started)) => world.apply(started, event, *at),
            (Happened::System(event), _) => world.apply_system(event, *at),
            (Happened::Run(_), None) => return Err(corrupt("an event of no run")),
        }
    }
    world.system_chain = system_chain(reader).await?;
    views::all_world_rows(&world, &mut rows);
    Ok(rows)
}

/// The end of the chain `system`, as the records say.
async fn system_chain(reader: &Reader) -> Result<Chain, StoreError> {
    let (records, events) = reader.system_counts().await?;
    if records != events {
        return Err(corrupt(format!(
            "the workspace has {events} events of its own and {records} records of them"
        )));
    }
    let Some(last) = reader.audit_head(None).await? else { return Ok(Chain::default()) };
    Ok(Chain { head: record(&last)?.hash, length: records.unsigned_abs() })
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
