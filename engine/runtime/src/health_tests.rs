//! When probes are due.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_607_200 + seconds).unwrap()
}

fn schedule(connectors: &[(&str, u64)]) -> Schedule {
    Schedule::new(connectors.iter().map(|(name, ms)| (Arc::from(*name), *ms)).collect(), at(0))
}

fn taken(schedule: &mut Schedule, seconds: i64) -> Vec<String> {
    schedule.take(at(seconds)).iter().map(ToString::to_string).collect()
}

#[test]
fn nobody_is_probed_at_once_and_then_each_in_its_own_time() {
    let mut schedule = schedule(&[("a", 5_000), ("b", 12_000)]);
    assert!(taken(&mut schedule, 0).is_empty());
    assert_eq!(schedule.next(), Some(at(5)));
    assert_eq!(taken(&mut schedule, 5), ["a"]);
    schedule.over("a");
    assert_eq!(schedule.next(), Some(at(10)));
    assert_eq!(taken(&mut schedule, 12), ["a", "b"]);
}

#[test]
fn a_connector_is_not_probed_twice_at_a_time() {
    let mut schedule = schedule(&[("slow", 5_000)]);
    assert_eq!(taken(&mut schedule, 5), ["slow"]);
    assert_eq!(schedule.next(), None, "nothing is due while it is probed");
    assert!(taken(&mut schedule, 60).is_empty());
    schedule.over("slow");
    assert_eq!(taken(&mut schedule, 60), ["slow"]);
    assert_eq!(taken(&mut schedule, 60), Vec::<String>::new());
}

#[test]
fn what_was_missed_while_the_machine_slept_is_not_made_up_for() {
    let mut schedule = schedule(&[("a", 5_000)]);
    assert_eq!(taken(&mut schedule, 3_600), ["a"]);
    schedule.over("a");
    assert!(taken(&mut schedule, 3_604).is_empty());
    assert_eq!(taken(&mut schedule, 3_605), ["a"]);
}
