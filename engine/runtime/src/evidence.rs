//! Evidence for somebody without the store: the audit log written to a file under a signed checkpoint, and such
//! files verified. The log's key lies in `.ordain/log.key` and is made when it is first needed; the log is called
//! after its key.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ordain_kernel::archive::{Archive, NotAnArchive};
use ordain_kernel::audit::AuditRecord;
use ordain_kernel::evidence::audit_export::{self, Fold};
use ordain_kernel::evidence::{NotVerified, manifest};
use ordain_kernel::log::note::NoteKey;
use ordain_kernel::log::{Checkpoint, leaf_hash};
use ordain_spec::digest::Digest;
use serde_json::json;

use crate::api::{Answer, ApiError};
use crate::backup::{beside, disk, free, remove};
use crate::keys::Key;
use crate::session::limits_are_errors;
use crate::store::read::Reader;
use crate::store::{self, header};
use crate::verify;
use crate::workspace::Opened;

/// How many records are read at a time.
const PAGE: i64 = 4_000;

/// Writes the audit log from the record `from` on into a new file. Whoever holds the store goes on meanwhile.
///
/// # Errors
/// When there is no store or no such record, there is such a file, the log does not verify, or the disk refuses;
/// then no file is left.
pub async fn export(workspace: &Opened, file: &Path, from: u64) -> Answer {
    limits_are_errors();
    let path = workspace.state.join("ordain.db");
    if !path.exists() {
        return Err(ApiError::new("not_found", "there is no store yet").hint("the first run makes one"));
    }
    header::check(&path)?;
    free(file)?;
    // What is verified is what is written: one look at the store, whatever is added meanwhile.
    let reader = Reader::open(&path)?.snapshot().await?;
    let verified = verify::log(&reader).await?;
    if verified.get("ok").and_then(serde_json::Value::as_bool) != Some(true) {
        return Err(ApiError::new("audit_unavailable", "the log does not verify")
            .hint("`ordain audit verify` names the first bad record"));
    }
    let (before, after, lines) = read(&reader, from).await?;
    if lines.is_empty() {
        return Err(ApiError::new("not_found", format!("the log has no record {from}"))
            .hint("`ordain audit tail` shows the last ones"));
    }
    let key = log_key(&workspace.state)?;
    let name =
        note_key(&key.public()).ok_or_else(|| ApiError::new("system_fault", "the log's key is no key"))?;
    let checkpoint = Checkpoint { origin: name.name.clone(), size: after.size(), root: after.root() };
    let signature = STANDARD.decode(key.sign(checkpoint.text().as_bytes())).unwrap_or_default();
    let signature = <[u8; 64]>::try_from(signature)
        .map_err(|_| ApiError::new("system_fault", "a signature of the wrong size"))?;
    let note = checkpoint.note(&name, &signature);
    let bytes = audit_export::write(from, lines.iter().map(String::as_str), before.edge(), &note).map_err(
        |error| ApiError::new("usage", error.to_string()).hint("export the log in pieces: `--from SEQ`"),
    )?;
    write(file, &bytes)?;
    Ok(json!({
        "ok": true,
        "created": [file],
        "detail": format!("records {from} to {} of {}", after.size(), name.name),
        "records": lines.len(),
        "checkpoint": note,
        "publicKey": key.public(),
    }))
}

/// The tree before the record `from`, the tree at the end, and the lines between.
async fn read(reader: &Reader, from: u64) -> Result<(Fold, Fold, Vec<String>), ApiError> {
    let (mut before, mut tree) = (Fold::default(), Fold::default());
    let (mut lines, mut after) = (Vec::new(), 0);
    loop {
        let rows = reader.audit(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok((before, tree, lines)) };
        after = last.seq;
        for row in &rows {
            let seq = row.seq.unsigned_abs();
            let record = AuditRecord::from_line(&row.record)
                .map_err(|error| ApiError::new("audit_unavailable", format!("record {seq}: {error}")))?;
            let line = AuditRecord { seq, ..record }.to_line();
            tree.append(leaf_hash(line.as_bytes()));
            if seq < from {
                before = tree.clone();
            } else {
                lines.push(line);
            }
        }
    }
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), ApiError> {
    let part = beside(file, ".part");
    remove(&part)?;
    let written = std::fs::write(&part, bytes)
        .and_then(|()| std::fs::File::open(&part)?.sync_all())
        .and_then(|()| std::fs::rename(&part, file));
    if let Err(error) = written {
        remove(&part)?;
        return Err(disk(error));
    }
    store::sync_folder(file)?;
    Ok(())
}

/// Verifies a file against keys that the reader trusts: `ed25519:` and base64. Any trouble is "not verified".
///
/// # Errors
/// When the file cannot be read, or a key is none.
pub fn verify_file(file: &Path, keys: &[String]) -> Answer {
    let bytes = std::fs::read(file).map_err(|error| {
        ApiError::new("not_found", format!("`{}` cannot be read: {error}", file.display()))
    })?;
    let no_key = |key: &String| {
        ApiError::new("usage", format!("`{key}` is no key")).hint("write `ed25519:` and the key in base64")
    };
    let trusted: Vec<NoteKey> =
        keys.iter().map(|key| note_key(key).ok_or_else(|| no_key(key))).collect::<Result<_, _>>()?;
    Ok(match verified(&bytes, &trusted) {
        Ok(export) => json!({
            "ok": true,
            "records": export.records.len(),
            "from": export.from,
            "head": export.head,
            "checkpoint": export.checkpoint.text(),
        }),
        Err(error) => {
            let (seq, reason) = match error {
                NotVerified::Record { seq, reason } => (seq, reason),
                other => (0, other.to_string()),
            };
            json!({
                "ok": false,
                "records": 0,
                "head": Digest([0; 32]),
                "firstBad": {"seq": seq, "reason": reason},
            })
        }
    })
}

fn verified(bytes: &[u8], trusted: &[NoteKey]) -> Result<audit_export::AuditExport, NotVerified> {
    let archive = Archive::from_bytes(bytes)?;
    match manifest::format_of(&archive) {
        Some(format) if format == audit_export::FORMAT => audit_export::verify(&archive, trusted),
        _ => Err(NotAnArchive::Form("it does not say what it is").into()),
    }
}

/// The public keys that a workspace trusts to sign evidence: those of its file, and its own log's.
#[must_use]
pub fn trusted(workspace: &Opened) -> Vec<String> {
    let named = workspace.spec().trust.into_iter().map(|trusted| trusted.key.value.to_string());
    let own = Key::read(&workspace.state.join("log.key")).ok().map(|key| key.public());
    named.chain(own).collect()
}

/// The key of a workspace's log; made where there is none.
fn log_key(state: &Path) -> Result<Key, ApiError> {
    let path = state.join("log.key");
    match Key::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Key::generate().map_err(disk)?;
            match key.write(&path) {
                // Somebody else made it meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    Key::read(&path).map_err(disk)
                }
                made => made.map(|()| key).map_err(disk),
            }
        }
        read => read.map_err(disk),
    }
}

/// A public key as the key of a log: `ordain/` and the first eight bytes of SHA-256 over the key.
fn note_key(public: &str) -> Option<NoteKey> {
    let bytes = STANDARD.decode(public.strip_prefix("ed25519:")?).ok()?;
    let public: [u8; 32] = bytes.try_into().ok()?;
    let name: String = Digest::of(&public).0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Some(NoteKey { name: format!("ordain/{name}"), public })
}
