//! From KDL nodes to values, directed by shapes.

use std::collections::BTreeMap;
use std::sync::Arc;

use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};

use super::text;
use crate::decode::{LARGEST_INTEGER, RecordShape, Shape, camel, kebab};
use crate::diagnostic::{Diagnostic, Edit};
use crate::scan::{hidden, hidden_character, span};
use crate::source::{FileId, Span};
use crate::tree::{Key, Map, Node, Text, Value, Way};

/// A place of the parser, whose type is not ours to name, as ours.
macro_rules! place {
    ($builder:expr, $foreign:expr) => {{
        let foreign = $foreign;
        $builder.place(foreign.offset(), foreign.len())
    }};
}
pub(super) use place;

/// List fields with their singular and the field that an item's argument is.
const LISTS: [(&str, &str, &str); 10] = [
    ("steps", "step", "id"),
    ("needs", "need", "step"),
    ("guards", "guard", "id"),
    ("ensures", "ensure", "id"),
    ("rules", "rule", "id"),
    ("stages", "stage", "id"),
    ("costs", "cost", "unit"),
    ("quotas", "quota", "per"),
    ("triggers", "trigger", "id"),
    ("holds", "hold", "id"),
];

/// The field that the argument of an item is.
#[must_use]
pub fn key_field(list: &str) -> Option<&'static str> {
    LISTS.iter().find(|(plural, ..)| *plural == list).map(|(.., key)| *key)
}

/// The name of an item of a list field of a record, and the field that its argument is.
#[must_use]
pub fn singular(record: &RecordShape, list: &str) -> Option<(&'static str, &'static str)> {
    let (_, singular, key) = LISTS.iter().find(|(plural, ..)| *plural == list)?;
    let is_list = record.field(list).is_some_and(|field| list_item(&(field.shape)()).is_some());
    (is_list && record.field(singular).is_none()).then_some((*singular, *key))
}

/// The entries of a map while it is read.
#[derive(Default)]
pub struct Entries {
    entries: Vec<(Key, Node)>,
    at: BTreeMap<Arc<str>, usize>,
}

impl Entries {
    /// Adds an entry. A key that is there already is a duplicate, unless a list is due: then its items
    /// are added to the list.
    pub fn insert(&mut self, key: Key, node: Node, list_due: bool, sink: &mut Vec<Diagnostic>) {
        let known = self.at.get(&key.text).and_then(|at| self.entries.get_mut(*at));
        let Some((first, value)) = known else {
            self.at.insert(Arc::clone(&key.text), self.entries.len());
            self.entries.push((key, node));
            return;
        };
        if !list_due {
            sink.push(crate::tree::duplicate_key(&key.text, key.span, first.span));
            return;
        }
        let mut items = as_list(std::mem::replace(&mut value.value, Value::Null), value.span);
        value.span = value.span.to(node.span);
        items.extend(as_list(node.value, node.span));
        value.value = Value::List(items);
    }

    /// The finished map.
    pub fn into_map(self) -> Map {
        Map { entries: self.entries }
    }
}

fn as_list(value: Value, span: Span) -> Vec<Node> {
    match value {
        Value::List(items) => items,
        value => vec![Node { value, span }],
    }
}

/// Reads nodes of one file.
pub struct Builder<'a> {
    /// The file.
    pub file: FileId,
    /// Its text.
    pub source: &'a str,
    /// Where problems go.
    pub sink: &'a mut Vec<Diagnostic>,
}

/// What a node holds, sorted.
struct Parts<'n> {
    arguments: Vec<&'n KdlEntry>,
    properties: Vec<&'n KdlEntry>,
    /// Named children.
    children: Vec<&'n KdlNode>,
    /// Children named `-`: items of a list.
    dashes: Vec<&'n KdlNode>,
    has_block: bool,
}

