//! Chains of records, and their verification. Any trouble is "not verified": a record that cannot be read is
//! a bad one. What a chain alone cannot show is a cut tail; that takes a head or a checkpoint kept elsewhere.

use std::collections::BTreeMap;

use ordain_spec::digest::Digest;
use serde::{Deserialize, Serialize, Serializer};

use super::line::{Forms, Plain, leaf_at};
use super::{Action, AuditRecord, Entry};
use crate::ids::RunId;
use crate::log::tree::Hash;

/// The end of a chain: what the next record stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// Hash of the last record; zeros before the first.
    pub head: Digest,
    /// Records so far.
    pub length: u64,
}

impl Default for Chain {
    fn default() -> Self {
        Self { head: Digest([0; 32]), length: 0 }
    }
}

impl Chain {
    /// Puts an entry at the end of the chain. Its `seq` is 0 until the store gives it one.
    pub fn append(&mut self, entry: Entry) -> AuditRecord {
        self.append_line(entry).0
    }

    /// The same, and the record as [`AuditRecord::to_line`] writes it.
    pub fn append_line(&mut self, entry: Entry) -> (AuditRecord, String) {
        let text = Text::of(&entry, self.head);
        let hash = text.hash();
        let record = AuditRecord { seq: 0, entry, prev_hash: self.head, hash };
        self.head = hash;
        self.length = self.length.saturating_add(1);
        (record, text.sealed(hash, 0))
    }
}

/// The hash of an entry that stands after `previous`.
#[must_use]
pub fn hash_of(entry: &Entry, previous: Digest) -> Digest {
    Text::of(entry, previous).hash()
}

/// An entry in its place as canonical JSON, without its hash and number. Written field by field in their order,
/// so that a record is not made into a tree first.
struct Text {
    json: String,
    /// Where the hash belongs.
    hash_at: usize,
    /// Where the number belongs.
    seq_at: usize,
}

impl Text {
    fn of(entry: &Entry, previous: Digest) -> Self {
        let Entry {
            at,
            actor,
            assurance,
            action,
            subject,
            run_id,
            run_seq,
            step_id,
            decision_id,
            reasons,
            engine_version,
            catalogue_digest,
            plan_digest,
            payload_digest,
        } = entry;
        let mut fields = Fields(Vec::with_capacity(1_024));
        fields.add("action", Some(action));
        fields.add("actor", Some(&Sorted(actor)));
        fields.add("assurance", assurance.as_ref());
        fields.add("at", Some(at));
        fields.add("catalogueDigest", catalogue_digest.as_ref());
        fields.add("decisionId", decision_id.as_ref());
        fields.add("engineVersion", Some(engine_version));
        let hash_at = fields.0.len();
        fields.add("payloadDigest", payload_digest.as_ref());
        fields.add("planDigest", plan_digest.as_ref());
        fields.add("prevHash", Some(&previous));
        fields.add("reasons", Some(&Sorted(reasons)));
        fields.add("runId", run_id.as_ref());
        fields.add("runSeq", run_seq.as_ref());
        let seq_at = fields.0.len();
        fields.add("stepId", step_id.as_ref());
        fields.add("subject", Some(subject));
        fields.0.push(b'}');
        Self { json: String::from_utf8(fields.0).unwrap_or_default(), hash_at, seq_at }
    }

    fn hash(&self) -> Digest {
        Digest::of(self.json.as_bytes())
    }

    fn sealed(mut self, hash: Digest, seq: u64) -> String {
        self.json.insert_str(self.seq_at, &format!(",\"seq\":{seq}"));
        self.json.insert_str(self.hash_at, &format!(",\"hash\":\"{hash}\""));
        self.json
    }
}

/// What is written of an object in canonical form.
struct Fields(Vec<u8>);

impl Fields {
    fn add(&mut self, name: &str, value: Option<&impl Serialize>) {
        let Some(value) = value else { return };
        self.0.extend_from_slice(if self.0.is_empty() { b"{\"" } else { b",\"" });
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        // Writing into memory does not fail.
        let _ = serde_json::to_writer(&mut self.0, value);
    }
}

/// A value whose fields are sorted by their names when it is written.
struct Sorted<'v, T>(&'v T);

impl<T: Serialize> Serialize for Sorted<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// The line is no record as this engine writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record in canonical form")]
pub struct NotARecord;

impl AuditRecord {
    /// The record as one line: canonical JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        Text::of(&self.entry, self.prev_hash).sealed(self.hash, self.seq)
    }

    /// Reads a line of [`AuditRecord::to_line`], byte for byte.
    ///
    /// # Errors
    /// When the line is not exactly what this record is written as.
    pub fn from_line(line: &str) -> Result<Self, NotARecord> {
        let record: Self = serde_json::from_str(line).map_err(|_| NotARecord)?;
        (record.to_line() == line).then_some(record).ok_or(NotARecord)
    }
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// True when nothing is wrong.
    pub ok: bool,
    /// Records looked at, the first bad one included.
    pub records: u64,
    /// One chain: its head. Several: SHA-256 over the canonical JSON of every chain's name and head.
    pub head: Digest,
    /// The first record with which something is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<FirstBad>,
}

