//! What only follows from something that could not be read. A name that stands in the files but whose holder
//! was refused is not unknown: saying so beside the real law would send its author after a fault that is none.
//! Silences findings of laws about names, and only where another law is broken already; never the real one.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Severity};
use crate::kind::Kind;
use crate::source::{Sources, Span};
use crate::tree::{Map, Node, Value};

/// The laws that say that a name means nothing.
const OF_NAMES: &[&str] = &[
    "undeclared-input",
    "undeclared-output",
    "unknown-fact",
    "unknown-owner",
    "unknown-principal",
    "unresolved-reference",
];
/// The laws that count the people of the roster.
const OF_PEOPLE: &[&str] = &["no-eligible-reviewer", "quorum-exceeds-eligible"];
/// The fields by which an item of a list, or what it binds, is named elsewhere.
const NAMING: &[&str] = &["id", "name", "as"];

/// What is written and could not be read.
#[derive(Default)]
pub(super) struct Unread {
    /// The names of all that holds a place that could not be read.
    names: BTreeSet<String>,
    /// True where people may be missing.
    people: bool,
}

impl Unread {
    /// `read` is what was wrong when the documents were read.
    pub(super) fn of<'n>(documents: impl Iterator<Item = &'n Node>, read: &[Diagnostic]) -> Self {
        let broken = read.iter().filter(|problem| problem.severity == Severity::Law);
        let places: Vec<Span> = broken.filter_map(|problem| Some(problem.primary.as_ref()?.span)).collect();
        let mut unread = Self::default();
        if places.is_empty() {
            return unread;
        }
        for document in documents {
            let of_roster = document.as_map().is_some_and(is_roster);
            for place in places.iter().filter(|place| holds(document, **place)) {
                unread.people |= of_roster;
                unread.add(document, *place);
            }
        }
        unread
    }

    /// The names on the way down to a place.
    fn add(&mut self, node: &Node, place: Span) {
        match &node.value {
            Value::Map(map) => {
                let naming = NAMING.iter().filter_map(|field| map.get(field)?.1.as_text());
                self.names.extend(naming.map(|name| plain(&name.value)));
                let around = || map.entries.iter().filter(|(_, below)| holds(below, place));
                // In KDL `metadata` and `spec` are one node: the part of it is meant in which something stands there.
                let meant = around().find(|(_, below)| reaches(below, place)).or_else(|| around().next());
                if let Some((key, below)) = meant {
                    self.names.insert(plain(&key.text));
                    self.add(below, place);
                }
            }
            Value::List(items) => {
                if let Some(below) = items.iter().find(|below| holds(below, place)) {
                    self.add(below, place);
                }
            }
            _ => {}
        }
    }

    /// Leaves out what was only found because something else could not be read.
    pub(super) fn silence(&self, found: &mut Vec<Diagnostic>, sources: &Sources) {
        if self.names.is_empty() && !self.people {
            return;
        }
        found.retain(|problem| {
            let of_names = OF_NAMES.contains(&problem.code);
            let of_people = OF_PEOPLE.contains(&problem.code);
            !(of_people && self.people || of_names && self.holds_name_at(problem, sources))
        });
    }

    fn holds_name_at(&self, problem: &Diagnostic, sources: &Sources) -> bool {
        let Some(place) = problem.primary.as_ref().map(|primary| primary.span) else { return false };
        let written = sources.get(place.file).map_or("", |file| file.slice(place));
        last_word(written).is_some_and(|word| self.names.contains(&plain(word)))
    }
}

/// A name as it would be if it were well formed: `First` and `my-step` are used as `first` and `my_step`.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

fn is_roster(document: &Map) -> bool {
    let kind = document.get("kind").and_then(|(_, kind)| kind.as_text());
    kind.is_some_and(|kind| Kind::from_word(&kind.value) == Some(Kind::Roster))
}

/// True where a key or a value below a node stands at a place that the node holds.
fn reaches(node: &Node, place: Span) -> bool {
    let below = |node: &Node| holds(node, place) && reaches(node, place);
    match &node.value {
        Value::Map(map) => map.entries.iter().any(|(key, value)| is_around(key.span, place) || below(value)),
        Value::List(items) => items.iter().any(below),
        _ => true,
    }
}

fn holds(node: &Node, place: Span) -> bool {
    is_around(node.span, place)
}

fn is_around(span: Span, place: Span) -> bool {
    span.file == place.file && span.start <= place.start && place.start < span.end.max(span.start + 1)
}

/// The name itself of `user:alice`, `db.get`, `'two'` or `inputs.key`.
fn last_word(written: &str) -> Option<&str> {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    written.rsplit(|letter| !is_of_word(letter)).find(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
