//! A tree as KDL. A spec is a node with its name and its metadata; scalars of an item are properties, what
//! is larger a node of its block; where comments stand between them all are nodes.

use ordain_spec::decode::kebab;
use ordain_spec::tree::kdl::{key_field, singular};
use ordain_spec::tree::{Key, Map, Node, Value};

use super::super::WIDTH;
use super::super::shapes::Place;
use super::Carried;

/// The metadata that stand on the line of the spec.
const HEAD: [&str; 3] = ["version", "owner", "summary"];

/// The documents as one text.
pub fn written(documents: &[Node], comments: Carried) -> String {
    let mut writer = Writer { comments, out: String::new() };
    let first = documents.first().map_or(usize::MAX, |document| document.span.start as usize);
    writer.above(first, 0);
    writer.out.push_str("ordain \"v1\"\n");
    for document in documents {
        writer.out.push('\n');
        writer.document(document);
    }
    writer.above(usize::MAX, 0);
    writer.out
}

struct Writer {
    comments: Carried,
    out: String,
}

impl Writer {
    fn above(&mut self, at: usize, depth: usize) {
        let lines = self.comments.above(at);
        self.lines(lines, depth);
    }

    fn lines(&mut self, lines: Vec<String>, depth: usize) {
        for line in lines {
            self.out.push_str(format!("{:1$}// {line}", "", depth * 4).trim_end());
            self.out.push('\n');
        }
    }

