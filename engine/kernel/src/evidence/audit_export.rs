//! An export of the audit log: its records from one place to a signed checkpoint. `docs/reference/verify.md`
//! describes the format for readers that share no code with this engine.

use ordain_spec::digest::Digest;
use serde_json::{Map, json};

use super::manifest::{self, Manifest};
use super::{NotVerified, hex, unhex};
use crate::archive::{Archive, NotAnArchive};
use crate::audit::{Action, AuditRecord, Verifier};
use crate::log::Checkpoint;
use crate::log::note::NoteKey;
use crate::log::succession::handed_over;
use crate::log::tree::{Hash, leaf_hash, node_hash};

/// What the manifest calls it.
pub const FORMAT: &str = "ordain-audit-export/1";
const RECORDS: &str = "audit.jsonl";
const CHECKPOINT: &str = "checkpoint";

/// A verified export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditExport {
    /// The place of the first record.
    pub from: u64,
    /// How many records there are from there on.
    pub records: u64,
    /// The head over all chains that were met, as `audit verify` says it.
    pub head: Digest,
    /// What was signed over all records up to the last.
    pub checkpoint: Checkpoint,
    /// The root over the records before the first, which an older checkpoint must have had.
    pub before: Hash,
}

/// Writes an export of `lines`, which are the records from `from` on up to the checkpoint, each in canonical JSON
/// with its `seq`. `edge` are the roots of the whole subtrees over the records before, greatest first.
///
/// # Errors
/// When it grows too large: export the log in pieces.
pub fn write<'l>(
    from: u64,
    lines: impl IntoIterator<Item = &'l str>,
    edge: &[Hash],
    checkpoint: &str,
) -> Result<Vec<u8>, NotAnArchive> {
    let mut records = String::new();
    for line in lines {
        records.push_str(line);
        records.push('\n');
    }
    let mut archive = Archive::default();
    archive.add(RECORDS, records)?;
    archive.add(CHECKPOINT, checkpoint)?;
    let edge: Vec<String> = edge.iter().map(hex).collect();
    let about: Map<_, _> =
        [("edge".to_owned(), json!(edge)), ("from".to_owned(), json!(from))].into_iter().collect();
    let manifest = Manifest::of(&archive, FORMAT, about).to_bytes();
    archive.add(manifest::NAME, manifest)?;
    Ok(archive.to_bytes())
}

/// Verifies an export against keys that the reader trusts.
///
/// # Errors
/// When anything is not as it must be.
pub fn verify(archive: &Archive, trusted: &[NoteKey]) -> Result<AuditExport, NotVerified> {
    let manifest = Manifest::read(archive, FORMAT, &[])?;
    let text = |name| archive.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let (Some(lines), Some(note)) = (text(RECORDS), text(CHECKPOINT)) else {
        return Err(NotVerified::Manifest("the records or the checkpoint are missing".into()));
    };
    let wrong = |text: &str| NotVerified::Manifest(text.to_owned());
    let from = manifest.about.get("from").and_then(serde_json::Value::as_u64).filter(|from| *from > 0);
    let from = from.ok_or_else(|| wrong("it does not say where it begins"))?;
    let edge = manifest.about.get("edge").and_then(serde_json::Value::as_array);
    let edge: Option<Vec<Hash>> =
        edge.and_then(|edge| edge.iter().map(|hash| unhex(hash.as_str()?)).collect());
    let edge = edge.ok_or_else(|| wrong("it does not say what stands before it"))?;
    if manifest.about.len() != 2 || manifest.entries.len() != 2 {
        return Err(wrong("it holds more than such a file holds"));
    }
    let mut fold = Fold::over(from - 1, &edge).ok_or_else(|| wrong("its edge is of another size"))?;
    let before = fold.root();
    let (rekeyed, head) = records(from, lines, &mut fold)?;
    let keys = handed_over(trusted, rekeyed.iter().map(|(seq, subject)| (*seq, &**subject)));
    let checkpoint = Checkpoint::open(note, &keys)?;
    if fold.size != checkpoint.size || fold.root() != checkpoint.root {
        return Err(NotVerified::OtherLog);
    }
    Ok(AuditExport { from, records: fold.size - (from - 1), head, checkpoint, before })
}

/// Records that say that another key of the log follows: their places and subjects.
type Rekeyed = Vec<(u64, String)>;

/// Every record in its form, place and chain; which of them name another key, and the head over all chains.
fn records(from: u64, lines: &str, fold: &mut Fold) -> Result<(Rekeyed, Digest), NotVerified> {
    let mut verifier = if from == 1 { Verifier::default() } else { Verifier::of_a_tail() };
    let mut rekeyed = Vec::new();
    let none = || NotVerified::Manifest("it holds no record".to_owned());
    let body = lines.strip_suffix('\n').filter(|body| !body.is_empty()).ok_or_else(none)?;
    for (seq, line) in (from..).zip(body.split('\n')) {
        rekeyed.extend(taken(&mut verifier, seq, line)?.map(|subject| (seq, subject)));
        fold.append(leaf_hash(line.as_bytes()));
    }
    let verified = verifier.finish();
    match verified.first_bad {
        Some(bad) => Err(NotVerified::Record { seq: bad.seq, reason: bad.reason }),
        None => Ok((rekeyed, verified.head)),
    }
}
/// The record of a place; its subject where it names another key of the log.
fn taken(verifier: &mut Verifier, seq: u64, line: &str) -> Result<Option<String>, NotVerified> {
    let named = |action, subject: &str| (action == Action::LogRekeyed).then(|| subject.to_owned());
    if let Some(listed) = verifier.listed(seq, line) {
        return Ok(named(listed.action, listed.subject));
    }
    let bad = |reason: &str| NotVerified::Record { seq, reason: reason.to_owned() };
    let record = AuditRecord::from_line(line).map_err(|error| bad(&error.to_string()))?;
    if record.seq != seq {
        return Err(bad("a record is missing, or stands in another place"));
    }
    verifier.listed_in_full(&record, line);
    Ok(named(record.entry.action, &record.entry.subject))
}

