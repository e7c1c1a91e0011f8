//! Verifying the store: every chain of the audit log, the journals that its records are bound to, and the
//! payloads that the journals name. Also of a store that is not continued because somebody changed it. Reads;
//! changes nothing.

mod journals;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ordain_kernel::audit::Verifier;
use ordain_kernel::evidence::audit_export::Fold;
use ordain_kernel::log::note::NoteKey;
use ordain_kernel::log::succession::handed_over;
use ordain_kernel::log::tree::Hash;
use ordain_kernel::log::{Checkpoint, Succession};
use ordain_kernel::run::system::SystemEvent;

use crate::api::{Answer, ApiError};
use crate::store::header;
use crate::store::read::Reader;
use crate::store::rows::JournalRow;
use crate::store::{SYSTEM, StoreError};
use crate::vault::Vault;
use crate::workspace::Opened;
use crate::{checkpoint, evidence, log_key, stance};

/// How many rows are read at a time, where they are read one by one.
const PAGE: i64 = 4_000;

/// What a log is compared with beside itself.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// Checkpoints that were kept elsewhere.
    pub kept: Vec<Checkpoint>,
    /// Why a checkpoint that was kept elsewhere is none of this log.
    pub foreign: Option<String>,
    /// Only what came after the newest checkpoint that the log itself records is read.
    pub from_checkpoint: bool,
    /// Who may have signed the checkpoints that the log records. Where nobody knows a key of it (a copy on a machine
    /// that never had the log), signatures are not asked for.
    pub keys: Vec<NoteKey>,
}

/// Every chain; whether every journal is the one that its records were made for, to its end; whether every payload is
/// there and is what the journal names, or was erased; whether the log is the one that its checkpoints were signed
/// over, and by keys that are known: whoever has the store and not the key can make every hash anew, and no signature.
///
/// # Errors
/// When the store cannot be read.
pub async fn log(reader: &Reader, against: &Against) -> Answer {
    // Journal and log are compared as they were at one instant: runs go on meanwhile.
    let reader = &reader.snapshot().await?;
    let (noted, handed) = recorded(reader, against.from_checkpoint).await?;
    let recorded: BTreeMap<u64, Hash> = noted.iter().map(|noted| (noted.size, noted.root)).collect();
    let last = recorded.last_key_value().filter(|_| against.from_checkpoint);
    let begin = last.map_or(0, |(size, _)| *size);
    let mut due: BTreeMap<u64, Hash> = recorded.range(begin..).map(|(size, root)| (*size, *root)).collect();
    let mut verifier = if begin == 0 { Verifier::default() } else { Verifier::of_a_tail() };
    for kept in against.kept.iter().filter(|kept| kept.size > 0) {
        // Two checkpoints over as many records are over the same, or one of them is of another log.
        let known = due.insert(kept.size, kept.root);
        if known.is_some_and(|known| known != kept.root) {
            verifier.bad(kept.size, OTHER);
        }
    }
    if let Some(why) = &against.foreign {
        verifier.bad(0, why);
    }
    let fold = beginning(reader, begin, &mut due, &mut verifier).await?;
    if verifier.holds() {
        chains(reader, fold, &mut due, &mut verifier).await?;
    }
    if let (true, Some((size, _))) = (verifier.holds(), due.last_key_value()) {
        let why = format!("the log ends before its checkpoint over {size} records: it was cut or put back");
        verifier.bad(verifier.next().max(begin + 1), &why);
    }
    if verifier.holds() {
        let found = match noted.iter().find(|noted| begin > 0 && noted.size == begin) {
            Some(noted) => journals::parted_behind(reader, &verifier, begin, &noted.row).await?,
            None => journals::first_parted(reader, &verifier).await?,
        };
        if let Some(parted) = found {
            verifier.bad(parted.seq, &parted.reason);
        }
    }
    if verifier.holds()
        && let Err(unbound) = stance::of(reader).await?
    {
        verifier.bad(unbound.seq, &unbound.reason);
    }
    let asked = noted.iter().filter(|noted| noted.size >= begin);
    if let (true, Some((seq, why))) = (verifier.holds(), unsigned(asked, &handed, &against.keys)) {
        verifier.bad(seq, &why);
    }
    let newest = recorded.keys().copied().chain(against.kept.iter().map(|kept| kept.size)).max();
    let mut document =
        serde_json::to_value(verifier.finish()).map_err(|error| ApiError::fault(error.to_string()))?;
    if let Some(fields) = document.as_object_mut() {
        if let Some(size) = newest {
            fields.insert("checkpoint".into(), serde_json::json!({"size": size}));
        }
        if begin > 0 {
            fields.insert("from".into(), (begin + 1).into());
            fields.insert("unsaid".into(), serde_json::json!([unsaid(begin)]));
        }
    }
    Ok(document)
}

