//! Arithmetic and comparison. Both sides are of one type, or it is an error.

use jiff::SignedDuration;

use super::{Error, EvalErrorKind, Evaluation, Result, error};
use crate::expr::literal::MAX_INTEGER;
use crate::expr::node::{Arithmetic, At, Comparison};
use crate::expr::value::Value;

impl Evaluation<'_> {
    pub(super) fn arithmetic(
        &mut self,
        sign: Arithmetic,
        left: &Value,
        right: &Value,
        at: At,
    ) -> Result<Value> {
        match (sign, left, right) {
            (_, Value::Int(a), Value::Int(b)) => integer(sign, *a, *b, at),
            (_, Value::Double(a), Value::Double(b)) => double(sign, *a, *b, at),
            (Arithmetic::Add, Value::Text(a), Value::Text(b)) => {
                self.charge_text(a.len().saturating_add(b.len()), at)?;
                Ok(Value::text(format!("{a}{b}")))
            }
            (Arithmetic::Add, Value::List(a), Value::List(b)) => {
                self.charge(a.len() as u64 + b.len() as u64, at)?;
                Ok(Value::List(a.iter().chain(b.iter()).cloned().collect()))
            }
            (Arithmetic::Add | Arithmetic::Subtract, Value::Timestamp(when), Value::Duration(ms)) => {
                let ms = if sign == Arithmetic::Add { Some(*ms) } else { ms.checked_neg() };
                let sum = ms.and_then(|ms| when.checked_add(SignedDuration::from_millis(ms)).ok());
                sum.map(Value::Timestamp).map_or_else(|| overflow(at), Ok)
            }
            (Arithmetic::Add, Value::Duration(ms), Value::Timestamp(when)) => {
                let sum = when.checked_add(SignedDuration::from_millis(*ms)).ok();
                sum.map(Value::Timestamp).map_or_else(|| overflow(at), Ok)
            }
            (Arithmetic::Subtract, Value::Timestamp(a), Value::Timestamp(b)) => {
                let ms = a.duration_since(*b).as_millis();
                i64::try_from(ms).map_or_else(|_| overflow(at), |ms| Ok(Value::Duration(ms)))
            }
            (Arithmetic::Add | Arithmetic::Subtract, Value::Duration(a), Value::Duration(b)) => {
                integer(sign, *a, *b, at)
                    .map(|sum| if let Value::Int(ms) = sum { Value::Duration(ms) } else { sum })
            }
            _ => {
                let message = format!("`{}` of {} and {}", sign.sign(), left.describe(), right.describe());
                error(EvalErrorKind::Type, at, message)
            }
        }
    }

    pub(super) fn compare(&mut self, sign: Comparison, left: &Value, right: &Value, at: At) -> Result<bool> {
        if sign.is_equality() {
            let equal = self.equal(left, right, at)?;
            return Ok(equal == (sign == Comparison::Equal));
        }
        let order = self.order(left, right, at)?;
        Ok(match sign {
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        })
    }

    pub(super) fn order(&mut self, left: &Value, right: &Value, at: At) -> Result<std::cmp::Ordering> {
        match (left, right) {
            (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => Ok(a.cmp(b)),
            (Value::Timestamp(a), Value::Timestamp(b)) => Ok(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => {
                self.charge_text(a.len().min(b.len()), at)?;
                Ok(a.cmp(b))
            }
            (Value::Double(a), Value::Double(b)) => {
                let order = a.partial_cmp(b);
                order.map_or_else(|| error(EvalErrorKind::Arithmetic, at, "not a number"), Ok)
            }
            _ => different(left, right, at),
        }
    }

    /// True where both are the same. Values of different types are no answer but an error; only null
    /// may be asked about.
    pub(super) fn equal(&mut self, left: &Value, right: &Value, at: At) -> Result<bool> {
        match (left, right) {
            (Value::Null, Value::Null) => Ok(true),
            (Value::Null, _) | (_, Value::Null) => Ok(false),
            (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
            (Value::Int(a), Value::Int(b)) | (Value::Duration(a), Value::Duration(b)) => Ok(a == b),
            (Value::Double(a), Value::Double(b)) => Ok(a == b),
            (Value::Timestamp(a), Value::Timestamp(b)) => Ok(a == b),
            (Value::Text(a), Value::Text(b)) => {
                self.charge_text(a.len().min(b.len()), at)?;
                Ok(a == b)
            }
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (left, right) in a.iter().zip(b.iter()) {
                    self.charge(1, at)?;
                    if !self.equal(left, right, at)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Value::Map(a), Value::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for ((left_key, left), (right_key, right)) in a.iter().zip(b.iter()) {
                    self.charge(1, at)?;
                    if left_key != right_key || !self.equal(left, right, at)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => different(left, right, at),
        }
    }

    /// `item in container`: an item of a list, a key of a map.
    pub(super) fn contains(&mut self, item: &Value, container: &Value, at: At) -> Result<bool> {
        match (item, container) {
            (_, Value::List(items)) => {
                for candidate in items.iter() {
                    self.charge(1, at)?;
                    if self.equal(item, candidate, at)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Value::Text(key), Value::Map(entries)) => Ok(entries.contains_key(key)),
            _ => {
                let message = format!("`in` of {} and {}", item.describe(), container.describe());
                error(EvalErrorKind::Type, at, message)
            }
        }
    }
}

fn different<T>(left: &Value, right: &Value, at: At) -> Result<T> {
    let message = format!("{} and {} cannot be compared", left.describe(), right.describe());
    error(EvalErrorKind::Type, at, message)
}

pub(super) fn negate(value: &Value, at: At) -> Result<Value> {
    match value {
        Value::Int(value) => value.checked_neg().map(Value::Int).map_or_else(|| overflow(at), Ok),
        Value::Double(value) => Ok(Value::Double(-value)),
        Value::Duration(ms) => ms.checked_neg().map(Value::Duration).map_or_else(|| overflow(at), Ok),
        other => error(EvalErrorKind::Type, at, format!("`-` of {}", other.describe())),
    }
}

fn overflow<T>(at: At) -> Result<T> {
    error(EvalErrorKind::Arithmetic, at, "the result is beyond all bounds")
}

/// The result of integer arithmetic; `None` where there is none within ±(2^53−1).
pub(in crate::expr) fn whole(sign: Arithmetic, left: i64, right: i64) -> Option<i64> {
    let result = match sign {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    };
    result.filter(|result| result.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
}

fn integer(sign: Arithmetic, left: i64, right: i64, at: At) -> Result<Value> {
    let by_zero = right == 0 && matches!(sign, Arithmetic::Divide | Arithmetic::Remainder);
    if by_zero {
        return error(EvalErrorKind::Arithmetic, at, "division by zero");
    }
    let beyond =
        || Error { kind: EvalErrorKind::Arithmetic, at, message: "the result is beyond ±(2^53−1)".into() };
    whole(sign, left, right).map(Value::Int).ok_or_else(beyond)
}

fn double(sign: Arithmetic, left: f64, right: f64, at: At) -> Result<Value> {
    let result = match sign {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => {
            return error(EvalErrorKind::Type, at, "`%` of numbers that are no integers");
        }
    };
    if result.is_finite() { Ok(Value::Double(result)) } else { overflow(at) }
}
