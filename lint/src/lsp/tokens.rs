//! The words of an expression with their places: for highlighting, and to say what a cursor stands on also
//! while the expression is broken. What an expression means is the business of `ordain_spec::expr` alone.

use ordain_spec::decode::Shape;
use ordain_spec::source::Span;
use ordain_spec::tree::Text;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name; `called` before a bracket.
    Name {
        /// True for a function.
        called: bool,
    },
    /// `true`, `false`, `null`, `in`
    Keyword,
    /// A number.
    Number,
    /// A string with its quotes.
    String,
    /// Anything else.
    Mark,
}

/// A token and its bytes in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

impl Token {
    /// Its text.
    #[must_use]
    pub fn text(self, whole: &str) -> &str {
        whole.get(self.start..self.end).unwrap_or_default()
    }

    /// Its place in the file.
    #[must_use]
    pub fn place(self, text: &Text, span: Span) -> Span {
        text.place(span, self.start, self.end)
    }
}

/// The parts of a text that are expressions.
#[must_use]
pub fn expressions(shape: &Shape, text: &str) -> Vec<std::ops::Range<usize>> {
    match shape {
        Shape::Text { what: "an expression", .. } => std::iter::once(0..text.len()).collect(),
        Shape::Data | Shape::OneOf(_) | Shape::Text { .. } if text.contains("${") => templates(text),
        _ => Vec::new(),
    }
}

/// What stands between `${` and its `}`; `$${` is none. One that is not closed goes on to the end.
fn templates(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(begin) = text.get(at..).and_then(|rest| rest.find("${")).map(|offset| at + offset) {
        let start = begin + 2;
        if text.get(..begin).is_some_and(|before| before.ends_with('$')) {
            at = start;
            continue;
        }
        let end = closing(text, start);
        found.push(start..end);
        at = end;
    }
    found
}

fn closing(text: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for token in tokens(text, start..text.len()) {
        match token.text(text) {
            "{" => depth += 1,
            "}" if depth == 0 => return token.start,
            "}" => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// The tokens of a part of a text.
#[must_use]
pub fn tokens(text: &str, part: std::ops::Range<usize>) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let bytes = text.as_bytes();
    let byte = |at: usize| if at < part.end { bytes.get(at).copied() } else { None };
    let run = |from: usize, test: fn(u8) -> bool| {
        let mut at = from;
        while byte(at).is_some_and(test) {
            at += 1;
        }
        at
    };
    let mut at = part.start;
    while let Some(first) = byte(at) {
        let (kind, end) = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                let end = run(at, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let called = byte(run(end, |byte| byte == b' ')) == Some(b'(');
                let kind = match text.get(at..end) {
                    Some("true" | "false" | "null" | "in") => Kind::Keyword,
                    _ => Kind::Name { called },
                };
                (kind, end)
            }
            b'0'..=b'9' => (Kind::Number, run(at, |byte| byte.is_ascii_alphanumeric() || byte == b'.')),
            b'"' | b'\'' => (Kind::String, string_end(bytes, at, part.end)),
            b'&' | b'|' | b'=' | b'!' | b'<' | b'>' => {
                let two = matches!(
                    (first, byte(at + 1)),
                    (b'&', Some(b'&')) | (b'|', Some(b'|')) | (b'=' | b'!' | b'<' | b'>', Some(b'='))
                );
                (Kind::Mark, at + if two { 2 } else { 1 })
            }
            // The whole letter, also where it has several bytes.
            _ => {
                let mut end = at + 1;
                while end < part.end && !text.is_char_boundary(end) {
                    end += 1;
                }
                (Kind::Mark, end)
            }
        };
        found.push(Token { kind, start: at, end });
        at = end;
    }
    found
}

/// One past the closing quote; the end where there is none.
fn string_end(bytes: &[u8], start: usize, limit: usize) -> usize {
    let quote = bytes.get(start).copied();
    let mut at = start + 1;
    while at < limit {
        match bytes.get(at).copied() {
            Some(b'\\') => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    limit
}

/// A name and the names before it that it is a field of: `steps`, `check`, `outputs`, with places.
pub type Chain = Vec<Token>;

/// The chains of names in an expression; keys in brackets (`budget["x"]`) belong to them.
#[must_use]
pub fn chains(text: &str, part: std::ops::Range<usize>) -> Vec<Chain> {
    let tokens = tokens(text, part);
    let mut found: Vec<Chain> = Vec::new();
    let mut open: Option<Chain> = None;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let seen = |at: usize| tokens.get(at).map(|token| (token.text(text), token.kind));
        match (token.kind, token.text(text)) {
            (Kind::Name { .. }, _) => {
                let chain = open.get_or_insert_with(Vec::new);
                chain.push(*token);
            }
            (Kind::Mark, ".") if open.is_some() && matches!(seen(at + 1), Some((_, Kind::Name { .. }))) => {
                at += 1;
                continue;
            }
            (Kind::Mark, "[") if open.is_some() && matches!(seen(at + 1), Some((_, Kind::String))) => {
                if let (Some(chain), Some(key)) = (&mut open, tokens.get(at + 1)) {
                    chain.push(Token {
                        kind: key.kind,
                        start: key.start + 1,
                        end: key.end.saturating_sub(1),
                    });
                }
                at += 3;
                if seen(at).is_none_or(|(text, _)| text != ".") {
                    found.extend(open.take());
                }
                continue;
            }
            _ => found.extend(open.take()),
        }
        at += 1;
        if !matches!(tokens.get(at).map(|token| token.text(text)), Some("." | "[")) {
            found.extend(open.take());
        }
    }
    found.extend(open.take());
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "tests")]
    use super::*;

    fn said(text: &str) -> Vec<Vec<&str>> {
        chains(text, 0..text.len())
            .into_iter()
            .map(|chain| chain.into_iter().map(|token| token.text(text)).collect())
            .collect()
    }

    #[test]
    fn chains_of_names_are_found_in_whole_and_broken_expressions() {
        assert_eq!(
            said("steps.check.outputs.lag_s < constants.max"),
            [vec!["steps", "check", "outputs", "lag_s"], vec!["constants", "max"]]
        );
        assert_eq!(said("budget[\"a-b\"].remaining > 1"), [vec!["budget", "a-b", "remaining"]]);
        assert_eq!(said("input.amount <= budget['r']"), [vec!["input", "amount"], vec!["budget", "r"]]);
        assert_eq!(said("has(steps.look."), [vec!["has"], vec!["steps", "look"]]);
        assert_eq!(said("a b"), [vec!["a"], vec!["b"]]);
        assert_eq!(said("actor.is(\"role:sre\")"), [vec!["actor", "is"]]);
    }

    #[test]
    fn templates_end_at_their_own_bracket() {
        let parts = |text: &str| -> Vec<String> {
            expressions(&Shape::Data, text).into_iter().map(|part| text[part].to_owned()).collect()
        };
        assert_eq!(parts("a ${ x } b ${ y }"), [" x ", " y "]);
        assert_eq!(parts("$${ x } ${ '}' + {a: 1}.a }"), [" '}' + {a: 1}.a "]);
        assert_eq!(parts("${ steps."), [" steps."]);
        assert!(parts("none").is_empty());
    }
}
