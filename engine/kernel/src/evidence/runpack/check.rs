//! A runpack is verified against keys that the reader trusts: every entry by the signed manifest, every record by
//! its hash, its chain and its place in the signed log, every event by the record it is bound to, everything that
//! was carried by the event that names it. Replays nothing; whatever is not as it must be is "not verified".

use std::collections::{BTreeMap, BTreeSet};

use ordain_spec::digest::{Digest, canonical};
use serde::Deserialize;
use serde_json::Value;

use super::{
    CHECKPOINT, DOCUMENTS, EVENTS, FORMAT, PAYLOAD_TYPE, PAYLOADS, PROOF, Pack, Payloads, Pinned, RECORDS,
    Row, SAID, SIGNATURE, SPECS, Said, WORKSPACE, catalogue, event_line, said_line,
};
use crate::archive::Archive;
use crate::audit::{AuditRecord, Verifier};
use crate::evidence::{NotVerified, manifest, manifest::Manifest, paths, unhex};
use crate::ids::RunId;
use crate::log::envelope::{Envelope, TrustedKey};
use crate::log::note::NoteKey;
use crate::log::{Checkpoint, joint_root, leaf_hash};
use crate::run::{Bound, Event, leaves_a_record, payload};

/// A verified runpack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it holds.
    pub pack: Pack,
    /// The head over all chains that were met, as `audit verify` says it.
    pub head: Digest,
    /// What was signed over all records up to the run's last.
    pub checkpoint: Checkpoint,
    /// The documents for people, by name.
    pub documents: BTreeMap<String, Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    run: RunId,
    specs: Vec<AboutSpecs>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AboutSpecs {
    catalogue: Digest,
    since: u64,
    root: Option<String>,
}

fn wrong(text: impl Into<String>) -> NotVerified {
    NotVerified::Manifest(text.into())
}

/// Verifies a runpack.
///
/// # Errors
/// When anything is not as it must be.
pub fn verify(archive: &Archive, trusted: &[NoteKey]) -> Result<Verified, NotVerified> {
    let manifest = Manifest::read(archive, FORMAT, &[SIGNATURE])?;
    signed(archive, trusted)?;
    let about: About = serde_json::from_value(Value::Object(manifest.about))
        .map_err(|error| wrong(format!("the manifest does not say what a runpack's says: {error}")))?;
    let specs = specs(archive, about.specs)?;
    let rows = rows(text(archive, EVENTS)?)?;
    let (records, head) = records(text(archive, RECORDS)?)?;
    let checkpoint = in_the_log(archive, &records, trusted)?;
    let journals = bound(&rows, &records, about.run)?;
    let payloads = match archive.get(PAYLOADS) {
        Some(_) => Some(payloads(text(archive, PAYLOADS)?, &rows, &journals)?),
        None => None,
    };
    let mut documents = BTreeMap::new();
    for name in DOCUMENTS {
        let bytes = archive.get(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
        documents.insert(name.to_owned(), bytes.to_vec());
    }
    let records = records.iter().map(AuditRecord::to_line).collect();
    let said = match archive.get(SAID) {
        Some(_) => said(text(archive, SAID)?)?,
        None => Vec::new(),
    };
    Ok(Verified {
        pack: Pack { run: about.run, rows, records, payloads, specs, said },
        head,
        checkpoint,
        documents,
    })
}

fn text<'a>(archive: &'a Archive, name: &str) -> Result<&'a str, NotVerified> {
    let bytes = archive.get(name).ok_or_else(|| wrong(format!("`{name}` is missing")))?;
    std::str::from_utf8(bytes).map_err(|_| wrong(format!("`{name}` is no text")))
}

/// The lines of an entry; each ends.
fn lines<'t>(name: &str, text: &'t str) -> Result<impl Iterator<Item = &'t str>, NotVerified> {
    let body = text.strip_suffix('\n').ok_or_else(|| wrong(format!("`{name}` does not end")))?;
    Ok(body.split('\n'))
}

/// The manifest is signed by the key of a log that is trusted, and nothing else is in the envelope.
fn signed(archive: &Archive, trusted: &[NoteKey]) -> Result<(), NotVerified> {
    let bytes = archive.get(SIGNATURE).ok_or_else(|| wrong("it is not signed"))?;
    let no_form = || wrong(format!("`{SIGNATURE}` is no envelope in canonical form"));
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| no_form())?;
    let written = serde_json::to_value(&envelope).map(|value| canonical(&value)).unwrap_or_default();
    if written != bytes || envelope.signatures.len() != 1 {
        return Err(no_form());
    }
    let trusted: Vec<TrustedKey> =
        trusted.iter().map(|key| TrustedKey { id: key.name.clone(), public: key.public }).collect();
    let (payload, _) = envelope.open(PAYLOAD_TYPE, &trusted)?;
    if archive.get(manifest::NAME) == Some(&payload) {
        Ok(())
    } else {
        Err(wrong("another manifest is signed"))
    }
}

