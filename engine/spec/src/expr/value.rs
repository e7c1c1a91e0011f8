//! The values that expressions read and make. Cheap to clone; no conversions between types.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Number};

use super::literal::{self, MAX_INTEGER};
use super::types::{Presence, Type};
use crate::shown::beginning;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// JSON's null: only in data of others (`response.json`).
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer within ±(2^53−1).
    Int(i64),
    /// A finite number.
    Double(f64),
    /// Text.
    Text(Arc<str>),
    /// An instant.
    Timestamp(Timestamp),
    /// Milliseconds.
    Duration(i64),
    /// A list.
    List(Arc<[Value]>),
    /// A map.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
}

/// A value that is not of the type it should have. Says names and types, never values: these may be
/// personal, and the message goes into records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("`{path}`: ") })]
pub struct Mismatch {
    /// Where in the value: `items[2].name`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Mismatch {
    fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    fn within(mut self, step: &str) -> Self {
        let joint = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{step}{joint}{}", self.path);
        self
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A map of those entries.
    #[must_use]
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// A list of those items.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// The entry of a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// JSON as it comes: integers are integers, text stays text.
    ///
    /// # Errors
    /// An integer beyond ±(2^53−1).
    pub fn from_json(json: &serde_json::Value) -> Result<Self, Mismatch> {
        Ok(match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => from_number(number)?,
            serde_json::Value::String(text) => Self::text(text.as_str()),
            serde_json::Value::Array(items) => {
                let item = |(index, item)| {
                    Self::from_json(item).map_err(|error| error.within(&format!("[{index}]")))
                };
                Self::List(items.iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            serde_json::Value::Object(entries) => {
                let entry = |(key, value): (&String, _)| {
                    let value = Self::from_json(value).map_err(|error| error.within(key))?;
                    Ok((Arc::from(key.as_str()), value))
                };
                Self::Map(Arc::new(entries.iter().map(entry).collect::<Result<_, Mismatch>>()?))
            }
        })
    }

    /// JSON read as a value of `ty`.
    ///
    /// # Errors
    /// Where and how it is not of that type. Bounds and patterns of fields are not looked at.
    pub fn typed(json: &serde_json::Value, ty: &Type) -> Result<Self, Mismatch> {
        Self::from_json(json)?.conform(ty)
    }

    /// This value as one of `ty`: text becomes an instant or a duration, an integer a number, where the
    /// type asks for it. Nothing else is converted.
    ///
    /// # Errors
    /// Where and how it is not of that type.
    pub fn conform(self, ty: &Type) -> Result<Self, Mismatch> {
        match (ty, self) {
            (Type::Any, value) => Ok(value),
            (Type::Null, Self::Null) => Ok(Self::Null),
            (Type::Bool, value @ Self::Bool(_))
            | (Type::Int, value @ Self::Int(_))
            | (Type::Double, value @ Self::Double(_))
            | (Type::Timestamp, value @ Self::Timestamp(_))
            | (Type::Duration, value @ Self::Duration(_)) => Ok(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "integers lie within ±(2^53−1), which doubles hold exactly"
            )]
            (Type::Double, Self::Int(value)) => Ok(Self::Double(value as f64)),
            (Type::Text { domain, .. }, Self::Text(text)) => match domain {
                Some(domain) if !domain.contains(&text) => {
                    Err(Mismatch::new(format!("a string that is none of {}", super::types::words(domain))))
                }
                _ => Ok(Self::Text(text)),
            },
            (Type::Timestamp, Self::Text(text)) => literal::timestamp(&text)
                .map(Self::Timestamp)
                .ok_or_else(|| Mismatch::new("a string that is no instant (RFC 3339)")),
            (Type::Duration, Self::Text(text)) => literal::duration(&text)
                .map(Self::Duration)
                .ok_or_else(|| Mismatch::new("a string that is no duration such as `90s`")),
            (Type::List { item, max_items }, Self::List(items)) => list_of(&items, item, *max_items),
            (Type::Record(fields), Self::Map(entries)) => record_of(&entries, fields),
            (Type::Map(item), Self::Map(entries)) => {
                let entry = |(key, value): (&Arc<str>, &Self)| {
                    let value = value.clone().conform(item).map_err(|error| error.within(key))?;
                    Ok((Arc::clone(key), value))
                };
                Ok(Self::Map(Arc::new(entries.iter().map(entry).collect::<Result<_, Mismatch>>()?)))
            }
            (ty, value) => {
                Err(Mismatch::new(format!("{} where {} is wanted", value.describe(), ty.describe())))
            }
        }
    }

    /// As JSON: instants as RFC 3339 text, durations as text such as `90s`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => serde_json::Value::Bool(*value),
            Self::Int(value) => serde_json::Value::from(*value),
            Self::Double(value) => {
                Number::from_f64(*value).map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
            Self::Text(text) => serde_json::Value::String(text.to_string()),
            Self::Timestamp(at) => serde_json::Value::String(at.to_string()),
            Self::Duration(ms) => serde_json::Value::String(literal::duration_text(*ms)),
            Self::List(items) => serde_json::Value::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.to_string(), value.to_json()));
                serde_json::Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }

    /// As part of a joined text: strings, integers and booleans only.
    #[must_use]
    pub fn joined(&self) -> Option<String> {
        let mut text = String::new();
        match self {
            Self::Text(part) => text.push_str(part),
            Self::Int(value) => write!(text, "{value}").ok()?,
            Self::Bool(value) => write!(text, "{value}").ok()?,
            _ => return None,
        }
        Some(text)
    }

    /// What it is, for messages: `a string`, `a list` …
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing (null)",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Double(_) => "a number",
            Self::Text(_) => "a string",
            Self::Timestamp(_) => "a timestamp",
            Self::Duration(_) => "a duration",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value)
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Timestamp(value)
    }
}

