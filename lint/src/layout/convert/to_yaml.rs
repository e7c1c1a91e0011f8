//! A tree as YAML. Specs, their metadata and lists of maps are blocks; smaller maps stand between braces
//! where they fit.

use ordain_spec::tree::{Node, Value};

use super::super::WIDTH;
use super::super::shapes::Place;
use super::super::yaml_text::quoted;
use super::Carried;

/// Maps of this depth are blocks whatever their size: the document, its parts.
const BLOCKS: usize = 2;

/// The documents as one text.
pub fn written(documents: &[Node], comments: Carried) -> String {
    let mut writer = Writer { comments, out: String::new() };
    for (at, document) in documents.iter().enumerate() {
        if at > 0 {
            writer.out.push_str("---\n");
        }
        let start = document.span.start as usize;
        writer.above(start, 0);
        writer.map(document, &Place::of(document), 0, 0, false);
        writer.above(document.span.end as usize, 0);
    }
    writer.above(usize::MAX, 0);
    writer.out
}

struct Writer {
    comments: Carried,
    out: String,
}

impl Writer {
    fn above(&mut self, at: usize, indent: usize) {
        let lines = self.comments.above(at);
        self.lines(lines, indent);
    }

    fn lines(&mut self, lines: Vec<String>, indent: usize) {
        for line in lines {
            self.out.push_str(format!("{:indent$}# {line}", "").trim_end());
            self.out.push('\n');
        }
    }

    fn end_line(&mut self, end: usize) {
        if let Some(comment) = self.comments.behind(end) {
            self.out.push_str(format!(" # {comment}").trim_end());
        }
        self.out.push('\n');
    }

    /// The entries of a map as lines. `goes_on`: the first stands on the line that was begun.
    fn map(&mut self, node: &Node, place: &Place, depth: usize, indent: usize, goes_on: bool) {
        let Value::Map(map) = &node.value else { return };
        for (at, (key, value)) in map.entries.iter().enumerate() {
            let mut tight = false;
            if !(at == 0 && goes_on) {
                // The parts of a document of KDL all begin where it does.
                if depth > 0 {
                    self.space(key.span.start as usize, at == 0);
                    self.above(key.span.start as usize, indent);
                }
                let pinned = self.comments.pinned_to(key.span, value);
                // KDL has one place for a key and what it holds: here they stay on one line.
                let (start, end) = (value.span.start as usize, value.span.end as usize);
                tight = !pinned.is_empty()
                    && depth > 0
                    && key.span.start == value.span.start
                    && !self.comments.any_pinned_in(start + 1, end);
                if tight {
                    self.above(end, indent);
                }
                self.lines(pinned, indent);
                self.out.extend(std::iter::repeat_n(' ', indent));
            }
            self.out.push_str(&name(&key.text));
            self.out.push(':');
            if tight {
                self.out.push_str(&format!(" {}", inline(value, &place.field(&key.text))));
                self.end_line(value.span.end as usize);
            } else {
                self.value(value, &place.field(&key.text), (depth + 1, indent), 1);
            }
        }
    }

    fn space(&mut self, at: usize, is_first: bool) {
        if !is_first && self.comments.is_paragraph(at) && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn value(&mut self, node: &Node, place: &Place, (depth, indent): (usize, usize), space: usize) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let here = self.out.len() - self.out.rfind('\n').map_or(0, |at| at + 1) + space;
        let inline = inline(node, place);
        let is_small = here + inline.chars().count() <= WIDTH && !self.comments.any_in(start, end);
        let blank = " ".repeat(space);
        match &node.value {
            Value::Map(map) if !map.entries.is_empty() && (depth < BLOCKS || !is_small) => {
                self.out.push('\n');
                self.map(node, place, depth, indent + 2, false);
            }
            Value::List(items) if !items.is_empty() && (!is_small || items.iter().any(is_map)) => {
                self.out.push('\n');
                self.list(items, place, depth, indent + 2);
            }
            _ => {
                self.out.push_str(&blank);
                self.out.push_str(&inline);
                self.end_line(end);
            }
        }
    }

    fn list(&mut self, items: &[Node], place: &Place, depth: usize, indent: usize) {
        let place = place.item();
        for (at, item) in items.iter().enumerate() {
            let (start, end) = (item.span.start as usize, item.span.end as usize);
            self.space(start, at == 0);
            self.above(start, indent);
            let first = item.as_map().and_then(|map| map.entries.first());
            let mut pinned = self.comments.pinned_to_item(item);
            pinned.extend(first.iter().flat_map(|(key, value)| self.comments.pinned_to(key.span, value)));
            pinned.dedup();
            self.lines(pinned, indent);
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.out.push_str("- ");
            let inline = inline(item, &place);
            let is_small = indent + 2 + inline.chars().count() <= WIDTH && !self.comments.any_in(start, end);
            if is_small || !is_map(item) {
                self.out.push_str(&inline);
                self.end_line(end);
            } else {
                self.map(item, &place, depth + 1, indent + 2, true);
            }
        }
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.value, Value::Map(_))
}

fn inline(node: &Node, place: &Place) -> String {
    match &node.value {
        Value::Map(map) => {
            let parts: Vec<String> = map
                .entries
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", name(&key.text), inline(value, &place.field(&key.text)))
                })
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(|item| inline(item, &place.item())).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => scalar(&text.value, place.is_expression()),
    }
}

fn float(value: f64) -> String {
    let text = value.to_string();
    if text.contains(['.', 'e', 'n', 'N']) { text } else { format!("{text}.0") }
}

/// A key.
fn name(text: &str) -> String {
    scalar(text, false)
}

/// A text: plain where YAML reads it as that text and nothing else, in braces too.
fn scalar(text: &str, is_expression: bool) -> String {
    if text.chars().any(|letter| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{85}'))
    {
        return double(text);
    }
    if is_expression || !is_plain(text) { quoted(text) } else { text.to_owned() }
}

/// In double quotes, with escapes.
fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            other if other.is_control() || matches!(other, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(other)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// True for words and phrases that nobody reads as anything else.
fn is_plain(text: &str) -> bool {
    let inner = |letter: char| {
        letter.is_alphanumeric()
            || matches!(
                letter,
                ' ' | '.' | '-' | '_' | '/' | '@' | '^' | '+' | '%' | '~' | '(' | ')' | ';' | '='
            )
    };
    let reads_otherwise = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n" | "~"
    );
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(inner)
        && !text.ends_with(' ')
        && !reads_otherwise
        || is_measure(text)
        || is_release(text)
}

/// `30s`, `64KiB`, `20%`
fn is_measure(text: &str) -> bool {
    let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    unit.len() < text.len() && ["ms", "s", "m", "h", "d", "B", "KiB", "MiB", "GiB", "%"].contains(&unit)
}

/// `1.4.0`
fn is_release(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() == 3
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}
