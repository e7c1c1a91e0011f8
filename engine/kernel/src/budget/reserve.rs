//! Whether a step's cost fits in every budget that applies, and what to say and do when it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::kind::scalar::Reference;
use ordain_spec::kind::{Budget, Kind};

use super::{Booker, Booking, Cost, Counter, CounterKey, Counters, Reservation, Slot};
use crate::reason::{Code, Reason};
use crate::window;

/// What a step's item wants to reserve.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// On whose account.
    pub booker: Booker<'a>,
    /// What it costs, one entry a unit; `calls` among them.
    pub costs: &'a [Cost],
    /// Budgets whose breach people approved for this step.
    pub covered: &'a BTreeSet<Arc<str>>,
}

/// What was, or can be, set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reserved {
    /// For the journal; [`Counters::reserve`] applies each.
    pub reservations: Vec<Reservation>,
    /// Marks that the counters pass by it.
    pub warnings: Vec<Warning>,
}

/// A budget passed one of its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The budget.
    pub budget: Arc<str>,
    /// The mark, in percent of the limit.
    pub percent: u32,
}

/// Why nothing was reserved, in the order in which it is looked at: what denies comes before what waits, what
/// waits before what asks people.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The step is denied.
    Denied(Vec<Reason>),
    /// The step waits until then and asks again.
    Throttled {
        /// When every window that stands in the way has turned.
        until: Timestamp,
        /// Which budgets.
        reasons: Vec<Reason>,
    },
    /// The step asks for these approvals; a grant covers the budget for this step.
    NeedsApproval(Vec<Ask>),
}

/// An approval that a budget asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The budget that it covers.
    pub budget: Arc<str>,
    /// The approval.
    pub approval: Reference,
    /// `budget_exceeded`
    pub reason: Reason,
}

/// How the counter of a budget stands for one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which counter.
    pub counter: CounterKey,
    /// The limit of this window, with what was carried over.
    pub limit: i64,
    /// Spent.
    pub spent: i64,
    /// Set aside.
    pub reserved: i64,
    /// What is left of the limit; less than nothing where actual costs passed it.
    pub remaining: i64,
    /// The most that was taken in this window so far.
    peak: i64,
}

/// The counter on which the step is booked now. None where the budget's time zone is unknown, which no
/// checked catalogue has, or time is at its end.
fn counter_key(budget: &Budget, booker: &Booker<'_>, now: Timestamp) -> Option<CounterKey> {
    let spec = &budget.spec;
    let slot = if spec.window.value == ordain_spec::kind::budget::Window::Run {
        Slot::Run { run: booker.run }
    } else {
        let bounds = window::at(spec.window.value, &window::zone(&spec.timezone)?, now)?;
        Slot::Time { from: bounds.from, to: bounds.to }
    };
    Some(CounterKey {
        budget: budget.metadata.name.value.shared(),
        mode: booker.mode(),
        per: booker.key(spec.per.iter().map(|per| per.value)),
        slot,
    })
}

/// What the last window left for this one. A window in which nothing was booked left everything, whether or not it
/// has a counter, as long as the budget existed then: from when a catalogue with it became active, or a counter of
/// it says so. What was carried into a window is not carried on.
fn carried(budget: &Budget, counters: &Counters, key: &CounterKey) -> i64 {
    let percent = i64::from(budget.spec.carry_over.value.0);
    let Slot::Time { from, .. } = key.slot else { return 0 };
    if percent == 0 {
        return 0;
    }
    let limit = budget.spec.limit.value;
    let left = match counters.before(key, from) {
        None if !counters.existed(&key.budget, from) => return 0,
        Some((CounterKey { slot: Slot::Time { to, .. }, .. }, counter)) if *to == from => {
            narrow(i128::from(limit) - counter.taken())
        }
        Some(_) | None => limit,
    };
    share(left.clamp(0, limit.max(0)), percent)
}

/// The budgets of a catalogue that carry something over.
#[must_use]
pub fn carrying(catalogue: &Catalogue) -> BTreeSet<Arc<str>> {
    let budgets = catalogue.budgets.values().filter(|budget| budget.spec.carry_over.value.0 > 0);
    budgets.map(|budget| budget.metadata.name.value.shared()).collect()
}

/// So many percent of an amount, rounded down.
fn share(amount: i64, percent: i64) -> i64 {
    narrow(i128::from(amount) * i128::from(percent) / 100)
}

