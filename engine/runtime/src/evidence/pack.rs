//! A run packed: what the store has of it, proved under a checkpoint over the log up to the run's last record, so
//! that the same run makes the same bytes however the log goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_kernel::archive::NotAnArchive;
use ordain_kernel::audit::AuditRecord;
use ordain_kernel::evidence::runpack::{self, Pack};
use ordain_kernel::ids::RunId;
use ordain_kernel::replay::Told;
use ordain_kernel::run::{Event, Run};
use ordain_spec::diagnostic::counted;
use ordain_spec::digest::Digest;
use serde_json::json;

use super::packed::{Packed, gather, row_of};
use super::{look_at, write_file};
use crate::api::{Answer, ApiError};
use crate::backup::free;
use crate::log_key::LogKey;
use crate::session::limits_are_errors;
use crate::specs::Specs;
use crate::store::StoreError;
use crate::store::read::Reader;
use crate::workspace::Opened;

/// How a pack is made.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The new file; called after the run where none is named.
    pub file: Option<PathBuf>,
    /// What the run carried stays out: references stand in its place.
    pub without_payloads: bool,
}

/// Writes all that a run stands on into a new file. Whoever holds the store goes on meanwhile.
///
/// # Errors
/// When there is no such run, there is such a file, or the store is damaged; then no file is left.
pub async fn pack(workspace: &Opened, run: &str, wish: &Wish, folder: &Path) -> Answer {
    limits_are_errors();
    let reader = look_at(workspace).await?;
    let row = row_of(&reader, run).await?;
    let mut packed = gather(&reader, workspace, row).await?;
    if wish.without_payloads {
        packed.pack.payloads = None;
    }
    let id = packed.pack.run;
    let named = wish.file.clone().unwrap_or_else(|| format!("runpack-{id}.zip").into());
    let file = folder.join(&named);
    free(&file)?;
    let key = LogKey::of(&workspace.state)?;
    let bytes = bytes(&reader, workspace, &packed, &key).await?;
    write_file(&file, &bytes)?;
    let (events, records) = (packed.pack.rows.len(), packed.pack.records.len());
    Ok(json!({
        "ok": true,
        "created": [named],
        "detail": format!("run {id}: {}, {} of {}", counted(events, "event"), counted(records, "record"), key.origin()),
        "run": id,
        "digest": Digest::of(&bytes),
        "log": key.origin(),
        "publicKey": key.public(),
    }))
}

async fn bytes(
    reader: &Reader,
    workspace: &Opened,
    packed: &Packed,
    key: &LogKey,
) -> Result<Vec<u8>, ApiError> {
    let pack = &packed.pack;
    let damaged = |what: String| ApiError::from(StoreError::Corrupt(what));
    let seqs = pack.records.iter().map(|line| AuditRecord::from_line(line).map(|record| record.seq));
    let seqs = seqs.collect::<Result<_, _>>().map_err(|error| damaged(error.to_string()))?;
    let size = std::collections::BTreeSet::last(&seqs).copied().unwrap_or(0);
    let proof = reader.joint_proof(&seqs, size).await?;
    let checkpoint = key.checkpoint(size, reader.root(size).await?);
    let specs = Specs::new(&workspace.root, workspace.active.clone());
    let told = pack.told().map_err(damaged)?;
    let runs = runs(reader, &specs, packed, &told).await?;
    let active = specs.set(reader, &packed.ended_under).await?;
    let documents = runpack::documents(pack.run, &runs, &told, Some(Arc::new(active.active())));
    runpack::write(pack, &documents, &proof, &checkpoint, |bytes| key.sign(bytes)).map_err(
        |error| match error {
            NotAnArchive::TooLarge => ApiError::new("usage", "the run is too large for a pack")
                .hint("`--without-payloads` leaves out what it carried"),
            other => ApiError::fault(other.to_string()),
        },
    )
}

/// The run and those below it as they stand, the run first.
async fn runs(reader: &Reader, specs: &Specs, packed: &Packed, told: &[Told]) -> Result<Vec<Run>, ApiError> {
    let Pack { payloads, .. } = &packed.pack;
    let mut runs = Vec::new();
    for started in told {
        let Event::Started(start) = &started.event else { continue };
        let plan =
            specs.plan(reader, &packed.started_under, &start.runbook, &start.version, start.plan).await?;
        let own = |one: &&Told| one.run == started.run;
        let recorded = told.iter().filter(own).map(|one| (one.at, &one.event));
        let run =
            if payloads.is_some() { Run::replay(plan, recorded) } else { Run::replay_erased(plan, recorded) };
        runs.push(run.map_err(|error| left_out(started.run, &error.to_string()))?);
    }
    Ok(runs)
}

fn left_out(run: RunId, why: &str) -> ApiError {
    StoreError::LeftOut(format!("run {run}: {why}")).into()
}
