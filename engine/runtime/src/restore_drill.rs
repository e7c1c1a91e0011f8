//! Shows that a copy can be put back, without putting it back: aside, in a folder that goes again, the copy is verified,
//! opened, and everything in it is recovered and built anew from its journal. Never touches the store.

use ordain_spec::diagnostic::counted;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::api::{Answer, ApiError};
use crate::backup::{copy, disk, is_copy};
use crate::session::{Lock, limits_are_errors};
use crate::specs::Specs;
use crate::store::Store;
use crate::vault::Vault;
use crate::workspace::{Opened, make_private};
use crate::{copy_digest, fault, recover, verify};

/// A folder of its own that goes when this is dropped. It is locked as long as the drill lasts: what a drill that died
/// left behind is locked by nobody, and goes with the next.
struct Aside {
    folder: PathBuf,
    _lock: Lock,
}

impl Aside {
    fn of(state: &Path) -> Result<Self, ApiError> {
        make_private(state).map_err(disk)?;
        for entry in std::fs::read_dir(state).map_err(disk)? {
            let entry = entry.map_err(disk)?;
            if entry.file_name().to_string_lossy().starts_with(NAME)
                && Lock::take(&entry.path()).map_err(disk)?.is_some()
            {
                std::fs::remove_dir_all(entry.path()).map_err(disk)?;
            }
        }
        let folder = state.join(format!("{NAME}{}", std::process::id()));
        let lock = Lock::take(&folder).map_err(disk)?;
        let lock = lock.ok_or_else(|| {
            ApiError::new("store_in_use", "another drill is under way").hint("try again when it has ended")
        })?;
        Ok(Self { folder, _lock: lock })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // What could not be taken away goes with the next drill.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// How the folders of drills begin.
const NAME: &str = "drill-";

/// Puts a copy back aside, and says what is in it.
///
/// # Errors
/// When it is no copy, does not verify, or cannot be recovered from; then it is not to be relied on.
pub async fn drill(workspace: &Opened, file: &Path) -> Answer {
    limits_are_errors();
    is_copy(file)?;
    let aside = Aside::of(&workspace.state)?;
    let store = aside.folder.join("ordain.db");
    copy(file, &store).map_err(disk)?;
    fault::point("mid-drill");
    copy_digest::unseal(&store).await?;
    let vault = Vault::of(workspace).await?;
    let verified = verify::of_file(&store, &verify::Against::keys_of(workspace), vault.clone()).await?;
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
        "detail": format!("recovered from the copy: {}; nothing was replaced", counted(runs, "run")),
        "records": records,
        "runs": runs,
        "head": head,
    }))
}
