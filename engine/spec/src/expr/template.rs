//! Strings with `${ … }`. What comes out of an expression is never looked at again.

use std::sync::Arc;

use super::scan::closing_brace;
use super::{COST_LIMIT, EvalError, EvalErrorKind, Expr, Facts, Value};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::tree::Text;

/// A string of a spec, cut at its expressions. Equal where the texts are.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    pieces: Arc<[Piece]>,
    span: Span,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text as it stands (`$${` is `${` already).
    Literal(Arc<str>),
    /// The expression of a `${ … }`.
    Expr(Expr),
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Template {
    /// Reads a string that stands at `span`.
    ///
    /// # Errors
    /// A `${` without an end, and whatever [`Expr::parse`] refuses; all of them.
    pub fn parse(text: &Text, span: Span) -> Result<Self, Vec<Diagnostic>> {
        let source = &*text.value;
        let (mut pieces, mut faults) = (Vec::new(), Vec::new());
        let (mut plain, mut at) = (String::new(), 0);
        while let Some(found) = source.get(at..).and_then(|rest| rest.find("${")).map(|found| found + at) {
            let before = source.get(at..found).unwrap_or_default();
            if let Some(before) = before.strip_suffix('$') {
                plain.push_str(before);
                plain.push_str("${");
                at = found + 2;
                continue;
            }
            plain.push_str(before);
            let Some(end) = closing_brace(source, found + 2) else {
                let place = text.place(span, found, source.len());
                let message = "`${` without the `}` that ends it";
                faults.push(
                    Diagnostic::law("expression-syntax", place, message)
                        .help("close the expression, or write `$${` for the characters themselves")
                        .consequence(super::CONSEQUENCE),
                );
                at = source.len();
                break;
            };
            match Expr::parse_part(text, span, found + 2..end) {
                Ok(expr) => {
                    if !plain.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut plain).into()));
                    }
                    pieces.push(Piece::Expr(expr));
                }
                Err(more) => faults.extend(more),
            }
            at = end + 1;
        }
        plain.push_str(source.get(at..).unwrap_or_default());
        if !plain.is_empty() {
            pieces.push(Piece::Literal(plain.into()));
        }
        if faults.is_empty() {
            Ok(Self { source: Arc::clone(&text.value), pieces: pieces.into(), span })
        } else {
            Err(faults)
        }
    }

    /// The string as the author wrote it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Its parts in their order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Its expressions in their order.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Expr(expr) => Some(expr),
            Piece::Literal(_) => None,
        })
    }

    /// True where anything in it is computed.
    #[must_use]
    pub fn is_computed(&self) -> bool {
        self.exprs().next().is_some()
    }

    /// The expression, where the string is one `${ … }` and nothing else: it keeps its type.
    #[must_use]
    pub fn single(&self) -> Option<&Expr> {
        match &*self.pieces {
            [Piece::Expr(expr)] => Some(expr),
            _ => None,
        }
    }

    /// The text, where nothing is computed.
    #[must_use]
    pub fn literal(&self) -> Option<Arc<str>> {
        match &*self.pieces {
            [] => Some("".into()),
            [Piece::Literal(text)] => Some(Arc::clone(text)),
            _ => None,
        }
    }

    /// Its value: that of its one expression, or the parts joined as text.
    ///
    /// # Errors
    /// Any error of an expression, and a part of a joined text that is neither string, integer nor boolean.
    pub fn render(&self, facts: &dyn Facts) -> Result<Value, EvalError> {
        if let Some(expr) = self.single() {
            return expr.eval(facts, COST_LIMIT);
        }
        if let Some(text) = self.literal() {
            return Ok(Value::Text(text));
        }
        let mut joined = String::new();
        for piece in &*self.pieces {
            match piece {
                Piece::Literal(text) => joined.push_str(text),
                Piece::Expr(expr) => joined.push_str(&part(expr, facts)?),
            }
        }
        Ok(Value::text(joined))
    }
}

fn part(expr: &Expr, facts: &dyn Facts) -> Result<String, EvalError> {
    let value = expr.eval(facts, COST_LIMIT)?;
    value.joined().ok_or_else(|| EvalError {
        kind: EvalErrorKind::Type,
        span: expr.span(),
        message: format!("{} cannot be a part of a text", value.describe()),
    })
}
