//! Retention: how long what is kept, and what must not be erased.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::scalar::{DurationMs, Instant, Principal, Prose, Slug};
use crate::kind::selector::NamePattern;

record! {
    /// How long payloads are kept. Journal and audit records hold digests and meta fields only and stay.
    /// At most one in a catalogue.
    pub struct RetentionSpec {
        /// How long each class of data is kept.
        pub keep: Keep,
        /// What must not be erased, whatever `keep` says.
        pub holds: Vec<LegalHold> = Vec::new(),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// How long after its run has settled a value of each sensitivity is kept; files of exports after their
    /// release. What is erased leaves its salted digest.
    pub struct Keep {
        /// Values of sensitivity `raw`.
        pub raw: Spanned<DurationMs>,
        /// Values of sensitivity `personal`.
        pub personal: Spanned<DurationMs>,
        /// Values of sensitivity `internal` and below.
        pub internal: Spanned<DurationMs>,
        /// Files of exports.
        pub exports: Spanned<DurationMs>,
    }
}

record! {
    /// What must not be erased. It holds until it is taken out of this file: no day ends it.
    pub struct LegalHold {
        /// Its name.
        pub id: Spanned<Slug>,
        /// Runs of these runbooks, by exact name or `prefix.*`; every run when left out.
        pub runbooks: Option<Vec<Spanned<NamePattern>>> = None,
        /// Why.
        pub reason: Spanned<Arc<str>>,
        /// Who ordered it.
        pub by: Spanned<Principal>,
        /// Runs that settled at or after this instant, and those that have not settled.
        pub since: Spanned<Instant>,
    }
}
