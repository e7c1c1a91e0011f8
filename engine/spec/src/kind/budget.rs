//! Budget: what may be spent.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::capability::Per;
use crate::kind::scalar::{Percent, Prose, Reference, Unit};
use crate::kind::selector::Selector;

record! {
    /// What may be spent, by whom, in which time.
    pub struct BudgetSpec {
        /// The unit.
        pub unit: Spanned<Unit>,
        /// The most in one window.
        pub limit: Spanned<i64>,
        /// How long a counter lives.
        pub window: Spanned<Window>,
        /// IANA name of the zone in which windows turn.
        pub timezone: Spanned<Arc<str>> = Spanned::nowhere("UTC".into()),
        /// One counter per …; one in all when left out.
        pub per: Vec<Spanned<Per>> = Vec::new(),
        /// Which steps it is about.
        pub applies: Selector,
        /// By how much reservations may exceed the limit.
        pub grace: Spanned<Percent> = Spanned::nowhere(Percent(0)),
        /// How much of what was left goes into the next window.
        pub carry_over: Spanned<Percent> = Spanned::nowhere(Percent(0)),
        /// At which parts of the limit people are told.
        pub warn_at: Vec<Spanned<Percent>> = Vec::new(),
        /// What happens beyond the limit.
        pub on_breach: Spanned<OnBreach> = Spanned::nowhere(OnBreach::Deny),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// How long a counter lives.
    pub enum Window {
        /// From full hour to full hour.
        Hour = "hour",
        /// From midnight to midnight.
        Day = "day",
        /// From Monday to Monday.
        Week = "week",
        /// From the first to the first.
        Month = "month",
        /// One run.
        Run = "run",
    }
}

/// What happens beyond the limit.
#[derive(Debug, Clone, PartialEq)]
pub enum OnBreach {
    /// The step is denied.
    Deny,
    /// The step waits for the window to turn.
    Throttle,
    /// The step asks for this approval.
    Approval(Spanned<Reference>),
}