/// A tree as the roots of its whole subtrees, greatest first: enough to append and to know the root.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    size: u64,
    roots: Vec<Hash>,
}

impl Fold {
    /// The tree over `size` leaves with these subtrees: one for each bit of the size.
    #[must_use]
    pub fn over(size: u64, roots: &[Hash]) -> Option<Self> {
        let due = usize::try_from(size.count_ones()).ok()?;
        (roots.len() == due).then(|| Self { size, roots: roots.to_vec() })
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else { return crate::log::tree::empty_root() };
        roots.fold(*last, |right, left| node_hash(left, &right))
    }

    /// Its subtrees, greatest first.
    #[must_use]
    pub fn edge(&self) -> &[Hash] {
        &self.roots
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use ed25519_dalek::{Signer as _, SigningKey};
    use jiff::Timestamp;

    use super::*;
    use crate::actor::Actor;
    use crate::audit::{Action, Chain, Entry};
    use crate::log::tree::Tree;

    fn log(count: u64) -> Vec<String> {
        let mut chain = Chain::default();
        let record = |seq| {
            let at = Timestamp::from_second(1_700_000_000 + i64::try_from(seq).unwrap_or(0)).unwrap();
            let entry = Entry::new(at, Actor::system(), Action::KillSet, format!("all {seq}"));
            AuditRecord { seq, ..chain.append(entry) }.to_line()
        };
        (1..=count).map(record).collect()
    }

    fn export(from: u64, count: u64) -> (Vec<u8>, NoteKey) {
        let lines = log(count);
        let (mut tree, mut fold) = (Tree::default(), Fold::default());
        for (line, seq) in lines.iter().zip(1..) {
            tree.append(leaf_hash(line.as_bytes()));
            if seq < from {
                fold.append(leaf_hash(line.as_bytes()));
            }
        }
        let secret = SigningKey::from_bytes(&[4; 32]);
        let key =
            NoteKey { name: "ordain/home".into(), public: secret.verifying_key().to_bytes(), until: None };
        let checkpoint = Checkpoint { origin: key.name.clone(), size: count, root: tree.root() };
        let note = checkpoint.note(&key, &secret.sign(checkpoint.text().as_bytes()).to_bytes());
        let first = usize::try_from(from - 1).unwrap();
        let lines = lines[first..].iter().map(String::as_str);
        (write(from, lines, fold.edge(), &note).unwrap(), key)
    }

    fn verified(bytes: &[u8], key: &NoteKey) -> Result<AuditExport, NotVerified> {
        verify(&Archive::from_bytes(bytes)?, std::slice::from_ref(key))
    }

    #[test]
    fn an_export_is_verified_from_any_place_on() {
        for from in 1..=7 {
            let (bytes, key) = export(from, 7);
            let export = verified(&bytes, &key).unwrap();
            assert_eq!((export.from, export.records), (from, 8 - from));
        }
        let (bytes, _) = export(1, 7);
        let stranger = NoteKey { name: "ordain/home".into(), public: [9; 32], until: None };
        assert!(matches!(verified(&bytes, &stranger), Err(NotVerified::Checkpoint(_))));
    }

    #[test]
    fn no_bit_of_an_export_can_be_other_than_it_is() {
        let (bytes, key) = export(3, 5);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(verified(&changed, &key).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_export_holds_records_and_nothing_besides() {
        let (empty, key) = export(8, 7);
        assert_eq!(verified(&empty, &key), Err(NotVerified::Manifest("it holds no record".into())));
        let (bytes, key) = export(1, 7);
        let before = Archive::from_bytes(&bytes).unwrap();
        let mut more = Archive::default();
        for (name, bytes) in before.iter().filter(|(name, _)| *name != manifest::NAME) {
            more.add(name, bytes).unwrap();
        }
        more.add("report.txt", "all is well").unwrap();
        let about = Manifest::read(&before, FORMAT, &[]).unwrap().about;
        let manifest = Manifest::of(&more, FORMAT, about).to_bytes();
        more.add(manifest::NAME, manifest).unwrap();
        let wrong = "it holds more than such a file holds";
        assert_eq!(verified(&more.to_bytes(), &key), Err(NotVerified::Manifest(wrong.into())));
    }

    #[test]
    fn records_rewritten_with_their_archive_are_found_by_the_checkpoint() {
        let (bytes, key) = export(1, 5);
        let archive = Archive::from_bytes(&bytes).unwrap();
        let lines = log(4);
        let note = std::str::from_utf8(archive.get(CHECKPOINT).unwrap()).unwrap();
        let cut = write(1, lines.iter().map(String::as_str), &[], note).unwrap();
        assert_eq!(verified(&cut, &key), Err(NotVerified::OtherLog));
    }
}
