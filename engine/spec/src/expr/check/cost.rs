//! How much work on values of a type can be. Mirrors what evaluation charges.

use crate::expr::eval::BYTES_PER_UNIT;
use crate::expr::types::Type;

/// Assumed length of text whose length is not declared. Where a text is longer, the limit of the
/// evaluation still holds.
pub(super) const ASSUMED_BYTES: u64 = 64 * 1024;
/// Assumed number of items of untyped lists and maps; the evaluation's limit still holds.
pub(super) const ASSUMED_ITEMS: u64 = 1000;

/// Greatest length of a text in bytes.
pub(super) fn bytes(ty: &Type) -> u64 {
    match ty {
        Type::Text { max_len: Some(max), .. } => *max,
        Type::Text { max_len: None, .. } | Type::Any => ASSUMED_BYTES,
        _ => 0,
    }
}

/// Units that comparing with, or reading through, one value of the type can cost.
pub(super) fn weight(ty: &Type) -> u64 {
    match ty {
        Type::Text { .. } => bytes(ty) / BYTES_PER_UNIT,
        Type::List { item, max_items } => {
            max_items.unwrap_or(ASSUMED_ITEMS).saturating_mul(weight(item).saturating_add(1))
        }
        Type::Record(fields) => {
            fields.values().fold(0, |sum: u64, field| sum.saturating_add(weight(&field.ty)).saturating_add(1))
        }
        Type::Map(item) => ASSUMED_ITEMS.saturating_mul(weight(item).saturating_add(1)),
        Type::Any => ASSUMED_BYTES,
        Type::Null | Type::Bool | Type::Int | Type::Double | Type::Timestamp | Type::Duration => 0,
    }
}
