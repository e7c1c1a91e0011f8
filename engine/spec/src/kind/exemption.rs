//! Exemption: one rule that does not hold, for named people and things, until a written day.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::scalar::{Instant, Name, Principal, Prose, Slug};

record! {
    /// A rule of a policy that does not hold for a while. Inert until everybody in `approvedBy` agreed.
    pub struct ExemptionSpec {
        /// The rule: of `deny` and `require` only.
        pub exempts: Exempts,
        /// For whom and what: names, never patterns.
        pub scope: ExemptionScope,
        /// Why. Mandatory (law `exemption-without-reason`).
        pub reason: Option<Spanned<Arc<str>>> = None,
        /// Who asks.
        pub requested_by: Spanned<Principal>,
        /// Who must agree, each of them; none of them asks.
        pub approved_by: Vec<Spanned<Principal>>,
        /// When it begins.
        pub from: Spanned<Instant>,
        /// When it ends: at most 90, 30, 7 days later for risk low, medium, high. Mandatory (law
        /// `exemption-without-expiry`).
        pub expires: Option<Spanned<Instant>> = None,
        /// Agreements signed beforehand. Outside the digest, which is what they sign.
        pub signatures: Vec<Signature> = Vec::new(),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// The rule that does not hold.
    pub struct Exempts {
        /// The policy.
        pub policy: Spanned<Name>,
        /// Its rule.
        pub rule: Spanned<Slug>,
    }
}

record! {
    /// For whom and what. Each list is mandatory: what is left out would mean everything (law
    /// `exemption-wildcard`).
    pub struct ExemptionScope {
        /// Capabilities by name.
        pub capabilities: Vec<Spanned<Exact<Name>>> = Vec::new(),
        /// The acting principals.
        pub actors: Vec<Spanned<Exact<Principal>>> = Vec::new(),
        /// Environments of the run.
        pub environments: Vec<Spanned<Exact<Arc<str>>>> = Vec::new(),
    }
}

/// One that is named, where a pattern is refused by a law of its own (`exemption-wildcard`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact<T>(pub T);

record! {
    /// An agreement signed beforehand.
    pub struct Signature {
        /// Who signed.
        pub by: Spanned<Principal>,
        /// `ed25519:` and base64 of the signature over the exemption's digest.
        pub sig: Spanned<Arc<str>>,
    }
}
