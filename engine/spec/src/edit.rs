//! Where an edit puts what: a field into a map, an item into a list, in the notation and the layout that
//! are there. An edit never touches what stands beside it; where no place is certain there is none.

use crate::decode::kebab;
use crate::diagnostic::Edit;
use crate::source::{Notation, Span};

/// What stands in a field that a tool can add but not fill: refused in its turn, so that nobody forgets it.
pub const TODO: &str = "TODO";

/// A value that an edit writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// A text.
    Text(&'a str),
    /// A list of one name.
    ListOf(&'a str),
}

impl Written<'_> {
    fn yaml(self) -> String {
        match self {
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => text.to_owned(),
            Self::Text(text) => crate::tree::yaml::quoted(text),
            Self::ListOf(name) => format!("[{name}]"),
        }
    }

    fn kdl(self) -> String {
        let (Self::Text(text) | Self::ListOf(text)) = self;
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Where a field stands in a KDL node: fields of a spec in its block, for the properties of its node are
/// its metadata; all other fields as properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A property.
    Head,
    /// A node of the block.
    Block,
}

/// The edit that adds a field to the map at `map`.
#[must_use]
pub fn field_into(
    source: &str,
    notation: Notation,
    map: Span,
    (name, value): (&str, Written<'_>),
    side: Side,
) -> Option<Edit> {
    let (at, text) = match notation {
        Notation::Yaml => yaml_field(source, map, name, &value.yaml())?,
        Notation::Kdl => kdl_field(source, map, &kebab(name), &value.kdl(), side)?,
    };
    let at = u32::try_from(at).ok()?;
    Some(Edit { span: Span::new(map.file, at, at), text })
}

/// After the opening brace, or on a line of its own behind the last entry.
fn yaml_field(source: &str, map: Span, name: &str, value: &str) -> Option<(usize, String)> {
    let start = map.start as usize;
    let rest = source.get(start..)?;
    if let Some(inner) = rest.strip_prefix('{') {
        let empty = inner.trim_start().starts_with('}');
        let more = if empty { "" } else { ", " };
        return Some((start + 1, format!("{name}: {value}{more}")));
    }
    let indent = column(source, start)?;
    let end = line_end(source, map.end as usize)?;
    Some((end, format!("\n{:indent$}{name}: {value}", "")))
}

/// Characters between the beginning of its line and a place.
fn column(source: &str, at: usize) -> Option<usize> {
    let before = source.get(..at)?;
    Some(before.rsplit('\n').next()?.chars().count())
}

/// The end of the line of a place, before its line break.
fn line_end(source: &str, at: usize) -> Option<usize> {
    let rest = source.get(at..)?;
    let length = rest.find('\n').unwrap_or(rest.len());
    let line = rest.get(..length)?;
    Some(at + line.strip_suffix('\r').unwrap_or(line).len())
}

/// A property behind the last word of the node's head, or a node at the beginning of its block.
fn kdl_field(source: &str, map: Span, name: &str, value: &str, side: Side) -> Option<(usize, String)> {
    let start = map.start as usize;
    let text = source.get(start..map.end as usize)?;
    let head = head(text)?;
    if side == Side::Head {
        return Some((start + head.words, format!(" {name}={value}")));
    }
    let Some(block) = head.block else {
        return Some((start + head.words, format!(" {{ {name} {value}; }}")));
    };
    let inner = text.get(block + 1..)?;
    let line = inner.get(..inner.find('\n').unwrap_or(inner.len()))?;
    if inner.contains('\n') && line.trim().is_empty() {
        let next = inner.get(inner.find('\n')? + 1..)?;
        let indent = next.len() - next.trim_start_matches(' ').len();
        return Some((start + block + 1, format!("\n{:indent$}{name} {value}", "")));
    }
    Some((start + block + 1, format!(" {name} {value};")))
}

/// The head of a KDL node: where its last word ends, and where its block begins.
struct Head {
    words: usize,
    block: Option<usize>,
}

fn head(text: &str) -> Option<Head> {
    let bytes = text.as_bytes();
    let (mut at, mut words) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => return Some(Head { words, block: Some(at) }),
            b';' | b'\n' | b'}' => break,
            b'/' if bytes.get(at + 1) == Some(&b'/') => break,
            b'/' if bytes.get(at + 1) == Some(&b'*') => at += text.get(at..)?.find("*/")? + 2,
            b'\\' => at += text.get(at..)?.find('\n')? + 1,
            b' ' | b'\t' | b'\r' => at += 1,
            b'"' | b'#' => {
                at = string_end(text, at)?;
                words = at;
            }
            _ => {
                at += 1;
                words = at;
            }
        }
    }
    Some(Head { words, block: None })
}

