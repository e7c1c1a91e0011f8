//! From events to the tree: duplicate keys, aliases and tags, limits, and what YAML cut off.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{Event, Style};
use super::plain::{Plain, resolve};
use super::{Cover, Placed, cut, text};
use crate::diagnostic::Diagnostic;
use crate::scan::{DEPTH, all_hidden, hidden_character, span};
use crate::source::{FileId, Span};
use crate::tree::{Key, Map, Node, Text, Value, Way, duplicate_key};

/// More keys of one map are looked up in a tree.
const FEW: usize = 16;

/// The documents that the events describe. A document of which some part is hidden is left out.
pub fn documents(
    file: FileId,
    source: &str,
    cover: &Cover<'_>,
    events: Vec<Placed<'_>>,
    sink: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let mut builder = Builder {
        file,
        source,
        cover,
        sink,
        frames: Vec::new(),
        anchors: BTreeMap::new(),
        documents: Vec::new(),
        last_scalar: None,
        deep: 0,
        taken_to: 0,
    };
    let mut began = 0;
    for (event, start, end) in events {
        let (start, end) = (start as usize, end as usize);
        match event {
            Event::DocumentStart => {
                began = start;
                builder.frames.clear();
                builder.anchors.clear();
            }
            Event::DocumentEnd => {
                // A blanked place may lie anywhere between the markers, also after the last value.
                if cover.hides(began, end) {
                    builder.documents.pop_if(|node| node.span.start as usize >= began);
                }
                builder.frames.clear();
            }
            other => builder.event(other, start, end),
        }
    }
    builder.documents
}

fn wide((start, end): (u32, u32)) -> (usize, usize) {
    (start as usize, end as usize)
}

/// Nesting beyond the limit.
pub fn too_deep(place: Span) -> Diagnostic {
    Diagnostic::law("too-large-or-deep", place, format!("this is nested more than {DEPTH} deep"))
        .help("flatten it")
        .consequence("the engine refuses the catalogue")
}

enum Frame {
    List { items: Vec<Node>, start: usize },
    Map { map: Building, start: usize, flow: bool },
}

/// A map while it is read.
#[derive(Default)]
struct Building {
    entries: Vec<(Key, Node)>,
    seen: Seen,
    /// The key whose value comes next; `None` inside when the value is to be dropped.
    pending: Option<Pending>,
}

/// Keys with their places. Nearly all maps are so small that looking at each key is quickest.
#[derive(Default)]
struct Seen {
    few: Vec<(Arc<str>, Span)>,
    more: BTreeMap<Arc<str>, Span>,
}

impl Seen {
    fn get(&self, key: &str) -> Option<Span> {
        let among_few = self.few.iter().find(|(seen, _)| **seen == *key).map(|(_, place)| *place);
        among_few.or_else(|| self.more.get(key).copied())
    }

    fn insert(&mut self, key: Arc<str>, place: Span) {
        if self.few.len() < FEW {
            self.few.push((key, place));
        } else {
            self.more.insert(key, place);
        }
    }
}

enum Pending {
    Kept(Key),
    Dropped,
}

