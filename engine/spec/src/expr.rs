//! Expressions: CEL, typed before anything runs.
use crate::decode::{Decode, Decoder, Shape, json};
use crate::{
    source::Span,
    tree::{Node, Text},
};

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /** Its text. */
    pub text: Text,
    /** Where. */
    pub span: Span,
}

/// A JSON-like tree whose strings may hold `${ … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg {
    /** The tree. */
    pub node: Node,
}

impl Decode for Expr {
    fn shape() -> Shape {
        Shape::Text { what: "an expression", pattern: None }
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        cx.text(node, "an expression (a string)").map(|text| Self { text: text.clone(), span: node.span })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.text.value.as_ref().into())
    }
}

impl Decode for Arg {
    fn shape() -> Shape {
        Shape::Data
    }
    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        json(node, cx).map(|_| Self { node: node.clone() })
    }
    fn canonical(&self) -> Option<serde_json::Value> {
        json(&self.node, &mut Decoder::for_text("", crate::source::Notation::Yaml))
    }
}