/// Every entry below `specs/` belongs to a set that the manifest names, and nothing else is in the archive.
fn specs(archive: &Archive, about: Vec<AboutSpecs>) -> Result<Vec<Pinned>, NotVerified> {
    let mut known: BTreeSet<&str> = DOCUMENTS.into_iter().collect();
    known.extend([EVENTS, RECORDS, PAYLOADS, SAID, PROOF, CHECKPOINT, SIGNATURE, manifest::NAME]);
    let mut sets = Vec::with_capacity(about.len());
    let mut last = None;
    let mut homes = BTreeSet::new();
    for (set, number) in about.into_iter().zip(1_u64..) {
        if last.is_some_and(|last| set.since < last) || (number == 1 && set.since != 0) {
            return Err(wrong("its specs do not stand in their order"));
        }
        last = Some(set.since);
        let workspace = text(archive, &format!("{SPECS}/{number}/{WORKSPACE}"))?.to_owned();
        homes.insert(format!("{SPECS}/{number}/{WORKSPACE}"));
        let (since, catalogue, root) = (set.since, set.catalogue, set.root);
        sets.push(Pinned { since, catalogue, workspace, root, files: Vec::new() });
    }
    for (name, bytes) in archive.iter().filter(|(name, _)| !known.contains(name) && !homes.contains(*name)) {
        let undeclared = || wrong(format!("`{name}` is no entry of a runpack"));
        let (set, path) = sets
            .iter_mut()
            .zip(1_u64..)
            .find_map(|(set, number)| Some((set, paths::path_of(&catalogue(number), name)?)))
            .ok_or_else(undeclared)?;
        let text = std::str::from_utf8(bytes).map_err(|_| wrong(format!("`{name}` is no text")))?;
        set.files.push((path, text.into()));
    }
    if sets.is_empty() {
        return Err(wrong("it holds no specs"));
    }
    for set in &mut sets {
        set.files.sort();
    }
    Ok(sets)
}

fn rows(text: &str) -> Result<Vec<Row>, NotVerified> {
    #[derive(Deserialize)]
    struct Place {
        at: i64,
        run: RunId,
        seq: u64,
    }
    let read = |line: &str| {
        let (place, event) = line.split_once(",\"event\":")?;
        let Place { at, run, seq } = serde_json::from_str(&format!("{place}}}")).ok()?;
        let row = Row { run: run.to_string(), seq, at, event: event.strip_suffix('}')?.to_owned() };
        (event_line(&row) == line).then_some(row)
    };
    let rows =
        lines(EVENTS, text)?.map(|line| read(line).ok_or_else(|| wrong("an event is not in its form")));
    rows.collect()
}

fn said(text: &str) -> Result<Vec<Said>, NotVerified> {
    #[derive(Deserialize)]
    struct Place {
        at: i64,
        since: u64,
    }
    let read = |line: &str| {
        let (place, event) = line.split_once(",\"event\":")?;
        let Place { at, since } = serde_json::from_str(&format!("{place}}}")).ok()?;
        let said = Said { since, at, event: event.strip_suffix('}')?.to_owned() };
        (said_line(&said) == line).then_some(said)
    };
    let said =
        lines(SAID, text)?.map(|line| read(line).ok_or_else(|| wrong("what was said is not in its form")));
    said.collect()
}

/// The records, each in its form, place and chain.
fn records(text: &str) -> Result<(Vec<AuditRecord>, Digest), NotVerified> {
    let mut records: Vec<AuditRecord> = Vec::new();
    let mut verifier = Verifier::of_chains();
    for line in lines(RECORDS, text)? {
        let seq = records.last().map_or(0, |record| record.seq) + 1;
        let bad = |reason: String| NotVerified::Record { seq, reason };
        let record = AuditRecord::from_line(line).map_err(|error| bad(error.to_string()))?;
        verifier.record(&record);
        records.push(record);
    }
    let verified = verifier.finish();
    match verified.first_bad {
        Some(bad) => Err(NotVerified::Record { seq: bad.seq, reason: bad.reason }),
        None => Ok((records, verified.head)),
    }
}

/// Every record is in the log that the checkpoint is about, and the last is that log's last.
fn in_the_log(
    archive: &Archive,
    records: &[AuditRecord],
    trusted: &[NoteKey],
) -> Result<Checkpoint, NotVerified> {
    let checkpoint = Checkpoint::open(text(archive, CHECKPOINT)?, trusted)?;
    let no_proof = || wrong(format!("`{PROOF}` is no proof in canonical form"));
    let bytes = archive.get(PROOF).ok_or_else(no_proof)?;
    let proof: Vec<String> = serde_json::from_slice(bytes).map_err(|_| no_proof())?;
    if canonical(&Value::from(proof.clone())) != bytes {
        return Err(no_proof());
    }
    let hashes: Option<Vec<_>> = proof.iter().map(|hash| unhex(hash)).collect();
    let leaf =
        |record: &AuditRecord| Some((record.seq.checked_sub(1)?, leaf_hash(record.to_line().as_bytes())));
    let leaves: Option<BTreeMap<_, _>> = records.iter().map(leaf).collect();
    let (Some(hashes), Some(leaves)) = (hashes, leaves) else { return Err(no_proof()) };
    let last = records.last().map_or(0, |record| record.seq);
    if checkpoint.size == last && joint_root(&leaves, last, &hashes) == Some(checkpoint.root) {
        Ok(checkpoint)
    } else {
        Err(NotVerified::OtherLog)
    }
}

