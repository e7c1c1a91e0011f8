//! Tests of budgets: cases, then long random histories against a naive reference.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop where something is not as said"
)]

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Effect;
use proptest::prelude::*;

use super::*;
use crate::fixture::budget;
use crate::reason::Code;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn actor(name: &str) -> Actor {
    Actor { id: format!("user:{name}").into(), type_: ActorType::Human, on_behalf_of: None }
}

fn booker(actor: &Actor, mode: Mode) -> Booker<'_> {
    let subject = Subject {
        capability: "payments.refund",
        risk: Risk::High,
        effect: Effect::Write,
        runbook: "refund",
        environment: "production",
        mode,
    };
    let run = RunId::new(at("2026-01-05T10:00:00Z"), [1; 10]);
    Booker { subject, actor, tenant: "default", run }
}

fn cost(amount: i64) -> Vec<Cost> {
    vec![Cost { unit: "usd_cents".into(), amount }, Cost { unit: "calls".into(), amount: 1 }]
}

struct Book {
    budgets: Vec<Budget>,
    counters: Counters,
    covered: BTreeSet<Arc<str>>,
}

impl Book {
    fn new(specs: &[&str]) -> Self {
        let budgets = specs.iter().enumerate().map(|(n, spec)| {
            budget(&format!("b{n}"), &format!("{{unit: usd_cents, applies: {{}}, {spec}}}"))
        });
        Self { budgets: budgets.collect(), counters: Counters::default(), covered: BTreeSet::new() }
    }

    fn ask(&mut self, who: &str, mode: Mode, amount: i64, now: &str) -> Result<Reserved, Refusal> {
        let (actor, costs) = (actor(who), cost(amount));
        let demand = Demand { booker: booker(&actor, mode), costs: &costs, covered: &self.covered };
        let reserved = reserve(&self.budgets, &demand, &self.counters, at(now))?;
        for reservation in &reserved.reservations {
            self.counters.reserve(reservation);
        }
        Ok(reserved)
    }

    fn live(&mut self, amount: i64, now: &str) -> Result<Reserved, Refusal> {
        self.ask("alice", Mode::Live, amount, now)
    }
}

fn denied(result: &Result<Reserved, Refusal>) -> Option<Code> {
    match result {
        Err(Refusal::Denied(reasons)) => Some(reasons[0].code),
        _ => None,
    }
}

const NOW: &str = "2026-01-05T10:00:00Z";

#[test]
fn a_reservation_is_settled_released_or_kept() {
    let mut book = Book::new(&["limit: 100, window: month"]);
    let first = book.live(60, NOW).unwrap();
    assert_eq!(denied(&book.live(41, NOW)), Some(Code::BudgetExceeded));
    book.counters.book(&first.reservations[0].settled(90));
    let standing = standings(&book.budgets[0], Mode::Live, &book.counters, at(NOW)).remove(0);
    assert_eq!((standing.spent, standing.reserved, standing.remaining), (90, 0, 10), "an actual may be more");
    let second = book.live(10, NOW).unwrap();
    book.counters.book(&second.reservations[0].released());
    let third = book.live(10, NOW).unwrap();
    book.counters.book(&third.reservations[0].kept());
    assert_eq!(denied(&book.live(1, NOW)), Some(Code::BudgetExceeded));
    assert!(book.live(0, NOW).is_ok(), "nothing can always be reserved");
}

#[test]
fn an_actual_cost_may_pass_the_limit_and_the_next_reservation_sees_it() {
    let mut book = Book::new(&["limit: 100, window: month, grace: 50%"]);
    let first = book.live(100, NOW).unwrap();
    book.counters.book(&first.reservations[0].settled(1_000));
    assert_eq!(denied(&book.live(1, NOW)), Some(Code::BudgetExceeded));
    assert!(book.live(150, "2026-02-01T00:00:00Z").is_ok(), "the next month begins anew, with its grace");
}

#[test]
fn all_budgets_that_apply_are_reserved_or_none() {
    let mut book = Book::new(&["limit: 100, window: month", "limit: 10, window: day, per: [actor]"]);
    assert_eq!(denied(&book.live(50, NOW)), Some(Code::BudgetExceeded));
    assert!(book.counters.used.is_empty());
    assert_eq!(book.live(10, NOW).unwrap().reservations.len(), 2);
    assert_eq!(denied(&book.live(1, NOW)), Some(Code::BudgetExceeded));
    assert!(book.ask("bob", Mode::Live, 10, NOW).is_ok(), "a counter for each actor");
}

