//! What an expression may read at its place, and of which type: the declarations it is checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Edit;
use crate::kind::field;
use crate::kind::scalar::Sensitivity;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// JSON's null, known as such.
    Null,
    /// `true`, `false`
    Bool,
    /// An integer.
    Int,
    /// A number.
    Double,
    /// A string.
    Text {
        /// The only values there are.
        domain: Option<Arc<[Arc<str>]>>,
        /// Greatest length in bytes, where one is known.
        max_len: Option<u64>,
    },
    /// An instant.
    Timestamp,
    /// A span of time.
    Duration,
    /// A list.
    List {
        /// Of what.
        item: Arc<Type>,
        /// Greatest number of items.
        max_items: Option<u64>,
    },
    /// A map with declared fields.
    Record(Arc<BTreeMap<Arc<str>, Field>>),
    /// A map with any keys; each entry may be absent.
    Map(Arc<Type>),
    /// Untyped: `response.json` and what comes out of it. Checked when it is evaluated.
    Any,
}

/// A declared field or fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// Whether it is there.
    pub presence: Presence,
    /// How much it may be shown.
    pub sensitivity: Sensitivity,
    /// Between which values it lies, as far as that is declared.
    pub bounds: Bounds,
}

/// Between which values a number lies, how many items a list has at least, and how long a text is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// An integer is not less.
    pub least: Option<i64>,
    /// An integer is not more.
    pub most: Option<i64>,
    /// A list has not fewer items, a text not fewer characters.
    pub min_items: i64,
    /// A text has not more characters.
    pub longest: Option<i64>,
}

impl Bounds {
    /// What a field map declares.
    #[must_use]
    pub fn declared(field: &field::Field) -> Self {
        let whole = |bound: &Option<crate::decode::Spanned<crate::kind::scalar::Json>>| {
            bound.as_ref().and_then(|bound| bound.value.0.as_i64())
        };
        // Where one of them is no integer, those that are bound nothing.
        let words = field.enum_.iter().flat_map(|words| &words.value).map(|word| word.value.0.as_i64());
        let words: Option<Vec<i64>> = words.collect();
        let words = || words.iter().flatten().copied();
        let lengths = field.enum_.iter().flat_map(|words| &words.value);
        let lengths =
            || lengths.clone().filter_map(|word| Some(count(word.value.0.as_str()?.chars().count())));
        let shortest = field.min_length.as_ref().or(field.min_items.as_ref()).map(|min| count(min.value));
        let longest = field.max_length.as_ref().map(|max| count(max.value));
        Self {
            least: whole(&field.minimum).or_else(|| words().min()),
            most: whole(&field.maximum).or_else(|| words().max()),
            min_items: shortest.or_else(|| lengths().min()).unwrap_or(0),
            longest: longest.into_iter().chain(lengths().max()).min(),
        }
    }

    /// What holds for values of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            least: self.least.zip(other.least).map(|(one, other)| one.min(other)),
            most: self.most.zip(other.most).map(|(one, other)| one.max(other)),
            min_items: self.min_items.min(other.min_items),
            longest: self.longest.zip(other.longest).map(|(one, other)| one.max(other)),
        }
    }
}

fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Whether a field is there when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Always.
    Always,
    /// Not always: `has()` is demanded. Holds why, for the message: `step \`check\` may be skipped`.
    Optional(Arc<str>),
    /// The output of a step that need not have succeeded: `has()` is demanded, under a law of its own.
    Skippable(Arc<str>),
    /// Of several types: it may be tested with `has()`, never read. Holds which, for the message.
    Mixed(Arc<str>),
    /// Neither to be read nor tested here, although the name is known: `use-before-produce`.
    Refused {
        /// The law.
        code: &'static str,
        /// What is wrong.
        message: Arc<str>,
        /// What to do.
        help: Option<Arc<str>>,
        /// The edit that does it, for somebody to look at.
        edit: Option<Arc<Edit>>,
    },
}

impl Field {
    /// A field that is always there.
    #[must_use]
    pub const fn always(ty: Type, sensitivity: Sensitivity) -> Self {
        Self {
            ty,
            presence: Presence::Always,
            sensitivity,
            bounds: Bounds { least: None, most: None, min_items: 0, longest: None },
        }
    }

