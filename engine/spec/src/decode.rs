//! Declaring a record once: the struct, how it is read with recovery, its [`Shape`] (which directs KDL
//! reading, JSON Schema and documentation) and its canonical JSON come from one declaration.
//!
//! Decoding never stops at the first problem and never guesses: what is wrong becomes a diagnostic in
//! the [`Decoder`], and the rest is read all the same.

#[macro_use]
mod macros;
pub mod choice;
mod fields;
mod leaf;
mod scalar;
mod shape;

use crate::diagnostic::{Diagnostic, Edit, meant, nearest};
use crate::source::{Notation, SourceFile, Span};
use crate::tree::{Map, Node, Text, Value};

pub use fields::{Fields, is_placeholder, pretended};
pub use leaf::{LARGEST_INTEGER, integer, json};
pub use shape::{FieldShape, RecordShape, Shape, WordShape, camel, kebab, prose};

/// What can be read from the tree, described, and written as canonical JSON.
pub trait Decode: Sized {
    /// What it looks like.
    fn shape() -> Shape;

    /// Reads it. Whatever is wrong is reported to `cx`; `None` when nothing usable is left.
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self>;

    /// The JSON that is digested: without prose, without fields that equal their default, measures as
    /// integers. `None` when nothing of it is digested.
    fn canonical(&self) -> Option<serde_json::Value>;

    /// What the keys of a map of such values must be; any text when `None`.
    #[must_use]
    fn keys() -> Option<KeyRule> {
        None
    }
}

/// What the keys of a map must be.
#[derive(Debug, Clone, Copy)]
pub struct KeyRule {
    /// `a step's id: lower-case letters …`
    pub what: &'static str,
    /// True for a key that is allowed.
    pub allows: fn(&str) -> bool,
}

/// A record made by [`record!`](crate::record).
pub trait Record: Decode {
    /// Its name, documentation and fields.
    fn record() -> &'static RecordShape;
}

