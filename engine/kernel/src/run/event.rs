//! What happened in a run: its journal. Every fact that replay needs stands in an event; a change of
//! `World` follows from the event alone.
//!
//! Events are stored as JSON. A field may be added with a default, never renamed or given another meaning;
//! `Started::format` says how to read the rest.

mod asked;
mod attempt;
mod started;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::runbook::OnFailure;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use asked::{Asked, AskedStage, Grant};
pub use attempt::{AttemptSettled, AttemptStarted, Next, Prepared};
pub use started::{LockAsked, Parent, Started, Tells};

use super::aged::Grounds;
use super::state::{Phase, RollbackState, RunState, StepState};
use crate::actor::Actor;
use crate::budget::Booking;
use crate::decision::Decision;
use crate::export::Preview;
use crate::ids::{ApprovalId, PreviewId, RunId};
use crate::reason::Reason;

/// The version of the journal that this kernel writes.
pub const FORMAT: u32 = 1;

/// A step's name in the journal.
pub type StepId = Arc<str>;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// Nothing → forward, or queued when its lock is not free.
    Started(Box<Started>),
    /// Queued → forward: the lock is this run's.
    LockGranted,
    /// Blocked → ready.
    StepReady {
        /// The step.
        step: StepId,
    },
    /// Ready: what it does was evaluated, once and for all.
    StepPrepared {
        /// The step.
        step: StepId,
        /// Its items.
        items: Vec<Prepared>,
        /// What reviewers see besides the call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        show: Option<Arc<Value>>,
    },
    /// Ready, throttled, retrying or undoing: the policies were asked. Changes no state by itself.
    Decided {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// The attempt that it is about.
        attempt: u32,
        /// Doing or undoing.
        phase: Phase,
        /// What they said.
        decision: Box<Decision>,
        /// The counters of budgets as they were seen, where rules read them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budgets: Option<Arc<Value>>,
    },
    /// Counters that belong to all runs, as conditions or quotas saw them: a replay of this run has them from here.
    /// Changes no state.
    CountersSeen {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// Doing or undoing.
        phase: Phase,
        /// The budgets, where `when` or a guard reads them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budgets: Option<Arc<Value>>,
        /// The quotas on which the step counts.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quotas: Vec<crate::quota::Counted>,
    },
    /// Ready, running or retrying → held: people are asked; or a resolution waits for them.
    Held {
        /// The step.
        step: StepId,
        /// What every grant is for.
        digest: Digest,
        /// What is asked, by name.
        asked: Vec<Asked>,
        /// Asked for a resolution, not for the step.
        #[serde(default, skip_serializing_if = "is_false")]
        resolving: bool,
    },
    /// Held: the next stage of one of its approvals opened.
    StageOpened {
        /// The step.
        step: StepId,
        /// The stage of the step.
        approval: ApprovalId,
        /// Who may decide, as of now; members of external groups are known by their claims only.
        eligible: BTreeSet<Arc<str>>,
        /// When it refuses.
        expires_at: Timestamp,
    },
    /// Held: a person agreed. The last grant that is needed makes the stage granted.
    Granted {
        /// The step.
        step: StepId,
        /// The stage.
        approval: ApprovalId,
        /// The person's act.
        grant: Box<Grant>,
    },
    /// Held: a person took an agreement back.
    Withdrawn {
        /// The step.
        step: StepId,
        /// The stage.
        approval: ApprovalId,
        /// Who.
        by: Actor,
        /// Why.
        rationale: String,
    },
    /// Held: a person said no. `StepSettled` follows.
    Refused {
        /// The step.
        step: StepId,
        /// The stage.
        approval: ApprovalId,
        /// Who.
        by: Actor,
        /// Why.
        rationale: String,
        /// How sure it is that it was the person's own act.
        assurance: Assurance,
    },
    /// Held: nobody said enough in time. `StepSettled` follows.
    StageExpired {
        /// The step.
        step: StepId,
        /// The stage.
        approval: ApprovalId,
    },
    /// Held → ready: what was granted is not what would run. People are asked again.
    Voided {
        /// The step.
        step: StepId,
        /// Why.
        reasons: Vec<Reason>,
        /// One of the three times.
        counts: bool,
    },
    /// Held → ready: everybody agreed.
    Released {
        /// The step.
        step: StepId,
    },
    /// Ready or running → throttled: a budget's window must turn.
    Throttled {
        /// The step.
        step: StepId,
        /// When it turns.
        until: Timestamp,
        /// Which budget.
        reasons: Vec<Reason>,
    },
    /// Throttled → ready (or running, where items have begun).
    Unthrottled {
        /// The step.
        step: StepId,
    },
    /// Ready, retrying or undoing → running: the intent, and all that it takes.
    AttemptStarted(Box<AttemptStarted>),
    /// Running: the outcome, and what follows.
    AttemptSettled(Box<AttemptSettled>),
    /// Ready → succeeded without an attempt: a recorded success with the same key.
    Replayed {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// Doing or undoing.
        phase: Phase,
        /// The key.
        key: Arc<str>,
        /// What it gave.
        output: Arc<Value>,
    },
    /// Ready or retrying → settled without an attempt: the gate said no.
    ItemStopped {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// Doing or undoing.
        phase: Phase,
        /// In what it ends.
        state: StepState,
        /// Why.
        reasons: Vec<Reason>,
        /// Its effect may have happened.
        #[serde(default, skip_serializing_if = "is_false")]
        happened: bool,
        /// What was reserved and is given back, or spent.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bookings: Vec<Booking>,
        /// The key under which attempts before it are remembered over runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Arc<str>>,
    },
    /// Running: whoever performs the call should stop it if it can.
    CallCancelling {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// Doing or undoing.
        phase: Phase,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Ready → waiting: a pause or a signal.
    StepWaiting {
        /// The step.
        step: StepId,
        /// Until when.
        until: Timestamp,
    },
    /// Ready → waiting: another run was started for this item.
    ChildStarted {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// The other run.
        child: RunId,
    },
    /// Waiting: the other run ended.
    ChildSettled {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// In what.
        state: StepState,
        /// Why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reasons: Vec<Reason>,
        /// What it gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<Arc<Value>>,
        /// The facts that this was made from.
        #[serde(default, skip_serializing_if = "Grounds::is_empty")]
        grounds: Grounds,
        /// It did things that can be undone.
        acted: bool,
        /// What it undid itself.
        rollback: RollbackState,
    },
    /// Any: a message came, for now or for later.
    Signalled(Box<Signalled>),
    /// Any but settled → settled.
    StepSettled(Box<StepSettled>),
    /// Forward → draining: nothing further starts.
    Failing {
        /// In what the run will end.
        state: RunState,
        /// What follows.
        follow: OnFailure,
        /// Why.
        reasons: Vec<Reason>,
        /// Who called it off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// Draining → undoing.
    RollbackStarted,
    /// Settled → undoing: the run above goes back.
    Reopened,
    /// Undoing: the next effect is undone.
    UndoStarted {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// The undoing call's input; none for a sub-run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<Arc<Value>>,
        /// The operation's input, where the capability maps it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Arc<Value>>,
    },
    /// Undoing: an effect is behind us: undone, or passed over.
    UndoSettled {
        /// The step.
        step: StepId,
        /// The item.
        item: u32,
        /// Whether it was undone.
        result: UndoResult,
        /// The key under which its success was remembered over runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Arc<str>>,
    },
    /// Draining or undoing → cleaning up.
    CleanUpStarted,
    /// A step only a person can move on. Holds everything.
    Stuck {
        /// The step.
        step: StepId,
        /// How it ended; `undoing` for a way back that did not succeed.
        state: StepState,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Stuck: a person said what became of the step; its approvals are asked where the risk is high.
    Resolving(Box<Resolution>),
    /// Stuck → as before: the person's word holds.
    Resolved(Box<Resolution>),
    /// Ready: the rows of an export are fixed; people are asked about exactly them.
    Previewed {
        /// The step.
        step: StepId,
        /// What would leave.
        preview: Box<Preview>,
    },
    /// Ready, after everybody agreed: the preview may leave.
    ExportApproved {
        /// The step.
        step: StepId,
        /// The preview.
        preview: PreviewId,
        /// Who agreed last.
        by: Actor,
    },
    /// Ready: the file left, in the transaction that records the last agreement.
    ExportReleased {
        /// The step.
        step: StepId,
        /// The preview.
        preview: PreviewId,
    },
    /// Not paused → paused.
    Paused {
        /// Who.
        by: Actor,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// Paused → as before.
    Resumed {
        /// Who.
        by: Actor,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Its time is up: no new attempt.
    TimedOut,
    /// A budget passed a mark, or did not suffice. For the record.
    BudgetNoted {
        /// The budget.
        budget: String,
        /// `warned` or `breached`.
        breached: bool,
        /// Percent of the limit.
        percent: u32,
        /// The step.
        step: StepId,
    },
    /// Any but settled → settled.
    Settled(Box<Settled>),
}

/// A step is settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepSettled {
    /// The step.
    pub step: StepId,
    /// In what.
    pub state: StepState,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What it gives, where that is not its only item's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<Value>>,
    /// Its failure was allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tolerated: bool,
}

/// A message from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signalled {
    /// The step that waits for it, or will.
    pub step: StepId,
    /// Its name.
    pub name: String,
    /// Who sent it.
    pub by: Actor,
    /// What it carries.
    pub fields: Arc<Value>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a person says became of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// The step.
    pub step: StepId,
    /// What became of it.
    pub outcome: ResolveOutcome,
    /// Who says so.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// Declared outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<Value>>,
    /// The keys under which the step's attempts are remembered over runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Arc<str>>,
}

/// What became of an effect on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UndoResult {
    /// It was undone.
    Undone,
    /// It has no way back.
    PassedOver,
    /// The sub-run's own way back was partial.
    Partial,
    /// A person gave it up.
    GivenUp,
}

/// A run is settled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// In what.
    pub state: RunState,
    /// What was undone.
    pub rollback: RollbackState,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// What it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
    /// Over plan, inputs, decisions and outputs, without clocks and ids.
    pub outcome_digest: Digest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_false(value: &bool) -> bool {
    !*value
}