/// Every event that leaves a record has one that is bound to the journal up to it, and every record its event.
fn bound(rows: &[Row], records: &[AuditRecord], root: RunId) -> Result<BTreeMap<String, Bound>, NotVerified> {
    let mut due: BTreeMap<(String, u64), &AuditRecord> = BTreeMap::new();
    for record in records {
        let AuditRecord { seq, entry, .. } = record;
        let bad = || NotVerified::Record { seq: *seq, reason: "it is of no event".into() };
        due.insert((entry.run_id.ok_or_else(bad)?.to_string(), entry.run_seq.ok_or_else(bad)?), record);
    }
    if due.len() != records.len() {
        return Err(wrong("two records are of one event"));
    }
    let mut journals: BTreeMap<String, Bound> = BTreeMap::new();
    let mut first = true;
    for row in rows {
        let event: Event = serde_json::from_str(&row.event)
            .map_err(|_| wrong(format!("event {} of run {} cannot be read", row.seq, row.run)))?;
        if let Event::Started(started) = &event {
            let parent = started.parent.as_ref().map(|parent| parent.run.to_string());
            let known = parent.is_some_and(|parent| journals.contains_key(&parent));
            if known == first || (first && started.run != root) {
                return Err(wrong(format!("run {} is no part of run {root}", row.run)));
            }
            first = false;
        }
        let journal = journals.entry(row.run.clone()).or_default();
        journal.row(&row.run, row.seq, row.at, &row.event).map_err(wrong)?;
        match due.remove(&(row.run.clone(), row.seq)) {
            Some(record) if !journal.is_bound_to(record.entry.payload_digest) => {
                let reason = format!("the journal of run {} is not what it was made for", row.run);
                return Err(NotVerified::Record { seq: record.seq, reason });
            }
            Some(_) => {}
            None if leaves_a_record(&event) => {
                return Err(wrong(format!("event {} of run {} has no record", row.seq, row.run)));
            }
            None => {}
        }
    }
    match due.values().next() {
        Some(record) => {
            Err(NotVerified::Record { seq: record.seq, reason: "its event is not in the journal".into() })
        }
        None => Ok(journals),
    }
}

/// Everything that the journals name is there and is what they name, and nothing else.
fn payloads(text: &str, rows: &[Row], journals: &BTreeMap<String, Bound>) -> Result<Payloads, NotVerified> {
    let mut payloads = Payloads::new();
    for line in lines(PAYLOADS, text)? {
        let (run, reference, value) =
            payload_of(line).ok_or_else(|| wrong("a payload is not in its form"))?;
        let kept = payloads.entry(run.to_owned()).or_default();
        if kept.last_key_value().is_some_and(|(last, _)| **last >= *reference) {
            return Err(wrong("the payloads do not stand in their order"));
        }
        kept.insert(reference.to_owned(), value.to_owned());
    }
    if super::payload_lines(&payloads) != text {
        return Err(wrong("the payloads do not stand in their order"));
    }
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        named.entry(&row.run).or_default().extend(payload::references_in(&row.event));
    }
    for (run, journal) in journals {
        let gone = || wrong(format!("payloads of run {run} are missing"));
        let kept = payloads.get(run).ok_or_else(gone)?;
        let record_salt = journal.record_salt().ok_or_else(gone)?;
        let name = payload::salt_name(&record_salt);
        let salt: Digest = kept
            .get(&name)
            .and_then(|text| serde_json::from_str::<String>(text).ok()?.parse().ok())
            .filter(|salt| payload::record_salt(salt) == record_salt)
            .ok_or_else(gone)?;
        let mut due = named.remove(run.as_str()).unwrap_or_default();
        for (reference, text) in kept.iter().filter(|(reference, _)| **reference != name) {
            if payload::reference(&salt, text) != *reference || !due.remove(reference.as_str()) {
                return Err(wrong(format!("a payload of run {run} is not one that its journal names")));
            }
        }
        if !due.is_empty() {
            return Err(gone());
        }
    }
    if payloads.keys().any(|run| !journals.contains_key(run)) {
        return Err(wrong("it holds payloads of another run"));
    }
    Ok(payloads)
}

fn payload_of(line: &str) -> Option<(&str, &str, &str)> {
    let rest = line.strip_prefix("{\"run\":\"")?;
    let (run, rest) = rest.split_once("\",\"reference\":\"")?;
    let (reference, value) = rest.split_once("\",\"value\":")?;
    Some((run, reference, value.strip_suffix('}')?))
}