/// A value and its place; equality ignores the place.
#[derive(Debug, Clone, Copy)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T> Spanned<T> {
    /// A value that stands in no file: a default.
    #[must_use]
    pub const fn nowhere(value: T) -> Self {
        Self { value, span: Span::nowhere() }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Collects what is wrong while a document is decoded, and knows how its file is written.
#[derive(Debug)]
pub struct Decoder<'s> {
    source: &'s str,
    notation: Notation,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> Decoder<'s> {
    /// A decoder for documents of `file`.
    #[must_use]
    pub fn new(file: &'s SourceFile) -> Self {
        Self::for_text(&file.text, file.notation)
    }

    /// A decoder for documents of a text.
    #[must_use]
    pub const fn for_text(source: &'s str, notation: Notation) -> Self {
        Self { source, notation, diagnostics: Vec::new() }
    }

    /// How the file is written.
    #[must_use]
    pub const fn notation(&self) -> Notation {
        self.notation
    }

    /// Adds a problem.
    pub fn report(&mut self, mut diagnostic: Diagnostic) {
        // Whatever cannot be decoded is a broken law.
        diagnostic.consequence.get_or_insert("the engine refuses the catalogue".into());
        self.diagnostics.push(diagnostic);
    }

    /// The number of problems so far: a caller can tell whether one part was read without any.
    #[must_use]
    pub fn problems(&self) -> usize {
        self.diagnostics.len()
    }

    /// All problems.
    #[must_use]
    pub fn finish(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// The string of a node, or a `wrong-type`. `what` says what is due: `a name`, `an expression` …
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Text> {
        let text = node.as_text();
        if text.is_none() {
            self.wrong_type(node, what);
        }
        text
    }

    /// The entries of a node, or a `wrong-type`.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Map> {
        let map = node.as_map();
        if map.is_none() {
            self.wrong_type(node, what);
        }
        map
    }

    /// The items of a node, or a `wrong-type`.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if let Value::List(items) = &node.value {
            return Some(items);
        }
        self.wrong_type(node, what);
        None
    }

    /// Reads each item; those that cannot be read are reported and left out.
    pub fn items<T: Decode>(&mut self, nodes: &[Node]) -> Vec<T> {
        nodes.iter().filter_map(|node| T::decode(node, self)).collect()
    }

    /// Reports that something else is due here.
    pub fn wrong_type(&mut self, node: &Node, due: &str) {
        self.wrong(node, due, format!("write {due}"));
    }

    /// The same, with what to do about it.
    fn wrong(&mut self, node: &Node, due: &str, help: String) {
        let mut problem = if node.value == Value::Null {
            Diagnostic::law("wrong-type", node.span, format!("null stands where {due} is due"))
                .help("give a value, or leave the field out; null is refused everywhere")
        } else {
            Diagnostic::law("wrong-type", node.span, format!("{} stands where {due} is due", node.describe()))
                .help(help)
        };
        if let Some(edits) = self.lossless(node, due) {
            problem = problem.fix(true, edits);
        }
        self.report(problem);
    }

    /// The edits that turn a scalar into the kind that is due without losing anything.
    fn lossless(&self, node: &Node, due: &str) -> Option<Vec<Edit>> {
        let wants_integer = due.contains("integer");
        let wants_boolean = due.contains("boolean");
        let word = |text: &str| vec![Edit { span: node.span, text: text.to_owned() }];
        match &node.value {
            Value::Text(text) if wants_integer => {
                let plain = text.value.parse::<i64>().ok()?.to_string();
                (plain == *text.value).then(|| word(&plain))
            }
            Value::Text(text) if wants_boolean => match (&*text.value, self.notation) {
                ("true" | "false", Notation::Yaml) => Some(word(&text.value)),
                ("true" | "false", Notation::Kdl) => Some(word(&format!("#{}", text.value))),
                _ => None,
            },
            Value::Int(_) | Value::Float(_) | Value::Bool(_)
                // Names, releases and measures have forms of their own: quotes alone would not make one.
                if matches!(due, "a string" | "an expression (a string)") =>
            {
                let (start, end) = (node.span.start as usize, node.span.end as usize);
                let written = self.source.get(start..end)?;
                Some(match self.notation {
                    Notation::Yaml => word(&format!("'{written}'")),
                    Notation::Kdl => word(&format!("\"{}\"", written.trim_start_matches('#'))),
                })
            }
            _ => None,
        }
    }

    /// Reports a word that is none of `known`, with the nearest one, which is what was probably meant.
    pub fn unknown_value<'k>(&mut self, span: Span, word: &str, known: &[&'k str]) -> Option<&'k str> {
        let message = format!("`{word}` is not one of the values of this field");
        let problem = Diagnostic::law("unknown-value", span, message);
        let near = nearest(word, known.iter().copied());
        let problem = match near {
            Some(near) => problem.help(format!("did you mean `{near}`? The values are {}", listed(known))),
            None => problem.help(format!("the values are {}", listed(known))),
        };
        self.report(match meant(word, known.iter().copied()) {
            Some(near) => problem.fix(true, vec![Edit { span, text: self.quoted(near) }]),
            None => problem,
        });
        near
    }

    /// Reports a text that is no name of its kind. Names are ASCII: another letter may look like one.
    pub fn bad_name(&mut self, span: Span, text: &str, what: &str) {
        let foreign = text.chars().find(|letter| !letter.is_ascii());
        let problem = match foreign {
            Some(letter) => Diagnostic::law(
                "confusable-name",
                span,
                format!("`{text}` holds `{letter}` (U+{:04X}); names are ASCII", u32::from(letter)),
            ),
            None => Diagnostic::law("bad-name", span, format!("`{text}` is not {what}")),
        };
        self.report(problem.help(format!("write {what}")).consequence("the engine refuses the catalogue"));
    }

    /// Reports a number outside its range.
    pub fn out_of_range(
        &mut self,
        span: Span,
        value: impl std::fmt::Display,
        least: impl std::fmt::Display,
        most: impl std::fmt::Display,
    ) {
        let message = format!("{value} is outside its range");
        self.report(
            Diagnostic::law("out-of-range", span, message)
                .help(format!("write an integer from {least} to {most}")),
        );
    }

    /// A word as it is written in this file's notation.
    #[must_use]
    pub fn quoted(&self, word: &str) -> String {
        match self.notation {
            Notation::Yaml => word.to_owned(),
            Notation::Kdl => format!("\"{word}\""),
        }
    }

    /// A field's name as it is written in this file's notation.
    #[must_use]
    pub fn spelled(&self, field: &str) -> String {
        match self.notation {
            Notation::Yaml => field.to_owned(),
            Notation::Kdl => kebab(field),
        }
    }

    /// The first line of a node: what a label about a whole map points at.
    #[must_use]
    pub fn first_line(&self, node: &Node) -> Span {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let text = self.source.get(start..end).unwrap_or_default();
        let length = text.find('\n').unwrap_or(text.len());
        let line = text.get(..length).unwrap_or_default().trim_end();
        let end = start.saturating_add(line.len());
        Span::new(node.span.file, node.span.start, u32::try_from(end).unwrap_or(node.span.end))
    }

    /// The text of the file.
    #[must_use]
    pub const fn source(&self) -> &'s str {
        self.source
    }
}

/// The words in backticks with commas, for help texts.
#[must_use]
pub fn listed<'a>(words: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>) -> String {
    words.into_iter().map(|word| format!("`{}`", word.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
