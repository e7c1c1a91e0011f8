//! Expressions: CEL, typed before anything runs.
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