/// The end of a KDL string, raw or not, or of a word that a hash begins.
fn string_end(text: &str, start: usize) -> Option<usize> {
    let rest = text.get(start..)?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let body = rest.get(hashes..)?;
    let quotes = if body.starts_with("\"\"\"") { 3 } else { usize::from(body.starts_with('"')) };
    if quotes == 0 {
        return Some(start + hashes);
    }
    let close = format!("{}{}", "\"".repeat(quotes), "#".repeat(hashes));
    let mut at = quotes;
    while let Some(inner) = body.get(at..) {
        if inner.starts_with(&close) {
            return Some(start + hashes + at + close.len());
        }
        let mut letters = inner.chars();
        let first = letters.next()?;
        at += first.len_utf8();
        if first == '\\' && hashes == 0 {
            at += letters.next()?.len_utf8();
        }
    }
    None
}

/// The edit that adds a name to the list whose last item stands at `last`; in KDL `node` is what an item of
/// its own is called.
#[must_use]
pub fn item_after(source: &str, notation: Notation, last: Span, name: &str, node: &str) -> Option<Edit> {
    let (start, end) = (last.start as usize, last.end as usize);
    let (at, text) = match notation {
        Notation::Yaml => {
            let before = source.get(..start)?.rsplit('\n').next()?;
            if before.trim() == "-" {
                let indent = before.len() - before.trim_start().len();
                (line_end(source, end)?, format!("\n{:indent$}- {name}", ""))
            } else {
                (end, format!(", {name}"))
            }
        }
        // An item that is a bare argument has another beside it; one that is a node, a node.
        Notation::Kdl if source.get(start..)?.starts_with('"') => (end, format!(" \"{name}\"")),
        Notation::Kdl => (end, format!("; {node} \"{name}\"")),
    };
    let at = u32::try_from(at).ok()?;
    Some(Edit { span: Span::new(last.file, at, at), text })
}

