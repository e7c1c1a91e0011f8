//! Schedules are read as they are meant, and refused where they mean nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::Timestamp;

use super::Schedule;

fn next(schedule: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(schedule).unwrap();
    let zone = crate::expr::time_zone(zone).unwrap();
    let mut at: Timestamp = after.parse().unwrap();
    let mut found = Vec::new();
    for _ in 0..count {
        at = schedule.next_after(at, &zone).unwrap();
        found.push(at.to_string());
    }
    found
}

#[test]
fn times_come_in_order_and_strictly_after() {
    assert_eq!(
        next("*/20 9-10 * * mon-fri", "UTC", "2026-01-02T10:20:00Z", 3),
        ["2026-01-02T10:40:00Z", "2026-01-05T09:00:00Z", "2026-01-05T09:20:00Z"]
    );
    assert_eq!(
        next("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1),
        ["2104-02-29T00:00:00Z"],
        "the longest pause there is"
    );
    assert_eq!(
        next("30 23 1,15 JAN *", "Asia/Kathmandu", "2026-01-01T17:45:00Z", 2),
        ["2026-01-15T17:45:00Z", "2027-01-01T17:45:00Z"],
        "the instant itself is not after itself"
    );
}

#[test]
fn a_time_that_the_clock_leaps_over_comes_right_after_the_leap_and_once() {
    // Zurich, 29 March 2026: 02:00 becomes 03:00 (01:00Z).
    assert_eq!(
        next("30 2 * * *", "Europe/Zurich", "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
    );
    assert_eq!(
        next("0,30 2 * * *", "Europe/Zurich", "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]
    );
    assert_eq!(
        next("30 * * * *", "Europe/Zurich", "2026-03-29T00:00:00Z", 2),
        ["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"],
        "every hour: no hour is missing"
    );
}

#[test]
fn a_time_that_comes_twice_is_the_first_unless_the_schedule_is_for_every_hour() {
    // Zurich, 25 October 2026: 03:00 becomes 02:00 (01:00Z).
    assert_eq!(
        next("30 2 * * *", "Europe/Zurich", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]
    );
    assert_eq!(
        next("30 * * * *", "Europe/Zurich", "2026-10-25T00:00:00Z", 3),
        ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]
    );
}

#[test]
fn what_is_no_schedule_is_refused_at_its_place() {
    for (text, at, part) in [
        ("", 0..0, "this one has 0"),
        ("* * * *", 0..7, "this one has 4"),
        ("0 0 0 * * *", 0..11, "this one has 6"),
        ("@daily", 0..6, "this one has 1"),
        ("60 * * * *", 0..2, "60 is no minute"),
        ("* 24 * * *", 2..4, "24 is no hour"),
        ("* * 0 * *", 4..5, "0 is no day of month"),
        ("* * * 13 *", 6..8, "13 is no month"),
        ("* * * * 7", 8..9, "`7` is no day of week"),
        ("* * * * fry", 8..11, "`fry` is no day of week"),
        ("* * L * *", 4..5, "`L` is no day of month"),
        ("5-1 * * * *", 0..3, "runs backwards"),
        ("5/15 * * * *", 0..4, "a step without a range"),
        ("*/0 * * * *", 2..3, "`0` is no step"),
        ("*/90 * * * *", 2..4, "`90` is no step"),
        ("*/5/2 * * * *", 4..5, "a second step"),
        ("1,,2 * * * *", 2..3, "a minute is missing"),
        ("1-2-3 * * * *", 0..5, "`1-2-3` is no minute"),
        ("* * 1 * 1", 4..9, "both the day of month and the day of week"),
        ("* * 31 2,4 *", 4..10, "no month of `2,4` has a day `31`"),
    ] {
        let fault = Schedule::parse(text).unwrap_err();
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
        assert_eq!(fault.at, at, "{text}");
        assert!(!fault.help.is_empty(), "{text}");
    }
}
