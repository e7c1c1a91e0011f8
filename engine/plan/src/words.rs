//! How measures and expressions are said to people, the same in every format.

use std::sync::Arc;

use ordain_spec::expr::Expr;

/// The source of an expression on one line.
pub fn expression(expr: &Expr) -> Arc<str> {
    expr.source().trim().replace('\n', " ").into()
}

/// A span of time in its largest whole unit: `90s`, `4h`, `7d`.
pub fn duration(ms: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    UNITS
        .iter()
        .find(|(unit, _)| ms >= *unit && ms.is_multiple_of(*unit))
        .map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// A number with its thousands apart: `1,234,567`.
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = if value < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 step`, `2 steps`.
pub fn count(value: u64, one: &str, many: &str) -> String {
    let word = if value == 1 { one } else { many };
    format!("{} {word}", number(i64::try_from(value).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::{count, duration, number};

    #[test]
    fn measures_are_said_in_their_largest_whole_unit() {
        assert_eq!(duration(500), "500ms");
        assert_eq!(duration(90_000), "90s");
        assert_eq!(duration(14_400_000), "4h");
        assert_eq!(duration(604_800_000), "7d");
        assert_eq!(duration(0), "0ms");
        assert_eq!(number(-1_234_567), "-1,234,567");
        assert_eq!(number(999), "999");
        assert_eq!(count(1, "step", "steps"), "1 step");
    }
}
