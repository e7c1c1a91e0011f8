//! A first look at the bytes of an expression, in one pass and constant memory: what is too long, too
//! deep or no expression at all never reaches the parser. Also finds where a `${ … }` ends.

use crate::shown::visible;

/// Longest expression, in bytes.
pub(super) const MAX_BYTES: usize = 2048;
/// Deepest nesting of brackets, and of the tree that is made of them.
pub(super) const MAX_DEPTH: usize = 64;

/// Something that ends the look, at a byte range.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// A string, a comment, a name: nothing in it counts.
    Quiet,
    /// A string that never ends.
    Unended,
    Open,
    Close,
    Other,
}

/// The piece that begins at `at` and the offset past it.
fn piece(bytes: &[u8], at: usize) -> (Piece, usize) {
    let Some(byte) = bytes.get(at).copied() else { return (Piece::Other, at + 1) };
    match byte {
        b'"' | b'\'' => string(bytes, at, false),
        b'/' if bytes.get(at + 1) == Some(&b'/') => {
            let rest = bytes.get(at..).unwrap_or_default();
            (Piece::Quiet, at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()))
        }
        b'(' | b'[' | b'{' => (Piece::Open, at + 1),
        b')' | b']' | b'}' => (Piece::Close, at + 1),
        b'A'..=b'Z' | b'a'..=b'z' | b'_' => name(bytes, at),
        _ => (Piece::Other, at + 1),
    }
}

fn name(bytes: &[u8], at: usize) -> (Piece, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_name_byte(*byte)).unwrap_or(rest.len());
    let word = rest.get(..length).unwrap_or_default();
    let quoted = matches!(bytes.get(at + length), Some(b'"' | b'\''));
    let prefix = length <= 2 && word.iter().all(|byte| matches!(byte, b'r' | b'R' | b'b' | b'B'));
    if quoted && prefix {
        let raw = word.iter().any(|byte| matches!(byte, b'r' | b'R'));
        return string(bytes, at + length, raw);
    }
    (Piece::Quiet, at + length)
}

/// True for bytes of a name after its first.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn string(bytes: &[u8], at: usize, raw: bool) -> (Piece, usize) {
    let Some(quote) = bytes.get(at).copied() else { return (Piece::Unended, bytes.len()) };
    let width = if bytes.get(at..at + 3) == Some(&[quote; 3]) { 3 } else { 1 };
    let end = &[quote; 3];
    let end = end.get(..width).unwrap_or_default();
    let mut here = at + width;
    while here < bytes.len() {
        if bytes.get(here..here + width) == Some(end) {
            return (Piece::Quiet, here + width);
        }
        here += if !raw && bytes.get(here) == Some(&b'\\') { 2 } else { 1 };
    }
    (Piece::Unended, bytes.len())
}

/// Refuses what the parser shall not see.
pub(super) fn scan(source: &str) -> Result<(), Fault> {
    if source.len() > MAX_BYTES {
        let message = format!("an expression of {} bytes; at most {MAX_BYTES} are read", source.len());
        return Err(Fault { code: "too-large-or-deep", start: 0, end: source.len(), message });
    }
    let bytes = source.as_bytes();
    let (mut at, mut depth, mut empty) = (0, 0_usize, true);
    while at < bytes.len() {
        let (kind, next) = piece(bytes, at);
        empty &= bytes.get(at).is_some_and(u8::is_ascii_whitespace)
            || source.get(at..).is_some_and(|s| s.starts_with("//"));
        match kind {
            Piece::Unended => return Err(syntax(at, next, "a string without an end")),
            Piece::Open => depth += 1,
            Piece::Close => depth = depth.saturating_sub(1),
            Piece::Other => strange(source, at)?,
            Piece::Quiet => {}
        }
        if depth > MAX_DEPTH {
            let message = format!("brackets nested more than {MAX_DEPTH} deep");
            return Err(Fault { code: "too-large-or-deep", start: at, end: next, message });
        }
        at = next;
    }
    if empty { Err(syntax(0, source.len(), "an empty expression")) } else { Ok(()) }
}

fn syntax(start: usize, end: usize, message: impl Into<String>) -> Fault {
    Fault { code: "expression-syntax", start, end, message: message.into() }
}

/// Refuses characters that no expression has outside its strings.
fn strange(source: &str, at: usize) -> Result<(), Fault> {
    let Some(character) = source.get(at..).and_then(|rest| rest.chars().next()) else { return Ok(()) };
    let known = character.is_ascii_alphanumeric() || " \t\n.,!?=<>:%+-*/&|".contains(character);
    if known {
        return Ok(());
    }
    let shown = visible(&character.to_string());
    Err(syntax(at, at + character.len_utf8(), format!("`{shown}` is not expected here")))
}

/// The offset of the `}` that ends an expression beginning at `from`.
pub(super) fn closing_brace(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        let (kind, next) = piece(bytes, at);
        match kind {
            Piece::Unended => return None,
            Piece::Open => depth += 1,
            Piece::Close if depth == 0 => return (bytes.get(at) == Some(&b'}')).then_some(at),
            Piece::Close => depth -= 1,
            Piece::Quiet | Piece::Other => {}
        }
        at = next;
    }
    None
}
