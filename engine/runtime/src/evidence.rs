//! Evidence for somebody without the store: the log, or all that one run stands on, as a file; and such files
//! verified. Any trouble is "not verified"; whom to trust is said by the reader, never by the file.

pub mod bundles;
pub mod export;
pub mod pack;
pub(crate) mod packed;

use std::path::Path;

use ordain_kernel::archive::{Archive, NotAnArchive};
use ordain_kernel::evidence::{NotVerified, audit_export, bundle, manifest, runpack};
use ordain_kernel::log::note::NoteKey;
use ordain_spec::digest::Digest;
use serde_json::{Value, json};

use crate::api::{Answer, ApiError};
use crate::backup::{beside, disk, remove};
use crate::log_key::{self, note_key};
use crate::store::header;
use crate::store::read::Reader;
use crate::vault::Vault;
use crate::workspace::Opened;
use crate::{fault, store};

pub use export::export;
pub use pack::pack;

/// Verifies a file against keys that the reader trusts: `ed25519:` and base64. Any trouble is "not verified".
///
/// # Errors
/// When the file cannot be read, or a key is none.
pub fn verify_file(file: &Path, keys: &[String]) -> Answer {
    let bytes = bytes_of(file)?;
    let trusted = trusted_keys(keys)?;
    Ok(match verified(&bytes, &trusted) {
        Ok(document) => document,
        Err(error) => refused(error),
    })
}

fn verified(bytes: &[u8], trusted: &[NoteKey]) -> Result<Value, NotVerified> {
    let archive = Archive::from_bytes(bytes)?;
    let format = manifest::format_of(&archive).unwrap_or_default();
    match format.as_str() {
        audit_export::FORMAT => {
            let export = audit_export::verify(&archive, trusted)?;
            Ok(json!({
                "ok": true,
                "format": format,
                "records": export.records,
                "from": export.from,
                "head": export.head,
                "checkpoint": export.checkpoint.text(),
            }))
        }
        runpack::FORMAT => {
            let found = runpack::verify(&archive, trusted)?;
            Ok(json!({
                "ok": true,
                "format": format,
                "run": found.pack.run,
                "events": found.pack.rows.len(),
                "records": found.pack.records.len(),
                "head": found.head,
                "checkpoint": found.checkpoint.text(),
            }))
        }
        _ => Err(NotAnArchive::Form("it does not say what it is").into()),
    }
}

/// True for a file that says it is a bundle.
#[must_use]
pub fn is_bundle(file: &Path) -> bool {
    let archive = std::fs::read(file).ok().and_then(|bytes| Archive::from_bytes(&bytes).ok());
    archive.and_then(|archive| manifest::format_of(&archive)).is_some_and(|format| format == bundle::FORMAT)
}

/// What is said of a file that is not verified.
fn refused(error: NotVerified) -> Value {
    let (seq, reason) = match error {
        NotVerified::Record { seq, reason } => (seq, reason),
        other => (0, other.to_string()),
    };
    json!({"ok": false, "records": 0, "head": Digest([0; 32]), "firstBad": {"seq": seq, "reason": reason}})
}

/// A runpack, verified.
///
/// # Errors
/// When the file cannot be read, is no runpack, or is not verified.
pub fn runpack_of(file: &Path, keys: &[String]) -> Result<runpack::Verified, ApiError> {
    let bytes = bytes_of(file)?;
    let trusted = trusted_keys(keys)?;
    let archive = Archive::from_bytes(&bytes).map_err(NotVerified::from);
    archive.and_then(|archive| runpack::verify(&archive, &trusted)).map_err(|error| {
        ApiError::new("usage", format!("`{}` is not verified: {error}", file.display()))
            .hint("name the log's public key with `--key`; `ordain verify` says more")
    })
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, ApiError> {
    std::fs::read(file)
        .map_err(|error| ApiError::new("not_found", format!("`{}` cannot be read: {error}", file.display())))
}

fn trusted_keys(keys: &[String]) -> Result<Vec<NoteKey>, ApiError> {
    let no_key = |key: &String| {
        ApiError::new("usage", format!("`{key}` is no key")).hint("write `ed25519:` and the key in base64")
    };
    keys.iter().map(|key| note_key(key).ok_or_else(|| no_key(key))).collect()
}

/// The public keys that a workspace trusts to sign evidence: those of its file, and its own log's.
#[must_use]
pub fn trusted(workspace: &Opened) -> Vec<String> {
    named(workspace).into_iter().chain(log_key::publics(&workspace.state)).collect()
}

/// The public keys that a workspace's file trusts.
pub(crate) fn named(workspace: &Opened) -> Vec<String> {
    workspace.spec().trust.into_iter().map(|trusted| trusted.key.value.to_string()).collect()
}

/// The store of a workspace, looked at as it is now whatever is written meanwhile.
pub(crate) async fn look_at(workspace: &Opened) -> Result<Reader, ApiError> {
    let path = workspace.state.join("ordain.db");
    if !path.exists() {
        return Err(ApiError::new("not_found", "there is no store yet").hint("the first run makes one"));
    }
    header::check(&path)?;
    let vault = Vault::of(workspace).await?;
    Ok(Reader::open(&path, vault)?.snapshot().await?)
}

/// Writes a new file, whole or not at all.
pub(crate) fn write_file(file: &Path, bytes: &[u8]) -> Result<(), ApiError> {
    let part = beside(file, ".part");
    remove(&part)?;
    let written =
        std::fs::write(&part, bytes).and_then(|()| std::fs::File::open(&part)?.sync_all()).and_then(|()| {
            fault::point("mid-evidence");
            std::fs::rename(&part, file)
        });
    if let Err(error) = written {
        remove(&part)?;
        return Err(disk(error));
    }
    store::sync_folder(file)?;
    fault::point("after-evidence");
    Ok(())
}
