//! Copies of the store: made while it is at work, verified before they count, and put back only after they
//! were verified again. Never replaces a file that is a copy, never takes a store away without keeping it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ordain_kernel::approval::Restoration;
use ordain_kernel::audit::Verified;
use ordain_kernel::run::system::SystemEvent;
use ordain_spec::diagnostic::counted;
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::api::{Answer, ApiError, Caller};
use crate::keys::Key;
use crate::open::RESTORED;
use crate::restorer::{self, Restorer};
use crate::session::{Lock, limits_are_errors};
use crate::store::read::Reader;
use crate::store::{self, StoreError, header};
use crate::vault::Vault;
use crate::workspace::Opened;
use crate::{copy_digest, fault, verify};

/// Copies the store into a new file. Whoever holds the store goes on meanwhile.
///
/// # Errors
/// When there is no store or there is such a file, when the store does not verify, or the disk refuses; then
/// no file is left.
pub async fn backup(workspace: &Opened, file: &Path) -> Answer {
    limits_are_errors();
    let from = workspace.state.join("ordain.db");
    if !from.exists() {
        return Err(ApiError::new("not_found", "there is no store yet").hint("the first run makes one"));
    }
    header::check(&from)?;
    free(file)?;
    in_a_folder(file)?;
    let part = beside(file, ".part");
    remove(&part)?;
    let copied = copied(workspace, &from, &part, file).await;
    if copied.is_err() {
        remove(&part)?;
    }
    copied
}

async fn copied(workspace: &Opened, from: &Path, part: &Path, file: &Path) -> Answer {
    Reader::open(from, None)?.copy_to(part).await?;
    // The copy says that it ends with its digest, so that one without is found.
    remember(part, &[(copy_digest::META, "1")]).await?;
    fault::point("mid-backup");
    let verified = verified(workspace, part).await?;
    if let Some(bad) = &verified.first_bad {
        let message = format!("the store does not verify: record {}: {}", bad.seq, bad.reason);
        return Err(ApiError::new("audit_unavailable", message)
            .hint("no copy was made; `ordain audit verify` says the same, `ordain restore FILE` puts an older copy back"));
    }
    let runs = Reader::open(part, None)?.run_ids().await?.len();
    copy_digest::seal(part).map_err(disk)?;
    let bytes = part.metadata().map_err(disk)?.len();
    free(file)?;
    std::fs::rename(part, file).map_err(disk)?;
    store::sync_folder(file)?;
    fault::point("after-backup");
    let records = verified.records;
    Ok(json!({
        "ok": true,
        "created": [file],
        "detail": format!("{} of {}, verified, {}", counted(records, "record"), counted(runs, "run"), counted(bytes, "byte")),
        "records": records,
        "runs": runs,
        "bytes": bytes,
        "head": verified.head,
    }))
}

/// Puts a copy in the store's place. The store that was there is kept beside it.
///
/// # Errors
/// When somebody holds the store, when the copy does not verify, when the person may not ([`Restorer::of`]), or when the
/// store has records that the copy has not and `discard_newer` is not said; then the store is as it was.
pub async fn restore(
    workspace: &Opened,
    file: &Path,
    discard_newer: bool,
    caller: &Caller,
    key: Option<&Key>,
) -> Answer {
    limits_are_errors();
    let restorer = Restorer::of(workspace, discard_newer, caller, key).await?;
    let _lock = Lock::take(&workspace.state).map_err(disk)?.ok_or_else(|| {
        ApiError::new("store_in_use", "a process holds the store").hint("end it, then try again")
    })?;
    is_copy(file)?;
    let to = workspace.state.join("ordain.db");
    let part = beside(&to, ".restoring");
    remove(&part)?;
    copy(file, &part).map_err(disk)?;
    fault::point("mid-restore");
    // What is put back is what was verified, whatever becomes of the file meanwhile.
    let verified = match copy_digest::unseal(&part).await {
        Ok(()) => verified(workspace, &part).await,
        Err(error) => Err(error),
    };
    if verified.is_err() {
        remove(&part)?;
    }
    let verified = verified?;
    if let Some(bad) = &verified.first_bad {
        remove(&part)?;
        let message = format!("the copy does not verify: record {}: {}", bad.seq, bad.reason);
        return Err(
            ApiError::new("audit_unavailable", message).hint("nothing was replaced; take another copy")
        );
    }
    if let Err(error) = restorer::as_strict(workspace, [&to, &part]).await {
        remove(&part)?;
        return Err(error);
    }
    let before = records_in(&to).await;
    if let Some(more) = newer(&to, &part, before, verified.records).await?
        && !discard_newer
    {
        remove(&part)?;
        return Err(ApiError::new("not_permitted", more).hint(
            "nothing was replaced; `--discard-newer` says that this is meant, and keeps the store beside",
        ));
    }
    let event = restorer.event(Restoration {
        head: verified.head,
        records: verified.records,
        replaced: before,
        discard_newer,
        by: "".into(),
        at: Timestamp::now(),
    });
    mark(&part, &event).await?;
    // What was signed after the copy is about the store that is kept beside; its copies elsewhere still say so.
    remove(&workspace.state.join(crate::checkpoint::FILE))?;
    let kept = swap(&part, &to).await?;
    let runs = Reader::open(&to, None)?.run_ids().await?.len();
    let records = verified.records;
    let mut created = vec![to];
    created.extend(kept.clone());
    Ok(json!({
        "ok": true,
        "created": created,
        "detail": format!("{} of {}, verified", counted(records, "record"), counted(runs, "run")),
        "records": records,
        "runs": runs,
        "head": verified.head,
        "kept": kept,
    }))
}

