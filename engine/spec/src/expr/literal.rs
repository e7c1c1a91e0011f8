//! Literals with a grammar of their own: patterns, durations, instants, time zones.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use regex::Regex;

/// Largest compiled pattern, in bytes of memory.
const PATTERN_MEMORY: usize = 1 << 20;
/// Larger ones are compiled each time they are asked for.
const KEPT_MEMORY: usize = 1 << 16;
/// So many are kept; past that all are let go.
const KEPT: usize = 256;
/// Integers of specs, inputs and results lie within ± this.
pub const MAX_INTEGER: i64 = (1 << 53) - 1;

/// A pattern that matches whole strings only: RE2 syntax, no look-around, linear time. Compiling costs more than
/// matching a thousand times, and the same pattern guards every value of a field: small ones are kept. A clone of a
/// `Regex` would begin without what matching learnt: all share one.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn pattern(text: &str) -> Result<Arc<Regex>, String> {
    static COMPILED: Mutex<BTreeMap<String, Arc<Regex>>> = Mutex::new(BTreeMap::new());
    let compiled = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = compiled().get(text) {
        return Ok(Arc::clone(known));
    }
    let whole = format!("\\A(?:{text})\\z");
    // Read alone first: a stray `)` or a comment must not reach out of the group around it.
    if regex_syntax::parse(text).is_ok()
        && let Ok(small) = compile(&whole, KEPT_MEMORY)
    {
        let small = Arc::new(small);
        let mut compiled = compiled();
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(text.to_owned(), Arc::clone(&small));
        return Ok(small);
    }
    compile(text, PATTERN_MEMORY).and_then(|_| compile(&whole, PATTERN_MEMORY)).map(Arc::new).map_err(
        |error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim().trim_start_matches("error: ").to_owned()
        },
    )
}

fn compile(text: &str, memory: usize) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(text).size_limit(memory).build()
}

/// A duration in milliseconds: `90s`, `1h30m`, `-5m`, with the units `ms s m h d`.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1_i64, text), |rest| (-1, rest));
    let mut total = 0_i64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let factor = match rest.get(..letters)? {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = rest.get(letters..)?;
        total = total.checked_add(number.checked_mul(factor)?)?;
    }
    total.checked_mul(sign).filter(|total| total.abs() <= MAX_INTEGER)
}

/// The shortest spelling of a duration with one unit: `90s`, `1500ms`.
#[must_use]
pub fn duration_text(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let whole = units.iter().find(|(factor, _)| ms != 0 && ms % factor == 0);
    whole.map_or_else(|| format!("{ms}ms"), |(factor, unit)| format!("{}{unit}", ms / factor))
}

/// An instant: RFC 3339 with offset.
#[must_use]
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape =
        bytes.len() >= 20 && bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't'));
    let zoned = !text.contains('[');
    if shape && zoned { text.parse().ok() } else { None }
}

/// An IANA name or an offset such as `+02:00`.
#[must_use]
pub fn time_zone(text: &str) -> Option<TimeZone> {
    if let Some(rest) = text.strip_prefix(['+', '-']) {
        let (hours, minutes) = rest.split_once(':')?;
        let two_digits = |part: &str| {
            let good = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            good.then(|| part.parse::<i32>().ok()).flatten()
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        let seconds = hours * 3600 + minutes * 60;
        let seconds = if text.starts_with('-') { -seconds } else { seconds };
        let valid = hours <= 14 && minutes < 60;
        return valid.then(|| Offset::from_seconds(seconds).ok().map(TimeZone::fixed)).flatten();
    }
    // Only bundled data: the machine's own must not change what a guard says.
    jiff::tz::TimeZoneDatabase::bundled().get(text).ok()
}
