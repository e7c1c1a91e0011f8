//! A run's journal, followed row by row: each of its records is bound by its `payloadDigest` to all rows up to
//! its event, so a row that was changed, taken away, added or moved shows without the run being replayed. Reads
//! rows; decides nothing.

use ordain_spec::digest::Digest;

use super::event::Event;
use super::record::{journal_digest, payload_digest};

/// A journal as far as it was followed.
#[derive(Debug, Clone)]
pub struct Bound {
    salt: Option<Digest>,
    digest: Digest,
    rows: u64,
}

impl Default for Bound {
    fn default() -> Self {
        Self { salt: None, digest: Digest([0; 32]), rows: 0 }
    }
}

impl Bound {
    /// Takes the next row: its number, its instant in ms, its text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn row(&mut self, run: &str, seq: u64, at: i64, text: &str) -> Result<(), String> {
        self.rows += 1;
        if seq != self.rows {
            return Err(format!("event {} of run {run} is missing", self.rows));
        }
        if self.rows == 1 {
            match serde_json::from_str(text) {
                Ok(Event::Started(started)) if started.run.to_string() == run => {
                    self.salt = Some(started.salt);
                }
                _ => return Err(format!("the journal of run {run} has no beginning")),
            }
        }
        self.digest = journal_digest(&self.digest, self.rows, at, text);
        Ok(())
    }

    /// The salt under which the run's records stand.
    #[must_use]
    pub const fn record_salt(&self) -> Option<Digest> {
        self.salt
    }

    /// Rows so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// True when the record that stands for the last row is bound to what was read.
    #[must_use]
    pub fn is_bound_to(&self, payload: Option<Digest>) -> bool {
        let bound = self.salt.map(|salt| payload_digest(&salt, &self.digest));
        bound.is_some() && bound == payload
    }
}
