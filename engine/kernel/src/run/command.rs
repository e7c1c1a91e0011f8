//! What can be asked of a run. A command is judged against the run's state and the world of the moment; it
//! either becomes events or is rejected without a trace in the journal.

use std::sync::Arc;

use ordain_spec::digest::Digest;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use ordain_spec::words;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::aged::Grounds;
use super::effect::{CallId, Outcome};
use super::event::StepId;
use super::state::{Phase, RollbackState, StepState};
use crate::actor::{Actor, Claims};
use crate::approval::{Act, Decided};
use crate::export::Gathered;
use crate::ids::ApprovalId;
use crate::reason::{Code, Reason};

/// A command on one run. [`Command::rank`] orders those of one batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// What came of an attempt.
    Outcome {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// The attempt.
        attempt: u32,
        /// Doing or undoing.
        phase: Phase,
        /// What came of it, as the connector saw it.
        outcome: Outcome,
    },
    /// What gathering the rows of an export came to.
    Gathered {
        /// The step.
        step: StepId,
        /// What it came to.
        gathered: Gathered,
    },
    /// A person decides.
    Decide(Box<Decide>),
    /// A message from outside.
    Signal {
        /// Its name.
        name: String,
        /// Who sends it.
        by: Actor,
        /// What it carries.
        fields: Value,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Call it off.
    Cancel {
        /// Who.
        by: Actor,
        /// Undo what happened, whatever the runbook says.
        rollback: bool,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Hold it.
    Pause {
        /// Who.
        by: Actor,
        /// Why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<Reason>,
    },
    /// Let it go on.
    Resume {
        /// Who.
        by: Actor,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Say what became of a stuck step.
    Resolve {
        /// The step.
        step: StepId,
        /// What became of it.
        outcome: ResolveOutcome,
        /// Who says so.
        by: Actor,
        /// Why.
        reason: String,
        /// Declared outputs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outputs: Option<Value>,
    },
    /// Time has passed.
    Wake,
    /// The process that performed the calls is gone.
    Recover {
        /// The attempts that ran then; what recovery itself starts is not among them.
        lost: Vec<CallId>,
    },
    /// Go on, if there is anything to go on with.
    Nudge,
    /// Stop running calls that a kill switch is about.
    StopCalls {
        /// What it is about.
        selector: crate::kill::Selector,
    },
    /// The lock is this run's.
    LockGranted,
    /// A sub-run ended, or could not be started.
    ChildSettled {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// In what.
        state: StepState,
        /// Why.
        reasons: Vec<Reason>,
        /// What it gave.
        output: Option<Value>,
        /// The facts that this was made from.
        grounds: Grounds,
        /// It did things that can be undone.
        acted: bool,
        /// What it undid itself.
        rollback: RollbackState,
    },
    /// The run above goes back.
    Undo,
    /// A sub-run went back.
    ChildUndone {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// How far.
        rollback: RollbackState,
    },
}

impl Command {
    /// Commands of one batch that concern one run are taken in this order: what stops comes before what
    /// allows.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Decide(decide) if decide.verdict == Verdict::Reject => 0,
            Self::Cancel { .. } => 1,
            Self::StopCalls { .. } | Self::Pause { .. } => 2,
            Self::Wake => 3,
            Self::Decide(decide) if decide.verdict == Verdict::Withdraw => 4,
            _ => 5,
        }
    }

    /// What a person gives as the reason of it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Signal { reason, .. } | Self::Cancel { reason, .. } | Self::Resume { reason, .. } => {
                reason.as_deref()
            }
            Self::Pause { reasons, .. } => reasons.iter().find_map(|reason| reason.detail.as_deref()),
            Self::Resolve { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// A person decides on one stage of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decide {
    /// The stage.
    pub approval: ApprovalId,
    /// Who.
    pub by: Actor,
    /// What.
    pub verdict: Verdict,
    /// Why.
    pub rationale: String,
    /// What the person filled in.
    #[serde(default)]
    pub form: Value,
    /// The digest that the person saw; left out where the host showed it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// How sure it is that it was the person's own act; none for tokens of programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// Groups of the identity provider, with the instant they were claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// Who created the token in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_creator: Option<Arc<str>>,
    /// The signature, where there is one; checked before it comes here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Decide {
    /// The same as [`crate::approval::judge`] reads it.
    pub(crate) const fn decided(&self) -> Decided<'_> {
        Decided {
            act: match self.verdict {
                Verdict::Approve => Act::Approve,
                Verdict::Reject => Act::Reject,
                Verdict::Withdraw => Act::Withdraw,
            },
            by: &self.by,
            assurance: self.assurance,
            claims: self.claims.as_ref(),
            digest: self.digest,
            rationale: self.rationale.as_str(),
            form: &self.form,
        }
    }
}

words! {
    /// What a person decides.
    pub enum Verdict {
        /// Agrees.
        Approve = "approve",
        /// Says no.
        Reject = "reject",
        /// Takes an agreement back.
        Withdraw = "withdraw",
    }
}

/// Why a command does nothing.
#[derive(Debug, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{code}: {message}")]
pub struct Rejection {
    /// From the registry.
    pub code: Code,
    /// For people.
    pub message: String,
    /// More of it, where there is more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What was due before the command and happened all the same; to be stored.
    #[serde(skip)]
    pub due: Option<Box<crate::realm::Batch>>,
}

impl Rejection {
    /// A rejection.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), reasons: Vec::new(), due: None }
    }
}