impl<'n> Parts<'n> {
    fn of(node: &'n KdlNode) -> Self {
        let (properties, arguments) = node.entries().iter().partition(|entry| entry.name().is_some());
        let nodes = node.children().map(KdlDocument::nodes).unwrap_or_default();
        let (dashes, children) = nodes.iter().partition(|child| child.name().value() == "-");
        Self { arguments, properties, children, dashes, has_block: node.children().is_some() }
    }

    const fn names_something(&self) -> bool {
        !self.properties.is_empty() || !self.children.is_empty()
    }

    const fn is_bare(&self) -> bool {
        self.arguments.is_empty() && !self.names_something() && self.dashes.is_empty() && !self.has_block
    }
}

impl Builder<'_> {
    /// The place of some bytes, without white space at their end.
    pub fn place(&self, start: usize, length: usize) -> Span {
        let end = start + length;
        let written = self.source.get(start..end).unwrap_or_default();
        span(self.file, start, start + written.trim_end().len())
    }

    /// Reports an annotation where none is due.
    pub fn refuse_annotation(&mut self, annotation: Option<&KdlIdentifier>) {
        let Some(annotation) = annotation else { return };
        let place = place!(self, annotation.span());
        self.sink.push(
            Diagnostic::law(
                "alias-or-tag",
                place,
                format!("the annotation `({})` is refused", annotation.value()),
            )
            .help("remove it; `(list)` and `(map)` may stand before a node of free data"),
        );
    }

    /// Reports a value that has no place here.
    pub fn superfluous(&mut self, entry: &KdlEntry, why: &str) {
        let place = place!(self, entry.span());
        self.sink.push(
            Diagnostic::law("wrong-type", place, "a value stands where none is due").help(why.to_owned()),
        );
    }

    /// The properties of a node as fields of a record.
    pub fn properties<'n>(
        &mut self,
        record: &RecordShape,
        properties: impl Iterator<Item = &'n KdlEntry>,
        out: &mut Entries,
    ) {
        for entry in properties {
            let Some(name) = entry.name() else { continue };
            let place = place!(self, name.span());
            let Some(key) = self.field_name(record, name.value(), place) else { continue };
            let value = self.scalar(entry);
            let value = match record.field(&key) {
                Some(field) => self.item_or_list((field.shape)(), value, &key),
                None => value,
            };
            out.insert(Key { text: key.into(), span: place }, value, false, self.sink);
        }
    }

    /// A list of one where a list is due.
    fn item_or_list(&self, shape: Shape, value: Node, field: &str) -> Node {
        match list_item(&shape) {
            Some(item) if !takes_scalar(&shape) => {
                let span = value.span;
                let item = self.keyed_item(&item(), value, field);
                Node { value: Value::List(vec![item]), span }
            }
            _ => value,
        }
    }

    /// A bare item of a list of records stands for the record with its key field alone.
    fn keyed_item(&self, shape: &Shape, value: Node, field: &str) -> Node {
        let (Some(_), Some(key)) = (record(shape), key_field(field)) else { return value };
        let span = value.span;
        let entry = (Key { text: key.into(), span }, value);
        Node { value: Value::Map(Map { entries: vec![entry] }), span }
    }

    /// The children of a block as fields of a record.
    pub fn children(&mut self, record: &RecordShape, block: Option<&KdlDocument>, out: &mut Entries) {
        for child in block.map(KdlDocument::nodes).unwrap_or_default() {
            self.child(record, child, out);
        }
    }

    /// One child node as a field of a record.
    pub fn child(&mut self, record: &RecordShape, node: &KdlNode, out: &mut Entries) {
        let name = node.name().value();
        let place = place!(self, node.name().span());
        let singular = LISTS.iter().find(|(plural, singular, _)| {
            *singular == name
                && record.field(singular).is_none()
                && record.field(plural).is_some_and(|field| list_item(&(field.shape)()).is_some())
        });
        if let Some((plural, _, key)) = singular
            && let Some(item) = record.field(plural).and_then(|field| list_item(&(field.shape)()))
        {
            self.refuse_annotation(node.ty());
            let value = self.item(node, &item(), Some(key));
            let list = Node { span: value.span, value: Value::List(vec![value]) };
            out.insert(Key { text: (*plural).into(), span: place }, list, true, self.sink);
            return;
        }
        let Some(key) = self.field_name(record, name, place) else { return };
        let shape = record.field(&key).map_or(Shape::Data, |field| (field.shape)());
        let value = self.value(node, &shape, &key);
        out.insert(Key { text: key.into(), span: place }, value, list_item(&shape).is_some(), self.sink);
    }

    /// The language's spelling of a field. One that is written in camelCase is reported here.
    fn field_name(&mut self, record: &RecordShape, name: &str, place: Span) -> Option<String> {
        let spelled = kebab(name);
        if spelled != name && record.field(name).is_some() {
            self.sink.push(
                Diagnostic::law("unknown-field", place, format!("unknown field `{name}`"))
                    .help(format!("did you mean `{spelled}`? Fields are in kebab-case in KDL"))
                    .consequence("the engine refuses the catalogue: an unknown field is never ignored")
                    .fix(true, vec![Edit { span: place, text: spelled }]),
            );
            return None;
        }
        Some(camel(name, '-'))
    }

    /// The value of a node. `field` is its name, for key fields of lists.
    fn value(&mut self, node: &KdlNode, shape: &Shape, field: &str) -> Node {
        let parts = Parts::of(node);
        let annotation = self.annotation(node);
        if !parts.dashes.is_empty() && parts.names_something() {
            let place = place!(self, node.span());
            self.sink.push(
                Diagnostic::law(
                    "wrong-type",
                    place,
                    "items of a list (`-`) and named fields stand in one block",
                )
                .help("write either items or fields"),
            );
        }
        let place = place!(self, node.span());
        let chosen = choose(shape, &parts, annotation);
        let value = match &chosen {
            Shape::List(item) => self.list(node, &parts, &item(), field),
            Shape::Map(inner) => self.map(&parts, &inner()),
            Shape::Record(_) if is_scalar_only(&parts) => return self.only_arguments(&parts, place),
            Shape::Record(record) => {
                for argument in &parts.arguments {
                    self.superfluous(argument, "this takes properties and children only");
                }
                let mut out = Entries::default();
                self.properties(record(), parts.properties.iter().copied(), &mut out);
                self.children(record(), node.children(), &mut out);
                Value::Map(out.into_map())
            }
            Shape::Data => return self.data(&parts, annotation, place),
            _ if parts.is_bare() => Value::Bool(true),
            _ if is_scalar_only(&parts) => return self.only_arguments(&parts, place),
            _ => return self.data(&parts, annotation, place),
        };
        Node { value, span: place }
    }

    /// `list` or `map`; others are reported.
    fn annotation<'n>(&mut self, node: &'n KdlNode) -> Option<&'n str> {
        let annotation = node.ty()?;
        if matches!(annotation.value(), "list" | "map") {
            return Some(annotation.value());
        }
        self.refuse_annotation(Some(annotation));
        None
    }

    /// One argument as a scalar, several as a list.
    fn only_arguments(&mut self, parts: &Parts<'_>, place: Span) -> Node {
        match parts.arguments.as_slice() {
            [one] => self.scalar(one),
            many => {
                let items = many.iter().map(|entry| self.scalar(entry)).collect();
                Node { value: Value::List(items), span: place }
            }
        }
    }

    fn list(&mut self, node: &KdlNode, parts: &Parts<'_>, item: &Shape, field: &str) -> Value {
        if parts.names_something() {
            return Value::List(vec![self.item(node, item, key_field(field))]);
        }
        let mut items = Vec::new();
        for argument in &parts.arguments {
            let value = self.scalar(argument);
            items.push(self.keyed_item(item, value, field));
        }
        for dash in &parts.dashes {
            items.push(self.dash(dash, item, field));
        }
        Value::List(items)
    }

    /// An item written as a `-` node.
    fn dash(&mut self, node: &KdlNode, item: &Shape, field: &str) -> Node {
        let parts = Parts::of(node);
        if let [argument] = parts.arguments.as_slice()
            && is_scalar_only(&parts)
            && list_item(item).is_none()
            && node.ty().is_none()
        {
            let value = self.scalar(argument);
            return self.keyed_item(item, value, field);
        }
        match record(item) {
            Some(_) => self.item(node, item, key_field(field)),
            None => self.value(node, item, field),
        }
    }

    /// An item of a list: its argument is its key field.
    fn item(&mut self, node: &KdlNode, shape: &Shape, key: Option<&str>) -> Node {
        let (Some(record), Some(key)) = (record(shape), key) else {
            return self.value(node, shape, "");
        };
        let parts = Parts::of(node);
        let place = place!(self, node.span());
        let mut out = Entries::default();
        let mut arguments = parts.arguments.iter();
        if let Some(argument) = arguments.next() {
            let value = self.scalar(argument);
            out.insert(Key { text: key.into(), span: value.span }, value, false, self.sink);
        }
        for extra in arguments {
            self.superfluous(extra, &format!("an item has one argument, its `{key}`"));
        }
        self.properties(record, parts.properties.iter().copied(), &mut out);
        self.children(record, node.children(), &mut out);
        Node { value: Value::Map(out.into_map()), span: place }
    }

    /// A map whose keys keep their spelling.
    fn map(&mut self, parts: &Parts<'_>, inner: &Shape) -> Value {
        for argument in &parts.arguments {
            self.superfluous(argument, "a map has named values only");
        }
        let mut out = Entries::default();
        for entry in &parts.properties {
            let Some(name) = entry.name() else { continue };
            let key = Key { text: name.value().into(), span: place!(self, name.span()) };
            let value = self.scalar(entry);
            let value = self.item_or_list(inner.clone(), value, "");
            out.insert(key, value, false, self.sink);
        }
        for child in parts.children.iter().chain(&parts.dashes) {
            let key = Key { text: child.name().value().into(), span: place!(self, child.name().span()) };
            let value = self.value(child, inner, "");
            out.insert(key, value, list_item(inner).is_some(), self.sink);
        }
        Value::Map(out.into_map())
    }

    /// Data without a schema.
    fn data(&mut self, parts: &Parts<'_>, annotation: Option<&str>, place: Span) -> Node {
        let node = |value| Node { value, span: place };
        if !parts.names_something() && annotation != Some("map") {
            let listed = annotation == Some("list") || !parts.dashes.is_empty() || parts.arguments.len() > 1;
            if listed {
                return node(self.list_of_data(parts));
            }
            if let [argument] = parts.arguments.as_slice() {
                return self.scalar(argument);
            }
            if parts.is_bare() {
                return node(Value::Bool(true));
            }
        }
        node(self.map(parts, &Shape::Data))
    }

    fn list_of_data(&mut self, parts: &Parts<'_>) -> Value {
        let mut items: Vec<Node> = parts.arguments.iter().map(|argument| self.scalar(argument)).collect();
        items.extend(parts.dashes.iter().map(|dash| self.value(dash, &Shape::Data, "")));
        Value::List(items)
    }

    /// An argument or the value of a property.
    pub fn scalar(&mut self, entry: &KdlEntry) -> Node {
        self.refuse_annotation(entry.ty());
        let whole = entry.span();
        let end = whole.offset() + whole.len();
        let written = entry.format().map_or("", |format| format.value_repr.as_str());
        let start = end.saturating_sub(written.len());
        let place = span(self.file, start, end);
        let value = match entry.value() {
            KdlValue::String(value) => Value::Text(self.text(written, start, value, place)),
            // A number with a leading zero is none, as in YAML.
            KdlValue::Integer(_) | KdlValue::Float(_) if zero_led(written) => {
                Value::Text(self.text(written, start, written, place))
            }
            KdlValue::Integer(value) => self.integer(*value, place),
            KdlValue::Float(value) => Value::Float(*value),
            KdlValue::Bool(value) => Value::Bool(*value),
            KdlValue::Null => Value::Null,
        };
        Node { value, span: place }
    }

    fn integer(&mut self, value: i128, place: Span) -> Value {
        match i64::try_from(value) {
            Ok(value) if (-LARGEST_INTEGER..=LARGEST_INTEGER).contains(&value) => Value::Int(value),
            _ => {
                self.sink.push(
                    Diagnostic::law("integer-too-large", place, format!("`{value}` lies beyond ±(2^53−1)"))
                        .help("write a smaller integer, or quote it where a string is meant"),
                );
                Value::Int(LARGEST_INTEGER)
            }
        }
    }

    fn text(&mut self, written: &str, start: usize, value: &str, place: Span) -> Text {
        let text = Text { value: value.into(), way: Way::of(&text::pieces(written, start, value)) };
        for (at, letter) in value.char_indices() {
            if let Some(what) = hidden(letter) {
                self.sink.push(hidden_character(text.place(place, at, at + letter.len_utf8()), letter, what));
            }
        }
        text
    }
}

