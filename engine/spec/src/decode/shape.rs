//! What the types of the language look like, as data: directs KDL reading, JSON Schema and help.

/// What a value looks like. Parts that may recur are functions, so that a shape is always finite.
#[derive(Debug, Clone)]
pub enum Shape {
    /// `true` or `false`
    Bool,
    /// An integer in a range.
    Int {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// Any number.
    Number,
    /// A string.
    Text {
        /// What it is: `a name`, `an expression`, `a duration` …
        what: &'static str,
        /// The whole string matches this regular expression.
        pattern: Option<&'static str>,
    },
    /// One of a closed set of words.
    Words(&'static [WordShape]),
    /// A list of such items.
    List(fn() -> Shape),
    /// A map whose keys the author or an outside system names.
    Map(fn() -> Shape),
    /// A record with fields that the language names.
    Record(fn() -> &'static RecordShape),
    /// Any one of these; told apart by notation (scalar, list, map) and by the names of fields.
    OneOf(Vec<Shape>),
    /// Free JSON-like data.
    Data,
}

/// A word of a closed set.
#[derive(Debug, Clone, Copy)]
pub struct WordShape {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What a record looks like.
#[derive(Debug, Clone)]
pub struct RecordShape {
    /// The name of its type.
    pub name: &'static str,
    /// What it is.
    pub doc: String,
    /// The field that a bare text stands for, where that is allowed.
    pub short: Option<&'static str>,
    /// Its fields, in the order of their declaration.
    pub fields: Vec<FieldShape>,
}

/// What a field looks like.
#[derive(Debug, Clone)]
pub struct FieldShape {
    /// As the language spells it (camelCase).
    pub name: String,
    /// What it is for.
    pub doc: String,
    /// What its value looks like.
    pub shape: fn() -> Shape,
    /// True when it may not be left out.
    pub required: bool,
    /// The canonical form of what leaving it out means.
    pub default: Option<serde_json::Value>,
}

impl RecordShape {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldShape> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl FieldShape {
    /// A field declared under a Rust name: a trailing underscore is dropped, snake_case becomes camelCase.
    #[must_use]
    pub fn new(rust_name: &str, docs: &[&str], shape: fn() -> Shape, required: bool) -> Self {
        Self {
            name: camel(rust_name.trim_end_matches('_'), '_'),
            doc: prose(docs),
            shape,
            required,
            default: None,
        }
    }

    /// The same field with what leaving it out means.
    #[must_use]
    pub fn with_default(mut self, default: Option<serde_json::Value>) -> Self {
        self.default = default;
        self
    }
}

/// The lines of a doc comment as one paragraph.
#[must_use]
pub fn prose(docs: &[&str]) -> String {
    docs.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `max_items` or `max-items` as `maxItems`.
#[must_use]
pub fn camel(name: &str, joint: char) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == joint {
            upper = true;
        } else if std::mem::take(&mut upper) {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
    }
    out
}

/// `maxItems` as `max-items`.
#[must_use]
pub fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() {
            if at > 0 {
                out.push('-');
            }
            out.push(letter.to_ascii_lowercase());
        } else {
            out.push(letter);
        }
    }
    out
}
