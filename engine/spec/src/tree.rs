//! The one tree in which YAML and KDL meet, every value with its place. Nothing past this module
//! knows which notation a spec was written in.

pub mod kdl;
pub mod yaml;

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// What a node can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// An integer within ±(2^53−1).
    Int(i64),
    /// A number with a fraction or exponent.
    Float(f64),
    /// A string.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, without duplicate keys.
    Map(Map),
}

/// A string of a spec and the way from its bytes back to the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The decoded string.
    pub value: Arc<str>,
    /// The way back to the file.
    pub way: Way,
}

/// The way from the bytes of a string back to the file.
#[derive(Debug, Clone, PartialEq)]
pub enum Way {
    /// Byte for byte in step, from this offset in the file on: as nearly all of them are written.
    Straight(u32),
    /// For pieces of the string, ascending: (offset in it, offset in the file). Between two pieces bytes run in
    /// step; an escape or a fold begins a new piece. Starts with `(0, …)`.
    Pieces(Arc<[(u32, u32)]>),
}

impl Way {
    /// By pieces, which are one at least.
    #[must_use]
    pub fn of(pieces: &[(u32, u32)]) -> Self {
        match pieces {
            [(0, start)] => Self::Straight(*start),
            more => Self::Pieces(more.into()),
        }
    }

    /// The piece that an offset of the string lies in.
    fn piece(&self, offset: u32) -> Option<(u32, u32)> {
        match self {
            Self::Straight(start) => Some((0, *start)),
            Self::Pieces(pieces) => {
                let index = pieces.partition_point(|(decoded, _)| *decoded <= offset);
                pieces.get(index.saturating_sub(1)).copied()
            }
        }
    }
}

impl Text {
    /// The place of `start..end` (byte offsets in `value`) in the file of `whole`.
    #[must_use]
    pub fn place(&self, whole: Span, start: usize, end: usize) -> Span {
        let at = |offset: usize| {
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            let (decoded, source) = self.way.piece(offset).unwrap_or((0, whole.start));
            source.saturating_add(offset - decoded).min(whole.end)
        };
        // The end is one past the last byte's own place: what lies between two pieces is not meant.
        let start_at = at(start);
        let end_at = if end > start { at(end - 1).saturating_add(1) } else { start_at };
        Span::new(whole.file, start_at, end_at.max(start_at))
    }
}

/// A key and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The key as the language spells it (camelCase also where KDL wrote kebab-case).
    pub text: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// The entries of a map in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Map {
    /// Keys are unique: the readers refuse duplicates.
    pub entries: Vec<(Key, Node)>,
}

impl Map {
    /// The entry of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&(Key, Node)> {
        self.entries.iter().find(|(candidate, _)| &*candidate.text == key)
    }
}

impl Node {
    /// The entries, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&Text> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages: `a string`, `a list` …
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing (null)",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The same key twice in one map.
fn duplicate_key(key: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::law("duplicate-key", again, format!("the key `{key}` stands here a second time"))
        .related(first, "it stands here first")
        .help("keep one of them")
        .consequence("the engine refuses the catalogue: which of them holds would depend on the reader")
}