fn narrow(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

/// How the budget stands for a step: the facts `budget["name"]`. None where it does not apply.
#[must_use]
pub fn standing(
    budget: &Budget,
    booker: &Booker<'_>,
    counters: &Counters,
    now: Timestamp,
) -> Option<Standing> {
    if !booker.falls_under(budget) {
        return None;
    }
    let counter = counter_key(budget, booker, now)?;
    Some(stands(budget, counter, counters))
}

fn stands(budget: &Budget, key: CounterKey, counters: &Counters) -> Standing {
    let Counter { reserved, spent, peak } = counters.get(&key);
    let limit = budget.spec.limit.value.saturating_add(carried(budget, counters, &key));
    let remaining = narrow(i128::from(limit) - i128::from(reserved) - i128::from(spent));
    Standing { counter: key, limit, spent, reserved, remaining, peak }
}

/// What one budget says to one amount.
struct Look<'b> {
    budget: &'b Budget,
    standing: Standing,
    cost: &'b Cost,
}

impl Look<'_> {
    fn fits(&self) -> bool {
        let spec = &self.budget.spec;
        let grace = share(spec.limit.value, i64::from(spec.grace.value.0));
        let taken = i128::from(self.standing.spent) + i128::from(self.standing.reserved);
        let most = i128::from(self.standing.limit) + i128::from(grace);
        self.cost.amount == 0 || taken + i128::from(self.cost.amount) <= most
    }

    /// True when it would fit in no window, however long the step waits.
    fn never_fits(&self) -> bool {
        let spec = &self.budget.spec;
        let most = spec.limit.value;
        let percent = i64::from(spec.grace.value.0) + i64::from(spec.carry_over.value.0);
        i128::from(self.cost.amount) > i128::from(most) + i128::from(share(most, percent))
    }

    fn reason(&self) -> Reason {
        let Standing { remaining, .. } = self.standing;
        let (amount, unit) = (self.cost.amount, &self.cost.unit);
        let name = self.budget.metadata.name.value.shared();
        Reason::new(Code::BudgetExceeded, format!("{amount} {unit} asked, {remaining} left"))
            .from(Kind::Budget, name)
    }

    fn reservation(&self) -> Reservation {
        Reservation {
            counter: self.standing.counter.clone(),
            unit: Arc::clone(&self.cost.unit),
            amount: self.cost.amount,
        }
    }

    /// Marks that were never passed in this window and will be.
    fn warnings(&self) -> Vec<Warning> {
        let taken = i128::from(self.standing.spent) + i128::from(self.standing.reserved);
        crossed(self.budget, &self.standing, taken + i128::from(self.cost.amount))
    }
}

/// Marks of a budget that lie above what was ever taken and not above `taken`, ascending: each is told once a
/// window, however often what was set aside is given back.
fn crossed(budget: &Budget, standing: &Standing, taken: i128) -> Vec<Warning> {
    let mut marks: Vec<u32> = budget.spec.warn_at.iter().map(|mark| mark.value.0).collect();
    marks.sort_unstable();
    marks.dedup();
    let limit = i128::from(standing.limit);
    let reached = |taken: i128, mark: u32| taken * 100 >= limit * i128::from(mark);
    marks.retain(|mark| !reached(i128::from(standing.peak), *mark) && reached(taken, *mark));
    let name = budget.metadata.name.value.shared();
    marks.into_iter().map(|percent| Warning { budget: Arc::clone(&name), percent }).collect()
}

/// Looks whether the costs fit in every budget that applies. Changes nothing: the caller journals the
/// reservations and applies them, in the transaction that starts the attempt.
///
/// # Errors
/// When any budget does not suffice or cannot count the step: then nothing is reserved anywhere.
pub fn reserve<'b>(
    budgets: impl IntoIterator<Item = &'b Budget>,
    demand: &Demand<'b>,
    counters: &Counters,
    now: Timestamp,
) -> Result<Reserved, Refusal> {
    let mut reserved = Reserved::default();
    let (mut denied, mut throttled, mut asks) = (Vec::new(), Vec::new(), Vec::new());
    for budget in budgets.into_iter().filter(|budget| demand.booker.falls_under(budget)) {
        match look(budget, demand, counters, now) {
            Err(reason) => denied.push(reason),
            Ok(look) if look.fits() || demand.covered.contains(look.budget.metadata.name.as_str()) => {
                reserved.reservations.push(look.reservation());
                reserved.warnings.extend(look.warnings());
            }
            Ok(look) => match (&budget.spec.on_breach.value, look.standing.counter.slot) {
                (OnBreach::Approval(approval), _) => asks.push(Ask {
                    budget: budget.metadata.name.value.shared(),
                    approval: approval.value.clone(),
                    reason: look.reason(),
                }),
                (OnBreach::Throttle, Slot::Time { to, .. }) if !look.never_fits() => {
                    throttled.push((to, look.reason()));
                }
                (OnBreach::Throttle | OnBreach::Deny, _) => denied.push(look.reason()),
            },
        }
    }
    if !denied.is_empty() {
        return Err(Refusal::Denied(denied));
    }
    if let Some(until) = throttled.iter().map(|(to, _)| *to).max() {
        return Err(Refusal::Throttled {
            until,
            reasons: throttled.into_iter().map(|(_, why)| why).collect(),
        });
    }
    if asks.is_empty() { Ok(reserved) } else { Err(Refusal::NeedsApproval(asks)) }
}

