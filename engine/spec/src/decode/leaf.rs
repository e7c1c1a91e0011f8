//! Reading of the types that are not the language's own: numbers, strings, lists, maps, wrappers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Decode, Decoder, Shape, Spanned};
use crate::diagnostic::Diagnostic;
use crate::kind::field::{Entry, Named};
use crate::tree::{Key, Node, Value};

/// The largest integer of the language, 2^53 − 1; the least is its negative.
pub const LARGEST_INTEGER: i64 = (1 << 53) - 1;

impl<T: Decode> Decode for Spanned<T> {
    fn shape() -> Shape {
        T::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, cx).map(|value| Self { value, span: node.span })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        self.value.canonical()
    }
}

impl<T: Decode> Decode for Option<T> {
    fn shape() -> Shape {
        T::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, cx).map(Some)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        self.as_ref().and_then(T::canonical)
    }
}

impl<T: Decode> Decode for Box<T> {
    fn shape() -> Shape {
        T::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, cx).map(Self::new)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        T::canonical(self)
    }
}

impl<T: Decode> Decode for Arc<T> {
    fn shape() -> Shape {
        T::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, cx).map(Self::new)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        T::canonical(self)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn shape() -> Shape {
        Shape::List(T::shape)
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let items = cx.list(node, "a list")?;
        Some(cx.items(items))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::Array(self.iter().filter_map(T::canonical).collect()))
    }
}

impl<T: Decode> Decode for Named<T> {
    fn shape() -> Shape {
        Shape::Map(T::shape)
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let map = cx.map(node, "a map")?;
        let mut out = BTreeMap::new();
        for (key, node) in &map.entries {
            check_key::<T>(key, cx);
            if let Some(value) = T::decode(node, cx) {
                out.insert(Arc::clone(&key.text), Entry { key_span: key.span, value });
            }
        }
        Some(Self(out))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        let entries = self.iter().filter_map(|(key, value)| Some((key.to_string(), value.canonical()?)));
        Some(serde_json::Value::Object(entries.collect()))
    }
}

fn not_finite(node: &Node, cx: &mut Decoder<'_>) {
    cx.report(Diagnostic::law("wrong-type", node.span, "this is no finite number").help("write a number"));
}

fn check_key<T: Decode>(key: &Key, cx: &mut Decoder<'_>) {
    if let Some(rule) = T::keys()
        && !(rule.allows)(&key.text)
    {
        cx.bad_name(key.span, &key.text, rule.what);
    }
}

/// JSON data of a node; a null in it is reported and the whole given up.
pub fn json(node: &Node, cx: &mut Decoder<'_>) -> Option<serde_json::Value> {
    Some(match &node.value {
        Value::Null => {
            cx.wrong_type(node, "a value");
            return None;
        }
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => {
            let number = serde_json::Number::from_f64(*value).map(serde_json::Value::Number);
            if number.is_none() {
                not_finite(node, cx);
            }
            number?
        }
        Value::Text(text) => text.value.as_ref().into(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| json(item, cx)).collect();
            items.into_iter().collect::<Option<Vec<_>>>()?.into()
        }
        Value::Map(map) => {
            let entries: Vec<_> =
                map.entries.iter().map(|(key, item)| Some((key.text.to_string(), json(item, cx)?))).collect();
            serde_json::Value::Object(entries.into_iter().collect::<Option<_>>()?)
        }
    })
}

impl Decode for bool {
    fn shape() -> Shape {
        Shape::Bool
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        cx.wrong_type(node, "a boolean (`true` or `false`)");
        None
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some((*self).into())
    }
}

impl Decode for Arc<str> {
    fn shape() -> Shape {
        Shape::Text { what: "a string", pattern: None }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        cx.text(node, "a string").map(|text| Self::clone(&text.value))
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(serde_json::Value::String(self.to_string()))
    }
}

impl Decode for String {
    fn shape() -> Shape {
        <Arc<str>>::shape()
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        cx.text(node, "a string").map(|text| text.value.to_string())
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.clone().into())
    }
}

/// The integer of a node within a range; a fraction is a `wrong-type`.
pub fn integer(node: &Node, least: i64, most: i64, cx: &mut Decoder<'_>) -> Option<i64> {
    let Value::Int(value) = node.value else {
        cx.wrong_type(node, "an integer");
        return None;
    };
    if (least..=most).contains(&value) {
        return Some(value);
    }
    cx.out_of_range(node.span, value, least, most);
    None
}

macro_rules! integers {
    ($($ty:ty: $least:expr, $most:expr;)*) => {$(
        impl Decode for $ty {
            fn shape() -> Shape {
                Shape::Int { min: $least, max: $most }
            }
            fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
                integer(node, $least, $most, cx).and_then(|value| Self::try_from(value).ok())
            }
            fn canonical(&self) -> Option<serde_json::Value> {
                Some((*self).into())
            }
        }
    )*};
}

integers! {
    u64: 0, LARGEST_INTEGER;
    u32: 0, 4_294_967_295;
    u16: 0, 65_535;
}

/// Signed integers are amounts, codes and counts of money: a fraction has a law of its own.
impl Decode for i64 {
    fn shape() -> Shape {
        Shape::Int { min: -LARGEST_INTEGER, max: LARGEST_INTEGER }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        if let Value::Float(value) = node.value {
            let message = format!("`{value}` is no integer; there are no fractions in controls");
            cx.report(
                Diagnostic::law("float-amount", node.span, message)
                    .help("write an integer in the smallest part of the unit")
                    .consequence("the engine refuses the catalogue"),
            );
            // The law is broken already; going on with the whole part says the rest about the file.
            #[expect(clippy::cast_possible_truncation, reason = "saturates, and is never used")]
            return Some(value as Self);
        }
        integer(node, -LARGEST_INTEGER, LARGEST_INTEGER, cx)
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some((*self).into())
    }
}

impl Decode for f64 {
    fn shape() -> Shape {
        Shape::Number
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        match node.value {
            #[expect(clippy::cast_precision_loss, reason = "integers of the language lie within 2^53")]
            Value::Int(value) => Some(value as Self),
            Value::Float(value) if value.is_finite() => Some(value),
            Value::Float(_) => {
                not_finite(node, cx);
                None
            }
            _ => {
                cx.wrong_type(node, "a number");
                None
            }
        }
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        // A whole number has one canonical form whether it was written `5` or `5.0`.
        serde_json::Number::from_f64(*self).map(serde_json::Value::Number)
    }
}
