//! What only follows from something that could not be read. A name that stands in the files but whose holder
//! was refused is not unknown: saying so beside the real law would send its author after a fault that is none.
//! Silences findings of laws about names, and only where another law is broken already; never the real one.

use std::collections::{BTreeMap, BTreeSet};

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
        let places: BTreeSet<Span> =
            broken.filter_map(|problem| Some(problem.primary.as_ref()?.span)).collect();
        let places: Vec<Span> = places.into_iter().collect();
        let mut unread = Self::default();
        if places.is_empty() {
            return unread;
        }
        for document in documents {
            let here = within(&places, document.span);
            if !here.is_empty() {
                unread.people |= document.as_map().is_some_and(is_roster);
                unread.add(document, here);
            }
        }
        unread
    }

    /// The names on the way down to places, which all lie in the node.
    fn add(&mut self, node: &Node, places: &[Span]) {
        if places.is_empty() {
            return;
        }
        match &node.value {
            Value::Map(map) => {
                let naming = NAMING.iter().filter_map(|field| map.get(field)?.1.as_text());
                self.names.extend(naming.map(|name| plain(&name.value)));
                for ((key, below), here) in map.entries.iter().zip(parted(map, places)) {
                    if !here.is_empty() {
                        self.names.insert(plain(&key.text));
                        self.add(below, &here);
                    }
                }
            }
            Value::List(items) => items.iter().for_each(|below| self.add(below, within(places, below.span))),
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

/// Of places in their order those that a span is around: there can be as many as a file has words.
fn within(places: &[Span], span: Span) -> &[Span] {
    let from = places.partition_point(|place| (place.file, place.start) < (span.file, span.start));
    let end = span.end.max(span.start + 1);
    let to = places.partition_point(|place| (place.file, place.start) < (span.file, end));
    places.get(from..to).unwrap_or_default()
}

/// Which places are meant below each entry of a map. In KDL `metadata` and `spec` are one node: the part of it is meant
/// in which something stands there.
fn parted(map: &Map, places: &[Span]) -> Vec<Vec<Span>> {
    let held: Vec<&[Span]> = map.entries.iter().map(|(_, below)| within(places, below.span)).collect();
    // The first entry around a place, and the first in which something stands there.
    let (mut first, mut better) = (BTreeMap::new(), BTreeMap::new());
    for (at, here) in held.iter().enumerate() {
        here.iter().for_each(|place| {
            first.entry(*place).or_insert(at);
        });
    }
    if held.iter().map(|here| here.len()).sum::<usize>() == first.len() {
        return held.into_iter().map(<[Span]>::to_vec).collect();
    }
    for (at, ((_, below), here)) in map.entries.iter().zip(&held).enumerate() {
        for place in reached(below, here) {
            better.entry(place).or_insert(at);
        }
    }
    let mut meant = vec![Vec::new(); held.len()];
    for (place, at) in first {
        if let Some(here) = meant.get_mut(*better.get(&place).unwrap_or(&at)) {
            here.push(place);
        }
    }
    meant
}

/// Of places in a node those at which a key or a value below it stands.
fn reached(node: &Node, places: &[Span]) -> BTreeSet<Span> {
    let mut all = BTreeSet::new();
    if places.is_empty() {
        return all;
    }
    match &node.value {
        Value::Map(map) => {
            for (key, below) in &map.entries {
                all.extend(within(places, key.span));
                all.append(&mut reached(below, within(places, below.span)));
            }
        }
        Value::List(items) => {
            items.iter().for_each(|below| all.append(&mut reached(below, within(places, below.span))));
        }
        _ => all.extend(places),
    }
    all
}

/// The name itself of `user:alice`, `db.get`, `'two'` or `inputs.key`.
fn last_word(written: &str) -> Option<&str> {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    written.rsplit(|letter| !is_of_word(letter)).find(|word| !word.is_empty())
}

#[cfg(test)]
mod tests;
