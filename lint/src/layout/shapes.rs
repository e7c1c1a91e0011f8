//! What the shapes of the kinds say about a place in a document: where an expression stands, what an item
//! of a list is, which fields a map has. Knows no text.

use ordain_spec::decode::{RecordShape, Shape};
use ordain_spec::kind::Kind;
use ordain_spec::tree::Node;

/// A place in a document.
#[derive(Debug, Clone)]
pub enum Place {
    /// The document itself.
    Document(Option<Kind>),
    /// A map with fields that the language names.
    Record(&'static RecordShape),
    /// Anything else.
    Shape(Shape),
}

impl Place {
    /// The place of a document as a whole.
    pub fn of(document: &Node) -> Self {
        let kind = document.as_map().and_then(|map| map.get("kind")).and_then(|(_, kind)| kind.as_text());
        Self::Document(kind.and_then(|word| Kind::from_word(&word.value)))
    }

    fn of_shape(shape: Shape) -> Self {
        match shape {
            Shape::Record(record) => Self::Record(record()),
            other => Self::Shape(other),
        }
    }

    const fn unknown() -> Self {
        Self::Shape(Shape::Data)
    }

    /// The place of the value of a field.
    pub fn field(&self, name: &str) -> Self {
        match self {
            Self::Document(kind) => match (kind.map(Kind::shape), name) {
                (Some(shape), "spec") => Self::Record(shape.spec),
                (Some(shape), "metadata") => shape.metadata.map_or_else(Self::unknown, Self::Record),
                _ => Self::unknown(),
            },
            Self::Record(record) => {
                record.field(name).map_or_else(Self::unknown, |field| Self::of_shape((field.shape)()))
            }
            Self::Shape(Shape::Map(inner)) => Self::of_shape(inner()),
            Self::Shape(Shape::OneOf(_)) => match self.holding(name) {
                Self::Shape(Shape::OneOf(_)) => Self::unknown(),
                form => form.field(name),
            },
            Self::Shape(_) => Self::unknown(),
        }
    }

    /// The place of an item of a list.
    pub fn item(&self) -> Self {
        match self {
            Self::Shape(shape) => item(shape).map_or_else(Self::unknown, Self::of_shape),
            _ => Self::unknown(),
        }
    }

    /// Of several forms the one that has a field of that name.
    pub fn holding(&self, name: &str) -> Self {
        let Self::Shape(Shape::OneOf(shapes)) = self else { return self.clone() };
        let knows = |shape: &&Shape| match shape {
            Shape::Record(record) => record().field(name).is_some(),
            shape => matches!(shape, Shape::Map(_)),
        };
        shapes.iter().find(knows).cloned().map_or_else(Self::unknown, Self::of_shape)
    }

    /// True where an expression is due.
    pub fn is_expression(&self) -> bool {
        matches!(self, Self::Shape(Shape::Text { what: "an expression", .. }))
    }

    /// True for data without a schema.
    pub const fn is_data(&self) -> bool {
        matches!(self, Self::Shape(Shape::Data))
    }

    /// True where one of several forms may stand.
    pub const fn is_choice(&self) -> bool {
        matches!(self, Self::Shape(Shape::OneOf(_)))
    }

    /// The record that stands here, where it can be one alone.
    pub const fn record(&self) -> Option<&'static RecordShape> {
        match self {
            Self::Record(record) => Some(record),
            _ => None,
        }
    }
}

fn item(shape: &Shape) -> Option<Shape> {
    match shape {
        Shape::List(item) => Some(item()),
        Shape::OneOf(shapes) => shapes.iter().find_map(item),
        _ => None,
    }
}
