//! Capability: a governed action.

use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::field::{FieldMap, Named};
use crate::kind::scalar::{DurationMs, Effect, Prose, Reason, Reference, Slug, Unit};

record! {
    /// What an action does, needs and costs.
    pub struct CapabilitySpec {
        /// What it changes outside.
        pub effect: Spanned<Effect>,
        /// What it takes.
        pub input: FieldMap = FieldMap::default(),
        /// What it gives.
        pub output: FieldMap = FieldMap::default(),
        /// The connector that carries it out.
        pub uses: Spanned<Reference>,
        /// The connector's operation.
        pub operation: Spanned<Slug>,
        /// Maps inputs to the operation's; without it inputs pass by name.
        pub with: Option<Named<Arg>> = None,
        /// What makes repeating it harmless. Default: `natural` for `effect: read`, else `none`.
        pub idempotency: Option<Spanned<Idempotency>> = None,
        /// Limit of one attempt; the smallest of capability's, step's and operation's holds.
        pub timeout: Option<Spanned<DurationMs>> = None,
        /// What it costs.
        pub costs: Vec<Cost> = Vec::new(),
        /// How often it may be used; sliding windows.
        pub quotas: Vec<Quota> = Vec::new(),
        /// What must hold before.
        pub guards: Vec<Guard> = Vec::new(),
        /// The approval that every use needs: runbooks and policies add, never remove.
        pub approval: Option<Spanned<Reference>> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

/// What makes repeating an action harmless.
#[derive(Debug, Clone, PartialEq)]
pub enum Idempotency {
    /// A stable key per step of a run, the same for all attempts.
    Step,
    /// A key of the business, remembered for 30 days over all runs.
    Key(Expr),
    /// Repeating has the same effect.
    Natural,
    /// Never repeated.
    None,
}

record! {
    /// A cost in one unit.
    pub struct Cost {
        /// The unit.
        pub unit: Spanned<Unit>,
        /// What is reserved.
        pub estimate: Expr,
        /// The most it can be; its absence is the law `cost-without-max`.
        pub max: Option<Spanned<i64>> = None,
        /// What is booked, over `input` and `output`; without it the reservation.
        pub actual: Option<Expr> = None,
    }
}

record! {
    /// How often a capability may be used.
    pub struct Quota {
        /// One counter per …
        pub per: Spanned<Per>,
        /// Uses within the window.
        pub limit: Spanned<u64>,
        /// Length of the sliding window.
        pub window: Spanned<DurationMs>,
    }
}

closed! {
    /// What a counter is kept for.
    pub enum Per {
        /// The acting principal.
        Actor = "actor",
        /// `actor.onBehalfOf`, or the actor.
        Owner = "owner",
        /// The tenant.
        Tenant = "tenant",
        /// The capability.
        Capability = "capability",
        /// The runbook.
        Runbook = "runbook",
    }
}

record! {
    /// A condition with its reason: of `guards` and `ensures`.
    pub struct Guard {
        /// Its name within the spec.
        pub id: Spanned<Slug>,
        /// Must be exactly `true`.
        pub expr: Expr,
        /// The author's reason when it is not.
        pub reason: Option<Spanned<Reason>> = None,
        /// For people.
        pub message: Option<Prose> = None,
    }
}
