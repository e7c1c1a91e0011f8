//! Is the journal the one that the records were made for? Each record is bound by its `payloadDigest` to all
//! rows of its run's journal up to its event, so a row that was changed, taken away, added or moved shows
//! without a run being replayed. Reads rows; decides nothing.

use ordain_kernel::audit::End;
use ordain_kernel::run::{Bound, leaves_a_record};
use ordain_spec::digest::Digest;

use crate::recover;
use crate::store::rows::{AuditRow, JournalRow};

/// Where a journal and its records part: the place in the log, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parted {
    /// The place of the record in the log.
    pub seq: u64,
    /// What is wrong.
    pub reason: String,
}

fn follow(journal: &mut Bound, row: &JournalRow) -> Result<(), String> {
    journal.row(&row.run, row.seq.unsigned_abs(), row.at, &row.event)
}

/// Follows a journal against the last record of its chain alone: all rows up to its event are bound to it.
pub struct Followed {
    journal: Bound,
    end: Option<End>,
    fault: Option<String>,
    bound: bool,
}

impl Followed {
    /// Of a run whose chain ends so.
    pub fn new(end: Option<End>) -> Self {
        Self { journal: Bound::default(), end, fault: None, bound: false }
    }

    /// Takes the next row of a run: its number, its instant in ms, its text.
    pub fn row(&mut self, run: &str, seq: u64, at: i64, event: &str) {
        if self.fault.is_some() {
            return;
        }
        if let Err(fault) = self.journal.row(run, seq, at, event) {
            self.fault = Some(fault);
            return;
        }
        let last = self.end.and_then(|end| end.run_seq).unwrap_or(0);
        if self.journal.rows() == last {
            self.bound = self.journal.is_bound_to(self.end.and_then(|end| end.payload_digest));
        } else if self.journal.rows() > last && is_recorded(event) {
            self.fault = Some(format!("event {seq} of run {run} has no record"));
        }
    }

    /// The salt under which the run's records stand.
    pub const fn record_salt(&self) -> Option<Digest> {
        self.journal.record_salt()
    }

    /// True when nothing parts the journal from its records.
    pub fn holds(&self) -> bool {
        self.fault.is_none() && self.bound
    }
}

fn is_recorded(event: &str) -> bool {
    serde_json::from_str(event).is_ok_and(|event| leaves_a_record(&event))
}

/// Where exactly they part: all rows against all records of a run.
pub fn parted(id: &str, rows: &[JournalRow], records: &[AuditRow]) -> Option<Parted> {
    let mut journal = Bound::default();
    let (mut records, mut last) = (records.iter().peekable(), 0);
    for row in rows {
        let here = records.peek().map_or(last + 1, |record| record.seq.unsigned_abs());
        if let Err(reason) = follow(&mut journal, row) {
            return Some(Parted { seq: here, reason });
        }
        let Some(record) = records.peek() else {
            if is_recorded(&row.event) {
                let reason = format!("the record of event {} of run {id} is missing", row.seq);
                return Some(Parted { seq: here, reason });
            }
            continue;
        };
        let Ok(read) = recover::record(record) else {
            return Some(Parted { seq: here, reason: "it cannot be read".into() });
        };
        if read.entry.run_seq == Some(journal.rows()) {
            if !journal.is_bound_to(read.entry.payload_digest) {
                let reason =
                    format!("the journal of run {id} up to event {} is not what it was made for", row.seq);
                return Some(Parted { seq: here, reason });
            }
            last = here;
            records.next();
        }
    }
    let left = records.peek()?;
    let reason = format!("its event is not in the journal of run {id}");
    Some(Parted { seq: left.seq.unsigned_abs(), reason })
}