/// The first record with which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstBad {
    /// The place where it stands, or should.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

/// Verifies a whole log, in the order of `seq`: from 1, up by one from record to record, and every chain that
/// is met from its beginning.
#[must_use]
pub fn verify<'r>(records: impl IntoIterator<Item = &'r AuditRecord>) -> Verified {
    let mut verifier = Verifier::default();
    for record in records {
        verifier.record(record);
    }
    verifier.finish()
}

/// Verifies whole chains that were taken out of a log: `seq` goes up, and each chain is followed from its
/// beginning.
#[must_use]
pub fn verify_chains<'r>(records: impl IntoIterator<Item = &'r AuditRecord>) -> Verified {
    let mut verifier = Verifier::of_chains();
    for record in records {
        verifier.record(record);
    }
    verifier.finish()
}

/// A record of the chain `system`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemRecord {
    /// Its place in the log.
    pub seq: u64,
    /// The hash of the record before it.
    pub prev_hash: Digest,
    /// What binds it to its event.
    pub payload_digest: Option<Digest>,
}

/// The chain of the records without a run.
const SYSTEM: &str = "system";

/// A record that was taken from its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'l> {
    /// What it says that was done.
    pub action: Action,
    /// On what.
    pub subject: &'l str,
}

/// The last record of a chain, as far as it was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its hash.
    pub head: Digest,
    /// Its place in the log.
    pub seq: u64,
    /// The place of its event in the journal of its run.
    pub run_seq: Option<u64>,
    /// What binds it to that journal.
    pub payload_digest: Option<Digest>,
}

impl From<&AuditRecord> for End {
    fn from(record: &AuditRecord) -> Self {
        let Entry { run_seq, payload_digest, .. } = record.entry;
        Self { head: record.hash, seq: record.seq, run_seq, payload_digest }
    }
}

/// Verifies one record after the other, from the first of a log on; its memory grows with the number of chains, not
/// of records. After the first bad record nothing is looked at any more.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    ends: BTreeMap<String, End>,
    system: Vec<SystemRecord>,
    count: u64,
    next: Option<u64>,
    tail: bool,
    gaps: bool,
    first_bad: Option<FirstBad>,
    pub(super) forms: Forms,
}

impl Verifier {
    /// For the last records of a log: where a chain is met first, the hash it stands on is taken as given.
    #[must_use]
    pub fn of_a_tail() -> Self {
        Self { tail: true, ..Self::default() }
    }

    /// For whole chains that were taken out of a log: `seq` goes up, and each chain begins with its first record.
    #[must_use]
    pub fn of_chains() -> Self {
        Self { gaps: true, ..Self::default() }
    }

    /// The next record.
    pub fn record(&mut self, record: &AuditRecord) {
        if self.first_bad.is_some() {
            return;
        }
        self.count = self.count.saturating_add(1);
        let beginning = if self.tail { record.prev_hash } else { Digest([0; 32]) };
        let chain = record.entry.chain();
        let head = self.ends.get(&chain).map_or(beginning, |end| end.head);
        let place = match self.next {
            None if self.tail => record.seq,
            least if self.gaps => record.seq.max(least.unwrap_or(1)),
            next => next.unwrap_or(1),
        };
        if let Some(reason) = fault(record, head, place) {
            self.first_bad = Some(FirstBad { seq: place, reason: reason.to_owned() });
            return;
        }
        let end = End::from(record);
        if record.entry.run_id.is_none() {
            let End { seq, payload_digest, .. } = end;
            self.system.push(SystemRecord { seq, prev_hash: record.prev_hash, payload_digest });
        }
        self.ends.insert(chain, end);
        self.next = end.seq.checked_add(1);
    }

    /// The next record as the line that the store keeps, which has its place and its run beside it. Gives its leaf
    /// of the log, as long as nothing is wrong.
    pub fn stored(&mut self, seq: u64, run: Option<&str>, line: &str) -> Option<Hash> {
        let plain = Plain::read(line).filter(|plain| plain.seq == 0 && plain.run == run);
        if let Some(plain) = plain.filter(|plain| self.follows(plain, seq)) {
            return Some(plain.leaf(seq));
        }
        self.stored_in_full(seq, run, line);
        self.holds().then(|| leaf_at(line, seq))
    }

    /// The same, read into a record and written again.
    pub(super) fn stored_in_full(&mut self, seq: u64, run: Option<&str>, line: &str) {
        if self.first_bad.is_some() {
            return;
        }
        match AuditRecord::from_line(line) {
            Ok(record) if record.entry.run_id.map(|run| run.to_string()).as_deref() != run => {
                self.bad(seq, "it stands under another run than its own");
            }
            Ok(record) => {
                self.forms.learn(line);
                self.record(&AuditRecord { seq, ..record });
            }
            Err(NotARecord) => self.bad(seq, "it cannot be read as a record in canonical form"),
        }
    }

