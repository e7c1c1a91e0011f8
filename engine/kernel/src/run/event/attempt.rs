//! What an attempt takes, what came of it, and what follows. Data only.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{StepId, is_false};
use crate::budget::{Booking, Reservation};
use crate::reason::Reason;
use crate::run::effect::Outcome;
use crate::run::state::{Phase, StepState};

/// An item, evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// The capability's input, or a sub-run's inputs.
    pub input: Arc<Value>,
    /// The operation's input, where the capability maps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Arc<Value>>,
    /// The item of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Arc<Value>>,
}

/// An intent: from here on the outside may have seen it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptStarted {
    /// The step.
    pub step: StepId,
    /// The item.
    pub item: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// Counted from 1.
    pub attempt: u32,
    /// The key towards the outside, the same for all attempts.
    pub key: Arc<str>,
    /// The key is remembered over runs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub remembered: bool,
    /// Past it the attempt is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// What it reserves, beyond what is reserved already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reserved: Vec<Reservation>,
    /// Quota counters on which it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<crate::quota::Use>,
}

/// An outcome and what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptSettled {
    /// The step.
    pub step: StepId,
    /// The item.
    pub item: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// The attempt.
    pub attempt: u32,
    /// What came of it, by the rules of the language.
    pub outcome: Outcome,
    /// What follows.
    pub next: Next,
    /// What was reserved and is booked now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bookings: Vec<Booking>,
    /// The key under which the outcome is remembered over runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
}

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Next {
    /// The item is settled.
    Settled {
        /// In what.
        state: StepState,
        /// Why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<Reason>,
        /// Its effect happened, or may have.
        happened: bool,
    },
    /// Again, with the same key.
    Retry {
        /// When.
        at: Timestamp,
        /// Because it is not known what came of it.
        unknown: bool,
    },
    /// The next round of `repeat`.
    Round {
        /// When.
        at: Timestamp,
    },
}
