//! The sheet of a source of exports: its columns, and the only values that each of them may hold. The one
//! validator of what may be shown in records and leave in exports, for engine, command line and lint. It knows
//! no free text, and never repeats a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use crate::catalogue::Declarations;
use crate::check::rows::{META_CHARACTERS, columns, meta_columns, notice_columns};
use crate::digest::Digest;
use crate::expr::{self, Field, MAX_INTEGER, Presence, Type, timestamp};
use crate::kind::export::RowSource;
use crate::kind::meta_schema::{MetaField, MetaType};
use crate::kind::notice::NoticeSpec;

/// The most characters of a word: what built-in columns hold that are no list of values.
const WORD: usize = 128;

/// A value that may not stand where it would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {why}")]
pub struct Misfit {
    /// The column.
    pub field: Arc<str>,
    /// What is wrong with it, without what it says.
    pub why: &'static str,
}

/// The columns of one source.
#[derive(Debug, Clone)]
pub struct Sheet {
    built_in: BTreeMap<Arc<str>, Field>,
    added: BTreeMap<Arc<str>, Cell>,
    types: BTreeMap<Arc<str>, Field>,
}

impl Sheet {
    /// The columns of a source under the meta schema of a catalogue.
    #[must_use]
    pub fn of(all: &Declarations, source: RowSource) -> Self {
        let built_in = columns(source);
        let mut types = meta_columns(all, source);
        let fields = all.meta_schema.iter().flat_map(|meta| meta.spec.fields.iter());
        let added = fields.filter(|(name, _)| types.contains_key(*name));
        let added = added.map(|(name, field)| (Arc::clone(name), Cell::of(field))).collect();
        types.extend(built_in.clone());
        Self { built_in, added, types }
    }

    /// The type of a whole row, as the filter of an export reads it.
    #[must_use]
    pub fn row(&self) -> Type {
        Type::record(self.types.clone())
    }

    /// Whether a value may stand in a column.
    ///
    /// # Errors
    /// Which column, and why it may not.
    pub fn check(&self, field: &str, value: &Value) -> Result<(), Misfit> {
        let fault = match (self.built_in.get(field), self.added.get(field)) {
            (Some(column), _) => fault_of(&column.ty, value),
            (None, Some(cell)) => cell.fault(value),
            (None, None) => Some("is no column of the meta schema"),
        };
        fault.map_or(Ok(()), |why| Err(Misfit { field: field.into(), why }))
    }
}

/// The type of the row that a notice reads: the record, and the columns of its run.
#[must_use]
pub fn row_of_notice(all: &Declarations, notice: &NoticeSpec) -> Type {
    Type::record(notice_columns(all, notice))
}

/// Whether a value fits a field of a meta schema.
///
/// # Errors
/// Why it does not, without what it says.
pub fn fits(field: &MetaField, value: &Value) -> Result<(), &'static str> {
    Cell::of(field).fault(value).map_or(Ok(()), Err)
}

/// What a field of the meta schema may hold.
#[derive(Debug, Clone)]
enum Cell {
    Id,
    Words(Vec<Arc<str>>),
    Integer,
    Boolean,
    Timestamp,
    Digest,
    Code,
    /// A pattern that cannot be compiled, which no checked catalogue has, matches nothing.
    Pattern(Option<Arc<Regex>>),
}

impl Cell {
    fn of(field: &MetaField) -> Self {
        match field.type_.value.0 {
            MetaType::Id => Self::Id,
            MetaType::Enum => {
                let words = field.values.iter().flat_map(|values| &values.value);
                Self::Words(words.map(|word| Arc::clone(&word.value)).collect())
            }
            MetaType::Integer => Self::Integer,
            MetaType::Boolean => Self::Boolean,
            MetaType::Timestamp => Self::Timestamp,
            MetaType::Digest => Self::Digest,
            MetaType::Code => Self::Code,
            MetaType::Pattern => {
                Self::Pattern(field.pattern.as_ref().and_then(|pattern| expr::pattern(&pattern.value).ok()))
            }
        }
    }

    fn fault(&self, value: &Value) -> Option<&'static str> {
        let (fits, why) = match self {
            Self::Id => (text_is(value, is_id), "is no id: letters, digits and `._:-`, at most 64"),
            Self::Words(words) => (
                text_is(value, |text| words.iter().any(|word| **word == *text)),
                "is none of the declared values",
            ),
            Self::Integer => (is_integer(value), "is no integer within ±(2^53−1)"),
            Self::Boolean => (value.is_boolean(), "is neither true nor false"),
            Self::Timestamp => (text_is(value, is_timestamp), "is no instant (RFC 3339)"),
            Self::Digest => (text_is(value, is_digest), "is no digest"),
            Self::Code => (text_is(value, is_code), "is no code: `[a-z][a-z0-9_]*`, at most 64"),
            Self::Pattern(pattern) => {
                let matches = |text: &str| pattern.as_ref().is_some_and(|pattern| pattern.is_match(text));
                (
                    text_is(value, |text| is_short(text) && matches(text)),
                    "does not match the declared pattern",
                )
            }
        };
        (!fits).then_some(why)
    }
}

fn text_is(value: &Value, is: impl Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(is)
}

fn is_short(text: &str) -> bool {
    text.chars().count() as u64 <= META_CHARACTERS
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && is_short(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

fn is_code(text: &str) -> bool {
    is_short(text)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_timestamp(text: &str) -> bool {
    timestamp(text).is_some()
}

fn is_digest(text: &str) -> bool {
    text.parse::<Digest>().is_ok()
}

fn is_integer(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| (-MAX_INTEGER..=MAX_INTEGER).contains(&number))
}

/// Letters, digits and the marks of names, references and selectors: nothing that sentences are made of.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= WORD
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-@/+^~".contains(&byte))
}

/// Why a value may not stand in a built-in column of that type.
fn fault_of(ty: &Type, value: &Value) -> Option<&'static str> {
    let (fits, why) = match ty {
        Type::Bool => (value.is_boolean(), "is neither true nor false"),
        Type::Int => (is_integer(value), "is no integer within ±(2^53−1)"),
        Type::Timestamp => (text_is(value, is_timestamp), "is no instant (RFC 3339)"),
        Type::Text { domain: Some(domain), .. } => {
            (text_is(value, |text| domain.iter().any(|word| **word == *text)), "is none of its values")
        }
        Type::Text { domain: None, .. } => (text_is(value, is_word), "is no name, id or digest"),
        Type::List { item, max_items } => {
            let Some(items) = value.as_array() else { return Some("is no list") };
            if max_items.is_some_and(|most| items.len() as u64 > most) {
                return Some("is a list that is too long");
            }
            return items.iter().find_map(|value| fault_of(item, value));
        }
        Type::Record(fields) => return fault_of_record(fields, value),
        Type::Null | Type::Double | Type::Duration | Type::Map(_) | Type::Any => {
            (false, "is of no closed type")
        }
    };
    (!fits).then_some(why)
}

fn fault_of_record(fields: &BTreeMap<Arc<str>, Field>, value: &Value) -> Option<&'static str> {
    let Some(entries) = value.as_object() else { return Some("is no record") };
    if entries.keys().any(|name| !fields.contains_key(name.as_str())) {
        return Some("has a field that is none of the record's");
    }
    fields.iter().find_map(|(name, field)| match entries.get(&**name) {
        Some(value) => fault_of(&field.ty, value),
        None => (field.presence == Presence::Always).then_some("lacks a field of the record"),
    })
}
