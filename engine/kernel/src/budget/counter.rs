//! Counters of budgets: one per budget, mode, `per` words and window. They change only by reservations and
//! bookings, so they can be rebuilt from the journals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::scalar::Mode;
use serde::{Deserialize, Serialize};

use super::{Booking, Reservation};
use crate::ids::RunId;

/// The window of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "window", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Slot {
    /// From one turn of the window to the next.
    Time {
        /// When it begins.
        from: Timestamp,
        /// When it turns.
        to: Timestamp,
    },
    /// One run.
    Run {
        /// The run.
        run: RunId,
    },
}

/// Which counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CounterKey {
    /// The budget's name.
    pub budget: Arc<str>,
    /// Mock runs have counters of their own.
    pub mode: Mode,
    /// A word for each `per` of the budget, in their order.
    pub per: Vec<Arc<str>>,
    /// The window.
    pub slot: Slot,
}

/// How a counter stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counter {
    /// Set aside for steps under way.
    pub reserved: i64,
    /// Spent.
    pub spent: i64,
    /// The most that both together ever came to: a mark below it was passed and is not told again.
    #[serde(default)]
    pub peak: i64,
}

impl Counter {
    /// What cannot be reserved again.
    #[must_use]
    pub const fn taken(&self) -> i128 {
        self.reserved as i128 + self.spent as i128
    }

    const fn reserve(&mut self, amount: i64) {
        self.reserved = self.reserved.saturating_add(amount);
        self.rise();
    }

    pub(super) fn book(&mut self, booking: &Booking) {
        self.reserved = self.reserved.saturating_sub(booking.reserved).max(0);
        self.spent = self.spent.saturating_add(booking.spent).max(0);
        self.rise();
    }

    const fn rise(&mut self) {
        let taken = self.reserved.saturating_add(self.spent);
        if taken > self.peak {
            self.peak = taken;
        }
    }
}

/// All counters, and since when each budget that carries something over exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// How each one stands that was used.
    pub used: BTreeMap<CounterKey, Counter>,
    /// Since when each budget exists that carries something over.
    pub since: BTreeMap<Arc<str>, Timestamp>,
}

impl Counters {
    /// How a counter stands; one that was never used stands at nothing.
    #[must_use]
    pub fn get(&self, key: &CounterKey) -> Counter {
        self.used.get(key).copied().unwrap_or_default()
    }

    /// Sets an amount aside.
    pub fn reserve(&mut self, reservation: &Reservation) {
        self.used.entry(reservation.counter.clone()).or_default().reserve(reservation.amount);
    }

    /// Books what came of a reservation. What an undo gives back never makes a counter better than unused.
    pub fn book(&mut self, booking: &Booking) {
        self.used.entry(booking.counter.clone()).or_default().book(booking);
    }

    /// These budgets exist, those that did not since `at`, and no others do. Gives those for which that is news.
    pub fn exist(&mut self, budgets: &BTreeSet<Arc<str>>, at: Timestamp) -> BTreeSet<Arc<str>> {
        let before: BTreeSet<Arc<str>> = self.since.keys().cloned().collect();
        self.since.retain(|name, _| budgets.contains(name));
        for name in budgets.difference(&before) {
            self.since.insert(Arc::clone(name), at);
        }
        before.symmetric_difference(budgets).cloned().collect()
    }

    /// True when the budget is known to have existed before an instant.
    pub(super) fn existed(&self, budget: &str, before: Timestamp) -> bool {
        self.since.get(budget).is_some_and(|since| *since < before)
    }

    /// The counter of the same budget, mode and `per` whose window came last before `from`.
    pub(super) fn before(&self, key: &CounterKey, from: Timestamp) -> Option<(&CounterKey, Counter)> {
        let least = Slot::Time { from: Timestamp::MIN, to: Timestamp::MIN };
        let first = CounterKey { slot: least, ..key.clone() };
        let end = CounterKey { slot: Slot::Time { from, to: Timestamp::MIN }, ..key.clone() };
        self.used.range(first..end).next_back().map(|(other, counter)| (other, *counter))
    }

    /// Counters whose window ended before `now` and that nothing is reserved on, except the last of each,
    /// which the next window may take over from. They can be dropped.
    #[must_use]
    pub fn stale(&self, now: Timestamp) -> Vec<CounterKey> {
        let mut stale = Vec::new();
        let mut last: Option<&CounterKey> = None;
        for (key, counter) in &self.used {
            let Slot::Time { to, .. } = key.slot else { continue };
            let follows = last.is_some_and(|last| {
                last.budget == key.budget && last.mode == key.mode && last.per == key.per
            });
            // Only the last window that has ended is what the current one may take over from.
            if let Some(older) = last.filter(|_| follows && to <= now) {
                stale.push(older.clone());
            }
            last = (to <= now && counter.reserved == 0).then_some(key);
        }
        stale
    }
}
