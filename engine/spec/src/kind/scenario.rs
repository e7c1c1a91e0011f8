//! Scenario: a test of specs.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::connector::MockError;
use crate::kind::ending::{Ending, StepEnding, Undone, WaitsFor};
use crate::kind::field::Named;
use crate::kind::scalar::{
    DurationMs, Identifier, Instant, Json, Mode, Name, Principal, Prose, Reference, Slug,
};

record! {
    /// A run with declared answers and a simulated clock, and what it must come to.
    pub struct ScenarioSpec {
        /// The runbook.
        pub run: Spanned<Reference>,
        /// Who starts it.
        pub as_: Spanned<Principal>,
        /// A fact only; answers are always declared.
        pub mode: Spanned<Mode> = Spanned::nowhere(Mode::Mock),
        /// A fact only. Default: the workspace's.
        pub environment: Option<Spanned<Arc<str>>> = None,
        /// The simulated clock at the start.
        pub at: Spanned<Instant>,
        /// The run's inputs.
        pub inputs: Named<Spanned<Json>> = Named::default(),
        /// What holds at the start.
        pub given: Given = Given::nothing(),
        /// What people and accidents do, in order.
        pub act: Vec<Act> = Vec::new(),
        /// What it must come to.
        pub expect: Expect,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// What holds at the start.
    pub struct Given {
        /// Answers by `connector.operation`, which replace the mock.
        pub operations: Named<GivenAnswers> = Named::default(),
        /// Counters by budget.
        pub budgets: Named<GivenBudget> = Named::default(),
        /// Kill switches that hold from the beginning.
        pub killed: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Exemptions that everybody whom they name has approved.
        pub exemptions: Vec<Spanned<Name>> = Vec::new(),
    }
}

impl Given {
    /// Nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            operations: Named::default(),
            budgets: Named::default(),
            killed: Vec::new(),
            exemptions: Vec::new(),
            span: crate::source::Span::nowhere(),
        }
    }
}

/// One answer, or several used up in order.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenAnswers(pub Vec<GivenAnswer>);

record! {
    /// An answer: `output` or `error`.
    pub struct GivenAnswer {
        /// What the operation gives.
        pub output: Option<Named<Spanned<Json>>> = None,
        /// How it fails.
        pub error: Option<Spanned<MockError>> = None,
        /// How often; always when left out.
        pub times: Option<Spanned<u64>> = None,
    }
}

record! {
    /// A counter at the start.
    pub struct GivenBudget {
        /// What is spent already.
        pub spent: Spanned<i64> = Spanned::nowhere(0),
    }
}

record! {
    /// One act. Exactly one of the verbs.
    pub struct Act {
        /// Approve this approval.
        pub approve: Option<Spanned<Name>> = None,
        /// Reject this approval.
        pub reject: Option<Spanned<Name>> = None,
        /// Withdraw one's grant of this approval.
        pub withdraw: Option<Spanned<Name>> = None,
        /// Send this signal.
        pub signal: Option<Spanned<Identifier>> = None,
        /// Cancel the run; `{cancel: true}`.
        pub cancel: Option<bool> = None,
        /// Pause the run.
        pub pause: Option<bool> = None,
        /// Resume the run.
        pub resume: Option<bool> = None,
        /// Resolve this stuck step.
        pub resolve: Option<Spanned<Identifier>> = None,
        /// Set this kill switch.
        pub kill: Option<Spanned<Arc<str>>> = None,
        /// Lift this kill switch.
        pub revive: Option<Spanned<Arc<str>>> = None,
        /// Let the clock run.
        pub advance: Option<Spanned<DurationMs>> = None,
        /// Stop the process here, then recover.
        pub crash: Option<Spanned<CrashPoint>> = None,
        /// Which step, where several match.
        pub step: Option<Spanned<Identifier>> = None,
        /// Which stage, where several are open.
        pub stage: Option<Spanned<Slug>> = None,
        /// Who acts; mandatory for decisions.
        pub by: Option<Spanned<Principal>> = None,
        /// What the person says; a valid one when left out.
        pub rationale: Option<Spanned<Arc<str>>> = None,
        /// What the person fills in.
        pub form: Named<Spanned<Json>> = Named::default(),
        /// How sure the engine is that it was the person's own act.
        pub assurance: Option<Spanned<Assurance>> = None,
        /// The code with which the act must be refused.
        pub refused: Option<Spanned<Arc<str>>> = None,
        /// Of `signal`: its fields.
        pub fields: Named<Spanned<Json>> = Named::default(),
        /// Of `cancel`: roll back.
        pub rollback: Option<bool> = None,
        /// Of `resolve`: what became of the step.
        pub outcome: Option<Spanned<ResolveOutcome>> = None,
        /// Of `resolve`: declared outputs.
        pub outputs: Named<Spanned<Json>> = Named::default(),
        /// Why.
        pub reason: Option<Spanned<Arc<str>>> = None,
    }
}

closed! {
    /// Where a scenario stops the process.
    pub enum CrashPoint {
        /// The intent is recorded, the effect has not happened.
        AfterIntent = "after-intent",
        /// The effect has happened, its outcome is not recorded.
        AfterEffect = "after-effect",
    }
}

closed! {
    /// How sure the engine is that a decision was the person's own act, least first.
    pub enum Assurance {
        /// Somebody said so.
        Asserted = "asserted",
        /// A session of the person.
        Session = "session",
        /// A session with a fresh second factor.
        StepUp = "step-up",
        /// A signature with the person's key.
        Signed = "signed",
    }
}

closed! {
    /// What became of a stuck step.
    pub enum ResolveOutcome {
        /// It succeeded.
        Succeeded = "succeeded",
        /// It failed.
        Failed = "failed",
        /// It was undone.
        Undone = "undone",
        /// A fresh attempt with the same key.
        Again = "again",
    }
}

record! {
    /// What a run must come to; partial.
    pub struct Expect {
        /// State of the run, or `refused`.
        pub state: Spanned<Ending>,
        /// Each must occur: codes or authors' reasons.
        pub reasons: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// By step id.
        pub steps: Named<ExpectStep> = Named::default(),
        /// Calls by `connector.operation`.
        pub calls: Named<Spanned<i64>> = Named::default(),
        /// Spent (settled) by budget.
        pub spent: Named<Spanned<i64>> = Named::default(),
        /// What was undone.
        pub rollback: Option<Spanned<Undone>> = None,
        /// What the run waits for, sorted.
        pub waiting_for: Option<Vec<Spanned<WaitsFor>>> = None,
        /// Steps whose failure was allowed.
        pub tolerated: Option<Vec<Spanned<Identifier>>> = None,
        /// Outputs of the run.
        pub outputs: Named<Spanned<Json>> = Named::default(),
    }
}

record! {
    /// What a step must come to; partial.
    pub struct ExpectStep {
        /// Its state.
        pub state: Option<Spanned<StepEnding>> = None,
        /// Its attempts.
        pub attempts: Option<Spanned<u64>> = None,
        /// Each must occur.
        pub reasons: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Its outputs.
        pub outputs: Named<Spanned<Json>> = Named::default(),
        /// True when a recorded success became its outcome.
        pub replayed: Option<bool> = None,
    }
}
