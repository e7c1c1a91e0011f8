//! Which payloads may be erased: those of runs that settled long enough ago, with all runs below them. What is
//! not settled, and whatever is remembered under a key of the business, keeps its payloads. Reads; the writer
//! erases.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use serde::{Deserialize, Serialize};

use crate::store::StoreError;
use crate::store::read::Reader;

/// Runs of a page: so many share a transaction and a record at most, sub-runs beside them.
const PAGE: i64 = 200;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Runs that settled before.
    pub before: Timestamp,
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
    /// The last run that was looked at; none at the end.
    pub next: Option<String>,
}

impl Pruned {
    /// Adds another page.
    pub fn add(&mut self, page: Self) {
        self.runs += page.runs;
        self.bytes += page.bytes;
        self.kept += page.kept;
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

/// The next page of runs that may be pruned, none of them among `kept`.
///
/// # Errors
/// When the store cannot be read.
pub async fn page(reader: &Reader, kept: &BTreeSet<RunId>, wish: &Wish) -> Result<Found, StoreError> {
    let roots = reader.old_runs(wish.before.as_millisecond(), &wish.after, PAGE).await?;
    let full = i64::try_from(roots.len()).is_ok_and(|found| found == PAGE);
    let next = roots.last().filter(|_| full).map(|row| row.id.clone());
    let mut found = Found { runs: Vec::new(), pruned: Pruned { next, ..Pruned::default() } };
    for root in roots {
        let tree = tree(reader, root.id).await?;
        if tree.iter().any(|run| kept.contains(run)) {
            found.pruned.kept += tree.len() as u64;
            continue;
        }
        for run in &tree {
            found.pruned.bytes += reader.payload_bytes(&run.to_string()).await?.unsigned_abs();
        }
        found.pruned.runs += tree.len() as u64;
        found.runs.extend(tree);
    }
    Ok(found)
}

/// A run and all that it started.
async fn tree(reader: &Reader, root: String) -> Result<Vec<RunId>, StoreError> {
    let (mut tree, mut open) = (Vec::new(), vec![root]);
    while let Some(id) = open.pop() {
        open.extend(reader.children(&id).await?.into_iter().map(|row| row.id));
        tree.push(id.parse().map_err(|_| StoreError::Corrupt(format!("`{id}` is no run")))?);
    }
    Ok(tree)
}