/// Refuses what is no copy of a store.
pub(crate) fn is_copy(file: &Path) -> Result<(), ApiError> {
    if !file.exists() {
        return Err(ApiError::not_found("file", &file.display().to_string())
            .hint("name a file that `ordain backup FILE` made"));
    }
    header::check(file)?;
    if header::has_wal(file) {
        return Err(ApiError::new("usage", "the file is a store that was not closed, not a copy of one")
            .hint("`ordain backup FILE` makes a copy"));
    }
    Ok(())
}

async fn verified(workspace: &Opened, path: &Path) -> Result<Verified, ApiError> {
    let against = verify::Against::keys_of(workspace);
    let document = verify::of_file(path, &against, Vault::of(workspace).await?).await?;
    serde_json::from_value(document).map_err(|error| ApiError::fault(error.to_string()))
}

/// The number of the store's last record; nothing where there is no store that can be read.
async fn records_in(path: &Path) -> Option<u64> {
    header::check(path).ok()?;
    let last = Reader::open(path, None).ok()?.audit_tail(None, 1).await.ok()?;
    Some(last.last().map_or(0, |row| row.seq.unsigned_abs()))
}

/// Says what the store has and the copy has not. A store that cannot be read has nothing to lose: it is kept.
async fn newer(
    to: &Path,
    part: &Path,
    before: Option<u64>,
    records: u64,
) -> Result<Option<String>, StoreError> {
    let Some(before) = before.filter(|before| *before > 0) else { return Ok(None) };
    if before > records {
        return Ok(Some(format!(
            "the store has {} that the copy has not",
            counted(before - records, "record")
        )));
    }
    let at = i64::try_from(before).unwrap_or(i64::MAX).saturating_sub(1);
    let (mine, theirs) =
        (Reader::open(to, None)?.audit(at, 1).await, Reader::open(part, None)?.audit(at, 1).await?);
    let same = mine.is_ok_and(|mine| mine == theirs);
    Ok((!same).then(|| "the store has other records than the copy".to_owned()))
}

/// Lets the copy say what it is when it is opened next.
async fn mark(part: &Path, event: &SystemEvent) -> Result<(), ApiError> {
    let text = serde_json::to_string(event).map_err(|error| ApiError::fault(error.to_string()))?;
    remember(part, &[(RESTORED, &text), (copy_digest::META, "")]).await?;
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(disk)
}

/// Writes into the `meta` of a copy; a fact without a text is taken out of it.
async fn remember(part: &Path, facts: &[(&str, &str)]) -> Result<(), StoreError> {
    let mut connection = store::options(part)?.connect().await?;
    for (key, text) in facts {
        let sql = if text.is_empty() {
            "delete from meta where key = ?1 and ?2 = ''"
        } else {
            "insert into meta(key, value) values (?1, ?2) on conflict(key) do update set value = excluded.value"
        };
        sqlx::query(sql).bind(key).bind(text).execute(&mut connection).await?;
    }
    connection.close().await?;
    Ok(())
}

/// One rename puts the copy there. Before it the store has a second name, with whatever was not written back.
async fn swap(part: &Path, to: &Path) -> Result<Option<PathBuf>, ApiError> {
    let kept = if to.exists() { Some(keep(to).await?) } else { None };
    fault::point("before-swap");
    std::fs::rename(part, to).map_err(disk)?;
    store::sync_folder(to)?;
    fault::point("after-swap");
    Ok(kept)
}

async fn keep(to: &Path) -> Result<PathBuf, ApiError> {
    // A sound store is written back into its one file; of a damaged one both files are kept as they are.
    if let Ok(mut connection) = store::options(to)?.connect().await {
        let _damaged = sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(&mut connection).await;
        let _damaged = connection.close().await;
    }
    let kept = beside(to, &format!(".kept-{}", Timestamp::now().as_millisecond()));
    std::fs::hard_link(to, &kept).map_err(disk)?;
    for end in ["-wal", "-shm"] {
        let (from, kept) = (beside(to, end), beside(&kept, end));
        if end == "-wal" && from.exists() {
            std::fs::hard_link(&from, &kept).map_err(disk)?;
        }
        remove(&from)?;
    }
    store::sync_folder(to)?;
    Ok(kept)
}

pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let mut from = std::fs::File::open(from)?;
    let mut to = std::fs::File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            read => to.write_all(buffer.get(..read).unwrap_or_default())?,
        }
    }
    to.sync_all()
}

pub(crate) fn free(file: &Path) -> Result<(), ApiError> {
    if file.exists() {
        return Err(ApiError::new("usage", format!("`{}` is there already", file.display()))
            .hint("name a file that is not there: no copy is ever replaced"));
    }
    Ok(())
}

/// Refuses a file whose folder is not there.
fn in_a_folder(file: &Path) -> Result<(), ApiError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let folder = folder.display().to_string();
            Err(ApiError::not_found("folder", &folder).hint("make it first; no folder is made by itself"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

pub(crate) fn remove(path: &Path) -> Result<(), ApiError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(error)),
        _ => Ok(()),
    }
}

pub(crate) fn disk(error: std::io::Error) -> ApiError {
    StoreError::Io(error).into()
}
