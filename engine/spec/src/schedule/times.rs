//! The times that a schedule means. Where a clock is put forward, a time that it leaps over is the first
//! instant after the leap; where it is put back, a time that comes twice is the first of the two. A schedule
//! for every hour goes by the hours that there are: it leaps over none and repeats those that come twice.

use jiff::civil::{Date, DateTime, time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::Schedule;

/// Every day of a schedule comes within so many days: the 29th of February over the end of a century.
const DAYS: usize = 366 * 9;

impl Schedule {
    /// The first time after an instant, read in a time zone. `None` past the end of the calendar.
    #[must_use]
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // A day earlier: the clock may have been put back over midnight.
        let mut date = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..DAYS {
            if self.is_on(date) {
                let next = self.times(date, zone).into_iter().filter(|time| *time > after).min();
                if next.is_some() {
                    return next;
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn is_on(&self, date: Date) -> bool {
        let has = |set: u64, number: i8| set & (1 << number) != 0;
        has(self.months, date.month())
            && has(self.days, date.day())
            && has(self.weekdays, date.weekday().to_sunday_zero_offset())
    }

    /// All times of one day.
    fn times(&self, date: Date, zone: &TimeZone) -> Vec<Timestamp> {
        let every_hour = self.hours == (1 << 24) - 1;
        let mut times = Vec::new();
        for hour in (0..24_i8).filter(|hour| self.hours & (1 << hour) != 0) {
            for minute in (0..60_i8).filter(|minute| self.minutes & (1 << minute) != 0) {
                let local = DateTime::from_parts(date, time(hour, minute, 0, 0));
                times.extend(instants(local, zone, every_hour));
            }
        }
        times
    }
}

fn instants(local: DateTime, zone: &TimeZone, every_hour: bool) -> Vec<Timestamp> {
    let at = |offset: jiff::tz::Offset| offset.to_timestamp(local).ok();
    let found = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![at(offset)],
        AmbiguousOffset::Gap { .. } if every_hour => Vec::new(),
        AmbiguousOffset::Gap { before, .. } => vec![at(before).and_then(|leapt| leap(leapt, zone))],
        AmbiguousOffset::Fold { before, after } if every_hour => vec![at(before), at(after)],
        AmbiguousOffset::Fold { before, .. } => vec![at(before)],
    };
    found.into_iter().flatten().collect()
}

/// The instant at which the clock leapt, at or before this one.
fn leap(leapt: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let later = leapt.checked_add(1.second()).ok()?;
    zone.preceding(later).next().map(|transition| transition.timestamp())
}