/// What a look from a checkpoint over so many records on does not say.
fn unsaid(begin: u64) -> String {
    format!(
        "whether records 1 to {begin} are as they were written and as the indexes of the store say, and the journals \
         and payloads of runs that rest since the checkpoint over them: `ordain audit verify` reads those too"
    )
}

/// Why a checkpoint does not hold.
const OTHER: &str = "the records up to here are not those that a checkpoint was signed over";

/// A checkpoint that the log records.
struct Noted {
    size: u64,
    root: Hash,
    note: String,
    row: JournalRow,
}

/// The checkpoints that the log records, or the newest of them alone, and which keys handed over to which.
async fn recorded(
    reader: &Reader,
    newest: bool,
) -> Result<(Vec<Noted>, BTreeMap<u64, Succession>), StoreError> {
    let (mut noted, mut handed) = (Vec::new(), BTreeMap::new());
    let rows = if newest {
        let mut rows = reader.successions().await?;
        rows.extend(reader.checkpoint().await?);
        rows
    } else {
        reader.journal(SYSTEM).await?
    };
    for row in rows {
        // What is no event is found by its record.
        match serde_json::from_str(&row.event) {
            Ok(SystemEvent::CheckpointSigned { size, root, note }) => {
                noted.push(Noted { size, root: root.0, note, row });
            }
            // At one place one key hands over, and to one.
            Ok(SystemEvent::Rekeyed { succession, .. }) => {
                handed.entry(succession.seq).or_insert(succession);
            }
            _ => {}
        }
    }
    Ok((noted, handed))
}

/// The first checkpoint that no key signed which is known, or that says something else than its note.
fn unsigned<'n>(
    noted: impl Iterator<Item = &'n Noted>,
    handed: &BTreeMap<u64, Succession>,
    known: &[NoteKey],
) -> Option<(u64, String)> {
    if known.is_empty() {
        return None;
    }
    let subjects: Vec<(u64, String)> = handed.iter().map(|(seq, one)| (*seq, one.to_text())).collect();
    let keys = handed_over(known, subjects.iter().map(|(seq, subject)| (*seq, &**subject)));
    noted.into_iter().find_map(|Noted { size, root, note, .. }| {
        let why = match Checkpoint::open(note, &keys) {
            Ok(said) if (said.size, said.root) == (*size, *root) => return None,
            Ok(_) => "is not the one of its note".to_owned(),
            Err(why) => format!("does not verify: {why} (`trust` of ordain.yaml names keys)"),
        };
        // Nothing comes between what a checkpoint counts and the record of it.
        Some((size.saturating_add(1), format!("the checkpoint over {size} records {why}")))
    })
}

