//! Shows that a copy can be put back, without putting it back: aside, in a folder that goes again, the copy is verified,
//! opened, and everything in it is recovered and built anew from its journal. Never touches the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::api::{Answer, ApiError};
use crate::backup::{copy, disk};
use crate::recover;
use crate::session::limits_are_errors;
use crate::specs::Specs;
use crate::store::{Store, header};
use crate::vault::Vault;
use crate::verify;
use crate::workspace::{Opened, make_private};

/// A folder that goes when this is dropped.
struct Aside(PathBuf);

impl Drop for Aside {
    fn drop(&mut self) {
        // What could not be taken away is looked for by nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Puts a copy back aside, and says what is in it.
///
/// # Errors
/// When it is no copy, does not verify, or cannot be recovered from; then it is not to be relied on.
pub async fn drill(workspace: &Opened, file: &Path) -> Answer {
    limits_are_errors();
    header::check(file)?;
    let aside = Aside(workspace.state.join(format!("drill-{}", std::process::id())));
    make_private(&aside.0).map_err(disk)?;
    let store = aside.0.join("ordain.db");
    copy(file, &store).map_err(disk)?;
    let vault = Vault::of(workspace).await?;
    let verified = verify::of_file(&store, &verify::Against::default(), vault.clone()).await?;
    if let Some(bad) = verified.get("firstBad") {
        let message = format!("the copy does not verify: record {}: {}", bad["seq"], bad["reason"]);
        return Err(ApiError::new("audit_unavailable", message).hint("take another copy"));
    }
    let mut store = Store::open(&store, vault).await?;
    let reader = store.reader();
    let mut specs = Specs::new(&workspace.root, workspace.active.clone());
    specs.look_back(&reader).await?;
    let specs = Arc::new(specs);
    let rows = recover::from_journal(&reader, &specs).await?;
    store.replace_views(rows).await?;
    let recovered = recover::realm(&reader, &specs).await?;
    let runs = reader.run_ids().await?.len();
    store.close().await?;
    if let Some((run, why)) = recovered.left_out.first() {
        let message = format!("run {run} cannot be continued from the copy: {why}");
        return Err(
            ApiError::new("audit_unavailable", message).hint("use the program that wrote it, or a newer one")
        );
    }
    let (records, head) = (verified.get("records").cloned(), verified.get("head").cloned());
    Ok(json!({
        "ok": true,
        "created": [],
        "detail": format!("{runs} runs were recovered from the copy, and nothing was replaced"),
        "records": records,
        "runs": runs,
        "head": head,
    }))
}
