//! Are the journals of all runs those that their records were made for, to their ends, and are their payloads what
//! the journals name, or erased? Reads; changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use ordain_kernel::audit::{End, Verifier};
use ordain_kernel::run::{journal_digest, payload};
use ordain_spec::digest::Digest;
use serde_json::Value;

use crate::bound::{self, Followed, Parted};
use crate::recover;
use crate::store::bulk::Kept;
use crate::store::read::Reader;
use crate::store::rows::JournalRow;
use crate::store::{SYSTEM, StoreError};

/// The first record whose journal is another.
pub(super) async fn first_parted(reader: &Reader, verifier: &Verifier) -> Result<Option<Parted>, StoreError> {
    let own = reader.journal(SYSTEM).await?;
    let mut looked = Look::new(reader, verifier, &own);
    let mut from = String::new();
    let mut pages = reader.run_pages(&from).await;
    loop {
        let Some(page) = pages else {
            looked.one_by_one(&from).await?;
            break;
        };
        let Some(last) = page.last() else { break };
        // The next name that there can be.
        from = format!("{}\0", last.run);
        // The next runs are read while these are looked at.
        let (ahead, next) = (reader.clone(), from.clone());
        let ahead = tokio::spawn(async move { ahead.run_pages(&next).await });
        for one in page {
            match one.kept {
                Some(kept) => looked.at(&one.run, &kept),
                None => looked.unclear.push(one.run),
            }
        }
        pages = ahead.await.unwrap_or_default();
    }
    earliest(reader, looked.suspects().await?, system(&own, verifier, 0)).await
}

/// The earliest of what was found: of the runs, where exactly each parts from its records.
async fn earliest(
    reader: &Reader,
    suspects: BTreeMap<String, Parted>,
    mut found: Option<Parted>,
) -> Result<Option<Parted>, StoreError> {
    for (id, parted) in suspects {
        let exactly = bound::parted(&id, &reader.journal(&id).await?, &reader.audit_of(&id).await?);
        let parted = exactly.unwrap_or(parted);
        found = Some(found.filter(|found| found.seq <= parted.seq).unwrap_or(parted));
    }
    Ok(found)
}

/// The same from a checkpoint on: the workspace's events from its own on, every run with an event or a record behind
/// it from its beginning on, and whether all records before it are there and stand under their runs.
pub(super) async fn parted_behind(
    reader: &Reader,
    verifier: &Verifier,
    begin: u64,
    checkpoint: &JournalRow,
) -> Result<Option<Parted>, StoreError> {
    let parted = |seq, reason: &str| Some(Parted { seq, reason: reason.to_owned() });
    // A run that did something since was erased since.
    let own = reader.journal_from(SYSTEM, checkpoint.seq).await?;
    let mut found = system(&own, verifier, checkpoint.seq.unsigned_abs().saturating_sub(1));
    found = found.or(match reader.audit_misplaced(begin).await? {
        Some((seq, true)) => parted(seq, "it stands under another run than its own"),
        Some((seq, false)) => parted(seq, "records up to here are missing"),
        None => None,
    });
    let mut looked = Look::new(reader, verifier, &own);
    looked.unclear = looked.ends.keys().cloned().collect();
    for run in reader.runs_behind(checkpoint.place).await? {
        if !looked.ends.contains_key(&run) {
            let last = reader.audit_head(Some(&run)).await?;
            let end = last.and_then(|row| Some(End::from(&recover::record(&row).ok()?)));
            looked.ends.extend(end.map(|end| (run.clone(), end)));
            looked.unclear.push(run);
        }
    }
    for chain in looked.unclear.iter().map(String::as_str).chain([SYSTEM]) {
        let seq = unjoined(reader, chain, begin).await?;
        if let Some(seq) = seq.filter(|seq| found.as_ref().is_none_or(|found| *seq < found.seq)) {
            found = parted(seq, "the record before it in its chain is another");
        }
    }
    earliest(reader, looked.suspects().await?, found).await
}

/// The first record of a chain behind a place, where it does not stand on the last before.
async fn unjoined(reader: &Reader, chain: &str, begin: u64) -> Result<Option<u64>, StoreError> {
    let run = Some(chain).filter(|chain| *chain != SYSTEM);
    let (before, after) = reader.audit_around(run, begin).await?;
    let Some(after) = after else { return Ok(None) };
    let head = match &before {
        Some(row) => recover::record(row).ok().map(|record| record.hash),
        None => Some(Digest([0; 32])),
    };
    let stands_on = recover::record(&after).ok().map(|record| record.prev_hash);
    Ok((head.is_none() || head != stands_on).then(|| after.seq.unsigned_abs()))
}

/// Runs as they are looked at.
struct Look<'l> {
    reader: &'l Reader,
    /// Chains whose journals were not met yet.
    ends: BTreeMap<String, End>,
    erased: recover::Erasures,
    /// Runs that do not hold as they were read, or could not be read so: they are read row by row.
    unclear: Vec<String>,
}

impl<'l> Look<'l> {
    /// `own`: the workspace's own events.
    fn new(reader: &'l Reader, verifier: &Verifier, own: &[JournalRow]) -> Self {
        let mut ends: BTreeMap<String, End> =
            verifier.ends().map(|(chain, end)| (chain.to_owned(), *end)).collect();
        ends.remove(SYSTEM);
        // A workspace's journal that cannot be read is said by its records.
        let erased = recover::erasures_in(own).unwrap_or_default();
        Self { reader, ends, erased, unclear: Vec::new() }
    }

