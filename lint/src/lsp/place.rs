//! Places as editors count them: lines from 0, columns in UTF-16 units; and paths as URIs.

use std::path::{Path, PathBuf};

use ordain_spec::source::{SourceFile, Span};
use serde_json::{Value, json};

/// A place in a file as an editor says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 0.
    pub line: usize,
    /// UTF-16 units from the beginning of the line.
    pub character: usize,
}

impl Position {
    /// From `{line, character}`.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let number = |key: &str| value.get(key)?.as_u64().and_then(|number| usize::try_from(number).ok());
        Some(Self { line: number("line")?, character: number("character")? })
    }

    /// As `{line, character}`.
    #[must_use]
    pub fn json(self) -> Value {
        json!({"line": self.line, "character": self.character})
    }
}

/// The byte at a place; the end of the line or of the text where the place lies beyond it.
#[must_use]
pub fn offset(text: &str, place: Position) -> usize {
    let mut start = 0;
    for _ in 0..place.line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(length) => start += length + 1,
            None => return text.len(),
        }
    }
    let line = text.get(start..).unwrap_or_default().split(['\n', '\r']).next().unwrap_or_default();
    let mut units = 0;
    for (at, letter) in line.char_indices() {
        if units >= place.character {
            return start + at;
        }
        units += letter.len_utf16();
    }
    start + line.len()
}

/// The place of a byte.
#[must_use]
pub fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let character = before.get(line_start..).unwrap_or_default().encode_utf16().count();
    Position { line, character }
}

/// A span of a file as an editor's range.
#[must_use]
pub fn range(file: &SourceFile, span: Span) -> Value {
    let start = position(&file.text, span.start as usize);
    let end = position(&file.text, span.end as usize);
    json!({"start": start.json(), "end": end.json()})
}

/// The path of a `file:` URI.
#[must_use]
pub fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    // `file://host/path`: only this machine's files are ours.
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// A path as a `file:` URI.
#[must_use]
pub fn uri_of(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file://");
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _written = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// A text after the changes of `textDocument/didChange`, each in its turn. One that says no text, or a range that is
/// none, changes nothing.
#[must_use]
pub fn changed(text: &str, changes: &[Value]) -> String {
    let mut text = text.to_owned();
    for change in changes {
        let Some(new) = change.get("text").and_then(Value::as_str) else { continue };
        let range = change.get("range").filter(|range| !range.is_null());
        let place = |key| range.and_then(|range| Position::read(range.get(key)?));
        match (place("start"), place("end")) {
            (Some(start), Some(end)) => {
                let (start, end) = (offset(&text, start), offset(&text, end));
                text.replace_range(start.min(end)..end.max(start), new);
            }
            _ if range.is_some() => {}
            _ => new.clone_into(&mut text),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "tests")]
    use super::*;

    #[test]
    fn columns_count_utf16_units() {
        let text = "a: 1\nsummary: 😀é x\r\nlast";
        let at = |line, character| offset(text, Position { line, character });
        assert_eq!(&text[at(1, 9)..], "😀é x\r\nlast");
        assert_eq!(&text[at(1, 11)..], "é x\r\nlast");
        assert_eq!(&text[at(1, 99)..], "\r\nlast");
        assert_eq!(at(9, 0), text.len());
        for (offset, _) in text.char_indices().filter(|(_, letter)| !matches!(letter, '\r' | '\n')) {
            assert_eq!(super::offset(text, position(text, offset)), offset);
        }
    }

    #[test]
    fn changes_follow_one_another() {
        let change = |start: (u64, u64), end: (u64, u64), text: &str| {
            json!({"range": {"start": {"line": start.0, "character": start.1},
                             "end": {"line": end.0, "character": end.1}}, "text": text})
        };
        let text = changed("é: 1\nb: 2\n", &[change((0, 3), (0, 4), "10"), change((1, 0), (1, 1), "c")]);
        assert_eq!(text, "é: 10\nc: 2\n");
        assert_eq!(changed("x", &[json!({"text": "whole"}), json!({"range": null})]), "whole");
        let nowhere = json!({"range": {"start": {"line": -1, "character": 0}, "end": {}}, "text": "y"});
        assert_eq!(changed("x", &[nowhere]), "x");
    }

    #[test]
    fn uris_lead_back_to_their_paths() {
        for path in ["/a b/ü#%.yaml", "/plain/x.kdl"] {
            assert_eq!(path_of(&uri_of(Path::new(path))), Some(PathBuf::from(path)));
        }
        assert_eq!(path_of("file:///a%20b"), Some(PathBuf::from("/a b")));
        assert_eq!(path_of("untitled:1"), None);
    }
}
