//! The functions of the closed list, on values.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{EvalErrorKind, Evaluation, Result, error};
use crate::expr::literal::{self, MAX_INTEGER};
use crate::expr::node::{At, Function, Node, Part};
use crate::expr::value::Value;

impl Evaluation<'_> {
    pub(super) fn call(&mut self, function: Function, args: &[Node], at: At) -> Result<Value> {
        match (function, args) {
            (Function::Size, [value]) => {
                let value = self.node(value)?;
                self.size(&value, at)
            }
            (Function::Contains | Function::StartsWith | Function::EndsWith, [text, part]) => {
                let (text, part) = (self.text(text)?, self.text(part)?);
                self.charge_text(text.len(), at)?;
                Ok(Value::Bool(match function {
                    Function::Contains => text.contains(&*part),
                    Function::StartsWith => text.starts_with(&*part),
                    _ => text.ends_with(&*part),
                }))
            }
            (Function::LowerAscii, [text]) => {
                let text = self.text(text)?;
                self.charge_text(text.len(), at)?;
                Ok(Value::text(text.to_ascii_lowercase()))
            }
            (Function::Int, [value]) => {
                let value = self.node(value)?;
                to_int(&value, at)
            }
            (Function::String, [value]) => {
                let value = self.node(value)?;
                to_text(value, at)
            }
            (Function::Duration, [text]) => {
                let text = self.node(text)?;
                match &text {
                    Value::Duration(_) => Ok(text),
                    Value::Text(text) => {
                        converted(literal::duration(text).map(Value::Duration), text, "duration", at)
                    }
                    other => refuse(function, other, at),
                }
            }
            (Function::Timestamp, [text]) => {
                let text = self.node(text)?;
                match &text {
                    Value::Timestamp(_) => Ok(text),
                    Value::Text(text) => {
                        converted(literal::timestamp(text).map(Value::Timestamp), text, "timestamp", at)
                    }
                    other => refuse(function, other, at),
                }
            }
            (Function::Min | Function::Max, [list]) => {
                let value = self.node(list)?;
                match &value {
                    Value::List(items) => self.extreme(function, &Arc::clone(items), at),
                    _ => self.extreme(function, &[value], at),
                }
            }
            (Function::Min | Function::Max, several) => {
                let values = several.iter().map(|node| self.node(node)).collect::<Result<Vec<_>>>()?;
                self.extreme(function, &values, at)
            }
            _ => error(
                EvalErrorKind::Type,
                at,
                format!("`{}` with other arguments than it takes", function.name()),
            ),
        }
    }

    fn size(&mut self, value: &Value, at: At) -> Result<Value> {
        let size = match value {
            Value::Text(text) => {
                self.charge_text(text.len(), at)?;
                text.chars().count()
            }
            Value::List(items) => items.len(),
            Value::Map(entries) => entries.len(),
            other => return refuse(Function::Size, other, at),
        };
        i64::try_from(size)
            .map_or_else(|_| error(EvalErrorKind::Arithmetic, at, "too large"), |size| Ok(Value::Int(size)))
    }

    fn extreme(&mut self, function: Function, values: &[Value], at: At) -> Result<Value> {
        let wanted = if function == Function::Min { Ordering::Less } else { Ordering::Greater };
        let mut values = values.iter();
        let Some(mut best) = values.next() else {
            return error(EvalErrorKind::Index, at, format!("`{}` of nothing", function.name()));
        };
        // A single value is looked at, too: it has to be of a type that has an order.
        self.order(best, best, at)?;
        for value in values {
            self.charge(1, at)?;
            if self.order(value, best, at)? == wanted {
                best = value;
            }
        }
        Ok(best.clone())
    }
}

fn refuse<T>(function: Function, value: &Value, at: At) -> Result<T> {
    error(EvalErrorKind::Type, at, format!("`{}` of {}", function.name(), value.describe()))
}

fn converted(value: Option<Value>, text: &str, what: &str, at: At) -> Result<Value> {
    // The text may be personal: only its length is said.
    let message = || format!("a string of {} bytes is no {what}", text.len());
    value.map_or_else(|| error(EvalErrorKind::Conversion, at, message()), Ok)
}

fn to_int(value: &Value, at: At) -> Result<Value> {
    let within =
        |value: i64| (value.unsigned_abs() <= MAX_INTEGER.unsigned_abs()).then_some(Value::Int(value));
    match value {
        Value::Int(value) => Ok(Value::Int(*value)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the bound is checked; a fraction is cut off as CEL says"
        )]
        #[expect(clippy::cast_precision_loss, reason = "the bound is exact as a double")]
        Value::Double(value) if value.abs() <= MAX_INTEGER as f64 => Ok(Value::Int(value.trunc() as i64)),
        Value::Double(_) => error(EvalErrorKind::Arithmetic, at, "the result is beyond ±(2^53−1)"),
        Value::Text(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let value = if plain { text.parse().ok().and_then(within) } else { None };
            converted(value, text, "integer", at)
        }
        Value::Timestamp(when) => Ok(Value::Int(when.as_second())),
        other => refuse(Function::Int, other, at),
    }
}

fn to_text(value: Value, at: At) -> Result<Value> {
    match value {
        Value::Text(text) => Ok(Value::Text(text)),
        Value::Int(value) => Ok(Value::text(value.to_string())),
        Value::Bool(value) => Ok(Value::text(value.to_string())),
        Value::Double(value) => Ok(Value::text(value.to_string())),
        Value::Timestamp(when) => Ok(Value::text(when.to_string())),
        Value::Duration(ms) => Ok(Value::text(literal::duration_text(ms))),
        other => refuse(Function::String, &other, at),
    }
}

/// A part of an instant in a time zone (months and week days count from 0, Sunday is 0, as CEL has it),
/// or the whole hours or minutes of a duration.
pub(super) fn part(part: Part, value: &Value, zone: &TimeZone, at: At) -> Result<Value> {
    match (part, value) {
        (_, Value::Timestamp(when)) => Ok(Value::Int(calendar(part, *when, zone))),
        (Part::Hours, Value::Duration(ms)) => Ok(Value::Int(ms / 3_600_000)),
        (Part::Minutes, Value::Duration(ms)) => Ok(Value::Int(ms / 60_000)),
        (_, other) => error(EvalErrorKind::Type, at, format!("`{}` of {}", part.name(), other.describe())),
    }
}

fn calendar(part: Part, when: Timestamp, zone: &TimeZone) -> i64 {
    let local = zone.to_datetime(when);
    match part {
        Part::FullYear => i64::from(local.year()),
        Part::Month => i64::from(local.month()) - 1,
        Part::Date => i64::from(local.day()),
        Part::DayOfWeek => i64::from(local.weekday().to_sunday_zero_offset()),
        Part::Hours => i64::from(local.hour()),
        Part::Minutes => i64::from(local.minute()),
    }
}
