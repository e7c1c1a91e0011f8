//! Field maps: the schema of inputs, outputs, forms and signals (JSON Schema 2020-12, cut down).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::scalar::{Json, Prose, Sensitivity};
use crate::source::Span;

/// A map whose keys the author chose, with the place of each key. Ordered by key.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<T>(pub BTreeMap<Arc<str>, Entry<T>>);

/// An entry of a [`Named`] map.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// The place of the key.
    pub key_span: Span,
    /// The value.
    pub value: T,
}

impl<T: PartialEq> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Named<T> {
    /// The value under that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.get(key).map(|entry| &entry.value)
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.0.iter().map(|(key, entry)| (key, &entry.value))
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys()
    }

    /// True when there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Name → schema. Keys are [`crate::kind::scalar::Identifier`]s (law `bad-name`).
pub type FieldMap = Named<Field>;

record! {
    /// The schema of one value.
    pub struct Field keyed Identifier {
        /// What it is.
        pub type_: Spanned<FieldType>,
        /// The only values there are, each of its type.
        pub enum_: Option<Spanned<Vec<Spanned<Json>>>> = None,
        /// Least value of an integer or number.
        pub minimum: Option<Spanned<Json>> = None,
        /// Greatest value of an integer or number.
        pub maximum: Option<Spanned<Json>> = None,
        /// Least length of a string, in characters.
        pub min_length: Option<Spanned<u64>> = None,
        /// Greatest length of a string, in characters.
        pub max_length: Option<Spanned<u64>> = None,
        /// RE2 without look-around; always matches the whole string.
        pub pattern: Option<Spanned<Arc<str>>> = None,
        /// A well-known form of string.
        pub format: Option<Spanned<Format>> = None,
        /// The schema of an array's items.
        pub items: Option<Box<Field>> = None,
        /// Least number of items.
        pub min_items: Option<Spanned<u64>> = None,
        /// Greatest number of items; mandatory for arrays.
        pub max_items: Option<Spanned<u64>> = None,
        /// The fields of an object.
        pub fields: Option<FieldMap> = None,
        /// What stands there when nothing is given.
        pub default: Option<Spanned<Json>> = None,
        /// For people.
        pub description: Option<Prose> = None,
        /// True when it may be absent.
        pub optional: bool = false,
        /// How much it may be shown; `secret` cannot be declared.
        pub sensitivity: Spanned<Sensitivity> = Spanned::nowhere(Sensitivity::Internal),
    }
}

impl Field {
    /// True when a value must be given.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        !self.optional && self.default.is_none()
    }
}

closed! {
    /// The types of values.
    pub enum FieldType {
        /// Text.
        String = "string",
        /// A whole number within ±(2^53−1).
        Integer = "integer",
        /// A number.
        Number = "number",
        /// `true` or `false`.
        Boolean = "boolean",
        /// A list.
        Array = "array",
        /// A map with declared fields.
        Object = "object",
        /// An instant, RFC 3339.
        Timestamp = "timestamp",
        /// A span of time: `30s`.
        Duration = "duration",
    }
}

closed! {
    /// Well-known forms of strings.
    pub enum Format {
        /// `a@b`
        Email = "email",
        /// Absolute URI.
        Uri = "uri",
        /// RFC 9562.
        Uuid = "uuid",
        /// RFC 1123.
        Hostname = "hostname",
        /// Dotted quad.
        Ipv4 = "ipv4",
        /// RFC 4291.
        Ipv6 = "ipv6",
        /// `2026-01-31`
        Date = "date",
    }
}
