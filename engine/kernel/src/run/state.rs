//! What a run, its steps and their items can be. Data and words only: nothing here decides, and only
//! `evolve` changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::Plan;
use ordain_spec::digest::Digest;
use ordain_spec::kind::runbook::OnFailure;
use ordain_spec::words;
use serde_json::Value;

use super::aged::Grounds;
use super::event::{Resolution, Signalled, Started};
use super::hold::Hold;
use crate::actor::Actor;
use crate::audit::Chain;
use crate::budget::Reservation;
use crate::export::Preview;
use crate::ids::RunId;
use crate::reason::{Code, Reason};

words! {
    /// The state of a run. The state names the cause.
    pub enum RunState {
        /// Not begun.
        Pending = "pending",
        /// An attempt runs or a step is ready.
        Running = "running",
        /// Nothing runs; `waitingFor` says what for.
        Waiting = "waiting",
        /// Held by a person or a kill switch.
        Paused = "paused",
        /// Done.
        Succeeded = "succeeded",
        /// A step failed, or the run took too long.
        Failed = "failed",
        /// A rule said no.
        Denied = "denied",
        /// A person said no.
        Rejected = "rejected",
        /// Nobody said anything in time.
        Expired = "expired",
        /// Somebody called it off.
        Cancelled = "cancelled",
        /// Only a person knows what to do.
        Stuck = "stuck",
    }
}

impl RunState {
    /// True when nothing can happen any more.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Denied | Self::Rejected | Self::Expired | Self::Cancelled
        )
    }
}

words! {
    /// The state of a step, or of one of its items.
    pub enum StepState {
        /// Waits for what it needs.
        Blocked = "blocked",
        /// May be looked at.
        Ready = "ready",
        /// Waits for people.
        Held = "held",
        /// Waits for a budget's window to turn.
        Throttled = "throttled",
        /// An attempt runs.
        Running = "running",
        /// Waits for its next attempt.
        Retrying = "retrying",
        /// A pause, a signal or a sub-run.
        Waiting = "waiting",
        /// Done.
        Succeeded = "succeeded",
        /// Did not succeed.
        Failed = "failed",
        /// Its `when` was false, or a needed success was skipped.
        Skipped = "skipped",
        /// A rule said no.
        Denied = "denied",
        /// A person said no.
        Rejected = "rejected",
        /// Nobody said anything in time.
        Expired = "expired",
        /// Never started, because of something else.
        Cancelled = "cancelled",
        /// Nobody knows whether it happened.
        Unknown = "unknown",
        /// Its undo runs.
        Undoing = "undoing",
        /// It was undone.
        Undone = "undone",
    }
}

impl StepState {
    /// True when the way forward is over.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        !matches!(
            self,
            Self::Blocked
                | Self::Ready
                | Self::Held
                | Self::Throttled
                | Self::Running
                | Self::Retrying
                | Self::Waiting
        )
    }
}

words! {
    /// What was undone.
    pub enum RollbackState {
        /// Nothing had to be.
        None = "none",
        /// All that could have to be.
        Done = "done",
        /// Some steps have no way back.
        Partial = "partial",
        /// An undo did not succeed.
        Failed = "failed",
    }
}

words! {
    /// What a run waits for; the order is that of the document.
    pub enum WaitingFor {
        /// People who decide.
        Approval = "approval",
        /// Its turn.
        Queue = "queue",
        /// A message from outside.
        Signal = "signal",
        /// Another run.
        Subrun = "subrun",
        /// A budget's window.
        Throttle = "throttle",
        /// A time.
        Timer = "timer",
    }
}

words! {
    /// Which way a step is walked.
    pub enum Phase {
        /// The effect itself.
        Do = "do",
        /// Its rollback.
        Undo = "undo",
    }
}

words! {
    /// How far a run is.
    pub enum Stage {
        /// Its lock is somebody else's.
        Queued = "queued",
        /// Steps run as they become ready.
        Forward = "forward",
        /// Something went wrong; what runs may finish, nothing starts.
        Draining = "draining",
        /// What happened is undone, newest first.
        Undoing = "undoing",
        /// Clean-up steps run.
        CleaningUp = "cleaning-up",
        /// Over.
        Settled = "settled",
    }
}