fn zero_led(written: &str) -> bool {
    let digits = written.strip_prefix(['-', '+']).unwrap_or(written).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9' | b'_', ..])
}

fn is_scalar_only(parts: &Parts<'_>) -> bool {
    !parts.arguments.is_empty() && !parts.names_something() && parts.dashes.is_empty() && !parts.has_block
}

/// The shape of the items, where a list may stand.
fn list_item(shape: &Shape) -> Option<fn() -> Shape> {
    match shape {
        Shape::List(item) => Some(*item),
        Shape::OneOf(shapes) => shapes.iter().find_map(list_item),
        _ => None,
    }
}

/// True where a scalar alone may stand.
fn takes_scalar(shape: &Shape) -> bool {
    match shape {
        Shape::Bool
        | Shape::Int { .. }
        | Shape::Number
        | Shape::Text { .. }
        | Shape::Words(_)
        | Shape::Data => true,
        Shape::List(_) | Shape::Map(_) | Shape::Record(_) => false,
        Shape::OneOf(shapes) => shapes.iter().any(takes_scalar),
    }
}

/// The record, where one may stand.
fn record(shape: &Shape) -> Option<&'static RecordShape> {
    match shape {
        Shape::Record(record) => Some(record()),
        Shape::OneOf(shapes) => shapes.iter().find_map(record),
        _ => None,
    }
}

