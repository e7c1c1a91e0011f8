//! Windows of budgets: from when to when a counter lives, in the budget's own time zone, over changes of the
//! clock there. Windows of one kind follow each other without gap and without overlap.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use ordain_spec::kind::budget::Window;

/// From when to when; `to` belongs to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// When it begins.
    pub from: Timestamp,
    /// When it turns.
    pub to: Timestamp,
}

/// The window that holds `now`; none for `run`, which has no time, and beyond the end of all calendars.
#[must_use]
pub fn at(window: Window, zone: &TimeZone, now: Timestamp) -> Option<Bounds> {
    let local = now.to_zoned(zone.clone());
    let (from, to) = match window {
        Window::Run => return None,
        Window::Hour => return hour(zone, now),
        Window::Day => {
            let from = local.start_of_day().ok()?;
            let to = next_midnight(&from, 1)?;
            (from, to)
        }
        Window::Week => {
            let since_monday = i64::from(local.weekday().since(Weekday::Monday));
            let from = midnight(&local, local.date().checked_sub(since_monday.days()).ok()?)?;
            let to = next_midnight(&from, 7)?;
            (from, to)
        }
        Window::Month => {
            let first = local.date().first_of_month();
            let to = midnight(&local, first.checked_add(1.month()).ok()?)?;
            (midnight(&local, first)?, to)
        }
    };
    Some(Bounds { from: from.timestamp(), to: to.timestamp() })
}

/// The time zone of that IANA name.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

fn midnight(local: &Zoned, date: jiff::civil::Date) -> Option<Zoned> {
    date.to_zoned(local.time_zone().clone()).ok()?.start_of_day().ok()
}

fn next_midnight(from: &Zoned, days: i64) -> Option<Zoned> {
    midnight(from, from.date().checked_add(days.days()).ok()?)
}

