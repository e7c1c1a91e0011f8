//! From YAML to KDL and back: the same tree in the other notation, comments with what they belong to. The
//! result is read again; where it does not have the digests and the prose of what it was made of, there is
//! none.

mod to_kdl;
mod to_yaml;

use std::collections::BTreeMap;

use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};
use ordain_spec::tree::{Node, Value};

use super::comments::{self, Comment};
use super::{Unformatted, formatted, read};

/// The text in the other notation, in its canonical layout.
///
/// # Errors
///
/// When it cannot be read or digested, or the other notation cannot hold it.
pub fn converted(text: &str, from: Notation, to: Notation) -> Result<String, Unformatted> {
    if from == to {
        return formatted(text, from);
    }
    let documents = read(text, from)?;
    let digests = digests(text, from)?;
    let written = transcribed(text, from, to)?;
    let again = read(&written, to).map_err(|_| unconvertible())?;
    let same = self::digests(&written, to).is_ok_and(|again| again == digests)
        && prose(&documents) == prose(&again)
        && said(text, from, &documents) == said(&written, to, &again);
    if same { Ok(written) } else { Err(unconvertible()) }
}

/// The same for a text that breaks laws. Nothing holds it against what it was made of: a mistake may be lost
/// on the way.
///
/// # Errors
///
/// When it cannot be read, or the other notation cannot hold it.
pub fn transcribed(text: &str, from: Notation, to: Notation) -> Result<String, Unformatted> {
    let documents = read(text, from)?;
    let comments = Carried::new(comments::all(text, from, &documents), text);
    let written = match to {
        Notation::Kdl => to_kdl::written(&documents, comments),
        Notation::Yaml => to_yaml::written(&documents, comments),
    };
    formatted(&written, to).map_err(|_| unconvertible())
}

fn unconvertible() -> Unformatted {
    Unformatted::Unconvertible("the other notation cannot hold it: it would not mean the same".to_owned())
}

/// Kind, name and release of each spec with its digest.
fn digests(text: &str, notation: Notation) -> Result<BTreeMap<String, String>, Unformatted> {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("file".into(), text.into(), notation));
    let checked = check(sources);
    let lost: Vec<_> = checked
        .diagnostics
        .iter()
        .filter(|problem| problem.primary.is_some() && UNREAD.contains(&problem.code))
        .cloned()
        .collect();
    if !lost.is_empty() {
        return Err(Unformatted::Unreadable(lost));
    }
    let index = checked.declarations.index();
    Ok(index
        .into_iter()
        .map(|entry| (format!("{} {} {:?}", entry.kind, entry.name, entry.version), entry.digest.to_string()))
        .collect())
}

/// What keeps a document, or a part of it, from being digested.
const UNREAD: &[&str] = &[
    "unknown-field",
    "missing-field",
    "wrong-type",
    "unknown-value",
    "bad-duration",
    "bad-name",
    "unknown-kind",
    "placeholder-value",
    "unsupported-api-version",
    "duplicate-spec",
    "versions-not-allowed",
    "bad-requirement",
    "integer-too-large",
    "expression-syntax",
    "out-of-range",
    "wildcard-reviewer",
    "confusable-name",
];

/// Every text of the documents, sorted: what digests leave out must be the same too.
fn prose(documents: &[Node]) -> Vec<String> {
    fn collect(node: &Node, into: &mut Vec<String>) {
        match &node.value {
            Value::Text(text) => into.push(text.value.to_string()),
            Value::List(items) => items.iter().for_each(|item| collect(item, into)),
            Value::Map(map) => map.entries.iter().for_each(|(_, value)| collect(value, into)),
            _ => {}
        }
    }
    let mut texts = Vec::new();
    documents.iter().for_each(|document| collect(document, &mut texts));
    texts.sort_unstable();
    texts
}

fn said(text: &str, notation: Notation, documents: &[Node]) -> Vec<String> {
    let mut said = comments::texts(text, notation, documents);
    said.retain(|comment| !comment.is_empty());
    said.sort_unstable();
    said
}

/// Comments that wait for their place in the new text.
struct Carried {
    comments: Vec<Comment>,
    next: usize,
    /// Places of blank lines: where a paragraph begins.
    text: String,
}

impl Carried {
    fn new(comments: Vec<Comment>, text: &str) -> Self {
        Self { comments, next: 0, text: text.to_owned() }
    }

    /// What the comments above a place say, line by line.
    fn above(&mut self, at: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.start < at) {
            lines.extend(comment.says.lines().map(|line| line.trim().to_owned()));
            self.next += 1;
        }
        lines
    }

    /// What the comment behind a place on its line says.
    fn behind(&mut self, end: usize) -> Option<String> {
        let comment = self.comments.get(self.next)?;
        let gap = self.text.get(end..comment.start)?;
        if gap.contains('\n') || comment.says.contains('\n') {
            return None;
        }
        self.next += 1;
        Some(comment.says.trim().to_owned())
    }

    /// True where a comment waits inside of a range.
    fn any_in(&self, start: usize, end: usize) -> bool {
        self.comments.iter().skip(self.next).any(|comment| (start..end).contains(&comment.start))
    }

    /// True where the author left a blank line above a place.
    fn is_paragraph(&self, at: usize) -> bool {
        comments::blank_before(&self.text, at)
    }
}