struct Builder<'a, 's> {
    file: FileId,
    source: &'a str,
    cover: &'a Cover<'s>,
    sink: &'a mut Vec<Diagnostic>,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Value>,
    documents: Vec<Node>,
    /// The anchor number and value of the last scalar, for the anchor event that follows.
    last_scalar: Option<(usize, Value)>,
    /// Levels beyond the limit that are being skipped.
    deep: usize,
    /// The end of the last expression that was taken whole, past what YAML read of it.
    taken_to: usize,
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, start: usize, end: usize) {
        if self.is_taken(&event, start, end) {
            return;
        }
        match event {
            Event::ListStart { .. } | Event::MapStart { .. } if self.deep > 0 => self.deep += 1,
            Event::ListEnd | Event::MapEnd if self.deep > 0 => self.deep -= 1,
            _ if self.deep > 0 => {}
            Event::ListStart { .. } | Event::MapStart { .. } if self.frames.len() >= DEPTH => {
                let place = span(self.file, start, end.max(start + 1).min(self.source.len()));
                self.sink.push(too_deep(place));
                self.deep = 1;
                self.drop_value();
            }
            Event::ListStart { tag, .. } => {
                self.tagged(tag);
                self.frames.push(Frame::List { items: Vec::new(), start });
            }
            Event::MapStart { flow, tag } => {
                self.tagged(tag);
                self.frames.push(Frame::Map { map: Building::default(), start, flow });
            }
            Event::ListEnd | Event::MapEnd => self.close(end),
            Event::Scalar { value, style, tag, anchor } => {
                self.scalar(&value, style, tag, anchor, start, end)
            }
            Event::Anchor => {
                let place = span(self.file, start, end);
                self.sink.push(
                    Diagnostic::law(
                        "alias-or-tag",
                        place,
                        "anchors are refused: what a reviewer reads must stand where it is read",
                    )
                    .help("remove the anchor and write the value out where it is needed"),
                );
                if let Some((number, value)) = self.last_scalar.take() {
                    self.anchors.insert(number, value);
                }
            }
            Event::Alias(number) => self.alias(number, start, end),
            Event::DocumentStart | Event::DocumentEnd => {}
        }
    }

    fn tagged(&mut self, tag: Option<(u32, u32)>) {
        let Some((start, end)) = tag.map(wide) else { return };
        let written = self.source.get(start..end).unwrap_or_default();
        self.sink.push(
            Diagnostic::law(
                "alias-or-tag",
                span(self.file, start, end),
                format!("the tag `{written}` is refused"),
            )
            .help("remove the tag; quote a text that begins with `!`"),
        );
    }

    fn alias(&mut self, number: usize, start: usize, end: usize) {
        let place = span(self.file, start, end);
        let written = self.source.get(start..end).unwrap_or_default();
        self.sink.push(
            Diagnostic::law("alias-or-tag", place, format!("the alias `{written}` is refused"))
                .help("write the value out; quote a text that begins with `*`"),
        );
        match self.anchors.get(&number) {
            Some(value) => self.add(Node { value: value.clone(), span: place }, true),
            None => self.drop_value(),
        }
    }

    fn scalar(
        &mut self,
        value: &str,
        style: Style,
        tag: Option<(u32, u32)>,
        anchor: usize,
        start: usize,
        end: usize,
    ) {
        if let Some((from, to)) = tag.map(wide)
            && self.cut_by_tag(from, to)
        {
            return;
        }
        if style == Style::Plain
            && let Some(meant) = self.cut_off(start, end)
        {
            self.expression(start, meant);
            return;
        }
        self.tagged(tag);
        let covered = self.cover.expressions.iter().find(|(from, to)| *from == start && *to == end);
        if let Some((from, to)) = covered.copied() {
            let node = self.raw_text(from, to);
            self.add(node, true);
            return;
        }
        let place = self.scalar_span(style, start, end);
        let read = if style == Style::Plain { self.plain(value, start, end, place) } else { None };
        let value = read.unwrap_or_else(|| Value::Text(self.text(value, style, start, end, place)));
        if anchor > 0 {
            self.last_scalar = Some((anchor, value.clone()));
        }
        self.add(Node { value, span: place }, style == Style::Plain);
    }

    /// Block scalars end with a line break that is no part of what a label shows.
    fn scalar_span(&self, style: Style, start: usize, end: usize) -> Span {
        let written = self.source.get(start..end).unwrap_or_default();
        let end = match style {
            Style::Literal | Style::Folded => start + written.trim_end().len(),
            _ => end,
        };
        span(self.file, start, end)
    }

    /// What a plain scalar is when it is no text.
    fn plain(&mut self, value: &str, start: usize, end: usize, place: Span) -> Option<Value> {
        if start == end {
            return Some(Value::Null);
        }
        Some(match resolve(value) {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(value),
            Plain::Int(value) => Value::Int(value),
            Plain::Float(value) => Value::Float(value),
            Plain::TooLarge => {
                self.sink.push(
                    Diagnostic::law("integer-too-large", place, format!("`{value}` lies beyond ±(2^53−1)"))
                        .help("write a smaller integer, or quote it where a string is meant"),
                );
                Value::Int(crate::decode::LARGEST_INTEGER)
            }
            Plain::Text => return None,
        })
    }

    fn text(&mut self, value: &str, style: Style, start: usize, end: usize, place: Span) -> Text {
        let text = Text { value: value.into(), way: text::way(self.source, start, end, style, value) };
        for (at, letter, what) in all_hidden(value) {
            let escape = text.place(place, at, at + letter.len_utf8());
            self.sink.push(hidden_character(escape, letter, what));
        }
        text
    }

    fn raw_text(&self, start: usize, end: usize) -> Node {
        let value = self.source.get(start..end).unwrap_or_default();
        let place = span(self.file, start, end);
        Node {
            value: Value::Text(Text { value: value.into(), way: Way::Straight(place.start) }),
            span: place,
        }
    }

    /// Takes `start..end` as the expression that was meant, and says so.
    fn expression(&mut self, start: usize, end: usize) {
        let written = self.source.get(start..end).unwrap_or_default();
        self.sink.push(cut::diagnostic(span(self.file, start, end), written));
        let node = self.raw_text(start, end);
        self.add(node, true);
        self.taken_to = end;
    }

    /// True for an event that lies inside an expression that was taken whole already.
    const fn is_taken(&self, event: &Event<'_>, start: usize, end: usize) -> bool {
        matches!(event, Event::Scalar { .. } | Event::Anchor | Event::Alias(_))
            && (start < self.taken_to || (start == end && start == self.taken_to))
    }

    /// True when the current value belongs to a field of expressions.
    fn expects_expression(&self) -> bool {
        let item = matches!(self.frames.last(), Some(Frame::List { .. }));
        let names = self.frames.iter().rev().filter_map(|frame| match frame {
            Frame::Map { map, .. } => match &map.pending {
                Some(Pending::Kept(key)) => Some(&*key.text),
                _ => None,
            },
            Frame::List { .. } => None,
        });
        !item && cut::is_expression(names)
    }

    fn in_flow(&self) -> bool {
        matches!(self.frames.last(), Some(Frame::Map { flow: true, .. }))
    }

    /// A tag where an expression is due, or one that looks like a call, was meant as `!`.
    fn cut_by_tag(&mut self, from: usize, to: usize) -> bool {
        let written = self.source.get(from..to).unwrap_or_default();
        let looks = written.contains('(') || written.contains('.');
        if cut::is_tag_of_yaml(written) {
            return false;
        }
        if !looks && !self.expects_expression() {
            return false;
        }
        let meant = cut::extent(self.source, from, self.in_flow());
        self.expression(from, meant);
        true
    }

    /// The end of the expression of which YAML read only `start..end`.
    fn cut_off(&self, start: usize, end: usize) -> Option<usize> {
        let written = self.source.get(start..end)?;
        if !self.expects_expression() || !cut::is_partial(written) {
            return None;
        }
        let meant = cut::extent(self.source, start, self.in_flow());
        let swallows = |meant: &usize| *meant > end;
        Some(meant).filter(swallows).or_else(|| {
            // A comment that begins inside an unfinished expression was meant as its rest.
            let rest = self.source.get(end..)?;
            if self.in_flow() || !rest.trim_start_matches([' ', '\t']).starts_with('#') {
                return None;
            }
            Some(end + rest.split(['\n', '\r']).next()?.trim_end().len())
        })
    }

    fn close(&mut self, end: usize) {
        let last = |children: Option<&Node>, start: usize| {
            let inner = children.map_or(start, |node| node.span.end as usize);
            if end > start && self.source.get(start..).is_some_and(|text| text.starts_with(['[', '{'])) {
                end
            } else {
                inner
            }
        };
        let node = match self.frames.pop() {
            Some(Frame::List { items, start }) => {
                let end = last(items.last(), start);
                Node { value: Value::List(items), span: span(self.file, start, end) }
            }
            Some(Frame::Map { map, start, .. }) => {
                let end = last(map.entries.last().map(|(_, node)| node), start);
                let key_end = map.entries.last().map_or(start, |(key, _)| key.span.end as usize);
                let place = span(self.file, start, end.max(key_end));
                Node { value: Value::Map(Map { entries: map.entries }), span: place }
            }
            None => return,
        };
        self.add(node, false);
    }

    /// Puts a finished node where it belongs. `plain`: written without quotes.
    fn add(&mut self, node: Node, plain: bool) {
        match self.frames.last_mut() {
            None => {
                if node.value != Value::Null {
                    self.documents.push(node);
                }
            }
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { map, .. }) => match map.pending.take() {
                Some(Pending::Kept(key)) => map.entries.push((key, node)),
                Some(Pending::Dropped) => {}
                None => {
                    let pending = key(&node, plain, self.source, map, self.sink);
                    map.pending = Some(pending.map_or(Pending::Dropped, Pending::Kept));
                }
            },
        }
    }

    /// A value that is left out; with its key.
    fn drop_value(&mut self) {
        if let Some(Frame::Map { map, .. }) = self.frames.last_mut()
            && map.pending.take().is_none()
        {
            map.pending = Some(Pending::Dropped);
        }
    }
}

/// The key that a node stands for; reports what can be no key and what was there before.
fn key(
    node: &Node,
    plain: bool,
    source: &str,
    map: &mut Building,
    sink: &mut Vec<Diagnostic>,
) -> Option<Key> {
    let written = source.get(node.span.start as usize..node.span.end as usize).unwrap_or_default();
    let text: Arc<str> = match &node.value {
        Value::Text(text) if plain && &*text.value == "<<" => {
            sink.push(
                Diagnostic::law("alias-or-tag", node.span, "merge keys are refused")
                    .help("write the fields out"),
            );
            return None;
        }
        Value::Text(text) => Arc::clone(&text.value),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => written.into(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            let problem = Diagnostic::law(
                "wrong-type",
                node.span,
                format!("{} stands where a key is due", node.describe()),
            );
            sink.push(problem.help("write a text as the key"));
            return None;
        }
    };
    if let Some(first) = map.seen.get(&text) {
        sink.push(duplicate_key(&text, node.span, first));
        return None;
    }
    map.seen.insert(Arc::clone(&text), node.span);
    Some(Key { text, span: node.span })
}
