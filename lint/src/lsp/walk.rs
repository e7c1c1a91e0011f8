//! A document and the shapes of its kind, walked together: which record and field every key and value
//! stands in. Works on whatever could be read of a broken document; never a second reading of it.

use ordain_spec::decode::{FieldShape, RecordShape, Shape};
use ordain_spec::kind::Kind;
use ordain_spec::tree::{Key, Map, Node, Value};

/// What is visited.
#[derive(Debug, Clone, Copy)]
pub enum Spot<'n> {
    /// A field that the language names; unknown fields have no shape.
    Field(&'n Key, Option<&'static FieldShape>),
    /// A key that the author names.
    Named(&'n Key),
    /// A value, and what is due there.
    Value(&'n Node),
}

/// A field on the way from the document to a spot.
#[derive(Debug, Clone)]
pub struct Crumb<'n> {
    /// The record that has the field; `None` in a map that the author names.
    pub record: Option<&'static RecordShape>,
    /// The field, or the author's key.
    pub field: &'n str,
    /// The map it stands in.
    pub map: &'n Map,
}

/// A spot and the way to it.
#[derive(Debug)]
pub struct Seen<'a, 'n> {
    /// From the document inwards. The last is the field that a value belongs to; for a key, the field that
    /// its map belongs to.
    pub crumbs: &'a [Crumb<'n>],
    /// What is visited.
    pub spot: Spot<'n>,
    /// What is due there: of a value itself, of a key the record or map around it.
    pub shape: &'a Shape,
}

impl<'n> Seen<'_, 'n> {
    /// The record and field that the spot belongs to; authors' keys are passed over.
    #[must_use]
    pub fn field(&self) -> (&'static str, &'n str) {
        let crumb = self.crumbs.iter().rev().find(|crumb| crumb.record.is_some());
        crumb.map_or(("", ""), |crumb| (crumb.record.map_or("", |record| record.name), crumb.field))
    }

    /// The map of the nearest record of that name around the spot.
    #[must_use]
    pub fn around(&self, record: &str) -> Option<&'n Map> {
        let is_it = |crumb: &&Crumb<'n>| crumb.record.is_some_and(|shape| shape.name == record);
        self.crumbs.iter().rev().find(is_it).map(|crumb| crumb.map)
    }

    /// True where the last step was into a map that the author names.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.crumbs.last().is_some_and(|crumb| crumb.record.is_none())
    }
}

/// The kind of a document, as far as it can be told.
#[must_use]
pub fn kind_of(document: &Node) -> Option<Kind> {
    text_in(document.as_map()?, "kind").and_then(Kind::from_word)
}

/// `metadata.name`
#[must_use]
pub fn name_of(document: &Node) -> Option<&str> {
    let (_, metadata) = document.as_map()?.get("metadata")?;
    text_in(metadata.as_map()?, "name")
}

/// The text of a key's value.
#[must_use]
pub fn text_in<'n>(map: &'n Map, key: &str) -> Option<&'n str> {
    map.get(key).and_then(|(_, value)| value.as_text()).map(|text| &*text.value)
}

/// The name in a reference, without its requirement.
#[must_use]
pub fn bare(reference: &str) -> &str {
    reference.split('@').next().unwrap_or_default()
}

/// Visits every key and value of a document, outer ones first.
pub fn walk<'n>(document: &'n Node, visit: &mut dyn FnMut(&Seen<'_, 'n>)) {
    let (Some(kind), Some(map)) = (kind_of(document), document.as_map()) else { return };
    let shape = kind.shape();
    let mut walker = Walker { crumbs: Vec::new(), visit };
    for (key, node) in &map.entries {
        let record = match &*key.text {
            "metadata" => shape.metadata,
            "spec" => Some(shape.spec),
            _ => None,
        };
        if let Some(record) = record {
            walker.record(record, node);
        }
    }
}

struct Walker<'v, 'n> {
    crumbs: Vec<Crumb<'n>>,
    visit: &'v mut dyn FnMut(&Seen<'_, 'n>),
}

impl<'n> Walker<'_, 'n> {
    fn see(&mut self, spot: Spot<'n>, shape: &Shape) {
        (self.visit)(&Seen { crumbs: &self.crumbs, spot, shape });
    }

    fn record(&mut self, record: &'static RecordShape, node: &'n Node) {
        let Some(map) = node.as_map() else {
            // A bare text may stand for the record with one field alone.
            let short = record.short.and_then(|short| record.field(short));
            if let (Some(field), Value::Text(_)) = (short, &node.value) {
                self.crumbs.push(Crumb { record: Some(record), field: &field.name, map: empty() });
                self.value(&(field.shape)(), node);
                self.crumbs.pop();
            }
            return;
        };
        for (key, value) in &map.entries {
            let field = record.field(&key.text);
            self.crumbs.push(Crumb { record: Some(record), field: &key.text, map });
            let shape = field.map_or(Shape::Data, |field| (field.shape)());
            self.see(Spot::Field(key, field), &shape);
            self.value(&shape, value);
            self.crumbs.pop();
        }
    }

    fn value(&mut self, shape: &Shape, node: &'n Node) {
        self.see(Spot::Value(node), shape);
        match (shape, &node.value) {
            (Shape::OneOf(options), _) => {
                if let Some(option) = chosen(options, node) {
                    self.inside(option, node);
                }
            }
            _ => self.inside(shape, node),
        }
    }

    fn inside(&mut self, shape: &Shape, node: &'n Node) {
        match (shape, &node.value) {
            (Shape::Record(record), _) => self.record(record(), node),
            (Shape::List(item), Value::List(items)) => {
                let item = item();
                items.iter().for_each(|node| self.value(&item, node));
            }
            (Shape::Data, Value::List(items)) => items.iter().for_each(|node| self.value(&Shape::Data, node)),
            (Shape::Map(item), Value::Map(map)) => self.map(&item(), shape, map),
            (Shape::Data, Value::Map(map)) => self.map(&Shape::Data, shape, map),
            _ => {}
        }
    }

    fn map(&mut self, item: &Shape, shape: &Shape, map: &'n Map) {
        for (key, value) in &map.entries {
            self.see(Spot::Named(key), shape);
            self.crumbs.push(Crumb { record: None, field: &key.text, map });
            self.value(item, value);
            self.crumbs.pop();
        }
    }
}

fn empty() -> &'static Map {
    static EMPTY: Map = Map { entries: Vec::new() };
    &EMPTY
}

/// Which of several shapes a value is meant as.
fn chosen<'s>(options: &'s [Shape], node: &Node) -> Option<&'s Shape> {
    let fits = |shape: &&Shape| match (&node.value, shape) {
        (Value::Map(_), Shape::Record(_) | Shape::Map(_) | Shape::Data)
        | (Value::List(_), Shape::List(_) | Shape::Data) => true,
        (Value::Map(_) | Value::List(_), _) => false,
        (_, shape) => !matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Record(_)),
    };
    let known = |shape: &Shape| match (shape, node.as_map()) {
        (Shape::Record(record), Some(map)) => {
            let record = record();
            map.entries.iter().filter(|(key, _)| record.field(&key.text).is_some()).count()
        }
        _ => 0,
    };
    // The first of those with the most known fields.
    options.iter().filter(fits).rev().max_by_key(|shape| known(shape))
}
