//! Verifying the audit log of a store, also of one that is not continued because its log was changed.
//! Reads; changes nothing.

use std::sync::Arc;

use ordain_kernel::audit::Verifier;

use crate::api::{Answer, ApiError};
use crate::recover;
use crate::specs::Specs;
use crate::store::read::Reader;
use crate::workspace::Opened;

/// How many records are read at a time.
const PAGE: i64 = 5_000;

/// Every chain, and whether each ends where the journal of its run does: a cut tail of the log alone
/// shows here.
///
/// # Errors
/// When the store cannot be read.
pub async fn log(reader: &Reader, specs: &Specs) -> Answer {
    // Journal and log are compared as they were at one instant: runs go on meanwhile.
    let reader = &reader.snapshot().await?;
    let mut verifier = Verifier::default();
    let mut after = 0;
    loop {
        let rows = reader.audit(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in &rows {
            verifier.stored(row.seq.unsigned_abs(), &row.record);
        }
    }
    for id in reader.run_ids().await? {
        let fault = match recover::run(reader, specs, &id).await {
            Ok(run) if verifier.head_of(&id) == Some(run.audit_chain.head) => continue,
            Ok(_) => format!("the records of run {id} do not end where its journal does"),
            Err(error) => error.to_string(),
        };
        verifier.bad(verifier.next(), &fault);
    }
    serde_json::to_value(verifier.finish()).map_err(|error| ApiError::fault(error.to_string()))
}

/// The log of a workspace's store that nobody holds.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_workspace(workspace: &Opened) -> Answer {
    let path = workspace.state.join("ordain.db");
    if !path.exists() {
        let nothing = Verifier::default().finish();
        return serde_json::to_value(nothing).map_err(|error| ApiError::fault(error.to_string()));
    }
    let reader = Reader::open(&path)?;
    let specs = Specs::new(&workspace.root, workspace.active.as_ref().map(Arc::clone));
    log(&reader, &specs).await
}
