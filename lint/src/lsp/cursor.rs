//! What a cursor stands on: a key, a value, a part of an expression; and what is due there.

use ordain_spec::decode::{FieldShape, RecordShape, Shape};
use ordain_spec::kind::Kind;
use ordain_spec::source::Span;
use ordain_spec::tree::{Map, Node, Text, Value};

use super::tokens::expressions;
use super::walk::{Seen, Spot, kind_of, walk};

/// The innermost thing at an offset.
#[derive(Debug, Clone)]
pub struct Cursor<'n> {
    /// The document.
    pub document: &'n Node,
    /// Its kind, as far as it can be told.
    pub kind: Option<Kind>,
    /// The record and field around it.
    pub record: &'static str,
    /// The field, as the language spells it.
    pub field: String,
    /// The record whose fields stand where the cursor is, for a key.
    pub fields: Option<&'static RecordShape>,
    /// The map that the key or value stands in.
    pub map: Option<&'n Map>,
    /// The nearest step around it.
    pub step: Option<&'n Map>,
    /// The nearest map that says what it `uses`.
    pub user: Option<&'n Map>,
    /// What it is.
    pub on: On<'n>,
}

/// What a cursor stands on.
#[derive(Debug, Clone)]
pub enum On<'n> {
    /// A field of the language.
    Field(Span, Option<&'static FieldShape>),
    /// A key that the author names; what its map holds.
    Named(Span),
    /// A value, and what is due there.
    Value(&'n Node, Shape),
    /// An expression in a text: the text, its place, and which bytes of it are the expression.
    Expression(&'n Text, Span, std::ops::Range<usize>),
}

/// The innermost thing at an offset of the documents of a file.
#[must_use]
pub fn at(documents: &[Node], offset: u32) -> Option<Cursor<'_>> {
    let document = documents.iter().rev().find(|node| node.span.start <= offset)?;
    let holds = |span: Span| span.start <= offset && offset <= span.end;
    let mut found = None;
    walk(document, &mut |seen| {
        let on = match seen.spot {
            Spot::Field(key, field) if holds(key.span) => On::Field(key.span, field),
            Spot::Named(key) if holds(key.span) => On::Named(key.span),
            Spot::Value(node) if holds(node.span) && is_scalar(node) => value(seen, node, offset),
            _ => return,
        };
        found = Some(cursor(document, seen, on));
    });
    found.or_else(|| envelope(document, offset))
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node.value, Value::Map(_) | Value::List(_))
}

fn value<'n>(seen: &Seen<'_, 'n>, node: &'n Node, offset: u32) -> On<'n> {
    if let Some(text) = node.as_text() {
        for part in expressions(seen.shape, &text.value) {
            let place = text.place(node.span, part.start, part.end);
            if place.start <= offset && offset <= place.end {
                return On::Expression(text, node.span, part);
            }
        }
    }
    On::Value(node, seen.shape.clone())
}

fn cursor<'n>(document: &'n Node, seen: &Seen<'_, 'n>, on: On<'n>) -> Cursor<'n> {
    let (record, field) = seen.field();
    let last = seen.crumbs.last();
    let user = seen.crumbs.iter().rev().map(|crumb| crumb.map).find(|map| map.get("uses").is_some());
    Cursor {
        document,
        kind: kind_of(document),
        record,
        field: field.to_owned(),
        fields: last.and_then(|crumb| crumb.record),
        map: last.map(|crumb| crumb.map),
        step: seen.around("Step"),
        user,
        on,
    }
}

/// The four fields that every document has.
fn envelope(document: &Node, offset: u32) -> Option<Cursor<'_>> {
    let map = document.as_map()?;
    let holds = |span: Span| span.start <= offset && offset <= span.end;
    let mut found = None;
    for (key, node) in &map.entries {
        let on = if holds(key.span) {
            On::Field(key.span, None)
        } else if holds(node.span) && is_scalar(node) {
            let shape = if &*key.text == "kind" {
                <Kind as ordain_spec::decode::Decode>::shape()
            } else {
                Shape::Data
            };
            On::Value(node, shape)
        } else {
            continue;
        };
        found = Some(Cursor {
            document,
            kind: kind_of(document),
            record: "",
            field: key.text.to_string(),
            fields: None,
            map: Some(map),
            step: None,
            user: None,
            on,
        });
    }
    found
}

impl Cursor<'_> {
    /// The place of what the cursor stands on.
    #[must_use]
    pub fn span(&self) -> Span {
        match &self.on {
            On::Field(span, _) | On::Named(span) => *span,
            On::Value(node, _) => node.span,
            On::Expression(text, span, part) => text.place(*span, part.start, part.end),
        }
    }
}
