//! What every spec says about itself, and the governance metadata of a capability.

use crate::decode::Spanned;
use crate::expr::Arg;
use crate::kind::field::Named;
use crate::kind::scalar::{Name, Principal, Prose, Reference, Version};

record! {
    /// The metadata of a spec.
    pub struct Metadata {
        /// Name, unique in its kind.
        pub name: Spanned<Name>,
        /// Release; mandatory for Capability, Connector, Runbook, Approval, Policy, Budget, Export.
        pub version: Option<Spanned<Version>> = None,
        /// Who answers for it: `group:…` or `user:…` of the roster. Its absence is the law `missing-owner`.
        pub owner: Option<Spanned<Principal>> = None,
        /// One sentence for people.
        pub summary: Spanned<Prose>,
        /// The author's own labels.
        pub tags: Named<Spanned<std::sync::Arc<str>>> = Named::default(),
    }
}

record! {
    /// The metadata of a capability. The five governance fields are optional in the type, so that a
    /// capability without one is told from one with it everywhere, also at the gate.
    pub struct CapabilityMetadata {
        /// Name, unique in its kind.
        pub name: Spanned<Name>,
        /// Release.
        pub version: Option<Spanned<Version>> = None,
        /// Who answers for it (governance).
        pub owner: Option<Spanned<Principal>> = None,
        /// One sentence for people.
        pub summary: Spanned<Prose>,
        /// The author's own labels.
        pub tags: Named<Spanned<std::sync::Arc<str>>> = Named::default(),
        /// How much harm it can do (governance).
        pub risk: Option<Spanned<Risk>> = None,
        /// What follows when its attempts are used up (governance).
        pub failure_mode: Option<Spanned<FailureMode>> = None,
        /// The way back (governance).
        pub rollback: Option<Spanned<Rollback>> = None,
        /// Scenarios that reach it (governance).
        pub tests: Vec<Spanned<Name>> = Vec::new(),
    }
}

closed! {
    /// How much harm an action can do.
    pub enum Risk {
        /// Little.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much: stands behind an approval.
        High = "high",
        /// The most: two people.
        Critical = "critical",
    }
}

closed! {
    /// What follows when the attempts of a step are used up, mildest first.
    pub enum FailureMode {
        /// The step fails.
        Retry = "retry",
        /// The step fails and the run rolls back.
        Rollback = "rollback",
        /// The run is stuck and waits for a person.
        Halt = "halt",
    }
}

/// The way back from an action: `{uses, with}`, `{none: needless, why}` or `{none: impossible, why}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Rollback {
    /// Another capability undoes it.
    Uses {
        /// The undoing capability.
        uses: Spanned<Reference>,
        /// Its arguments, over `input output run`.
        with: Named<Arg>,
    },
    /// Nothing to undo, or nothing that could.
    None {
        /// Why there is no way back.
        none: NoRollback,
        /// The author's reason.
        why: Prose,
    },
}

closed! {
    /// Why there is no way back.
    pub enum NoRollback {
        /// There is nothing to undo.
        Needless = "needless",
        /// It cannot be undone.
        Impossible = "impossible",
    }
}
