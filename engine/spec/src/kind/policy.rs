//! Policy: who may do what, and under which conditions.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::Expr;
use crate::kind::scalar::{Principal, Prose, Reason, Reference, Slug};
use crate::kind::selector::Selector;

record! {
    /// Rules about the steps that `applies` selects.
    pub struct PolicySpec {
        /// Whether it decides.
        pub enforcement: Spanned<Enforcement> = Spanned::nowhere(Enforcement::Enforce),
        /// Which steps it is about.
        pub applies: Selector,
        /// The rules; their order never matters.
        pub rules: Vec<Rule>,
        /// True for a policy without `allow` rules (law `policy-without-allow`).
        pub restricts_only: bool = false,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// Whether a policy decides.
    pub enum Enforcement {
        /// It decides.
        Enforce = "enforce",
        /// It is evaluated and recorded only.
        Shadow = "shadow",
    }
}

record! {
    /// One rule. Exactly one of `allow`, `deny`, `require`, `mask`.
    pub struct Rule {
        /// Its name within the policy.
        pub id: Spanned<Slug>,
        /// Allows when true.
        pub allow: Option<Expr> = None,
        /// Denies when true.
        pub deny: Option<Expr> = None,
        /// Requires this approval.
        pub require: Option<Spanned<Reference>> = None,
        /// Masks these output fields.
        pub mask: Option<Vec<Spanned<Arc<str>>>> = None,
        /// The actor must be one of these for the rule to be true.
        pub to: Option<Vec<Spanned<Principal>>> = None,
        /// The rule is about a step only where this is true.
        pub when: Option<Expr> = None,
        /// Narrows the policy's `applies`.
        pub applies: Option<Selector> = None,
        /// Stable reason; its absence is the law `rule-without-reason`.
        pub reason: Option<Spanned<Reason>> = None,
        /// For people.
        pub message: Option<Prose> = None,
    }
}
