//! What the outside should do for a run, and what it says came of it.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::Action;
use ordain_spec::kind::Export;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::StepId;
use super::facts::RunFacts;
use super::state::Phase;
use crate::ids::RunId;
use crate::reason::Code;

/// What the outside should do. A call is made only after the event that started it is stored.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Carry out an operation.
    Call(Box<Call>),
    /// Stop carrying it out, if that is possible. Its outcome is still wanted.
    CancelCall(CallId),
    /// Gather the rows of an export.
    Gather(Box<Gather>),
}

/// Rows to be gathered. Gathering changes nothing outside, so it is simply asked for again after a crash.
#[derive(Debug, Clone)]
pub struct Gather {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// What is wanted, as the run is pinned to it.
    pub export: Arc<Export>,
}

/// Which attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallId {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The item.
    pub item: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// The attempt.
    pub attempt: u32,
}

/// An operation to be carried out.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which attempt.
    pub id: CallId,
    /// True for a step with a list: `id.item` is the index.
    pub listed: bool,
    /// The key towards the outside.
    pub idempotency_key: Arc<str>,
    /// What is carried out: capability, connector, operation, connection.
    pub action: Arc<Action>,
    /// The operation's input.
    pub arguments: Arc<Value>,
    /// The facts `run` of the operation's templates.
    pub run: RunFacts,
    /// Past it the attempt is over.
    pub deadline: Option<Timestamp>,
    /// Limit of this attempt.
    pub timeout_ms: Option<u64>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Done, with the operation's output.
    Succeeded {
        /// The output.
        output: Arc<Value>,
    },
    /// The answer was no; nothing happened.
    Refused {
        /// From the registry.
        code: Code,
        /// For people; nothing secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// May be tried again.
        retryable: bool,
        /// Not before this many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Sent, but no complete valid answer came.
    Unknown {
        /// From the registry.
        code: Code,
        /// For people; nothing secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
}

impl Outcome {
    /// A refusal that is final.
    pub fn refused(code: Code, detail: impl Into<String>) -> Self {
        Self::Refused { code, detail: Some(detail.into()), retryable: false, retry_after_ms: None }
    }

    /// Nobody knows.
    pub fn unknown(code: Code, detail: impl Into<String>) -> Self {
        Self::Unknown { code, detail: Some(detail.into()) }
    }
}