/// What an undo takes: it is charged to every budget that counts one of its units, and never refused.
#[must_use]
pub fn reserve_undo<'b>(
    budgets: impl IntoIterator<Item = &'b Budget>,
    demand: &Demand<'b>,
    counters: &Counters,
    now: Timestamp,
) -> Reserved {
    let mut reserved = Reserved::default();
    for budget in budgets.into_iter().filter(|budget| demand.booker.falls_under(budget)) {
        if let Ok(look) = look(budget, demand, counters, now) {
            reserved.reservations.push(look.reservation());
            reserved.warnings.extend(look.warnings());
        }
    }
    reserved
}

fn look<'b>(
    budget: &'b Budget,
    demand: &Demand<'b>,
    counters: &Counters,
    now: Timestamp,
) -> Result<Look<'b>, Reason> {
    let name = || budget.metadata.name.value.shared();
    let unit = budget.spec.unit.value.as_str();
    let Some(cost) = demand.costs.iter().find(|cost| &*cost.unit == unit) else {
        let capability = demand.booker.subject.capability;
        let detail = format!("`{capability}` declares no cost in `{unit}`");
        return Err(Reason::new(Code::BudgetUnitMissing, detail).from(Kind::Budget, name()));
    };
    let Some(key) = counter_key(budget, &demand.booker, now) else {
        return Err(Reason::new(Code::SystemFault, "its window cannot be found").from(Kind::Budget, name()));
    };
    Ok(Look { budget, standing: stands(budget, key, counters), cost })
}

/// Marks that actual costs make their counters pass. Call it before the bookings are applied.
#[must_use]
pub fn warnings<'b>(
    budgets: impl IntoIterator<Item = &'b Budget>,
    bookings: &[Booking],
    counters: &Counters,
) -> Vec<Warning> {
    // An item has a reservation for every attempt: the counter is looked at once all of them are booked.
    let mut booked: BTreeMap<&CounterKey, Counter> = BTreeMap::new();
    for booking in bookings {
        let counter = booked.entry(&booking.counter).or_insert_with(|| counters.get(&booking.counter));
        counter.book(booking);
    }
    let by_name: BTreeMap<&str, &Budget> =
        budgets.into_iter().map(|budget| (budget.metadata.name.as_str(), budget)).collect();
    let passed = booked.into_iter().filter_map(|(key, counter)| {
        let budget = by_name.get(&*key.budget)?;
        Some(crossed(budget, &stands(budget, key.clone(), counters), counter.taken()))
    });
    passed.flatten().collect()
}

/// Every counter of a budget whose window holds `now`, and every run's that is in use: the rows of
/// `ordain budgets`. A budget without `per` always has its row.
#[must_use]
pub fn standings(
    budget: &Budget,
    mode: ordain_spec::kind::scalar::Mode,
    counters: &Counters,
    now: Timestamp,
) -> Vec<Standing> {
    let name = budget.metadata.name.value.shared();
    let bounds =
        window::zone(&budget.spec.timezone).and_then(|zone| window::at(budget.spec.window.value, &zone, now));
    let slot = bounds.map(|bounds| Slot::Time { from: bounds.from, to: bounds.to });
    let current = |key: &CounterKey| match (slot, key.slot) {
        (Some(slot), other) => slot == other,
        (None, Slot::Run { .. }) => true,
        (None, Slot::Time { .. }) => false,
    };
    let mut keys: BTreeSet<CounterKey> = counters
        .used
        .keys()
        .filter(|key| key.budget == name && key.mode == mode && current(key))
        .cloned()
        .collect();
    if let (true, Some(slot)) = (budget.spec.per.is_empty(), slot) {
        keys.insert(CounterKey { budget: name, mode, per: Vec::new(), slot });
    }
    keys.into_iter().map(|key| stands(budget, key, counters)).collect()
}