fn from_number(number: &Number) -> Result<Value, Mismatch> {
    let too_large = || Mismatch::new("an integer beyond ±(2^53−1)");
    if let Some(value) = number.as_i64() {
        return if value.unsigned_abs() <= MAX_INTEGER.unsigned_abs() {
            Ok(Value::Int(value))
        } else {
            Err(too_large())
        };
    }
    if number.is_u64() {
        return Err(too_large());
    }
    number.as_f64().filter(|value| value.is_finite()).map(Value::Double).ok_or_else(too_large)
}

fn list_of(items: &[Value], ty: &Type, max: Option<u64>) -> Result<Value, Mismatch> {
    if max.is_some_and(|max| items.len() as u64 > max) {
        return Err(Mismatch::new(format!(
            "{} items; at most {} are allowed",
            items.len(),
            max.unwrap_or(0)
        )));
    }
    let item = |(index, item): (usize, &Value)| {
        item.clone().conform(ty).map_err(|error| error.within(&format!("[{index}]")))
    };
    Ok(Value::List(items.iter().enumerate().map(item).collect::<Result<_, _>>()?))
}

fn record_of(
    entries: &BTreeMap<Arc<str>, Value>,
    fields: &BTreeMap<Arc<str>, super::types::Field>,
) -> Result<Value, Mismatch> {
    if let Some(unknown) = entries.keys().find(|key| !fields.contains_key(*key)) {
        let shown = beginning(unknown, 64);
        return Err(Mismatch::new(format!("`{shown}` is not declared")));
    }
    let mut record = BTreeMap::new();
    for (name, field) in fields {
        match entries.get(name) {
            Some(value) => {
                let value = value.clone().conform(&field.ty).map_err(|error| error.within(name))?;
                record.insert(Arc::clone(name), value);
            }
            None if field.presence == Presence::Always => {
                return Err(Mismatch::new(format!("`{name}` is missing")));
            }
            None => {}
        }
    }
    Ok(Value::Map(Arc::new(record)))
}
