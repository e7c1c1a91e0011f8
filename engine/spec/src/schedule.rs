//! Cron schedules: five fields, read strictly, and the times they mean in a time zone. Must never read a
//! clock: whoever asks says after which instant.

mod fields;
#[cfg(test)]
mod tests;
mod times;

use std::ops::Range;
use std::sync::Arc;

/// `minute hour day-of-month month day-of-week`, as sets of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    source: Arc<str>,
    /// 0–59
    minutes: u64,
    /// 0–23
    hours: u64,
    /// 1–31
    days: u64,
    /// 1–12
    months: u64,
    /// 0–6, Sunday is 0
    weekdays: u64,
}

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes that are wrong.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Schedule {
    /// Reads five fields.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        fields::read(text)
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}