/// The edit that takes one of several things that stand beside each other away, together with what separates
/// it from its neighbour. `places` are in the order of the text. None for the only one (what it stands in would
/// be empty), and none where a comment is near: it may be about what goes, or about what stays.
#[must_use]
pub fn taken_out(source: &str, places: &[Span], at: usize) -> Option<Edit> {
    let this = places.get(at)?;
    let before = at.checked_sub(1).and_then(|before| places.get(before));
    let span = match (before, places.get(at + 1)) {
        (Some(before), _) => Span::new(this.file, before.end, this.end),
        (None, Some(after)) => Span::new(this.file, this.start, after.start),
        (None, None) => return None,
    };
    let end = line_end(source, span.end as usize)?;
    let touched = source.get(span.start as usize..end)?;
    let is_remarked = ["#", "//", "/*"].iter().any(|mark| touched.contains(mark));
    (!is_remarked).then(|| Edit { span, text: String::new() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on fails")]
    use super::*;
    use crate::source::FileId;

    fn with(notation: Notation, source: &str, map: &str, side: Side) -> String {
        let start = source.find(map).unwrap();
        let place = |at: usize| u32::try_from(at).unwrap();
        let map = Span::new(FileId(0), place(start), place(start + map.len()));
        let edit = field_into(source, notation, map, ("maxItems", Written::Text(TODO)), side).unwrap();
        let at = edit.span.start as usize;
        format!("{}{}{}", &source[..at], edit.text, &source[at..])
    }

    #[test]
    fn a_field_is_added_in_the_layout_that_is_there() {
        let yaml = |source, map| with(Notation::Yaml, source, map, Side::Head);
        assert_eq!(yaml("a: {b: 1}\n", "{b: 1}"), "a: {maxItems: TODO, b: 1}\n");
        assert_eq!(yaml("a: {}\n", "{}"), "a: {maxItems: TODO}\n");
        assert_eq!(yaml("a:\n  b: 1 # c\nd: 2\n", "b: 1"), "a:\n  b: 1 # c\n  maxItems: TODO\nd: 2\n");
        assert_eq!(yaml("a:\n  - b: 1", "b: 1"), "a:\n  - b: 1\n    maxItems: TODO");
        assert_eq!(yaml("a:\r\n  b: 1\r\n", "b: 1"), "a:\r\n  b: 1\n  maxItems: TODO\r\n");
    }

    #[test]
    fn in_kdl_it_is_a_property_or_the_first_node_of_the_block() {
        let kdl = |source, map, side| with(Notation::Kdl, source, map, side);
        assert_eq!(
            kdl("a \"x}\" b=1 { c 2 }\n", "a \"x}\" b=1 { c 2 }", Side::Head),
            "a \"x}\" b=1 max-items=\"TODO\" { c 2 }\n"
        );
        assert_eq!(kdl("a #\"{\"#\n", "a #\"{\"#", Side::Head), "a #\"{\"# max-items=\"TODO\"\n");
        assert_eq!(
            kdl("a \\\n  b=1 // c\n", "a \\\n  b=1", Side::Head),
            "a \\\n  b=1 max-items=\"TODO\" // c\n"
        );
        assert_eq!(
            kdl("a {\n  c 2\n}\n", "a {\n  c 2\n}", Side::Block),
            "a {\n  max-items \"TODO\"\n  c 2\n}\n"
        );
        assert_eq!(kdl("a { c 2 }\n", "a { c 2 }", Side::Block), "a { max-items \"TODO\"; c 2 }\n");
    }

    fn without(source: &str, words: &[&str], at: usize) -> Option<String> {
        let place = |at: usize| u32::try_from(at).unwrap();
        let span = |word: &&str| {
            let start = source.find(*word).unwrap();
            Span::new(FileId(0), place(start), place(start + word.len()))
        };
        let places: Vec<Span> = words.iter().map(span).collect();
        let edit = taken_out(source, &places, at)?;
        Some(format!("{}{}", &source[..edit.span.start as usize], &source[edit.span.end as usize..]))
    }

    #[test]
    fn one_of_several_goes_with_what_separates_it() {
        assert_eq!(without("a: [x, y, z]\n", &["x", "y", "z"], 1).unwrap(), "a: [x, z]\n");
        assert_eq!(without("a: [x, y, z]\n", &["x", "y", "z"], 0).unwrap(), "a: [y, z]\n");
        assert_eq!(without("a:\n  - x\n  - y\nb: 1\n", &["x", "y"], 1).unwrap(), "a:\n  - x\nb: 1\n");
        assert_eq!(without("a \"x\" \"y\"\n", &["\"x\"", "\"y\""], 0).unwrap(), "a \"y\"\n");
    }

    #[test]
    fn the_only_one_stays_and_so_does_what_has_a_comment() {
        assert_eq!(without("a: [x]\n", &["x"], 0), None);
        assert_eq!(without("a:\n  - x # why\n  - y\n", &["x", "y"], 0), None);
        assert_eq!(without("a:\n  - x\n  - y # why\n", &["x", "y"], 1), None);
    }
}
