//! Reading the five fields.

use std::ops::Range;

use super::{Fault, Schedule};

/// A field: what it counts, from where to where, and the words for its numbers.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, words: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, words: &[] };
const DAY: Field = Field { name: "day of month", least: 1, most: 31, words: &[] };
const MONTH: Field = Field { name: "month", least: 1, most: 12, words: MONTHS };
const WEEKDAY: Field = Field { name: "day of week", least: 0, most: 6, words: WEEKDAYS };

/// Days of each month, at most.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const FIVE: &str = "write five fields: minute, hour, day of month, month, day of week, like `30 2 * * 1-5`";

fn fault(at: Range<usize>, message: String, help: impl Into<String>) -> Fault {
    Fault { at, message, help: help.into() }
}

pub(super) fn read(text: &str) -> Result<Schedule, Fault> {
    let parts = parts(text);
    let [minute, hour, day, month, weekday] = parts.as_slice() else {
        return Err(wrong_count(text, parts.len()));
    };
    let schedule = Schedule {
        source: text.into(),
        minutes: MINUTE.read(minute)?,
        hours: HOUR.read(hour)?,
        days: DAY.read(day)?,
        months: MONTH.read(month)?,
        weekdays: WEEKDAY.read(weekday)?,
    };
    if schedule.days != DAY.all() && schedule.weekdays != WEEKDAY.all() {
        return Err(fault(
            day.at..weekday.end(),
            "both the day of month and the day of week are narrowed".to_owned(),
            "write `*` for one of them: whether one or both must fit differs from program to program",
        ));
    }
    if !comes(&schedule) {
        let message = format!("no month of `{}` has a day `{}`", month.text, day.text);
        return Err(fault(
            day.at..month.end(),
            message,
            "it would never start anything: name a day that comes",
        ));
    }
    Ok(schedule)
}

fn wrong_count(text: &str, count: usize) -> Fault {
    let message = format!("a schedule has five fields, this one has {count}");
    let help = match (text.starts_with('@'), count) {
        (true, _) => format!("there are no words for schedules; {FIVE}"),
        (_, 6 | 7) => format!("there are no seconds and no years; {FIVE}"),
        _ => FIVE.to_owned(),
    };
    fault(0..text.len(), message, help)
}

/// True where a day of the schedule exists in some year.
fn comes(schedule: &Schedule) -> bool {
    (1..).zip(LENGTHS).any(|(month, length)| {
        let days = schedule.days & ((1_u64 << (length + 1)) - 1);
        schedule.months & (1 << month) != 0 && days != 0
    })
}

/// A piece of the text and where it begins.
#[derive(Clone, Copy)]
struct Part<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Part<'t> {
    const fn end(self) -> usize {
        self.at + self.text.len()
    }

    const fn range(self) -> Range<usize> {
        self.at..self.end()
    }

    /// The pieces between separators.
    fn split(self, by: char) -> Vec<Part<'t>> {
        let mut at = self.at;
        self.text
            .split(by)
            .map(|text| {
                let part = Part { text, at };
                at = part.end() + by.len_utf8();
                part
            })
            .collect()
    }
}

/// The pieces between spaces.
fn parts(text: &str) -> Vec<Part<'_>> {
    let whole = Part { text, at: 0 };
    whole.split(' ').into_iter().filter(|part| !part.text.is_empty()).collect()
}

impl Field {
    fn all(&self) -> u64 {
        self.set(self.least, self.most, 1)
    }

    fn set(&self, from: u32, to: u32, step: u32) -> u64 {
        (from..=to).step_by(step as usize).fold(0, |set, number| set | (1 << number))
    }

    fn read(&self, part: &Part<'_>) -> Result<u64, Fault> {
        part.split(',').into_iter().try_fold(0, |set, item| Ok(set | self.item(item)?))
    }

    /// `*`, `5`, `1-5`, each of the first and the last with `/step`.
    fn item(&self, item: Part<'_>) -> Result<u64, Fault> {
        let mut halves = item.split('/').into_iter();
        let range = halves.next().unwrap_or(item);
        let step = halves.next();
        if let Some(extra) = halves.next() {
            return Err(fault(extra.range(), "a second step".to_owned(), "write one step, like `*/15`"));
        }
        let mut ends = range.split('-').into_iter();
        let (from, to) = match (ends.next(), ends.next(), ends.next()) {
            _ if range.text == "*" => (self.least, self.most),
            (Some(only), None, _) if step.is_none() => {
                let number = self.number(only)?;
                (number, number)
            }
            (Some(_), None, _) => {
                let message = format!("`{}` has a step without a range", item.text);
                let help = format!("write a range, like `{}-{}/15`", range.text, self.most);
                return Err(fault(item.range(), message, help));
            }
            (Some(from), Some(to), None) => (self.number(from)?, self.number(to)?),
            _ => return Err(self.unreadable(range)),
        };
        if from > to {
            let message = format!("the range `{}` runs backwards", range.text);
            let help = format!("write two: `{from}-{},{}-{to}`", self.most, self.least);
            return Err(fault(range.range(), message, help));
        }
        Ok(self.set(from, to, self.step(step, to - from)?))
    }

    fn step(&self, step: Option<Part<'_>>, length: u32) -> Result<u32, Fault> {
        let Some(step) = step else { return Ok(1) };
        let read = digits(step.text).filter(|number| *number > 0 && *number <= length.max(1));
        read.ok_or_else(|| {
            let message = format!("`{}` is no step within the range of this {}", step.text, self.name);
            fault(step.range(), message, format!("write a number from 1 to {}", length.max(1)))
        })
    }

    fn number(&self, part: Part<'_>) -> Result<u32, Fault> {
        let lower = part.text.to_ascii_lowercase();
        let word = (self.least..).zip(self.words).find(|(_, word)| **word == lower);
        let number = word.map(|(number, _)| number).or_else(|| digits(part.text));
        match number {
            Some(number) if (self.least..=self.most).contains(&number) => Ok(number),
            Some(7) if self.words == WEEKDAYS => Err(fault(
                part.range(),
                "`7` is no day of week".to_owned(),
                "write `0` or `sun`: Sunday is 0, Saturday is 6",
            )),
            Some(number) => {
                let message = format!("{number} is no {}", self.name);
                Err(fault(part.range(), message, self.help()))
            }
            None => Err(self.unreadable(part)),
        }
    }

    fn unreadable(&self, part: Part<'_>) -> Fault {
        let message = if part.text.is_empty() {
            format!("a {} is missing here", self.name)
        } else {
            format!("`{}` is no {}", part.text, self.name)
        };
        let end = part.end().max(part.at + 1);
        fault(part.at..end, message, self.help())
    }

    fn help(&self) -> String {
        let words = match self.words {
            [first, .., last] => format!(", or `{first}` to `{last}`"),
            _ => String::new(),
        };
        format!(
            "write numbers from {} to {}{words}: one, a range `a-b`, `*`, with a step `/n`, or several with commas",
            self.least, self.most
        )
    }
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