/// The tree at the place from which on records are read, and the checkpoints before it compared with the tiles.
async fn beginning(
    reader: &Reader,
    begin: u64,
    due: &mut BTreeMap<u64, Hash>,
    verifier: &mut Verifier,
) -> Result<Fold, StoreError> {
    if begin == 0 {
        return Ok(Fold::default());
    }
    let early: Vec<u64> = due.range(..=begin).map(|(size, _)| *size).collect();
    for size in early {
        let Some(root) = due.remove(&size) else { continue };
        match reader.root(size).await {
            Ok(made) if made == root => {}
            Ok(_) | Err(StoreError::Corrupt(_)) => verifier.bad(size, OTHER),
            Err(error) => return Err(error),
        }
    }
    match reader.fold(begin).await {
        Err(StoreError::Corrupt(_)) => {
            verifier.bad(begin, OTHER);
            Ok(Fold::default())
        }
        made => made,
    }
}

async fn chains(
    reader: &Reader,
    mut fold: Fold,
    due: &mut BTreeMap<u64, Hash>,
    verifier: &mut Verifier,
) -> Result<(), StoreError> {
    let mut after = i64::try_from(fold.size()).unwrap_or(i64::MAX);
    let mut taken = |seq: u64, run: Option<&str>, record: &str| {
        let Some(leaf) = verifier.stored(seq, run, record) else { return false };
        fold.append(leaf);
        if due.remove(&fold.size()).is_some_and(|root| root != fold.root()) {
            verifier.bad(fold.size(), OTHER);
        }
        verifier.holds()
    };
    let mut pages = reader.audit_page(after).await;
    loop {
        let Some(page) = pages else {
            let rows = reader.audit(after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.seq;
            if !rows.iter().all(|row| taken(row.seq.unsigned_abs(), row.run.as_deref(), &row.record)) {
                return Ok(());
            }
            pages = reader.audit_page(after).await;
            continue;
        };
        after = page.last();
        // The next records are read while these are looked at.
        let ahead = reader.clone();
        let ahead = tokio::spawn(async move { ahead.audit_page(after).await });
        if !page.rows().all(|(seq, run, record)| taken(seq, run, record)) {
            return Ok(());
        }
        pages = ahead.await.unwrap_or_default();
    }
}

impl Against {
    /// The keys alone: those that the operator's file trusts, and those of the log of this workspace.
    #[must_use]
    pub fn keys_of(workspace: &Opened) -> Self {
        Self { keys: known(&workspace.state, &evidence::named(workspace)), ..Self::default() }
    }
}

fn known(state: &Path, trust: &[String]) -> Vec<NoteKey> {
    trust.iter().chain(&log_key::publics(state)).filter_map(|key| log_key::note_key(key)).collect()
}

/// What a workspace's log is compared with: its checkpoint beside the store, and one that was kept elsewhere; signed by
/// the log's own keys or by those that the operator's file trusts.
#[must_use]
pub fn against(state: &Path, trust: &[String], elsewhere: Option<&str>, from_checkpoint: bool) -> Against {
    let mut kept: Vec<Checkpoint> = checkpoint::kept(state).ok().flatten().into_iter().collect();
    let keys = known(state, trust);
    let mut foreign = None;
    match elsewhere.map(|note| Checkpoint::open(note, &keys)) {
        Some(Ok(checkpoint)) => kept.push(checkpoint),
        Some(Err(why)) => foreign = Some(format!("the checkpoint that was given is none of this log: {why}")),
        None => {}
    }
    Against { kept, foreign, from_checkpoint, keys }
}

/// The log of a workspace's store that nobody holds.
///
/// # Errors
/// When the store cannot be read.
pub async fn of_workspace(workspace: &Opened, against: &Against) -> Answer {
    let vault = Vault::of(workspace).await?;
    of_file(&workspace.state.join("ordain.db"), against, vault).await
}

/// The log of a store in a file; of no store, where there is none.
///
/// # Errors
/// When it cannot be read, or is no store.
pub async fn of_file(path: &Path, against: &Against, vault: Option<Arc<Vault>>) -> Answer {
    if !path.exists() {
        let nothing = Verifier::default().finish();
        return serde_json::to_value(nothing).map_err(|error| ApiError::fault(error.to_string()));
    }
    header::check(path)?;
    log(&Reader::open(path, vault)?, against).await
}
