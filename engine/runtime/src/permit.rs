//! The permit: the one thing that lets a connector be called.
//!
//! Only the gate (the driver, after it has stored the start of an attempt) makes one, and the call consumes it, so
//! nothing outside can change without an earlier record of the intent; a probe of health, which only reads, has one for
//! the leave that the realm gave it. It must never be clonable, storable or
//! constructible from outside this crate.

use std::time::Instant;

use ordain_kernel::health::Probe;
use serde::{Deserialize, Serialize};

/// Which way a step is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The effect itself.
    Do,
    /// Its rollback.
    Undo,
}

/// The committed attempt that a permit speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The run's id.
    pub run: String,
    /// The step's id.
    pub step: String,
    /// The item of a `forEach`.
    pub item: Option<u32>,
    /// Counted from 1.
    pub number: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// The same for every attempt of one effect.
    pub idempotency_key: String,
    /// Past it the attempt is over, whatever the operation's own timeout says.
    pub deadline: Option<Instant>,
}

/// Leave to make one call. Consumed by it.
#[derive(Debug)]
#[must_use = "a permit is for one call"]
pub struct Permit {
    attempt: Attempt,
}

impl Permit {
    /// Only for the gate, after the attempt's start is stored.
    pub(crate) fn for_stored_attempt(attempt: Attempt) -> Self {
        Self { attempt }
    }

    /// Only for a probe that the realm admitted: it reads, and belongs to no run.
    pub(crate) fn for_probe(probe: &Probe, deadline: Instant) -> Self {
        let attempt = Attempt {
            run: "system".to_owned(),
            step: probe.connector.metadata.name.value.to_string(),
            item: None,
            number: 1,
            phase: Phase::Do,
            idempotency_key: String::new(),
            deadline: Some(deadline),
        };
        Self { attempt }
    }

    /// What it is for.
    #[must_use]
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Past it the attempt is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.attempt.deadline
    }
}