/// One call of the outside, done or undone, through all its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// How far it is.
    pub state: StepState,
    /// The capability's input (a sub-run's inputs), evaluated once.
    pub input: Arc<Value>,
    /// The operation's input, where the capability maps it; else it is `input`.
    pub call: Option<Arc<Value>>,
    /// Attempts so far, over all rounds.
    pub attempts: u32,
    /// Attempts of the current round of `repeat`.
    pub tries: u32,
    /// Finished rounds of `repeat`.
    pub rounds: u32,
    /// An attempt ended without a known outcome.
    pub had_unknown: bool,
    /// The last attempt ended so.
    pub last_unknown: bool,
    /// Unknown attempts that were repeated.
    pub repeats: u32,
    /// The attempt that runs.
    pub flight: Option<Flight>,
    /// Its key towards the outside.
    pub key: Option<Arc<str>>,
    /// The key is remembered over runs.
    pub remembered: bool,
    /// What is reserved for it.
    pub reserved: Vec<Reservation>,
    /// When its next attempt is due.
    pub until: Option<Timestamp>,
    /// What came of it.
    pub output: Option<Arc<Value>>,
    /// Why it ended as it did.
    pub reasons: Vec<Reason>,
    /// Which policies with which true rules the last decision stood on.
    pub basis: Option<Digest>,
    /// Masked output fields.
    pub masks: BTreeSet<Arc<str>>,
    /// The recorded success of another step became its outcome.
    pub replayed: bool,
    /// A person declared its output.
    pub declared: bool,
    /// When its output was observed; none for one that was taken over from another run.
    pub observed: Option<Timestamp>,
}

/// An attempt that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flight {
    /// Counted from 1.
    pub attempt: u32,
    /// Since when.
    pub started_at: Timestamp,
    /// Past it the attempt is over.
    pub deadline: Option<Timestamp>,
    /// Why it should be cancelled if it can be.
    pub cancelling: Option<Code>,
}

/// One item of a step; a step without `forEach` has one.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The item's value, where the step has a list.
    pub value: Option<Arc<Value>>,
    /// What it does.
    pub work: Work,
    /// The way back, once it is walked.
    pub undo: Option<Box<Work>>,
    /// The run that it started.
    pub child: Option<RunId>,
    /// Its effect happened (or may have): place in the order of outcomes.
    pub outcome: Option<u32>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRun {
    /// Its state.
    pub state: StepState,
    /// What it needs and is not settled.
    pub blockers: u32,
    /// Its items, once they are prepared.
    pub items: Vec<Item>,
    /// The next item to start.
    pub next: u32,
    /// Items that have begun and are not settled.
    pub open: u32,
    /// Attempts that run.
    pub flying: u32,
    /// Items that wait for their next attempt.
    pub retrying: u32,
    /// Nothing can happen to it any more but an undo.
    pub settled: bool,
    /// Items that are settled.
    pub done: u32,
    /// The first item that did not succeed.
    pub broken: Option<u32>,
    /// It was never prepared and holds no items; how it got there.
    pub reasons: Vec<Reason>,
    /// What people were asked, in order of time.
    pub holds: Vec<Hold>,
    /// Times people were asked again.
    pub asked_again: u8,
    /// What reviewers see besides the call.
    pub show: Option<Arc<Value>>,
    /// What reviewers filled in: `steps.x.approval`.
    pub forms: BTreeMap<String, Value>,
    /// The outputs of the whole step.
    pub outputs: Option<Arc<Value>>,
    /// The facts that outputs of its sub-runs were made from.
    pub grounds: Grounds,
    /// Until when it waits, is throttled or may be signalled.
    pub until: Option<Timestamp>,
    /// When the first of its open stages refuses.
    pub expiry: Option<Timestamp>,
    /// Its failure was allowed.
    pub tolerated: bool,
    /// It waits for `resolve`.
    pub stuck: bool,
    /// A person said that it succeeded; it is not doubted again.
    pub vouched: bool,
    /// A person's word on it, waiting for approvals.
    pub resolving: Option<Box<Resolution>>,
    /// What would leave, where it is an export.
    pub preview: Option<Box<Preview>>,
    /// It left.
    pub released: bool,
}

impl StepRun {
    /// What people are asked now, or agreed to. While they are asked about a resolution it is that; afterwards
    /// again what they agreed to before, which serves all attempts of the step.
    #[must_use]
    pub fn hold(&self) -> Option<&Hold> {
        self.holds.iter().rfind(|hold| !hold.over)
    }

