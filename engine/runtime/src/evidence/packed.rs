//! What the store has of one run, gathered for a pack: the run with all below it, their journals, records and
//! payloads, and every set of specs that was active meanwhile. Reads; changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use ordain_kernel::audit::AuditRecord;
use ordain_kernel::evidence::runpack::{Pack, Payloads, Pinned, Row, Said};
use ordain_kernel::run::system::SystemEvent;
use ordain_spec::digest::Digest;
use serde_json::Value;

use crate::api::ApiError;
use crate::engine::is_id_prefix;
use crate::recover;
use crate::store::StoreError;
use crate::store::read::Reader;
use crate::store::rows::{JournalRow, RunRow};
use crate::workspace::Opened;

/// A run as the store has it.
pub struct Packed {
    /// What is written of it.
    pub pack: Pack,
    /// Digest of the specs that it was started under.
    pub started_under: String,
    /// Digest of the specs that were active at its end.
    pub ended_under: String,
}

/// The row of the run that an id or a unique prefix means.
pub async fn row_of(reader: &Reader, prefix: &str) -> Result<RunRow, ApiError> {
    let found = if is_id_prefix(prefix) { reader.runs_with_prefix(prefix).await? } else { Vec::new() };
    match <[RunRow; 1]>::try_from(found) {
        Ok([row]) => Ok(row),
        Err(none) if none.is_empty() => {
            Err(ApiError::not_found("run", prefix).hint("`ordain runs` lists them"))
        }
        Err(_) => {
            Err(ApiError::new("not_found", format!("`{prefix}` is the beginning of several runs' ids"))
                .hint("write more of it"))
        }
    }
}

/// Gathers a run. A sub-run stands on the run that started it: that one is packed.
///
/// # Errors
/// When there is no such run, or the store is damaged.
pub async fn gather(reader: &Reader, workspace: &Opened, mut row: RunRow) -> Result<Packed, ApiError> {
    while let Some(parent) = row.parent.clone() {
        row = row_of(reader, &parent).await?;
    }
    let mut rows = Vec::new();
    let mut records: Vec<(u64, String)> = Vec::new();
    let mut payloads = Payloads::new();
    let mut erased = false;
    for id in tree(reader, row.id.clone()).await? {
        rows.extend(reader.journal(&id).await?);
        for record in reader.audit_of(&id).await? {
            let record = recover::record(&record)?;
            records.push((record.seq, AuditRecord::to_line(&record)));
        }
        let kept = payloads_of(reader, &id).await?;
        erased |= kept.is_empty();
        payloads.insert(id, kept);
    }
    rows.sort_by_key(|row| row.place);
    records.sort();
    let run = row.id.parse().map_err(|_| ApiError::fault(format!("`{}` is no run id", row.id)))?;
    let (specs, ended_under) = specs(reader, workspace, &rows, &row.specs).await?;
    let said = said(reader, &rows).await?;
    let pack = Pack {
        run,
        rows: rows.into_iter().map(packed_row).collect(),
        records: records.into_iter().map(|(_, line)| line).collect(),
        payloads: (!erased).then_some(payloads),
        specs,
        said,
    };
    Ok(Packed { pack, started_under: row.specs, ended_under })
}

fn packed_row(row: JournalRow) -> Row {
    Row { run: row.run, seq: row.seq.unsigned_abs(), at: row.at, event: row.event }
}

/// A run and all that it started.
async fn tree(reader: &Reader, root: String) -> Result<Vec<String>, StoreError> {
    let (mut tree, mut open) = (Vec::new(), vec![root]);
    while let Some(id) = open.pop() {
        open.extend(reader.children(&id).await?.into_iter().map(|row| row.id));
        tree.push(id);
    }
    Ok(tree)
}

async fn payloads_of(reader: &Reader, run: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let mut kept = BTreeMap::new();
    for body in reader.payloads(run).await? {
        let payloads: BTreeMap<String, Value> = serde_json::from_str(&body)
            .map_err(|error| StoreError::Corrupt(format!("the payloads of run {run}: {error}")))?;
        kept.extend(payloads.into_iter().map(|(reference, value)| (reference, value.to_string())));
    }
    Ok(kept)
}

/// What was active from the run's first event to its last, as the workspace's own journal says.
async fn specs(
    reader: &Reader,
    workspace: &Opened,
    rows: &[JournalRow],
    first: &str,
) -> Result<(Vec<Pinned>, String), StoreError> {
    let mut under = first.to_owned();
    let mut specs = vec![pinned(reader, workspace, first, 0).await?];
    let (Some(begin), Some(end)) = (rows.first(), rows.last()) else { return Ok((specs, under)) };
    let kept = reader.pinned(first).await?;
    let (mut catalogue, mut file) = (kept.catalogue, Digest::of(kept.grants.as_bytes()));
    for row in reader.system_between(begin.place, end.place).await? {
        match serde_json::from_str(&row.event) {
            Ok(SystemEvent::CatalogueActivated { to, .. }) => catalogue = to.to_string(),
            Ok(SystemEvent::WorkspaceChanged { to, .. }) => file = to,
            _ => continue,
        }
        let since = rows.iter().filter(|one| one.place < row.place).count() as u64;
        // A change of both is told one after the other: what lies between was never active.
        let Some(now) = set_of(reader, &catalogue, file).await? else { continue };
        specs.retain(|pinned| pinned.since < since);
        specs.push(pinned(reader, workspace, &now, since).await?);
        under = now;
    }
    Ok((specs, under))
}

/// What people said of exemptions up to the run's last event.
async fn said(reader: &Reader, rows: &[JournalRow]) -> Result<Vec<Said>, StoreError> {
    let Some(end) = rows.last() else { return Ok(Vec::new()) };
    let mut said = Vec::new();
    for row in reader.system_between(0, end.place).await? {
        let Ok(SystemEvent::ExemptionDecided { .. }) = serde_json::from_str(&row.event) else { continue };
        let since = rows.iter().filter(|one| one.place < row.place).count() as u64;
        said.push(Said { since, at: row.at, event: row.event });
    }
    Ok(said)
}

/// The kept set of that catalogue and that operator's file.
async fn set_of(reader: &Reader, catalogue: &str, file: Digest) -> Result<Option<String>, StoreError> {
    let known: BTreeSet<String> = reader.pinned_of(catalogue).await?.into_iter().collect();
    for digest in known {
        if Digest::of(reader.pinned(&digest).await?.grants.as_bytes()) == file {
            return Ok(Some(digest));
        }
    }
    Ok(None)
}

async fn pinned(reader: &Reader, workspace: &Opened, digest: &str, since: u64) -> Result<Pinned, StoreError> {
    let kept = reader.pinned(digest).await?;
    let catalogue = kept.catalogue.parse();
    let catalogue =
        catalogue.map_err(|_| StoreError::Corrupt(format!("`{}` is no digest", kept.catalogue)))?;
    let mut pinned = Pinned { since, catalogue, workspace: kept.grants, root: None, files: kept.files };
    pinned.files.sort();
    if pinned.says_places() {
        pinned.root = Some(workspace.root.to_string_lossy().into_owned());
    }
    Ok(pinned)
}