    /// A field that may be absent, and why.
    #[must_use]
    pub fn optional(ty: Type, sensitivity: Sensitivity, why: impl Into<Arc<str>>) -> Self {
        Self { ty, presence: Presence::Optional(why.into()), sensitivity, bounds: Bounds::default() }
    }

    /// The field that a field map declares. A field with a `default` is always there.
    #[must_use]
    pub fn declared(field: &field::Field) -> Self {
        let presence = if field.optional && field.default.is_none() {
            Presence::Optional("it is declared `optional`".into())
        } else {
            Presence::Always
        };
        let ty = Type::declared(field);
        Self { ty, presence, sensitivity: declared_sensitivity(field), bounds: Bounds::declared(field) }
    }

    /// The highest sensitivity of anything in it.
    #[must_use]
    pub fn whole(&self) -> Sensitivity {
        self.sensitivity.max(self.ty.sensitivity())
    }
}

/// What the items of a list are declared stands nowhere in its type: a list is as sensitive as they are.
fn declared_sensitivity(field: &field::Field) -> Sensitivity {
    let items = field.items.as_ref().map(|item| declared_sensitivity(item));
    items.map_or(field.sensitivity.value, |items| items.max(field.sensitivity.value))
}

impl Type {
    /// The highest sensitivity that fields in values of the type have.
    #[must_use]
    pub fn sensitivity(&self) -> Sensitivity {
        match self {
            Self::Record(fields) => fields.values().map(Field::whole).max().unwrap_or(Sensitivity::Public),
            Self::List { item, .. } | Self::Map(item) => item.sensitivity(),
            _ => Sensitivity::Public,
        }
    }

    /// Text of which nothing is known.
    #[must_use]
    pub const fn text() -> Self {
        Self::Text { domain: None, max_len: None }
    }

    /// One of those words.
    #[must_use]
    pub fn one_of<T: Into<Arc<str>>>(words: impl IntoIterator<Item = T>) -> Self {
        let words: Arc<[Arc<str>]> = words.into_iter().map(Into::into).collect();
        let max_len = words.iter().map(|word| word.len() as u64).max();
        Self::Text { domain: Some(words), max_len }
    }

    /// A map with those fields.
    #[must_use]
    pub fn record<K: Into<Arc<str>>>(fields: impl IntoIterator<Item = (K, Field)>) -> Self {
        Self::Record(Arc::new(fields.into_iter().map(|(name, field)| (name.into(), field)).collect()))
    }

    /// The record that a field map declares.
    #[must_use]
    pub fn fields(map: &field::FieldMap) -> Self {
        Self::record(map.iter().map(|(name, field)| (Arc::clone(name), Field::declared(field))))
    }

    /// A list of at most `max_items`.
    #[must_use]
    pub fn list(item: Self, max_items: Option<u64>) -> Self {
        Self::List { item: Arc::new(item), max_items }
    }

    /// The type that a field map declares.
    #[must_use]
    pub fn declared(field: &field::Field) -> Self {
        use crate::kind::field::FieldType;
        match field.type_.value {
            FieldType::String => Self::declared_text(field),
            FieldType::Integer => Self::Int,
            FieldType::Number => Self::Double,
            FieldType::Boolean => Self::Bool,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Duration => Self::Duration,
            FieldType::Array => {
                let item = field.items.as_deref().map_or(Self::text(), Self::declared);
                Self::list(item, field.max_items.as_ref().map(|max| max.value))
            }
            FieldType::Object => {
                field.fields.as_ref().map_or_else(|| Self::record::<Arc<str>>([]), Self::fields)
            }
        }
    }

    fn declared_text(field: &field::Field) -> Self {
        use crate::kind::field::Format;
        if let Some(words) = &field.enum_ {
            return Self::one_of(words.value.iter().filter_map(|word| word.value.0.as_str()));
        }
        // `maxLength` counts characters; a character has at most four bytes.
        let declared = field.max_length.as_ref().map(|max| max.value.saturating_mul(4));
        let format = field.format.as_ref().map(|format| match format.value {
            Format::Email => 320,
            Format::Uri => 8192,
            Format::Uuid => 45,
            Format::Hostname => 255,
            Format::Ipv4 => 15,
            Format::Ipv6 => 45,
            Format::Date => 10,
        });
        let max_len = declared.into_iter().chain(format).min();
        Self::Text { domain: None, max_len }
    }