#[test]
fn mock_runs_have_counters_of_their_own() {
    let mut book = Book::new(&["limit: 10, window: month"]);
    book.ask("alice", Mode::Mock, 10, NOW).unwrap();
    assert!(book.live(10, NOW).is_ok());
}

#[test]
fn a_budget_that_cannot_count_the_step_denies() {
    let mut book = Book::new(&[]);
    book.budgets
        .push(budget("t", "{unit: tokens, limit: 5, window: run, applies: {capabilities: [payments.*]}}"));
    assert_eq!(denied(&book.live(1, NOW)), Some(Code::BudgetUnitMissing));
    book.budgets[0] = budget("t", "{unit: tokens, limit: 5, window: run, applies: {capabilities: [db.*]}}");
    assert!(book.live(1, NOW).unwrap().reservations.is_empty());
}

#[test]
fn throttle_waits_for_the_turn_but_not_for_what_never_fits() {
    let mut book = Book::new(&["limit: 10, window: day, timezone: Europe/Zurich, onBreach: throttle"]);
    book.live(10, NOW).unwrap();
    match book.live(1, NOW) {
        Err(Refusal::Throttled { until, .. }) => assert_eq!(until, at("2026-01-05T23:00:00Z")),
        other => panic!("{other:?}"),
    }
    assert!(book.live(10, "2026-01-05T23:00:00Z").is_ok());
    assert_eq!(denied(&book.live(11, NOW)), Some(Code::BudgetExceeded));
}

