//! How expressions and arguments are read from specs and digested: as their text.

use super::{Arg, Expr};
use crate::decode::{Decode, Decoder, Shape};
use crate::tree::Node;

impl Decode for Expr {
    fn shape() -> Shape {
        Shape::Text { what: "an expression", pattern: None }
    }

    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let text = cx.text(node, "an expression (a string)")?;
        match Self::parse(text, node.span) {
            Ok(expr) => Some(expr),
            Err(faults) => {
                faults.into_iter().for_each(|fault| cx.report(fault));
                None
            }
        }
    }

    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.source().into())
    }
}

impl Decode for Arg {
    fn shape() -> Shape {
        Shape::Data
    }

    fn decode(node: &Node, cx: &mut Decoder<'_>) -> Option<Self> {
        let mut faults = Vec::new();
        let arg = Self::parse(node, &mut faults);
        faults.into_iter().for_each(|fault| cx.report(fault));
        arg
    }

    fn canonical(&self) -> Option<serde_json::Value> {
        Some(self.to_json())
    }
}
