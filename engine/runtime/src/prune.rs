//! Which payloads may be erased: those of runs that settled long enough ago, with all runs below them. What is
//! not settled, what is remembered under a key of the business, and what a legal hold is about keeps its payloads.
//! Reads; the writer erases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use ordain_kernel::retention;
use ordain_kernel::run::Event;
use ordain_spec::kind::Retention;
use ordain_spec::kind::scalar::Sensitivity;
use serde::{Deserialize, Serialize};

use crate::recover;
use crate::specs::Specs;
use crate::store::StoreError;
use crate::store::read::Reader;
use crate::store::rows::RunRow;

/// Runs of a page: so many share a transaction and a record at most, sub-runs beside them.
const PAGE: i64 = 200;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Runs that settled before.
    pub before: Timestamp,
    /// Only those that are due by the declared Retention at this instant.
    pub due_at: Option<Timestamp>,
    /// Runs after this one.
    pub after: String,
    /// Only look.
    pub dry_run: bool,
    /// Who asks.
    pub by: Actor,
}

/// What was erased, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Runs whose payloads are erased.
    pub runs: u64,
    /// Bytes of these payloads.
    pub bytes: u64,
    /// Old runs that keep theirs: a key of the business remembers them.
    pub kept: u64,
    /// Old runs that keep theirs: a legal hold is about them.
    pub held: u64,
    /// The last run that was looked at; none at the end.
    pub next: Option<String>,
}

impl Pruned {
    /// Adds another page.
    pub fn add(&mut self, page: Self) {
        self.runs += page.runs;
        self.bytes += page.bytes;
        self.kept += page.kept;
        self.held += page.held;
        self.next = page.next;
    }
}

/// A page of runs that may be pruned.
pub struct Found {
    /// The runs, sub-runs included.
    pub runs: Vec<RunId>,
    /// The same in numbers.
    pub pruned: Pruned,
}

/// What decides about the runs of a page.
pub struct Rules<'a> {
    /// Runs that need their payloads.
    pub kept: BTreeSet<RunId>,
    /// What is declared.
    pub retention: Option<Arc<Retention>>,
    /// Where the plans of runs are.
    pub specs: &'a Specs,
}

/// The next page of runs that may be pruned.
///
/// # Errors
/// When the store cannot be read.
pub async fn page(reader: &Reader, rules: &Rules<'_>, wish: &Wish) -> Result<Found, StoreError> {
    let roots = reader.old_runs(wish.before.as_millisecond(), &wish.after, PAGE).await?;
    let full = i64::try_from(roots.len()).is_ok_and(|found| found == PAGE);
    let next = roots.last().filter(|_| full).map(|row| row.id.clone());
    let mut found = Found { runs: Vec::new(), pruned: Pruned { next, ..Pruned::default() } };
    let mut classes = BTreeMap::new();
    for root in roots {
        let tree = tree(reader, root).await?;
        let ids = ids(&tree)?;
        if ids.iter().any(|run| rules.kept.contains(run)) {
            found.pruned.kept += tree.len() as u64;
            continue;
        }
        if is_held(&tree, rules.retention.as_deref())? {
            found.pruned.held += tree.len() as u64;
            continue;
        }
        if let (Some(at), Some(retention)) = (wish.due_at, &rules.retention)
            && !is_due(reader, rules.specs, &tree, retention, at, &mut classes).await?
        {
            continue;
        }
        for run in &tree {
            found.pruned.bytes += reader.payload_bytes(&run.id).await?.unsigned_abs();
        }
        found.pruned.runs += tree.len() as u64;
        found.runs.extend(ids);
    }
    Ok(found)
}

fn ids(tree: &[RunRow]) -> Result<Vec<RunId>, StoreError> {
    let id =
        |row: &RunRow| row.id.parse().map_err(|_| StoreError::Corrupt(format!("`{}` is no run", row.id)));
    tree.iter().map(id).collect()
}

/// When a run settled; what has not settled is never looked at here.
fn settled(row: &RunRow) -> Result<Timestamp, StoreError> {
    let at = row.settled_at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.ok_or_else(|| StoreError::Corrupt(format!("run {} has not settled", row.id)))
}

fn is_held(tree: &[RunRow], retention: Option<&Retention>) -> Result<bool, StoreError> {
    let Some(retention) = retention else { return Ok(false) };
    for row in tree {
        if retention::held(&retention.spec, &row.runbook, settled(row)?).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What runs of one plan can carry.
#[derive(Clone, Copy)]
struct Carries {
    class: Sensitivity,
    /// The file of an export.
    file: bool,
}

/// True when anything that a tree of runs carries is due: it is erased as a whole.
async fn is_due(
    reader: &Reader,
    specs: &Specs,
    tree: &[RunRow],
    retention: &Retention,
    now: Timestamp,
    known: &mut BTreeMap<(String, String), Carries>,
) -> Result<bool, StoreError> {
    for row in tree {
        let carries = carries(reader, specs, row, known).await?;
        let settled = settled(row)?;
        if retention::due(&retention.spec, carries.class, settled) <= now {
            return Ok(true);
        }
        if carries.file {
            let since = released(reader, &row.id).await?.unwrap_or(settled);
            if retention::file_due(&retention.spec, since) <= now {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// What a run can carry is said by its plan; where that cannot be made any more it may have carried anything.
async fn carries(
    reader: &Reader,
    specs: &Specs,
    row: &RunRow,
    known: &mut BTreeMap<(String, String), Carries>,
) -> Result<Carries, StoreError> {
    let key = (row.specs.clone(), row.runbook.clone());
    if let Some(carries) = known.get(&key) {
        return Ok(*carries);
    }
    let carries = match recover::run(reader, specs, &row.id).await {
        Ok(run) => Carries { class: retention::class(&run.plan), file: retention::holds_file(&run.plan) },
        Err(StoreError::LeftOut(_)) => Carries { class: Sensitivity::Raw, file: true },
        Err(error) => return Err(error),
    };
    known.insert(key, carries);
    Ok(carries)
}

/// When the first file of a run was released; none where none was.
async fn released(reader: &Reader, run: &str) -> Result<Option<Timestamp>, StoreError> {
    let journal = recover::journal(reader, run).await?;
    let mut released =
        journal.events.iter().filter(|(_, event)| matches!(event, Event::ExportReleased { .. }));
    Ok(released.next().map(|(at, _)| *at))
}

/// A run and all that it started.
async fn tree(reader: &Reader, root: RunRow) -> Result<Vec<RunRow>, StoreError> {
    let (mut tree, mut open) = (Vec::new(), vec![root]);
    while let Some(row) = open.pop() {
        open.extend(reader.children(&row.id).await?);
        tree.push(row);
    }
    Ok(tree)
}