    /// The next record as a line that says its place. None where it takes [`Verifier::listed_in_full`] to say what it
    /// is; then everything is as it was.
    pub fn listed<'l>(&mut self, seq: u64, line: &'l str) -> Option<Listed<'l>> {
        let plain = Plain::read(line).filter(|plain| plain.seq == seq)?;
        let Plain { action, subject, .. } = plain;
        self.follows(&plain, seq).then_some(Listed { action, subject })
    }

    /// The next record, read from a line in full.
    pub fn listed_in_full(&mut self, record: &AuditRecord, line: &str) {
        self.forms.learn(line);
        self.record(record);
    }

    /// Takes a line that follows what is there and is held by its hash. False leaves everything as it is.
    fn follows(&mut self, line: &Plain<'_>, seq: u64) -> bool {
        if self.gaps || self.first_bad.is_some() || !self.forms.hold(line) {
            return false;
        }
        let known = self.ends.get_mut(line.run.unwrap_or(SYSTEM));
        let place = self.next.unwrap_or(if self.tail { seq } else { 1 });
        let head = match &known {
            Some(end) => end.head,
            None if self.tail => line.prev_hash,
            None => Digest([0; 32]),
        };
        let is_named = known.is_some() || line.run.is_none_or(|run| run.parse::<RunId>().is_ok());
        if !is_named || seq != place || line.prev_hash != head || !line.is_held() {
            return false;
        }
        let end = End { head: line.hash, seq, run_seq: line.run_seq, payload_digest: line.payload_digest };
        match known {
            Some(known) => *known = end,
            None => {
                self.ends.insert(line.run.unwrap_or(SYSTEM).to_owned(), end);
            }
        }
        if line.run.is_none() {
            let End { seq, payload_digest, .. } = end;
            self.system.push(SystemRecord { seq, prev_hash: line.prev_hash, payload_digest });
        }
        self.count = self.count.saturating_add(1);
        self.next = seq.checked_add(1);
        true
    }

    /// Something else is wrong at that place.
    pub fn bad(&mut self, seq: u64, reason: &str) {
        if self.first_bad.is_none() {
            self.count = self.count.saturating_add(1);
            self.first_bad = Some(FirstBad { seq, reason: reason.to_owned() });
        }
    }

    /// The head of a chain, as far as it was followed.
    #[must_use]
    pub fn head_of(&self, chain: &str) -> Option<Digest> {
        self.ends.get(chain).map(|end| end.head)
    }

    /// The ends of all chains that were met, by name.
    pub fn ends(&self) -> impl Iterator<Item = (&str, &End)> {
        self.ends.iter().map(|(chain, end)| (chain.as_str(), end))
    }

    /// The records of the chain `system`.
    #[must_use]
    pub fn system(&self) -> &[SystemRecord] {
        &self.system
    }

    /// True while nothing is wrong.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.first_bad.is_none()
    }

    /// The place after the last record that was looked at.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next.unwrap_or(1)
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Verified {
        let heads: BTreeMap<&str, Digest> = self.ends().map(|(chain, end)| (chain, end.head)).collect();
        let head = match heads.first_key_value() {
            Some((_, head)) if heads.len() == 1 => *head,
            None => Digest([0; 32]),
            Some(_) => Digest::of_json(&serde_json::to_value(&heads).unwrap_or_default()),
        };
        Verified { ok: self.first_bad.is_none(), records: self.count, head, first_bad: self.first_bad }
    }
}

fn fault(record: &AuditRecord, head: Digest, place: u64) -> Option<&'static str> {
    if record.seq != place {
        return Some("a record is missing, or stands in another place");
    }
    if record.prev_hash != head {
        return Some("it does not follow the record before it in its chain");
    }
    if hash_of(&record.entry, record.prev_hash) != record.hash {
        return Some("its content is not what its hash was made from");
    }
    None
}

/// Records with places of their own, from 1: for records that no store has numbered.
#[must_use]
pub fn renumbered(records: impl IntoIterator<Item = AuditRecord>) -> Vec<AuditRecord> {
    records.into_iter().zip(1..).map(|(record, seq)| AuditRecord { seq, ..record }).collect()
}

/// Verifies lines as [`AuditRecord::to_line`] writes them. A line that cannot be read is a bad record.
#[must_use]
pub fn verify_lines<'l>(lines: impl IntoIterator<Item = &'l str>) -> Verified {
    let mut verifier = Verifier::default();
    for line in lines {
        match AuditRecord::from_line(line) {
            Ok(record) => verifier.record(&record),
            Err(NotARecord) => {
                let seq = verifier.next();
                verifier.bad(seq, "it cannot be read as a record in canonical form");
            }
        }
    }
    verifier.finish()
}
