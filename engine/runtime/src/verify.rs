//! Verifying the store: every chain of the audit log, the journals that its records are bound to, and the
//! payloads that the journals name. Also of a store that is not continued because somebody changed it. Reads;
//! changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ordain_kernel::audit::{End, Verifier};
use ordain_kernel::evidence::audit_export::Fold;
use ordain_kernel::log::note::NoteKey;
use ordain_kernel::log::succession::handed_over;
use ordain_kernel::log::tree::Hash;
use ordain_kernel::log::{Checkpoint, Succession};
use ordain_kernel::run::system::SystemEvent;
use ordain_kernel::run::{journal_digest, payload};
use ordain_spec::digest::Digest;
use serde_json::Value;

use crate::api::{Answer, ApiError};
use crate::bound::{self, Followed, Parted};
use crate::store::header;
use crate::store::read::Reader;
use crate::store::tiles::leaf_of;

use crate::store::{SYSTEM, StoreError};
use crate::vault::Vault;
use crate::workspace::Opened;
use crate::{checkpoint, evidence, log_key, recover};

/// How many rows are read at a time.
const PAGE: i64 = 4_000;

/// What a log is compared with beside itself.
#[derive(Debug, Clone, Default)]
pub struct Against {
    /// Checkpoints that were kept elsewhere.
    pub kept: Vec<Checkpoint>,
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
    let (noted, handed) = recorded(reader).await?;
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
    let fold = beginning(reader, begin, &mut due, &mut verifier).await?;
    if verifier.holds() {
        chains(reader, fold, &mut due, &mut verifier).await?;
    }
    if let (true, Some((size, _))) = (verifier.holds(), due.last_key_value()) {
        let why = format!("the log ends before its checkpoint over {size} records: it was cut or put back");
        verifier.bad(verifier.next(), &why);
    }
    if verifier.holds() && begin > 0 {
        tail_journals(reader, &mut verifier).await?;
    } else if verifier.holds()
        && let Some(parted) = journals(reader, &verifier).await?
    {
        verifier.bad(parted.seq, &parted.reason);
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
        }
    }
    Ok(document)
}

/// Why a checkpoint does not hold.
const OTHER: &str = "the records up to here are not those that a checkpoint was signed over";

/// A checkpoint that the log records.
struct Noted {
    size: u64,
    root: Hash,
    note: String,
}