    /// Who said what became of this step, where that is what people are asked about.
    #[must_use]
    pub fn word_of(&self, hold: &Hold) -> Option<&Actor> {
        self.resolving.as_deref().filter(|_| hold.resolving).map(|word| &word.by)
    }

    pub(super) fn hold_mut(&mut self) -> Option<&mut Hold> {
        self.holds.iter_mut().rfind(|hold| !hold.over)
    }
}

/// Why a run goes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Failing {
    /// In what it will end.
    pub state: RunState,
    /// What follows.
    pub follow: OnFailure,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// At this instant.
    pub at: Timestamp,
    /// What.
    pub due: Due,
}

/// What can be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// An open stage of the step's approvals expires.
    Expiry(u32),
    /// A wait is over, a signal's time is up, a budget's window turns.
    Step(u32),
    /// An item's next attempt.
    Attempt(u32, u32, Phase),
}

/// The life of one run.
#[derive(Debug, Clone)]
pub struct Run {
    /// What it does.
    pub plan: Arc<Plan>,
    /// How it was started.
    pub started: Arc<Started>,
    /// When.
    pub created_at: Timestamp,
    /// When its last event happened.
    pub last_at: Timestamp,
    /// The earliest of its instants: before its start where the clock was set back since.
    pub earliest: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Its steps, in the order of the plan.
    pub steps: Vec<StepRun>,
    /// Events so far.
    pub seq: u64,
    /// Head of its audit chain.
    pub audit_chain: Chain,
    /// Over all its events.
    pub record_digest: Digest,
    /// The salt of its records; the same as `started.salt` where its payloads are erased.
    pub record_salt: Digest,
    /// What is due, soonest first. What is not in here any more is dead.
    pub timers: BTreeSet<Timer>,
    /// Steps not settled.
    pub unsettled: u32,
    /// Steps not settled that are no clean-up.
    pub unsettled_main: u32,
    /// Sub-runs that are not settled.
    pub children: u32,
    /// Attempts that run.
    pub flying: u32,
    /// Steps that are `ready`.
    pub ready: u32,
    /// Milliseconds it was `running`, until `running_since`.
    pub running_ms: u64,
    /// Since when it is `running`.
    pub running_since: Option<Timestamp>,
    /// Limit of its running time.
    pub limit_ms: u64,
    /// How often its time was up.
    pub timed_out: u8,
    /// It holds its lock.
    pub holds_lock: bool,
    /// Somebody holds it.
    pub paused: bool,
    /// Steps that wait for `resolve`.
    pub stuck: u32,
    /// Why it goes back.
    pub failing: Option<Box<Failing>>,
    /// Outcomes so far.
    pub outcomes: u32,
    /// Effects that may have to be undone, oldest first: (step, item).
    pub happened: Vec<(u32, u32)>,
    /// What was undone.
    pub rollback: RollbackState,
    /// Early signals, by step.
    pub signals: BTreeMap<u32, Signalled>,
    /// How it ended.
    pub end: Option<Box<Ending>>,
    /// How it had ended before the run above went back.
    pub ended_before: Option<Box<Ending>>,
    /// Steps to be looked at; empty between two commands.
    pub(crate) agenda: BTreeSet<u32>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// In which state.
    pub state: RunState,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What it gives.
    pub outputs: Option<Value>,
    /// When.
    pub at: Timestamp,
    /// Over plan, inputs, decisions and outputs.
    pub outcome_digest: Digest,
}

#[cfg(test)]
mod tests {
    use ordain_spec::kind::ending::{Ending, StepEnding, Undone, WaitsFor};

    use super::*;

    #[test]
    fn scenarios_say_the_states_that_there_are() {
        let states = RunState::ALL.iter().map(|state| state.as_str()).chain(["refused"]);
        assert!(states.eq(Ending::ALL.iter().map(|word| word.as_str())));
        let states = StepState::ALL.iter().map(|state| state.as_str());
        assert!(states.eq(StepEnding::ALL.iter().map(|word| word.as_str())));
        let states = RollbackState::ALL.iter().map(|state| state.as_str());
        assert!(states.eq(Undone::ALL.iter().map(|word| word.as_str())));
        let states = WaitingFor::ALL.iter().map(|state| state.as_str());
        assert!(states.eq(WaitsFor::ALL.iter().map(|word| word.as_str())));
    }
}
