//! Comments and where they stand. A comment belongs to what follows it on the next lines, or to what it
//! stands behind on its own line; no layout loses one.

use ordain_spec::source::Notation;
use ordain_spec::tree::{Node, Value};

use super::kdl::tokens::{Token, What, tokens};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its first byte: of its mark.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
    /// What it says, without its mark.
    pub says: String,
    /// True where nothing stands before it on its line.
    pub own_line: bool,
}

/// All comments of a text that was read as `documents`, in order.
pub fn all(text: &str, notation: Notation, documents: &[Node]) -> Vec<Comment> {
    match notation {
        Notation::Yaml => in_yaml(text, documents),
        Notation::Kdl => tokens(text).iter().filter_map(|token| in_kdl(text, token)).collect(),
    }
}

/// What the comments say, in order.
pub fn texts(text: &str, notation: Notation, documents: &[Node]) -> Vec<String> {
    said(all(text, notation, documents))
}

/// What these say.
pub fn said(comments: Vec<Comment>) -> Vec<String> {
    comments
        .into_iter()
        .map(|comment| comment.says.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// The beginning of the line of a place.
pub fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1)
}

/// Characters before a place on its line.
pub fn column(text: &str, at: usize) -> usize {
    text.get(line_start(text, at)..at).unwrap_or_default().chars().count()
}

/// True where the line above the line of a place is blank, and the place is the first on its own.
pub fn blank_before(text: &str, at: usize) -> bool {
    let start = line_start(text, at);
    let lead = text.get(start..at).unwrap_or_default();
    if start == 0 || !lead.trim_matches([' ', '-', '\t']).is_empty() {
        return false;
    }
    let above = text.get(line_start(text, start - 1)..start - 1).unwrap_or_default();
    above.trim().is_empty()
}

/// In YAML a comment begins wherever a `#` stands between two scalars.
fn in_yaml(text: &str, documents: &[Node]) -> Vec<Comment> {
    let mut leaves = Vec::new();
    documents.iter().for_each(|node| collect(node, &mut leaves));
    leaves.sort_unstable();
    let mut found = Vec::new();
    let mut at = 0;
    for (start, end) in leaves.into_iter().chain([(text.len(), text.len())]) {
        while let Some(mark) = text.get(at..start).and_then(|gap| gap.find('#')).map(|mark| at + mark) {
            let rest = text.get(mark..).unwrap_or_default();
            let line = rest.lines().next().unwrap_or_default().trim_end();
            let lead = text.get(line_start(text, mark)..mark).unwrap_or_default();
            found.push(Comment {
                start: mark,
                end: mark + line.len(),
                says: line.get(1..).unwrap_or_default().to_owned(),
                own_line: lead.trim().is_empty(),
            });
            at = mark + rest.find('\n').unwrap_or(rest.len());
        }
        at = at.max(end);
    }
    found
}

/// Places of keys and scalars.
fn collect(node: &Node, into: &mut Vec<(usize, usize)>) {
    match &node.value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                into.push((key.span.start as usize, key.span.end as usize));
                collect(value, into);
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, into)),
        _ => into.push((node.span.start as usize, node.span.end as usize)),
    }
}

fn in_kdl(text: &str, token: &Token) -> Option<Comment> {
    let written = text.get(token.start..token.end)?;
    let says = match token.what {
        What::LineComment => written.strip_prefix("//")?,
        What::BlockComment => written.strip_prefix("/*")?.strip_suffix("*/")?,
        _ => return None,
    };
    let lead = text.get(line_start(text, token.start)..token.start)?;
    Some(Comment {
        start: token.start,
        end: token.end,
        says: says.to_owned(),
        own_line: lead.trim().is_empty(),
    })
}
