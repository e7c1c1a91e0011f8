//! From YAML to KDL and back: the same tree in the other notation, comments with what they belong to. The
//! result is read again; where it does not have the digests and the prose of what it was made of, there is
//! none.

mod to_kdl;
mod to_yaml;

use std::collections::BTreeMap;

use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources, Span};
use ordain_spec::tree::{Node, Value};

use super::comments::{self, Comment};
use super::{Unformatted, cover, formatted, read};

/// What a suppression lets pass: one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The first byte of the comment.
    pub comment: usize,
    /// The first byte of what the finding is about.
    pub place: usize,
}

/// The text in the other notation, in its canonical layout. A suppression stands above what it lets pass: its old
/// line may be several now.
///
/// # Errors
///
/// When it cannot be read or digested, or the other notation cannot hold it.
pub fn converted(text: &str, from: Notation, to: Notation, held: &[Held]) -> Result<String, Unformatted> {
    if from == to {
        return formatted(text, from);
    }
    let documents = read(text, from)?;
    let digests = digests(text, from)?;
    let written = carried(text, from, to, held)?;
    let again = read(&written, to).map_err(|_| unconvertible())?;
    if let Some(lost) = cover::lost((text, from, &documents), (&written, to, &again), held) {
        return Err(Unformatted::WouldPart(lost));
    }
    let same = self::digests(&written, to).is_ok_and(|again| again == digests)
        && prose(&documents) == prose(&again)
        && said(apart(comments::all(text, from, &documents), held))
            == said(comments::all(&written, to, &again));
    if same { Ok(written) } else { Err(unconvertible()) }
}

/// The same for a text that breaks laws. Nothing holds it against what it was made of: a mistake may be lost
/// on the way.
///
/// # Errors
///
/// When it cannot be read, or the other notation cannot hold it.
pub fn transcribed(text: &str, from: Notation, to: Notation) -> Result<String, Unformatted> {
    carried(text, from, to, &[])
}

fn carried(text: &str, from: Notation, to: Notation, held: &[Held]) -> Result<String, Unformatted> {
    let documents = read(text, from)?;
    let comments = Carried::new(apart(comments::all(text, from, &documents), held), text, held);
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

/// What comments say, sorted, each once: a suppression may stand above several places now.
fn said(comments: Vec<Comment>) -> Vec<String> {
    let mut said = comments::said(comments);
    said.retain(|comment| !comment.is_empty());
    said.sort_unstable();
    said.dedup();
    said
}

/// The same comments, with those that let something pass apart from what stands before them on their line.
fn apart(comments: Vec<Comment>, held: &[Held]) -> Vec<Comment> {
    let mut all = Vec::with_capacity(comments.len());
    for mut comment in comments {
        let within = held.iter().find(|one| comment.start < one.comment && one.comment < comment.end);
        let cut = within.and_then(|one| {
            // Both signs are as long as what stands before the words.
            let sign = comment.end - comment.start - comment.says.len();
            let at = (one.comment - comment.start).checked_sub(sign)?;
            let (before, after) = comment.says.split_at_checked(at)?;
            let says = after.get(sign..)?.to_owned();
            Some((before.trim_end().to_owned(), Comment { start: one.comment, says, ..comment.clone() }))
        });
        match cut {
            Some((before, second)) => {
                comment.end = second.start;
                comment.says = before;
                all.extend([comment, second]);
            }
            None => all.push(comment),
        }
    }
    all
}

/// Comments that wait for their place in the new text.
struct Carried {
    comments: Vec<Comment>,
    next: usize,
    /// Suppressions by the place of what they let pass: they wait for that, not for their turn.
    pinned: Vec<(usize, String)>,
    /// Places of blank lines: where a paragraph begins.
    text: String,
}

impl Carried {
    fn new(mut comments: Vec<Comment>, text: &str, held: &[Held]) -> Self {
        let mut pinned = Vec::new();
        for one in held {
            let comment = comments.iter().find(|comment| comment.start == one.comment);
            pinned.extend(comment.map(|comment| (one.place, comment.says.trim().to_owned())));
        }
        comments.retain(|comment| held.iter().all(|one| one.comment != comment.start));
        Self { comments, next: 0, pinned, text: text.to_owned() }
    }

    /// What the suppressions say whose place is the key of an entry, or its value: of a list or map the beginning.
    fn pinned_to(&mut self, key: Span, value: &Node) -> Vec<String> {
        let key = key.start as usize..key.end as usize;
        let own = cover::own_place(value);
        let in_value = |at: usize| own.is_some_and(|(start, end)| start == at || (start..end).contains(&at));
        let here = |at: usize| key.contains(&at) || in_value(at);
        let mut says: Vec<String> =
            self.pinned.extract_if(.., |(at, _)| here(*at)).map(|(_, says)| says).collect();
        says.dedup();
        says
    }

    /// The same of an item.
    fn pinned_to_item(&mut self, item: &Node) -> Vec<String> {
        self.pinned_to(Span::new(item.span.file, item.span.start, item.span.start), item)
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
            || self.any_pinned_in(start, end)
    }

    /// True where the place of a suppression is inside of a range.
    fn any_pinned_in(&self, start: usize, end: usize) -> bool {
        self.pinned.iter().any(|(at, _)| (start..end).contains(at))
    }

    /// True where the author left a blank line above a place.
    fn is_paragraph(&self, at: usize) -> bool {
        comments::blank_before(&self.text, at)
    }
}
