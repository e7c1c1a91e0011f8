//! The values of a fact that can make a difference: one of each region between the constants it is compared
//! with, within its declared bounds.

use jiff::{SignedDuration, Timestamp};

use crate::expr::literal::MAX_INTEGER;
use crate::expr::types::Bounds;
use crate::expr::value::Value;

/// A text that no author writes.
const OTHER: &str = "\u{1}another text";

/// How a fact is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Int,
    Double,
    Text,
    Timestamp,
    Duration,
}

/// One value of each region.
pub(super) fn regions(cut: Cut, constants: &[Value], bounds: Bounds) -> Vec<Value> {
    match cut {
        Cut::Int => {
            whole(constants, bounds, |value| if let Value::Int(value) = value { Some(*value) } else { None })
                .into_iter()
                .map(Value::Int)
                .collect()
        }
        Cut::Duration => {
            let of = |value: &Value| if let Value::Duration(value) = value { Some(*value) } else { None };
            whole(constants, Bounds::default(), of).into_iter().map(Value::Duration).collect()
        }
        Cut::Double => doubles(constants),
        Cut::Timestamp => timestamps(constants),
        Cut::Text => {
            let mut texts: Vec<Value> = Vec::new();
            for constant in constants.iter().chain(std::iter::once(&Value::text(OTHER))) {
                if matches!(constant, Value::Text(_)) && !texts.contains(constant) {
                    texts.push(constant.clone());
                }
            }
            texts
        }
    }
}

fn whole(constants: &[Value], bounds: Bounds, of: impl Fn(&Value) -> Option<i64>) -> Vec<i64> {
    let least = bounds.least.unwrap_or(-MAX_INTEGER);
    let most = bounds.most.unwrap_or(MAX_INTEGER);
    let mut points = vec![least, most];
    for constant in constants.iter().filter_map(of) {
        points.extend([constant.saturating_sub(1), constant, constant.saturating_add(1)]);
    }
    points.sort_unstable();
    points.dedup();
    points.retain(|point| (least..=most).contains(point));
    // A point between neighbours that are further apart stands for all between them.
    let between: Vec<i64> = points
        .windows(2)
        .filter_map(|pair| match pair {
            [low, high] if high - low > 1 => Some(low + 1),
            _ => None,
        })
        .collect();
    points.extend(between);
    points.sort_unstable();
    points
}

fn doubles(constants: &[Value]) -> Vec<Value> {
    let of = |value: &Value| if let Value::Double(value) = value { Some(*value) } else { None };
    let mut points: Vec<f64> = constants.iter().filter_map(of).collect();
    points.sort_by(f64::total_cmp);
    points.dedup();
    let middle: Vec<f64> = points.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0).collect();
    let ends =
        [points.first().map_or(0.0, |first| first - 1.0), points.last().map_or(1.0, |last| last + 1.0)];
    points.extend(middle.into_iter().chain(ends));
    points.into_iter().map(Value::Double).collect()
}

fn timestamps(constants: &[Value]) -> Vec<Value> {
    let of = |value: &Value| if let Value::Timestamp(value) = value { Some(*value) } else { None };
    let mut points: Vec<Timestamp> = constants.iter().filter_map(of).collect();
    if points.is_empty() {
        points.push(Timestamp::UNIX_EPOCH);
    }
    let nanosecond = SignedDuration::from_nanos(1);
    let around: Vec<Timestamp> = points
        .iter()
        .flat_map(|point| [point.checked_sub(nanosecond), point.checked_add(nanosecond)])
        .filter_map(Result::ok)
        .collect();
    points.extend(around);
    points.sort_unstable();
    points.dedup();
    points.into_iter().map(Value::Timestamp).collect()
}