    fn at(&mut self, id: &str, kept: &Kept) {
        let mut run = Open::new(self.ends.get(id).copied());
        for ((at, event), seq) in kept.events().zip(1_u64..) {
            run.row(id, seq, at, event);
        }
        let bodies = kept.payloads(self.reader, id);
        let holds = run.followed.holds()
            && bodies.is_ok_and(|bodies| run.payload_fault(id, &bodies, self.is_erased(id)).is_none());
        if holds {
            self.ends.remove(id);
        } else {
            self.unclear.push(id.to_owned());
        }
    }

    fn is_erased(&self, id: &str) -> bool {
        self.erased.contains_key(id)
    }

    /// All runs from a name on are read row by row.
    async fn one_by_one(&mut self, from: &str) -> Result<(), StoreError> {
        let ids = self.reader.run_ids().await?;
        self.unclear.extend(ids.into_iter().filter(|id| id.as_str() >= from));
        Ok(())
    }

    /// Runs whose journal or payloads are not what they must be, and why; read row by row.
    async fn suspects(mut self) -> Result<BTreeMap<String, Parted>, StoreError> {
        let mut suspects = BTreeMap::new();
        for id in std::mem::take(&mut self.unclear) {
            let end = self.ends.remove(id.as_str());
            if let Some(reason) = self.fault(&id, end).await? {
                suspects.insert(id, Parted { seq: end.map_or(0, |end| end.seq), reason });
            }
        }
        for (id, end) in self.ends {
            let reason = format!("run {id} has no journal");
            suspects.insert(id, Parted { seq: end.seq, reason });
        }
        Ok(suspects)
    }

    async fn fault(&self, id: &str, end: Option<End>) -> Result<Option<String>, StoreError> {
        let rows = self.reader.journal(id).await?;
        let mut run = Open::new(end);
        for row in &rows {
            run.row(id, row.seq.unsigned_abs(), row.at, &row.event);
        }
        if !run.followed.holds() {
            return Ok(Some(format!("the journal of run {id} does not end where its records do")));
        }
        match self.reader.payloads(id).await {
            Err(StoreError::Corrupt(_)) => Ok(Some(changed(id))),
            read => Ok(run.payload_fault(id, &read?, self.is_erased(id))),
        }
    }
}

/// A run whose journal is being read.
struct Open<'e> {
    followed: Followed,
    named: BTreeSet<&'e str>,
}

impl<'e> Open<'e> {
    fn new(end: Option<End>) -> Self {
        Self { followed: Followed::new(end), named: BTreeSet::new() }
    }

    fn row(&mut self, run: &str, seq: u64, at: i64, event: &'e str) {
        self.followed.row(run, seq, at, event);
        self.named.extend(payload::references_in(event));
    }

    /// What is wrong with the payloads of the run.
    fn payload_fault(&self, id: &str, bodies: &[String], is_erased: bool) -> Option<String> {
        let gone = || Some(format!("payloads of run {id} are gone, and nobody erased them"));
        match (bodies.is_empty(), is_erased) {
            (true, true) => return None,
            (true, false) => return gone(),
            (false, true) => return Some(format!("payloads of run {id} are there, and were erased")),
            (false, false) => {}
        }
        let mut kept = BTreeMap::new();
        for body in bodies {
            let Ok(payloads) = serde_json::from_str::<BTreeMap<String, Value>>(body) else {
                return Some(changed(id));
            };
            kept.extend(payloads);
        }
        let Some(record_salt) = self.followed.record_salt() else { return gone() };
        let name = payload::salt_name(&record_salt);
        let salt = kept.remove(&name).and_then(|salt| salt.as_str()?.parse::<Digest>().ok());
        let Some(salt) = salt.filter(|salt| payload::record_salt(salt) == record_salt) else {
            return gone();
        };
        if self.named.iter().any(|named| !kept.contains_key(*named)) {
            return gone();
        }
        let is_named = |(reference, value): (&String, &Value)| {
            serde_json::to_string(value).is_ok_and(|text| payload::reference(&salt, &text) == *reference)
        };
        if kept.iter().all(is_named) { None } else { Some(changed(id)) }
    }
}

fn changed(id: &str) -> String {
    format!("a payload of run {id} is not the one that its journal names")
}

/// The events of the workspace itself after the first `before`: one record each, bound to it.
fn system(rows: &[JournalRow], verifier: &Verifier, before: u64) -> Option<Parted> {
    let records = verifier.system();
    for ((row, record), number) in rows.iter().zip(records).zip(before + 1..) {
        let expected = journal_digest(&record.prev_hash, number, row.at, &row.event);
        if row.seq.unsigned_abs() != number || record.payload_digest != Some(expected) {
            let reason = format!("event {number} of the workspace is not what it was made for");
            return Some(Parted { seq: record.seq, reason });
        }
    }
    let more = |seq, reason: &str| Some(Parted { seq, reason: reason.to_owned() });
    match (rows.get(records.len()), records.get(rows.len())) {
        (Some(_), _) => more(verifier.next(), "an event of the workspace has no record"),
        (None, Some(record)) => more(record.seq, "its event is not in the journal of the workspace"),
        (None, None) => None,
    }
}
