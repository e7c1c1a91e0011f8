//! The audit log written to a file under a signed checkpoint.

use std::path::Path;

use ordain_kernel::audit::AuditRecord;
use ordain_kernel::evidence::audit_export::{self, Fold};
use ordain_kernel::log::leaf_hash;
use serde_json::json;

use super::{look_at, write_file};
use crate::api::{Answer, ApiError};
use crate::backup::free;
use crate::log_key::LogKey;
use crate::session::limits_are_errors;
use crate::store::read::Reader;
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
    // What is verified is what is written: one look at the store, whatever is added meanwhile.
    let reader = look_at(workspace).await?;
    free(file)?;
    let verified = verify::log(&reader, &verify::Against::keys_of(workspace)).await?;
    if verified.get("ok").and_then(serde_json::Value::as_bool) != Some(true) {
        return Err(ApiError::new("audit_unavailable", "the log does not verify")
            .hint("`ordain audit verify` names the first bad record"));
    }
    let (before, after, lines) = read(&reader, from).await?;
    if lines.is_empty() {
        return Err(ApiError::new("not_found", format!("the log has no record {from}"))
            .hint("`ordain audit tail` shows the last ones"));
    }
    let key = LogKey::of(&workspace.state)?;
    let note = key.checkpoint(after.size(), after.root());
    let bytes = audit_export::write(from, lines.iter().map(String::as_str), before.edge(), &note).map_err(
        |error| ApiError::new("usage", error.to_string()).hint("export the log in pieces: `--from SEQ`"),
    )?;
    write_file(file, &bytes)?;
    Ok(json!({
        "ok": true,
        "created": [file],
        "detail": format!("records {from} to {} of {}", after.size(), key.origin()),
        "records": lines.len(),
        "checkpoint": note,
        "log": key.origin(),
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
