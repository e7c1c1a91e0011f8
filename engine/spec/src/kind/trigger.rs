//! Trigger: what starts a runbook without a person asking.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::Arg;
use crate::kind::connector::Settable;
use crate::kind::field::Named;
use crate::kind::scalar::{DurationMs, Mode, Name, Principal, Prose, Reference, SizeBytes};
use crate::schedule::Schedule;

record! {
    /// What starts a runbook without a person asking. Exactly one of `cron`, `webhook`, `watch`.
    pub struct TriggerSpec {
        /// The service of the roster that asks; its custodians cannot approve.
        pub as_: Spanned<Principal>,
        /// What it starts.
        pub runbook: Spanned<Reference>,
        /// In which mode.
        pub mode: Spanned<Mode> = Spanned::nowhere(Mode::Mock),
        /// The run's inputs, over `event`.
        pub inputs: Named<Arg> = Named::default(),
        /// At times of the clock.
        pub cron: Option<Cron> = None,
        /// On a signed request to `/v1/hooks/{name}`.
        pub webhook: Option<Webhook> = None,
        /// On a change in a folder.
        pub watch: Option<Watch> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// At times of the clock.
    pub struct Cron {
        /// Minute, hour, day of month, month, day of week.
        pub schedule: Spanned<Schedule>,
        /// IANA name of the zone that the schedule is read in.
        pub timezone: Spanned<Arc<str>>,
        /// What happens while the run of an earlier time has not settled.
        pub overlap: Spanned<Overlap> = Spanned::nowhere(Overlap::Skip),
        /// What happens to times at which the engine was not there.
        pub catch_up: Spanned<CatchUp> = Spanned::nowhere(CatchUp::None),
    }
}

closed! {
    /// What happens while an earlier run has not settled.
    pub enum Overlap {
        /// The time is recorded and passed over.
        Skip = "skip",
        /// One run waits for the earlier one; further times are passed over.
        Queue = "queue",
        /// It starts beside it, as far as the runbook's `concurrency` lets it.
        Start = "start",
    }
}

/// What happens to times at which the engine was not there: `none`, or `{atMost, within}`.
#[derive(Debug, Clone, PartialEq)]
pub enum CatchUp {
    /// They are recorded and passed over.
    None,
    /// The latest of them are made up for, oldest first.
    Latest {
        /// So many at most.
        at_most: Spanned<u64>,
        /// None that is older.
        within: Spanned<DurationMs>,
    },
}

record! {
    /// On a signed request to `/v1/hooks/{name}`.
    pub struct Webhook {
        /// The key of the HMAC-SHA-256, by name.
        pub secret: Spanned<Name>,
        /// The header with the signature: hexadecimal, `sha256=` before it allowed.
        pub signature: Spanned<Arc<str>>,
        /// The header that names the delivery; one name starts one run.
        pub delivery: Spanned<Arc<str>>,
        /// How long names of deliveries are remembered.
        pub remember: Spanned<DurationMs> = Spanned::nowhere(DurationMs(7 * 86_400_000)),
        /// The time of the request, where the sender signs it; `time.body` is signed then.
        pub timestamp: Option<SignedTime> = None,
        /// Larger bodies are refused.
        pub max_body: Spanned<SizeBytes>,
        /// How many runs it may start.
        pub at_most: Rate,
    }
}

record! {
    /// A signed time.
    pub struct SignedTime {
        /// The header, in seconds since 1970.
        pub header: Spanned<Arc<str>>,
        /// How far the sender's clock may be off; at most 5m.
        pub skew: Spanned<DurationMs>,
    }
}

record! {
    /// So many within a sliding window; what comes beyond is refused and recorded.
    pub struct Rate {
        /// So many.
        pub limit: Spanned<u64>,
        /// Length of the window; at most a day.
        pub window: Spanned<DurationMs>,
    }
}

record! {
    /// On a change in a folder.
    pub struct Watch {
        /// Absolute path of the folder; nothing below it. The workspace must grant reading it.
        pub folder: Settable,
        /// Names of files, each with at most one `*`.
        pub files: Vec<Spanned<Arc<str>>>,
        /// Which changes.
        pub on: Vec<Spanned<Change>> = vec![Spanned::nowhere(Change::Created)],
        /// How long a file must have been left alone.
        pub quiet: Spanned<DurationMs>,
        /// How many runs it may start.
        pub at_most: Rate,
    }
}

closed! {
    /// A change of a file.
    pub enum Change {
        /// It was not there.
        Created = "created",
        /// Its content is another.
        Changed = "changed",
        /// It is gone.
        Removed = "removed",
    }
}