/// Of several shapes the one that a node's notation asks for.
fn choose(shape: &Shape, parts: &Parts<'_>, annotation: Option<&str>) -> Shape {
    let Shape::OneOf(shapes) = shape else { return shape.clone() };
    let list = || shapes.iter().find(|shape| matches!(shape, Shape::List(_)));
    let scalar = || shapes.iter().find(|shape| takes_scalar(shape));
    let mut structs = shapes.iter().filter(|shape| matches!(shape, Shape::Record(_) | Shape::Map(_)));
    let chosen = if !parts.dashes.is_empty() || annotation == Some("list") {
        list()
    } else if parts.names_something() || annotation == Some("map") {
        let first = structs.next();
        std::iter::once(first).chain(structs.map(Some)).flatten().find(|shape| knows(shape, parts)).or(first)
    } else if !parts.arguments.is_empty() {
        scalar().or_else(list)
    } else {
        list().or_else(|| structs.next()).or_else(scalar)
    };
    chosen.or_else(|| shapes.first()).cloned().unwrap_or(Shape::Data)
}

/// True for a record that has a field of the first name in a node.
fn knows(shape: &Shape, parts: &Parts<'_>) -> bool {
    let Shape::Record(record) = shape else { return true };
    let properties = parts.properties.iter().filter_map(|entry| entry.name());
    let children = parts.children.iter().map(|child| child.name());
    properties.chain(children).any(|name| record().field(&camel(name.value(), '-')).is_some())
}