    /// What it is, for messages: `a string`, `a list of integers` …
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing (null)".into(),
            Self::Bool => "a boolean".into(),
            Self::Int => "an integer".into(),
            Self::Double => "a number".into(),
            Self::Text { .. } => "a string".into(),
            Self::Timestamp => "a timestamp".into(),
            Self::Duration => "a duration".into(),
            Self::List { item, .. } => {
                let item = item.describe();
                let item = item.split_once(' ').map_or(item.as_str(), |(_, noun)| noun);
                format!("a list of {}", if item == "value of unknown type" { "values" } else { item })
            }
            Self::Record(_) | Self::Map(_) => "a map".into(),
            Self::Any => "a value of unknown type".into(),
        }
    }

    /// True when values of both can be one and the same: domains and lengths aside.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::List { item: a, .. }, Self::List { item: b, .. }) | (Self::Map(a), Self::Map(b)) => {
                a.is_like(b)
            }
            (Self::Record(a), Self::Record(b)) => {
                let optional = |field: &Field| field.presence != Presence::Always;
                a.iter().all(|(name, field)| {
                    b.get(name).map_or(optional(field), |other| field.ty.is_like(&other.ty))
                }) && b.iter().all(|(name, field)| a.contains_key(name) || optional(field))
            }
            (Self::Record(fields), Self::Map(item)) | (Self::Map(item), Self::Record(fields)) => {
                fields.values().all(|field| field.ty.is_like(item))
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// A place of a fact: root and steps, e.g. `steps.check.outputs.lag_s`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Arc<[Arc<str>]>);

impl Path {
    /// The path of those segments, root first.
    #[must_use]
    pub fn new<T: Into<Arc<str>>>(segments: impl IntoIterator<Item = T>) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }

    /// The root, e.g. `steps`.
    #[must_use]
    pub fn root(&self) -> &str {
        self.0.first().map_or("", |root| root)
    }

    /// The segments, root first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|segment| &**segment)
    }

    /// This path and one step more.
    #[must_use]
    pub fn then(&self, segment: &Arc<str>) -> Self {
        Self(self.0.iter().chain(std::iter::once(segment)).cloned().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            let plain = !segment.is_empty() && segment.bytes().all(super::scan::is_name_byte);
            match (index, plain) {
                (0, _) => f.write_str(segment)?,
                (_, true) => write!(f, ".{segment}")?,
                (_, false) => write!(f, "[\"{segment}\"]")?,
            }
        }
        Ok(())
    }
}

/// Paths that are known to be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(pub BTreeSet<Path>);

impl Known {
    /// Adds what another knows.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    /// This and what another knows.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.extend(other);
        self
    }
}

/// The facts of a place.
#[derive(Debug, Clone)]
pub struct Scope {
    /// By their names, e.g. `input`.
    pub facts: BTreeMap<Arc<str>, Field>,
    /// What may be read at most; above it: `sensitive-fact-in-guard`. `None`: whatever there is.
    pub clearance: Option<Sensitivity>,
    /// Most units that one evaluation may cost: above it `cost-over-limit`.
    pub cost_limit: u64,
}

impl Scope {
    /// A place with those facts, no clearance and the usual limit of cost.
    #[must_use]
    pub fn new<K: Into<Arc<str>>>(facts: impl IntoIterator<Item = (K, Field)>) -> Self {
        let facts = facts.into_iter().map(|(name, field)| (name.into(), field)).collect();
        Self { facts, clearance: None, cost_limit: super::COST_LIMIT }
    }

    /// The same, where at most `clearance` may be read.
    #[must_use]
    pub const fn clearance(mut self, clearance: Sensitivity) -> Self {
        self.clearance = Some(clearance);
        self
    }

    /// The same with one fact more (or in another's place).
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, field: Field) -> Self {
        self.facts.insert(name.into(), field);
        self
    }
}

/// `` `a`, `b`, `c` ``, cut where it is long.
pub(super) fn words(words: &[Arc<str>]) -> String {
    let shown: Vec<String> = words.iter().take(12).map(|word| format!("`{word}`")).collect();
    let more = if words.len() > 12 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