    fn pad(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n(' ', depth * 4));
    }

    fn end_line(&mut self, end: usize) {
        if let Some(comment) = self.comments.behind(end) {
            self.out.push_str(format!(" // {comment}").trim_end());
        }
        self.out.push('\n');
    }

    fn document(&mut self, document: &Node) {
        let place = Place::of(document);
        let Some(map) = document.as_map() else { return };
        let kind = map.get("kind").and_then(|(_, kind)| kind.as_text()).map(|kind| kebab(&kind.value));
        let metadata = map.get("metadata").and_then(|(_, metadata)| metadata.as_map());
        let empty = Map::default();
        let metadata = metadata.unwrap_or(&empty);
        let spec = map.get("spec");
        // Comments about the parts of a document of YAML have no place but above its node.
        let begins = spec.map_or(document.span.end, |(key, _)| key.span.start);
        let held =
            metadata.entries.iter().filter(|(key, _)| !HEAD.contains(&&*key.text) && &*key.text != "name");
        let first_held = held.clone().map(|(key, _)| key.span.start).min().unwrap_or(begins);
        self.above(first_held.min(begins) as usize, 0);
        let mut head = kind.unwrap_or_default();
        if let Some(text) = metadata.get("name").and_then(|(_, name)| name.as_text()) {
            head.push_str(&format!(" {}", quoted(&text.value)));
        }
        let mut rest = Vec::new();
        for entry in &metadata.entries {
            let (key, value) = entry;
            let property = format!(" {}={}", kebab(&key.text), scalar(value).unwrap_or_default());
            if &*key.text == "name" {
                continue;
            }
            let fits = head.chars().count() + property.chars().count() + 2 <= WIDTH;
            if HEAD.contains(&&*key.text) && scalar(value).is_some() && fits {
                head.push_str(&property);
            } else {
                rest.push(entry);
            }
        }
        let on_the_line = |key: &Key| !rest.iter().any(|(other, _)| other.span == key.span);
        let entries = map.entries.iter().chain(metadata.entries.iter().filter(|(key, _)| on_the_line(key)));
        let mut pinned: Vec<String> =
            entries.flat_map(|(key, value)| self.comments.pinned_to(key.span, value)).collect();
        pinned.dedup();
        self.lines(pinned, 0);
        self.out.push_str(&head);
        self.out.push_str(" {\n");
        if !rest.is_empty() {
            self.pad(1);
            self.out.push_str("metadata {\n");
            let place = place.field("metadata");
            rest.into_iter().for_each(|entry| self.field(&place, entry, 2));
            self.pad(1);
            self.out.push_str("}\n");
        }
        if let Some((key, spec)) = spec {
            self.above(key.span.start as usize + 1, 1);
            let place = place.field("spec");
            self.fields(&place, spec, 1);
        }
        self.above(document.span.end as usize, 1);
        self.out.push_str("}\n");
    }

    /// The entries of a map as nodes.
    fn fields(&mut self, place: &Place, node: &Node, depth: usize) {
        let Value::Map(map) = &node.value else { return };
        for (at, entry) in map.entries.iter().enumerate() {
            if at > 0 && self.comments.is_paragraph(entry.0.span.start as usize) {
                self.out.push('\n');
            }
            self.field(place, entry, depth);
        }
    }

    /// One entry as a node, or as several where it is a list with a singular.
    fn field(&mut self, place: &Place, (key, value): &(Key, Node), depth: usize) {
        self.above(key.span.start as usize, depth);
        let pinned = self.comments.pinned_to(key.span, value);
        self.lines(pinned, depth);
        let key = &*key.text;
        let name = match place.record() {
            Some(_) => kebab(key),
            None => bare(key),
        };
        let inner = place.field(key);
        if let (Value::List(items), Some(record)) = (&value.value, place.record())
            && let Some((one, argument)) = singular(record, key)
            && items.iter().all(|item| {
                item.as_map().is_some() || inner.item().record().is_some_and(|item| item.short.is_some())
            })
            && !items.is_empty()
            && items.iter().any(|item| item.as_map().is_some())
        {
            for item in items {
                self.item(&inner.item(), one, argument, item, depth);
            }
            return;
        }
        self.node(&inner, &name, key, value, depth);
    }

    /// An item of a list under its singular: its key field is the argument.
    fn item(&mut self, place: &Place, name: &str, argument: &str, item: &Node, depth: usize) {
        let start = item.span.start as usize;
        if self.comments.is_paragraph(start) && !self.out.ends_with("{\n") {
            self.out.push('\n');
        }
        self.above(start, depth);
        let argued = item.as_map().and_then(|map| map.get(argument));
        let mut pinned = self.comments.pinned_to_item(item);
        pinned.extend(argued.iter().flat_map(|(key, value)| self.comments.pinned_to(key.span, value)));
        pinned.dedup();
        self.lines(pinned, depth);
        self.pad(depth);
        self.out.push_str(name);
        match &item.value {
            Value::Map(map) => {
                let key = map.get(argument).and_then(|(_, value)| scalar(value));
                if let Some(key) = &key {
                    self.out.push_str(&format!(" {key}"));
                }
                let rest = map.entries.iter().filter(|(name, _)| key.is_none() || &*name.text != argument);
                let rest: Vec<&(Key, Node)> = rest.collect();
                self.rest(place, item, &rest, depth);
            }
            _ => {
                self.out.push_str(&format!(" {}", scalar(item).unwrap_or_default()));
                self.end_line(item.span.end as usize);
            }
        }
    }

    /// What is left of a map whose node has begun: properties, then a block.
    fn rest(&mut self, place: &Place, node: &Node, entries: &[&(Key, Node)], depth: usize) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let last = entries.last().map_or(start, |(_, value)| value.span.end as usize);
        let as_nodes = self.comments.any_in(start, last);
        let mut nodes = Vec::new();
        for entry in entries {
            let (key, value) = entry;
            let name = if place.record().is_some() { kebab(&key.text) } else { bare(&key.text) };
            let here = self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1);
            match scalar(value) {
                Some(text)
                    if !as_nodes
                        && here + name.len() + text.chars().count() + 4 <= WIDTH
                        && nodes.is_empty() =>
                {
                    self.out.push_str(&format!(" {name}={text}"));
                }
                _ => nodes.push(*entry),
            }
        }
        if nodes.is_empty() {
            self.end_line(end);
            return;
        }
        self.out.push_str(" {\n");
        for (at, entry) in nodes.into_iter().enumerate() {
            if at > 0 && self.comments.is_paragraph(entry.0.span.start as usize) {
                self.out.push('\n');
            }
            self.field(place, entry, depth + 1);
        }
        self.pad(depth);
        self.out.push_str("}\n");
    }

    /// A node with that name and value.
    fn node(&mut self, place: &Place, name: &str, field: &str, value: &Node, depth: usize) {
        let end = value.span.end as usize;
        self.pad(depth);
        match &value.value {
            Value::List(items) => self.list(place, name, field, (value, items), depth),
            Value::Map(map) if map.entries.is_empty() => {
                let annotation = if place.is_data() || place.is_choice() { "(map)" } else { "" };
                self.out.push_str(&format!("{annotation}{name}"));
                self.end_line(end);
            }
            Value::Map(map) => {
                self.out.push_str(name);
                let entries: Vec<_> = map.entries.iter().collect();
                self.rest(&chosen(place, map), value, &entries, depth);
            }
            _ => {
                self.out.push_str(&format!("{name} {}", scalar(value).unwrap_or_default()));
                self.end_line(end);
            }
        }
    }

    fn list(
        &mut self,
        place: &Place,
        name: &str,
        field: &str,
        (value, items): (&Node, &[Node]),
        depth: usize,
    ) {
        let (start, end) = (value.span.start as usize, value.span.end as usize);
        let arguments: Option<Vec<String>> = items.iter().map(scalar).collect();
        let is_free = place.is_data();
        let commented = self.comments.any_in(start, end);
        if let Some(arguments) =
            arguments.filter(|arguments| !(commented || place.is_choice() && arguments.len() < 2))
        {
            let annotation = if is_free && arguments.len() < 2 { "(list)" } else { "" };
            let line: String = arguments.iter().map(|argument| format!(" {argument}")).collect();
            let here = depth * 4 + annotation.len() + name.len() + line.chars().count();
            if here <= WIDTH || arguments.len() < 2 {
                self.out.push_str(&format!("{annotation}{name}{line}"));
                self.end_line(end);
                return;
            }
        }
        if items.is_empty() {
            self.out.push_str(&format!("(list){name}"));
            self.end_line(end);
            return;
        }
        self.out.push_str(&format!("{name} {{\n"));
        let inner = place.item();
        for item in items {
            self.above(item.span.start as usize, depth + 1);
            if scalar(item).is_some() {
                let pinned = self.comments.pinned_to_item(item);
                self.lines(pinned, depth + 1);
            }
            match (&item.value, inner.record().and(key_field(field))) {
                (Value::Map(_), Some(argument)) => self.item(&inner, "-", argument, item, depth + 1),
                _ => self.node(&inner, "-", "", item, depth + 1),
            }
        }
        self.above(end, depth + 1);
        self.pad(depth);
        self.out.push_str("}\n");
    }
}

/// Of several forms the one that a map has.
fn chosen(place: &Place, map: &Map) -> Place {
    match (place, map.entries.first()) {
        (Place::Shape(_), Some((key, _))) if place.is_choice() => place.holding(&key.text),
        _ => place.clone(),
    }
}

/// A scalar; `None` for a list or map.
fn scalar(node: &Node) -> Option<String> {
    Some(match &node.value {
        Value::Null => "#null".to_owned(),
        Value::Bool(value) => format!("#{value}"),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => {
            let text = value.to_string();
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
        Value::Text(text) => quoted(&text.value),
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// A text between quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            other if other.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A name that somebody else chose, in quotes where it is no word of KDL.
fn bare(name: &str) -> String {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let is_word = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && name.chars().all(letters)
        && !matches!(name, "true" | "false" | "null" | "inf" | "nan");
    if is_word { name.to_owned() } else { quoted(name) }
}
