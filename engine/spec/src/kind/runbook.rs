//! Runbook: a DAG of steps.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::capability::Guard;
use crate::kind::field::{FieldMap, Named};
use crate::kind::scalar::{DurationMs, Identifier, Json, Mode, Name, Principal, Prose, Reference};

record! {
    /// What runs, in which order, under which conditions.
    pub struct RunbookSpec {
        /// What a run is started with.
        pub inputs: FieldMap = FieldMap::default(),
        /// In which modes it may run.
        pub modes: Vec<Spanned<Mode>> = vec![Spanned::nowhere(Mode::Mock)],
        /// Who may run, see and cancel it.
        pub roles: Roles = Roles::standard(),
        /// The author's constants.
        pub constants: Named<Spanned<Json>> = Named::default(),
        /// Limit of the time that a run is `running`.
        pub timeout: Spanned<DurationMs> = Spanned::nowhere(DurationMs(24 * 3_600_000)),
        /// How many runs at once.
        pub concurrency: Option<Concurrency> = None,
        /// What follows a failure.
        pub on_failure: Spanned<OnFailure> = Spanned::nowhere(OnFailure::Stop),
        /// The steps.
        pub steps: Vec<Step>,
        /// What a run gives, over `inputs constants steps run`.
        pub outputs: Named<Expr> = Named::default(),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// Who may do what with runs of a runbook.
    pub struct Roles {
        /// May start it. Default `role:operator`.
        pub run: Option<Vec<Spanned<Principal>>> = None,
        /// May see it. Default `role:viewer`.
        pub view: Option<Vec<Spanned<Principal>>> = None,
        /// May cancel it. Default: as `run`.
        pub cancel: Option<Vec<Spanned<Principal>>> = None,
    }
}

impl Roles {
    /// Nothing said: the defaults hold.
    #[must_use]
    pub const fn standard() -> Self {
        Self { run: None, view: None, cancel: None, span: crate::source::Span::nowhere() }
    }
}

record! {
    /// How many runs at once, over what.
    pub struct Concurrency {
        /// One lock per value, over `inputs constants run`.
        pub key: Option<Expr> = None,
        /// Runs at once.
        pub limit: Spanned<u64> = Spanned::nowhere(1),
        /// What happens to the next.
        pub on_limit: Spanned<OnLimit> = Spanned::nowhere(OnLimit::Queue),
        /// Scope of the lock. Default: the runbook's name over all versions.
        pub lock: Option<Spanned<Name>> = None,
    }
}

closed! {
    /// What happens to a run beyond the limit.
    pub enum OnLimit {
        /// It waits, first come first served.
        Queue = "queue",
        /// Its start is refused.
        Refuse = "refuse",
    }
}

closed! {
    /// What follows a failure, mildest first.
    pub enum OnFailure {
        /// Running attempts finish, nothing further starts.
        Stop = "stop",
        /// What has an undo is undone.
        Rollback = "rollback",
    }
}

record! {
    /// One step. Exactly one of `uses`, `runbook`, `approve`, `wait`, `signal`, `export`.
    pub struct Step {
        /// Its name within the runbook.
        pub id: Spanned<Identifier>,
        /// What must have settled before.
        pub needs: Vec<Need> = Vec::new(),
        /// A capability.
        pub uses: Option<Spanned<Reference>> = None,
        /// A sub-run.
        pub runbook: Option<Spanned<Reference>> = None,
        /// A gate alone: an approval.
        pub approve: Option<Spanned<Reference>> = None,
        /// A pause.
        pub wait: Option<Spanned<DurationMs>> = None,
        /// A message from outside.
        pub signal: Option<Signal> = None,
        /// An export flow.
        pub export: Option<Spanned<Name>> = None,
        /// Arguments.
        pub with: Named<Arg> = Named::default(),
        /// Skips the step unless true.
        pub when: Option<Expr> = None,
        /// Deny the step unless true.
        pub guards: Vec<Guard> = Vec::new(),
        /// Fail the step unless true afterwards.
        pub ensures: Vec<Guard> = Vec::new(),
        /// An approval that this use needs.
        pub approval: Option<Spanned<Reference>> = None,
        /// What reviewers see besides the call.
        pub show: Named<Arg> = Named::default(),
        /// Polls a read.
        pub repeat: Option<Repeat> = None,
        /// Further attempts after a retryable refusal.
        pub retry: Option<Retry> = None,
        /// Once for each item of a list.
        pub for_each: Option<ForEach> = None,
        /// `continue` tolerates a failure.
        pub on_failure: Option<Spanned<StepOnFailure>> = None,
        /// Limit of one attempt; the smallest holds.
        pub timeout: Option<Spanned<DurationMs>> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// An edge of the DAG.
    pub struct Need short step {
        /// The earlier step.
        pub step: Spanned<Identifier>,
        /// How it must have settled.
        pub on: Spanned<NeedOn> = Spanned::nowhere(NeedOn::Success),
    }
}

closed! {
    /// How a needed step must have settled.
    pub enum NeedOn {
        /// It succeeded.
        Success = "success",
        /// It succeeded or was skipped.
        Ok = "ok",
        /// In whatever way.
        Any = "any",
    }
}

record! {
    /// A message from outside.
    pub struct Signal {
        /// Its name within the run.
        pub name: Spanned<Identifier>,
        /// What it carries; the step's outputs.
        pub fields: FieldMap = FieldMap::default(),
        /// Past it the step is `expired`.
        pub timeout: Spanned<DurationMs>,
        /// Who may send it.
        pub from: Vec<Spanned<Principal>>,
    }
}

record! {
    /// Polls a read until something holds; each round is a recorded attempt.
    pub struct Repeat {
        /// Over `outputs` and the step's facts.
        pub until: Expr,
        /// Pause between rounds.
        pub every: Spanned<DurationMs>,
        /// Rounds at most.
        pub max: Spanned<u64>,
    }
}

record! {
    /// Further attempts after a retryable refusal.
    pub struct Retry {
        /// Attempts in all, the first included.
        pub attempts: Spanned<u64> = Spanned::nowhere(1),
        /// How the pauses grow.
        pub backoff: Backoff = Backoff::Exponential,
        /// First pause.
        pub initial: DurationMs = DurationMs(1_000),
        /// Longest pause.
        pub max: DurationMs = DurationMs(60_000),
    }
}

closed! {
    /// How pauses between attempts grow.
    pub enum Backoff {
        /// Doubled each time.
        Exponential = "exponential",
        /// Always the first.
        Constant = "constant",
    }
}

record! {
    /// Once for each item of a list.
    pub struct ForEach {
        /// The list.
        pub in_: Expr,
        /// The name of the item in expressions; `item` when left out.
        pub as_: Option<Spanned<Identifier>> = None,
        /// More items deny the step; mandatory (law `unbounded-fan-out`).
        pub max_items: Option<Spanned<u64>> = None,
        /// Items at once.
        pub max_parallel: Spanned<u64> = Spanned::nowhere(1),
    }
}

impl ForEach {
    /// The name of the item in expressions.
    #[must_use]
    pub fn item_name(&self) -> Arc<str> {
        self.as_.as_ref().map_or_else(|| "item".into(), |name| name.value.shared())
    }
}

closed! {
    /// What a step says about its own failure.
    pub enum StepOnFailure {
        /// Tolerated.
        Continue = "continue",
    }
}