/// The checkpoints that the log records, and which keys handed over to which.
async fn recorded(reader: &Reader) -> Result<(Vec<Noted>, BTreeMap<u64, Succession>), StoreError> {
    let (mut noted, mut handed) = (Vec::new(), BTreeMap::new());
    for row in reader.journal(SYSTEM).await? {
        // What is no event is found by its record.
        match serde_json::from_str(&row.event) {
            Ok(SystemEvent::CheckpointSigned { size, root, note }) => {
                noted.push(Noted { size, root: root.0, note });
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
    noted.into_iter().find_map(|Noted { size, root, note }| {
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
    loop {
        let rows = reader.audit(after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in &rows {
            verifier.stored(row.seq.unsigned_abs(), row.run.as_deref(), &row.record);
            if !verifier.holds() {
                return Ok(());
            }
            fold.append(leaf_of(row));
            if due.remove(&fold.size()).is_some_and(|root| root != fold.root()) {
                verifier.bad(fold.size(), OTHER);
                return Ok(());
            }
        }
    }
}

/// The journals of the runs that were met after the beginning, each from its first event on.
async fn tail_journals(reader: &Reader, verifier: &mut Verifier) -> Result<(), StoreError> {
    let runs: Vec<String> =
        verifier.ends().map(|(chain, _)| chain.to_owned()).filter(|chain| chain != SYSTEM).collect();
    let mut found: Option<Parted> = None;
    for run in runs {
        let parted = bound::parted(&run, &reader.journal(&run).await?, &reader.audit_of(&run).await?);
        found = match (found, parted) {
            (Some(one), Some(other)) if other.seq < one.seq => Some(other),
            (None, parted) => parted,
            (found, _) => found,
        };
    }
    if let Some(parted) = found {
        verifier.bad(parted.seq, &parted.reason);
    }
    Ok(())
}

/// The first record whose journal is another.
async fn journals(reader: &Reader, verifier: &Verifier) -> Result<Option<Parted>, StoreError> {
    let mut ends: BTreeMap<&str, End> = verifier.ends().map(|(chain, end)| (chain, *end)).collect();
    ends.remove(SYSTEM);
    let mut suspects = BTreeMap::new();
    let mut payloads = Payloads::new(reader).await?;
    let (mut run, mut seq) = (String::new(), 0);
    let mut open: Option<Open> = None;
    loop {
        let rows = reader.journals(&run, seq, PAGE).await?;
        let Some(last) = rows.last() else { break };
        (run, seq) = (last.run.clone(), last.seq);
        for row in rows.iter().filter(|row| row.run != SYSTEM) {
            if open.as_ref().is_none_or(|open| open.id != row.run) {
                settle(open.take(), &mut payloads, &mut suspects).await?;
                let end = ends.remove(row.run.as_str());
                open = Some(Open {
                    id: row.run.clone(),
                    end,
                    followed: Followed::new(end),
                    named: BTreeSet::new(),
                });
            }
            if let Some(open) = &mut open {
                open.followed.row(row);
                open.named.extend(payload::references_in(&row.event).map(str::to_owned));
            }
        }
    }
    settle(open, &mut payloads, &mut suspects).await?;
    for (id, end) in ends {
        suspects.insert(id.to_owned(), Parted { seq: end.seq, reason: format!("run {id} has no journal") });
    }
    let mut found = system(reader, verifier).await?;
    for (id, parted) in suspects {
        let exactly = bound::parted(&id, &reader.journal(&id).await?, &reader.audit_of(&id).await?);
        let parted = exactly.unwrap_or(parted);
        found = Some(found.filter(|found| found.seq <= parted.seq).unwrap_or(parted));
    }
    Ok(found)
}

/// A run whose journal is being read.
struct Open {
    id: String,
    end: Option<End>,
    followed: Followed,
    named: BTreeSet<String>,
}

async fn settle(
    open: Option<Open>,
    payloads: &mut Payloads<'_>,
    suspects: &mut BTreeMap<String, Parted>,
) -> Result<(), StoreError> {
    let Some(open) = open else { return Ok(()) };
    let seq = open.end.map_or(0, |end| end.seq);
    let fault = if open.followed.holds() {
        payloads.fault(&open).await?
    } else {
        Some(format!("the journal of run {} does not end where its records do", open.id))
    };
    if let Some(reason) = fault {
        suspects.insert(open.id, Parted { seq, reason });
    }
    Ok(())
}

/// The events of the workspace itself: one record each, bound to it.
async fn system(reader: &Reader, verifier: &Verifier) -> Result<Option<Parted>, StoreError> {
    let rows = reader.journal(SYSTEM).await?;
    let records = verifier.system();
    for ((row, record), number) in rows.iter().zip(records).zip(1_u64..) {
        let expected = journal_digest(&record.prev_hash, number, row.at, &row.event);
        if row.seq.unsigned_abs() != number || record.payload_digest != Some(expected) {
            let reason = format!("event {number} of the workspace is not what it was made for");
            return Ok(Some(Parted { seq: record.seq, reason }));
        }
    }
    let more = |seq, reason: &str| Ok(Some(Parted { seq, reason: reason.to_owned() }));
    match (rows.get(records.len()), records.get(rows.len())) {
        (Some(_), _) => more(verifier.next(), "an event of the workspace has no record"),
        (None, Some(record)) => more(record.seq, "its event is not in the journal of the workspace"),
        (None, None) => Ok(None),
    }
}

/// The payloads of all runs, read beside their journals.
struct Payloads<'r> {
    reader: &'r Reader,
    erased: recover::Erasures,
}

impl<'r> Payloads<'r> {
    async fn new(reader: &'r Reader) -> Result<Self, StoreError> {
        // A workspace's journal that cannot be read is said by its records.
        Ok(Self { reader, erased: recover::erasures(reader).await.unwrap_or_default() })
    }

    /// What is wrong with the payloads of a run.
    async fn fault(&self, open: &Open) -> Result<Option<String>, StoreError> {
        let changed = || Some(format!("a payload of run {} is not the one that its journal names", open.id));
        let bodies = match self.reader.payloads(&open.id).await {
            Err(StoreError::Corrupt(_)) => return Ok(changed()),
            read => read?,
        };
        let gone = || Some(format!("payloads of run {} are gone, and nobody erased them", open.id));
        match (bodies.is_empty(), self.erased.contains_key(&open.id)) {
            (true, true) => return Ok(None),
            (true, false) => return Ok(gone()),
            (false, true) => {
                return Ok(Some(format!("payloads of run {} are there, and were erased", open.id)));
            }
            (false, false) => {}
        }
        let mut kept = BTreeMap::new();
        for body in &bodies {
            let Ok(payloads) = serde_json::from_str::<BTreeMap<String, Value>>(body) else {
                return Ok(changed());
            };
            kept.extend(payloads);
        }
        let Some(record_salt) = open.followed.record_salt() else { return Ok(gone()) };
        let name = payload::salt_name(&record_salt);
        let salt = kept.remove(&name).and_then(|salt| salt.as_str()?.parse::<Digest>().ok());
        let Some(salt) = salt.filter(|salt| payload::record_salt(salt) == record_salt) else {
            return Ok(gone());
        };
        if open.named.iter().any(|named| !kept.contains_key(named)) {
            return Ok(gone());
        }
        let is_named = |(reference, value): (&String, &Value)| {
            serde_json::to_string(value).is_ok_and(|text| payload::reference(&salt, &text) == *reference)
        };
        Ok(if kept.iter().all(is_named) { None } else { changed() })
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
///
/// # Errors
/// When the one that is given is none of this log.
pub fn against(
    state: &Path,
    trust: &[String],
    elsewhere: Option<&str>,
    from_checkpoint: bool,
) -> Result<Against, ApiError> {
    let mut kept: Vec<Checkpoint> = checkpoint::kept(state).ok().flatten().into_iter().collect();
    let keys = known(state, trust);
    if let Some(note) = elsewhere {
        let opened = Checkpoint::open(note, &keys);
        kept.push(
            opened.map_err(|why| {
                ApiError::new("usage", why.to_string()).hint("give a checkpoint of this log")
            })?,
        );
    }
    Ok(Against { kept, from_checkpoint, keys })
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