#[test]
fn an_approval_covers_its_budget_for_that_step_only() {
    let mut book = Book::new(&[
        "limit: 10, window: month, onBreach: {approval: four-eyes@^1}",
        "limit: 50, window: month",
    ]);
    match book.live(11, NOW) {
        Err(Refusal::NeedsApproval(asks)) => {
            assert_eq!((&*asks[0].budget, asks[0].approval.to_string()), ("b0", "four-eyes@^1".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    book.covered.insert("b0".into());
    assert!(book.live(11, NOW).is_ok());
    assert_eq!(denied(&book.live(40, NOW)), Some(Code::BudgetExceeded), "the other one was not covered");
}

#[test]
fn marks_are_passed_once_and_upwards() {
    let mut book = Book::new(&["limit: 100, window: month, warnAt: [95%, 80%]"]);
    assert!(book.live(79, NOW).unwrap().warnings.is_empty());
    let passed: Vec<u32> = book.live(16, NOW).unwrap().warnings.iter().map(|w| w.percent).collect();
    assert_eq!(passed, [80, 95]);
    assert!(book.live(1, NOW).unwrap().warnings.is_empty());
}

/// Books the actual cost of an attempt and says which marks it passed.
fn settle(book: &mut Book, reserved: &Reserved, actual: i64) -> Vec<u32> {
    let bookings: Vec<Booking> = reserved.reservations.iter().map(|one| one.settled(actual)).collect();
    let passed = warnings(&book.budgets, &bookings, &book.counters);
    for booking in &bookings {
        book.counters.book(booking);
    }
    passed.iter().map(|warning| warning.percent).collect()
}

#[test]
fn actual_costs_pass_marks_that_what_was_reserved_did_not() {
    let mut book = Book::new(&["limit: 100, window: month, warnAt: [50%, 80%]"]);
    let reserved = book.live(10, NOW).unwrap();
    assert!(reserved.warnings.is_empty());
    assert_eq!(settle(&mut book, &reserved, 85), [50, 80]);
    let next = book.live(5, NOW).unwrap();
    assert!(next.warnings.is_empty(), "both were told");
    assert!(settle(&mut book, &next, 5).is_empty());
}

#[test]
fn a_mark_is_told_once_a_window_though_what_was_set_aside_is_given_back() {
    let mut book = Book::new(&["limit: 100, window: month, warnAt: [80%]"]);
    let first = book.live(80, NOW).unwrap();
    assert_eq!(first.warnings.len(), 1);
    assert!(settle(&mut book, &first, 0).is_empty());
    let second = book.live(90, NOW).unwrap();
    assert!(second.warnings.is_empty(), "told when the first was set aside");
    assert!(settle(&mut book, &second, 95).is_empty());
    let later = book.live(80, "2026-02-10T00:00:00Z").unwrap();
    assert_eq!(later.warnings.len(), 1, "another window, another word");
}

#[test]
fn reservations_of_one_item_are_booked_together_before_marks_are_looked_at() {
    let mut book = Book::new(&["limit: 100, window: month, warnAt: [80%]"]);
    let mut all = book.live(30, NOW).unwrap();
    all.reservations.extend(book.live(30, NOW).unwrap().reservations);
    assert_eq!(settle(&mut book, &all, 45), [80], "45 and 45, told once");
}

#[test]
fn what_was_left_is_carried_into_the_next_window_once() {
    let mut book = Book::new(&["limit: 100, window: month, carryOver: 50%"]);
    assert_eq!(denied(&book.live(101, NOW)), Some(Code::BudgetExceeded), "nothing before, nothing carried");
    let first = book.live(40, NOW).unwrap();
    book.counters.book(&first.reservations[0].settled(40));
    assert_eq!(denied(&book.live(131, "2026-02-10T00:00:00Z")), Some(Code::BudgetExceeded));
    assert!(book.live(130, "2026-02-10T00:00:00Z").is_ok());
    assert!(book.live(150, "2026-04-10T00:00:00Z").is_ok(), "March was not used at all");
    assert_eq!(
        denied(&book.live(101, "2026-05-01T00:00:00Z")),
        Some(Code::BudgetExceeded),
        "April left nothing"
    );
}

/// What a window left does not hang on whether somebody asked in it and took nothing.
#[test]
fn a_window_without_a_counter_leaves_what_one_with_a_counter_of_nothing_leaves() {
    let spec = ["limit: 100, window: month, carryOver: 50%"];
    let most = |book: &mut Book, now: &str| (0..=200).rev().find(|amount| book.live(*amount, now).is_ok());
    let carries = BTreeSet::from(["b0".into()]);
    let since = |at_: &str| {
        let mut book = Book::new(&spec);
        assert_eq!(book.counters.exist(&carries, at(at_)), carries);
        assert!(book.counters.exist(&carries, at("2026-02-20T00:00:00Z")).is_empty(), "it goes on");
        book
    };
    let mut asked = Book::new(&spec);
    let nothing = asked.live(7, NOW).unwrap();
    asked.counters.book(&nothing.reservations[0].released());
    assert_eq!(most(&mut asked, "2026-02-10T00:00:00Z"), Some(150), "a counter of nothing");
    assert_eq!(most(&mut since(NOW), "2026-02-10T00:00:00Z"), Some(150), "no counter");
    assert_eq!(most(&mut since(NOW), "2026-01-31T23:00:00Z"), Some(100), "no window before this one");
    assert_eq!(
        most(&mut since("2026-02-01T00:00:00Z"), "2026-02-10T00:00:00Z"),
        Some(100),
        "it began with this"
    );
    let mut gone = since(NOW);
    gone.counters.exist(&BTreeSet::new(), at("2026-01-20T00:00:00Z"));
    gone.counters.exist(&carries, at("2026-02-05T00:00:00Z"));
    assert_eq!(most(&mut gone, "2026-02-10T00:00:00Z"), Some(100), "it did not exist when the window turned");
}

#[test]
fn an_undo_is_charged_and_never_refused_and_gives_back_no_more_than_was_spent() {
    let mut book = Book::new(&["limit: 10, window: month"]);
    let spent = book.live(10, NOW).unwrap();
    book.counters.book(&spent.reservations[0].kept());
    let (actor, costs) = (actor("alice"), cost(7));
    let demand = Demand { booker: booker(&actor, Mode::Live), costs: &costs, covered: &book.covered };
    let undo = reserve_undo(&book.budgets, &demand, &book.counters, at(NOW));
    book.counters.reserve(&undo.reservations[0]);
    assert_eq!(
        book.counters.get(&undo.reservations[0].counter),
        Counter { reserved: 7, spent: 10, peak: 17 }
    );
    book.counters.book(&undo.reservations[0].settled(-25));
    assert_eq!(book.counters.get(&undo.reservations[0].counter), Counter { reserved: 0, spent: 0, peak: 17 });
}

#[test]
fn extreme_amounts_refuse_instead_of_wrapping() {
    let mut book = Book::new(&["limit: 9007199254740991, window: month, grace: 100%"]);
    let first = book.live(9_007_199_254_740_991, NOW).unwrap();
    assert_eq!(denied(&book.live(i64::MAX, NOW)), Some(Code::BudgetExceeded));
    book.counters.book(&first.reservations[0].settled(i64::MAX));
    book.counters.book(&first.reservations[0].settled(i64::MAX));
    assert_eq!(book.counters.get(&first.reservations[0].counter).spent, i64::MAX);
    assert_eq!(denied(&book.live(1, NOW)), Some(Code::BudgetExceeded));
}

#[test]
fn counters_and_their_keys_read_their_own_json_and_old_ones_are_stale() {
    let mut book = Book::new(&["limit: 100, window: month"]);
    for month in 1..=3 {
        let made = book.live(1, &format!("2026-0{month}-05T00:00:00Z")).unwrap().reservations.remove(0);
        let json = serde_json::to_value(&made).unwrap();
        assert_eq!(serde_json::from_value::<Reservation>(json).unwrap(), made);
        book.counters.book(&made.released());
    }
    let stale = book.counters.stale(at("2026-03-06T00:00:00Z"));
    assert_eq!(stale.len(), 1, "January; February is what March takes over from: {stale:?}");
}

/// What happens to a budget.
#[derive(Debug, Clone)]
enum Happening {
    Ask { who: u8, amount: i64 },
    Settle { which: usize, actual: i64 },
    Release { which: usize },
    Pass { hours: i64 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..2_u8, 0..60_i64).prop_map(|(who, amount)| Happening::Ask { who, amount }),
        2 => (any::<usize>(), 0..90_i64).prop_map(|(which, actual)| Happening::Settle { which, actual }),
        1 => any::<usize>().prop_map(|which| Happening::Release { which }),
        1 => (1..30_i64).prop_map(|hours| Happening::Pass { hours }),
    ]
}

proptest! {
    #[test]
    fn no_history_reserves_more_than_limit_and_grace(happenings in prop::collection::vec(happening(), 1..80)) {
        let (limit, grace) = (100_i64, 10_i64);
        let mut book = Book::new(&["limit: 100, window: day, grace: 10%, per: [actor]"]);
        // The reference: every reservation with its owner and day, added up anew each time.
        let mut entries: Vec<(u8, i64, i64, i64)> = Vec::new();
        let mut open: Vec<(usize, Reservation)> = Vec::new();
        let mut hours = 0_i64;
        for happening in happenings {
            let now = Timestamp::from_second(1_767_571_200 + hours * 3_600).unwrap().to_string();
            match happening {
                Happening::Pass { hours: more } => hours += more,
                Happening::Ask { who, amount } => {
                    let day = hours / 24;
                    let taken: i64 =
                        entries.iter().filter(|e| (e.0, e.1) == (who, day)).map(|e| e.2 + e.3).sum();
                    let fits = amount == 0 || taken + amount <= limit + grace;
                    let name = if who == 0 { "alice" } else { "bob" };
                    let result = book.ask(name, Mode::Live, amount, &now);
                    prop_assert_eq!(result.is_ok(), fits, "{} + {}", taken, amount);
                    if let Ok(mut reserved) = result {
                        entries.push((who, day, amount, 0));
                        open.push((entries.len() - 1, reserved.reservations.remove(0)));
                    }
                }
                Happening::Settle { which, actual } if !open.is_empty() => {
                    let (entry, reservation) = open.remove(which % open.len());
                    book.counters.book(&reservation.settled(actual));
                    (entries[entry].2, entries[entry].3) = (0, actual);
                }
                Happening::Release { which } if !open.is_empty() => {
                    let (entry, reservation) = open.remove(which % open.len());
                    book.counters.book(&reservation.released());
                    entries[entry].2 = 0;
                }
                Happening::Settle { .. } | Happening::Release { .. } => {}
            }
        }
        let mut sums: BTreeMap<(u8, i64), (i64, i64)> = BTreeMap::new();
        for (who, day, reserved, spent) in entries {
            let sum = sums.entry((who, day)).or_default();
            *sum = (sum.0 + reserved, sum.1 + spent);
        }
        let mut expected: Vec<(i64, i64)> = sums.into_values().collect();
        let mut found: Vec<(i64, i64)> = book.counters.used.values().map(|c| (c.reserved, c.spent)).collect();
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}
