//! What suppressions are about. A suppression lets a rule pass on one line: a layout that takes words off that line,
//! or brings others to it, changes what is found. Here is what stands on those lines, so that none does.

use std::collections::BTreeSet;

use ordain_spec::source::{FileId, Notation, SourceFile, Span};
use ordain_spec::suppression::{self, MARK, Suppression};
use ordain_spec::tree::{Node, Value};

use super::Held;

/// One suppression and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The line of the comment, counted from 1.
    pub line: u32,
    /// What stands on the line that it is about, by number in the order of the tree.
    about: BTreeSet<usize>,
}

/// The suppressions of a text that was read as `documents`.
pub fn suppressions(text: &str, notation: Notation, documents: &[Node]) -> Vec<Suppression> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    suppression::read(FileId(0), &file(text, notation), documents)
}

/// The same with what they are about.
pub fn covers(text: &str, notation: Notation, documents: &[Node]) -> Vec<Cover> {
    let all = suppressions(text, notation, documents);
    if all.is_empty() {
        return Vec::new();
    }
    let file = file(text, notation);
    let mut places = Vec::new();
    documents.iter().for_each(|node| anchors(text, node, &mut places));
    let lines: Vec<u32> = places.into_iter().map(|at| line(&file, at)).collect();
    let about = |one: &Suppression| (0..lines.len()).filter(|at| lines.get(*at) == Some(&one.line)).collect();
    all.iter().map(|one| Cover { line: file.line_column(one.span.start).0, about: about(one) }).collect()
}

/// A text, how it is written, and what it was read as.
pub type Read<'t> = (&'t str, Notation, &'t [Node]);

/// The line of the first suppression of `before` that would let something else pass than what it lets pass there.
pub fn lost(before: Read<'_>, after: Read<'_>, held: &[Held]) -> Option<u32> {
    if held.is_empty() {
        return None;
    }
    let (old, new) = (file(before.0, before.1), file(after.0, after.1));
    let all = suppressions(before.0, before.1, before.2);
    let new_ones = suppressions(after.0, after.1, after.2);
    let places = |documents: &[Node]| {
        let mut found = Vec::new();
        let at = |(at, document)| named(document, &format!("{at}"), &mut found);
        documents.iter().enumerate().for_each(at);
        found
    };
    let (was, is) = (places(before.2), places(after.2));
    let is_lost = |one: &&Held| {
        let Some(comment) = all.iter().find(|comment| comment.span.start as usize == one.comment) else {
            return true;
        };
        let paths: Vec<&str> =
            was.iter().filter(|place| place.holds(one.place)).map(|place| &*place.path).collect();
        let mut lines =
            is.iter().filter(|place| is_one_of(&paths, &place.path)).map(|place| line(&new, place.start));
        !lines.any(|line| new_ones.iter().any(|other| other.line == line && says(other) == says(comment)))
    };
    held.iter().find(is_lost).map(|one| line(&old, one.comment))
}

/// True for one of the paths, and for what lies below it: a short item may be a map in the other notation.
fn is_one_of(paths: &[&str], path: &str) -> bool {
    paths
        .iter()
        .any(|wanted| path.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn says(one: &Suppression) -> Vec<Option<&str>> {
    let parts = [&one.slug, &one.until, &one.by, &one.reason];
    parts.into_iter().map(|part| part.as_ref().map(|(word, _)| word.as_str())).collect()
}

/// A key or value by the names that lead to it.
struct Named {
    path: String,
    start: usize,
    end: usize,
}

impl Named {
    const fn holds(&self, at: usize) -> bool {
        self.start == at || (self.start <= at && at < self.end)
    }
}

/// Where a finding about a value can be that is about nothing in it: a list or map is only where it begins, and
/// nowhere if its first entry begins there.
pub fn own_place(node: &Node) -> Option<(usize, usize)> {
    let (start, end) = (node.span.start as usize, node.span.end as usize);
    let first = match &node.value {
        Value::Map(map) => map.entries.first().map(|(key, _)| key.span.start as usize),
        Value::List(items) => items.first().map(|item| item.span.start as usize),
        _ => return Some((start, end)),
    };
    (first != Some(start)).then_some((start, start))
}

/// The keys and values of a tree. A list or map is only where it begins.
fn named(node: &Node, path: &str, into: &mut Vec<Named>) {
    into.extend(own_place(node).map(|(start, end)| Named { path: path.to_owned(), start, end }));
    match &node.value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                let path = format!("{path}/{}", key.text);
                let (start, end) = (key.span.start as usize, key.span.end as usize);
                into.push(Named { path: path.clone(), start, end });
                named(value, &path, into);
            }
        }
        Value::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| named(item, &format!("{path}/{at}"), into));
        }
        _ => {}
    }
}

/// The line of the first suppression that would be about something else.
pub fn parted(before: &[Cover], after: &[Cover]) -> Option<u32> {
    let mut after = after.iter();
    before.iter().find(|one| after.next().is_none_or(|other| other.about != one.about)).map(|one| one.line)
}

fn file(text: &str, notation: Notation) -> SourceFile {
    SourceFile::new("file".into(), text.into(), notation)
}

fn line(file: &SourceFile, at: usize) -> u32 {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    file.line_column(Span::new(FileId(0), at, at).start).0
}

/// Where findings can be: where keys and values begin, and where texts end.
fn anchors(text: &str, node: &Node, into: &mut Vec<usize>) {
    into.push(node.span.start as usize);
    match &node.value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                into.push(key.span.start as usize);
                anchors(text, value, into);
            }
        }
        Value::List(items) => items.iter().for_each(|item| anchors(text, item, into)),
        _ => {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            into.push(start + text.get(start..end).unwrap_or_default().trim_end().len());
        }
    }
}

/// The lines that suppressions are about, as bytes: what stands on one of them keeps its lines.
#[derive(Debug, Clone, Default)]
pub struct Tied(Vec<(usize, usize)>);

impl Tied {
    /// The lines of a text that was read as `documents`.
    pub fn of(text: &str, notation: Notation, documents: &[Node]) -> Self {
        let wanted: BTreeSet<u32> =
            suppressions(text, notation, documents).iter().map(|one| one.line).collect();
        let mut lines = Vec::new();
        let mut at = 0;
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            if wanted.contains(&number) {
                lines.push((at, at + line.len()));
            }
            at += line.len();
        }
        Self(lines)
    }

    /// True where a part of `start..end` is on such a line.
    pub fn touches(&self, start: usize, end: usize) -> bool {
        self.0.iter().any(|(from, to)| start < *to && *from < end)
    }
}

/// What the author wrote, line by line, behind a line that began with `was` blanks and now begins with `is`.
pub fn as_written(written: &str, was: usize, is: usize) -> String {
    let mut lines = written.lines();
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        let words = line.trim_start_matches(' ');
        if !words.trim().is_empty() {
            let blanks = (line.len() - words.len() + is).saturating_sub(was);
            out.extend(std::iter::repeat_n(' ', blanks));
            out.push_str(words);
        }
    }
    out
}

/// Blanks at the beginning of the line of a place.
pub fn indent(text: &str, at: usize) -> usize {
    let start = super::comments::line_start(text, at);
    let line = text.get(start..).unwrap_or_default();
    line.len() - line.trim_start_matches(' ').len()
}
