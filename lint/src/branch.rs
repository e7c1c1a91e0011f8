//! The way through the tree of a file to a place: names of keys, and of what stands in lists. It stays the same where
//! lines move and whatever the layout, so it tells whether two places, in two states of a file, are the same.

use ordain_spec::source::{FileId, Notation, SourceFile};
use ordain_spec::tree::{self, Node, Value};

/// Fields by which an item of a list is called.
const NAMES: &[&str] = &["id", "name", "step", "unit", "per"];

/// The ways to all places of a file.
#[derive(Debug, Clone, Default)]
pub struct Branches {
    /// Every key and every value: what it is called, and by number the one that it stands in.
    forks: Vec<(String, Option<usize>)>,
    /// Where they begin, in that order, by number; of several that begin at one place the innermost is last.
    begin: Vec<(u32, usize)>,
}

impl Branches {
    /// Of a file; none where it cannot be read.
    #[must_use]
    pub fn of(id: FileId, file: &SourceFile) -> Self {
        let mut unheard = Vec::new();
        let is_read = file.refusal.is_none() && ordain_spec::scan::scan(id, &file.text, &mut unheard);
        let documents = match file.notation {
            _ if !is_read => Vec::new(),
            Notation::Yaml => tree::yaml::read(id, &file.text, &mut unheard),
            Notation::Kdl => tree::kdl::read(id, &file.text, &mut unheard),
        };
        let mut all = Self::default();
        for (number, document) in documents.iter().enumerate() {
            all.grow(
                named(document).unwrap_or_else(|| number.to_string()),
                None,
                document.span.start,
                document,
            );
        }
        all.begin.sort_unstable();
        all
    }

    fn grow(&mut self, name: String, within: Option<usize>, start: u32, node: &Node) {
        let fork = self.forks.len();
        self.forks.push((name, within));
        self.begin.extend([(start, fork), (node.span.start, fork)]);
        match &node.value {
            Value::Map(map) => map.entries.iter().for_each(|(key, value)| {
                self.grow(key.text.to_string(), Some(fork), key.span.start, value);
            }),
            Value::List(items) => items.iter().enumerate().for_each(|(number, item)| {
                let name = called(item).unwrap_or_else(|| number.to_string());
                self.grow(name, Some(fork), item.span.start, item);
            }),
            _ => {}
        }
    }

    /// The way to what begins at a byte, or else last before it, from its inner end.
    pub fn to(&self, at: u32) -> impl Iterator<Item = &str> {
        let begun = self.begin.partition_point(|(start, _)| *start <= at).checked_sub(1);
        let mut next = begun.and_then(|number| self.begin.get(number)).map(|(_, fork)| *fork);
        std::iter::from_fn(move || {
            let (name, within) = self.forks.get(next?)?;
            next = *within;
            Some(name.as_str())
        })
    }

    /// The ways to everything that begins between two bytes.
    pub fn between(&self, start: u32, end: u32) -> impl Iterator<Item = Vec<&str>> {
        let from = self.begin.partition_point(|(at, _)| *at < start);
        let here = self.begin.iter().skip(from).map(|(at, _)| *at).take_while(move |at| *at < end);
        here.map(|at| self.to(at).collect())
    }
}

/// Kind and name of a spec.
fn named(document: &Node) -> Option<String> {
    let map = document.as_map()?;
    let kind = &map.get("kind")?.1.as_text()?.value;
    let name = &map.get("metadata")?.1.as_map()?.get("name")?.1.as_text()?.value;
    Some(format!("{kind} {name}"))
}

/// What an item of a list is called.
fn called(item: &Node) -> Option<String> {
    match &item.value {
        Value::Text(text) => Some(text.value.to_string()),
        Value::Map(map) => {
            let name = NAMES.iter().find_map(|name| map.get(name)?.1.as_text());
            name.map(|text| text.value.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    fn way(text: &str, notation: Notation, to: &str) -> String {
        let file = SourceFile::new("a".into(), text.into(), notation);
        let at = u32::try_from(text.find(to).unwrap()).unwrap();
        let mut way: Vec<String> = Branches::of(FileId(0), &file).to(at).map(str::to_owned).collect();
        way.reverse();
        way.join("/")
    }

    #[test]
    fn a_way_is_told_by_names_in_both_notations() {
        let yaml = "kind: Runbook\nmetadata: {name: page, owner: user:ann}\nspec:\n  steps:\n    - wait: 1s\n      id: rest\n    - {id: look, with: {a: [x, [y]]}}\n";
        let kdl = "ordain \"v1\"\nrunbook \"page\" {\n  step \"rest\" { wait \"1s\"; }\n  timeout \"9s\"\n  step \"look\" { with a=\"x\"; }\n}\n";
        for (to, due) in [
            ("user:ann", "Runbook page/metadata/owner"),
            ("wait", "Runbook page/spec/steps/rest/wait"),
            ("1s", "Runbook page/spec/steps/rest/wait"),
            ("with", "Runbook page/spec/steps/look/with"),
            ("y]", "Runbook page/spec/steps/look/with/a/1/y"),
        ] {
            assert_eq!(way(yaml, Notation::Yaml, to), due, "{to}");
        }
        for (to, due) in [
            ("wait", "Runbook page/spec/steps/rest/wait"),
            ("9s", "Runbook page/spec/timeout"),
            ("with", "Runbook page/spec/steps/look/with"),
        ] {
            assert_eq!(way(kdl, Notation::Kdl, to), due, "{to}");
        }
    }

    #[test]
    fn where_nothing_can_be_read_there_is_no_way() {
        assert_eq!(way("a: [\n", Notation::Kdl, "a"), "");
        assert_eq!(way("", Notation::Yaml, ""), "");
    }
}
