//! Budgets: what may be spent. Costs are reserved before the first attempt in every budget that applies, all
//! or none, and booked when the outcome is known. Reservations never exceed limit plus grace; arithmetic
//! saturates instead of wrapping, on the side that refuses.

mod counter;
mod reserve;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ordain_spec::kind::Budget;
use ordain_spec::kind::capability::Per;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::selector::Subject;
use serde::{Deserialize, Serialize};

pub use counter::{Counter, CounterKey, Counters, Slot};
pub use reserve::{
    Ask, Demand, Refusal, Reserved, Standing, Warning, carrying, reserve, reserve_undo, standing, standings,
    warnings,
};

use crate::actor::Actor;
use crate::ids::RunId;

/// What a step's item costs in one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// The unit: `usd_cents`, `calls`.
    pub unit: Arc<str>,
    /// How much.
    pub amount: i64,
}

/// On whose account a step is booked.
#[derive(Debug, Clone, Copy)]
pub struct Booker<'a> {
    /// What the step is: which budgets apply to it.
    pub subject: Subject<'a>,
    /// Who acts.
    pub actor: &'a Actor,
    /// For which tenant.
    pub tenant: &'a str,
    /// In which run.
    pub run: RunId,
}

impl Booker<'_> {
    /// True when the budget counts this step.
    #[must_use]
    pub fn falls_under(&self, budget: &Budget) -> bool {
        budget.spec.applies.matches(&self.subject)
    }

    /// What tells this counter from others of the same budget or quota: a word for each `per`.
    #[must_use]
    pub fn key(&self, per: impl IntoIterator<Item = Per>) -> Vec<Arc<str>> {
        let word = |per| match per {
            Per::Actor => &*self.actor.id,
            Per::Owner => self.actor.owner(),
            Per::Tenant => self.tenant,
            Per::Capability => self.subject.capability,
            Per::Runbook => self.subject.runbook,
        };
        per.into_iter().map(|per| word(per).into()).collect()
    }

    /// The run's mode: mock runs have counters of their own.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.subject.mode
    }
}

/// An amount that is set aside on one counter. It stands in the journal; the counter follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// Where.
    pub counter: CounterKey,
    /// Its unit.
    pub unit: Arc<str>,
    /// How much.
    pub amount: i64,
}

/// The end of a reservation: what was set aside is free again, and what was spent is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Booking {
    /// Where.
    pub counter: CounterKey,
    /// Its unit.
    pub unit: Arc<str>,
    /// What was set aside.
    pub reserved: i64,
    /// What was spent: the actual cost, nothing where every attempt was refused, the reservation where
    /// nobody knows. May exceed what was set aside; negative only for an undo that gives something back.
    pub spent: i64,
}

impl Reservation {
    /// Books the actual cost.
    #[must_use]
    pub fn settled(&self, actual: i64) -> Booking {
        Booking {
            counter: self.counter.clone(),
            unit: Arc::clone(&self.unit),
            reserved: self.amount,
            spent: actual,
        }
    }

    /// Gives everything back: every attempt was refused.
    #[must_use]
    pub fn released(&self) -> Booking {
        self.settled(0)
    }

    /// Keeps everything as spent: nobody knows what happened.
    #[must_use]
    pub fn kept(&self) -> Booking {
        self.settled(self.amount)
    }
}