/// Full hours of the local clock. Where the clock is changed within an hour, that hour ends there.
fn hour(zone: &TimeZone, now: Timestamp) -> Option<Bounds> {
    let offset = i64::from(zone.to_offset(now).seconds());
    let into = now.as_second().checked_add(offset)?.rem_euclid(3_600);
    let second = now.as_second().checked_sub(into)?;
    let mut from = Timestamp::from_second(second).ok()?;
    let mut to = from.checked_add(SignedDuration::from_hours(1)).ok()?;
    let changes = zone.following(from).map(|change| change.timestamp());
    let within: Vec<Timestamp> = changes.take_while(|change| *change < to).collect();
    for transition in within {
        if transition <= now {
            from = from.max(transition);
        } else {
            to = to.min(transition);
        }
    }
    Some(Bounds { from, to })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use proptest::prelude::*;

    use super::*;

    fn bounds(window: Window, zone: &str, now: &str) -> (String, String) {
        let bounds = at(window, &super::zone(zone).unwrap(), now.parse().unwrap()).unwrap();
        (bounds.from.to_string(), bounds.to.to_string())
    }

    #[test]
    fn windows_turn_in_the_zone_of_the_budget() {
        let table = [
            (Window::Hour, "UTC", "2026-01-05T10:59:59.999Z", "2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z"),
            (
                Window::Hour,
                "Asia/Kolkata",
                "2026-01-05T10:10:00Z",
                "2026-01-05T09:30:00Z",
                "2026-01-05T10:30:00Z",
            ),
            (Window::Day, "UTC", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z"),
            (
                Window::Day,
                "Europe/Zurich",
                "2026-01-05T23:30:00Z",
                "2026-01-05T23:00:00Z",
                "2026-01-06T23:00:00Z",
            ),
            (
                Window::Week,
                "Europe/Zurich",
                "2026-01-04T22:59:59Z",
                "2025-12-28T23:00:00Z",
                "2026-01-04T23:00:00Z",
            ),
            (Window::Week, "UTC", "2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", "2026-01-12T00:00:00Z"),
            (
                Window::Month,
                "Europe/Zurich",
                "2026-02-28T22:59:59Z",
                "2026-01-31T23:00:00Z",
                "2026-02-28T23:00:00Z",
            ),
        ];
        for (window, zone, now, from, to) in table {
            assert_eq!(bounds(window, zone, now), (from.into(), to.into()), "{window} {zone} {now}");
        }
    }

    #[test]
    fn days_on_which_the_clock_changes_are_longer_or_shorter() {
        let spring = ("2026-03-28T23:00:00Z".into(), "2026-03-29T22:00:00Z".into());
        assert_eq!(bounds(Window::Day, "Europe/Zurich", "2026-03-29T12:00:00Z"), spring);
        let autumn = ("2026-10-24T22:00:00Z".into(), "2026-10-25T23:00:00Z".into());
        assert_eq!(bounds(Window::Day, "Europe/Zurich", "2026-10-25T12:00:00Z"), autumn);
        let march = ("2026-02-28T23:00:00Z".into(), "2026-03-31T22:00:00Z".into());
        assert_eq!(bounds(Window::Month, "Europe/Zurich", "2026-03-29T12:00:00Z"), march);
    }

    #[test]
    fn the_hour_that_comes_twice_is_two_windows() {
        let first = ("2026-10-25T00:00:00Z".into(), "2026-10-25T01:00:00Z".into());
        assert_eq!(bounds(Window::Hour, "Europe/Zurich", "2026-10-25T00:30:00Z"), first);
        let second = ("2026-10-25T01:00:00Z".into(), "2026-10-25T02:00:00Z".into());
        assert_eq!(bounds(Window::Hour, "Europe/Zurich", "2026-10-25T01:30:00Z"), second);
    }

    #[test]
    fn a_run_has_no_window_of_time() {
        assert_eq!(at(Window::Run, &TimeZone::UTC, Timestamp::UNIX_EPOCH), None);
        assert!(zone("Europe/Atlantis").is_none());
    }

    /// What of the local clock is the same all through a window, read field by field.
    fn field(window: Window, zone: &TimeZone, second: i64) -> (i64, i64, i64) {
        let local = Timestamp::from_second(second).unwrap().to_zoned(zone.clone());
        let date = local.date();
        let day = i64::from(date.year()) * 400 + i64::from(date.day_of_year());
        match window {
            Window::Hour => (day, i64::from(local.hour()), i64::from(local.offset().seconds())),
            Window::Day => (day, 0, 0),
            Window::Week => {
                let week = date.iso_week_date();
                (i64::from(week.year()), i64::from(week.week()), 0)
            }
            Window::Month => (i64::from(date.year()), i64::from(date.month()), 0),
            Window::Run => (0, 0, 0),
        }
    }

    #[test]
    fn leap_days_belong_to_their_month_and_week() {
        let february = ("2028-01-31T23:00:00Z".into(), "2028-02-29T23:00:00Z".into());
        assert_eq!(bounds(Window::Month, "Europe/Zurich", "2028-02-29T12:00:00Z"), february);
        let day = ("2028-02-29T00:00:00Z".into(), "2028-03-01T00:00:00Z".into());
        assert_eq!(bounds(Window::Day, "UTC", "2028-02-29T23:59:59Z"), day);
        let week = ("2028-02-28T00:00:00Z".into(), "2028-03-06T00:00:00Z".into());
        assert_eq!(bounds(Window::Week, "UTC", "2028-02-29T00:00:00Z"), week);
        let common = ("2027-02-01T00:00:00Z".into(), "2027-03-01T00:00:00Z".into());
        assert_eq!(bounds(Window::Month, "UTC", "2027-02-28T12:00:00Z"), common);
    }

    proptest! {
        /// The reference walks the local clock in steps of a quarter of an hour, which every change of a zone is a
        /// multiple of, and reads its fields.
        #[test]
        fn a_window_is_where_the_fields_of_the_local_clock_stay_the_same(
            quarter in 1_777_777_i64..2_111_111,
            window in prop::sample::select(vec![Window::Hour, Window::Day, Window::Week, Window::Month]),
            name in prop::sample::select(vec![
                "UTC", "Europe/Zurich", "America/St_Johns", "Australia/Lord_Howe", "America/New_York",
                "Africa/Casablanca", "Asia/Kathmandu", "America/Santiago", "Asia/Beirut",
            ]),
        ) {
            let zone = zone(name).unwrap();
            let here = field(window, &zone, quarter * 900);
            let (mut from, mut to) = (quarter, quarter + 1);
            while field(window, &zone, (from - 1) * 900) == here { from -= 1; }
            while field(window, &zone, to * 900) == here { to += 1; }
            let found = at(window, &zone, Timestamp::from_second(quarter * 900).unwrap()).unwrap();
            prop_assert_eq!((found.from.as_second(), found.to.as_second()), (from * 900, to * 900));
        }

        #[test]
        fn windows_follow_each_other_without_gap_and_without_overlap(
            seconds in 1_600_000_000_i64..1_900_000_000,
            window in prop::sample::select(vec![Window::Hour, Window::Day, Window::Week, Window::Month]),
            name in prop::sample::select(vec![
                "UTC", "Europe/Zurich", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia",
                "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu", "America/Santiago",
            ]),
        ) {
            let zone = zone(name).unwrap();
            let now = Timestamp::from_second(seconds).unwrap();
            let this = at(window, &zone, now).unwrap();
            prop_assert!(this.from <= now && now < this.to);
            prop_assert_eq!(at(window, &zone, this.from).unwrap(), this);
            let last = Timestamp::from_second(this.to.as_second() - 1).unwrap();
            prop_assert_eq!(at(window, &zone, last).unwrap(), this);
            prop_assert_eq!(at(window, &zone, this.to).unwrap().from, this.to);
        }
    }
}
