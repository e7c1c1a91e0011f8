//! YAML in its canonical layout: two spaces a level, lists below their key indented, one space behind a
//! colon, expressions in single quotes, at most one blank line. What the author decided stays: the order of
//! fields, blocks and braces (but braces that do not fit a line become a block), comments, blank lines.

use ordain_spec::source::Notation;
use ordain_spec::tree::{Key, Node, Value};

use super::WIDTH;
use super::comments::{self, Comment, blank_before, column, line_start};
use super::cover::{Tied, as_written, indent as blanks};
use super::shapes::Place;
use super::yaml_text::{block_text, inline, single};

/// The text anew. It was read as `documents`, without a problem.
pub fn laid_out(text: &str, documents: &[Node], tied: &Tied) -> String {
    let comments = comments::all(text, Notation::Yaml, documents);
    let mut printer =
        Printer { text, comments, next: 0, out: String::with_capacity(text.len()), fresh: true, tied };
    let mut end = 0;
    for (at, document) in documents.iter().enumerate() {
        let start = document.span.start as usize;
        if let Some(marker) = printer.marker(end, start).or((at > 0).then_some(start)) {
            printer.comments_before(marker, 0);
            printer.out.push_str("---\n");
            printer.fresh = true;
        }
        end = document.span.end as usize;
        let limit = documents.get(at + 1).map_or(text.len(), |next| next.span.start as usize);
        let limit = printer.marker(end, limit).unwrap_or(limit);
        printer.block(document, &Place::of(document), 0, limit, false);
        printer.comments_before(limit, 0);
    }
    printer.comments_before(text.len() + 1, 0);
    printer.out
}

struct Printer<'t> {
    text: &'t str,
    comments: Vec<Comment>,
    /// The first comment that is not written yet.
    next: usize,
    out: String,
    /// True where a block has just begun: no blank line comes first.
    fresh: bool,
    /// Lines that stay as they are.
    tied: &'t Tied,
}

impl Printer<'_> {
    /// The `---` between two places.
    fn marker(&self, from: usize, to: usize) -> Option<usize> {
        let mut at = from;
        for line in self.text.get(from..to)?.split_inclusive('\n') {
            if line.starts_with("---") && column(self.text, at) == 0 {
                return Some(at);
            }
            at += line.len();
        }
        None
    }

    /// A blank line where the author left one above a place.
    fn spaced(&mut self, at: usize) {
        if !self.fresh && blank_before(self.text, at) {
            self.out.push('\n');
        }
        self.fresh = false;
    }

    fn pad(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// The comments above a place, each on a line of its own.
    fn comments_before(&mut self, at: usize, indent: usize) {
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.start < at).cloned() {
            self.comment(&comment, indent);
        }
    }

    fn comment(&mut self, comment: &Comment, indent: usize) {
        self.next += 1;
        self.spaced(comment.start);
        self.pad(indent);
        self.out.push_str(self.text.get(comment.start..comment.end).unwrap_or_default());
        self.out.push('\n');
    }

    /// The comment behind what ends at `end` on the same line, in the column where it stood if that is free;
    /// and the end of the line.
    fn end_line(&mut self, end: usize) {
        let comment = self.comments.get(self.next).filter(|comment| {
            comment.start >= end
                && !self.text.get(end..comment.start).is_none_or(|between| between.contains('\n'))
        });
        if let Some(comment) = comment.cloned() {
            let here = column(&self.out, self.out.len());
            let there = column(self.text, comment.start);
            self.pad(there.saturating_sub(here).max(1));
            self.out.push_str(self.text.get(comment.start..comment.end).unwrap_or_default());
            self.next += 1;
        }
        self.out.push('\n');
    }

    /// True for a list or map between brackets.
    fn is_flow(&self, node: &Node) -> bool {
        self.text.get(node.span.start as usize..).is_some_and(|rest| rest.starts_with(['{', '[']))
    }

    fn holds_comment(&self, node: &Node) -> bool {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        self.comments.iter().any(|comment| (start..end).contains(&comment.start))
    }

    /// A list or map as lines of their own. `goes_on`: the first stands on the line that was begun.
    fn block(&mut self, node: &Node, place: &Place, indent: usize, limit: usize, goes_on: bool) {
        let first = match &node.value {
            Value::Map(map) => map.entries.first().map(|(key, _)| key.span.start as usize),
            Value::List(items) => items.first().map(|item| item.span.start as usize),
            _ => None,
        };
        match &node.value {
            Value::Map(map) => {
                for (at, (key, value)) in map.entries.iter().enumerate() {
                    let limit = map.entries.get(at + 1).map_or(limit, |(next, _)| next.span.start as usize);
                    self.entry(key, value, place, (indent, limit), at == 0 && goes_on);
                }
            }
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    let limit = items.get(at + 1).map_or(limit, |next| self.dash(next));
                    self.item(item, place, (indent, limit), at == 0 && goes_on);
                }
            }
            _ => {
                self.comments_before(node.span.start as usize, indent);
                self.scalar(node, place, indent);
            }
        }
        let own_column = first.map_or(0, |first| column(self.text, first));
        let own_column =
            if matches!(node.value, Value::List(_)) { own_column.saturating_sub(2) } else { own_column };
        let flow_end = if self.is_flow(node) { Some(node.span.end as usize) } else { None };
        while let Some(comment) = self.comments.get(self.next).cloned() {
            let within = match flow_end {
                Some(end) => comment.start < end,
                None => {
                    comment.start < limit
                        && comment.own_line
                        && column(self.text, comment.start) >= own_column
                }
            };
            if !within || indent == 0 {
                break;
            }
            self.comment(&comment, indent);
        }
    }

    /// The beginning of the line of an item: what stands above it is above its dash.
    fn dash(&self, item: &Node) -> usize {
        let start = item.span.start as usize;
        if self.text.get(line_start(self.text, start)..start).is_some_and(|lead| lead.trim() == "-") {
            line_start(self.text, start)
        } else {
            start
        }
    }

    fn entry(&mut self, key: &Key, value: &Node, place: &Place, at: (usize, usize), goes_on: bool) {
        let (indent, limit) = at;
        let (start, end) = (key.span.start as usize, key.span.end as usize);
        if !goes_on {
            self.comments_before(start, indent);
            self.spaced(start);
            self.hoisted(value, indent);
            self.pad(indent);
        }
        self.fresh = false;
        self.out.push_str(self.text.get(start..end).unwrap_or_default());
        self.out.push(':');
        let place = place.field(&key.text);
        match &value.value {
            Value::Null if value.span.start == value.span.end => self.end_line(end),
            Value::Map(_) | Value::List(_) => self.collection(value, &place, (indent, limit), end),
            _ => {
                self.out.push(' ');
                self.scalar(value, &place, indent);
            }
        }
    }

    /// A list or map behind a key: on the line where it was between brackets and fits, else below.
    fn collection(&mut self, node: &Node, place: &Place, (indent, limit): (usize, usize), key_end: usize) {
        if let Some(line) = self.fitting(node, place, 1) {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            if self.is_tied(node) && self.text.get(key_end..start).is_some_and(|gap| gap.contains('\n')) {
                self.end_line(key_end);
                self.comments_before(start, indent + 2);
                self.pad(indent + 2);
            } else {
                self.out.push(' ');
            }
            self.flow(node, &line);
            self.end_line(end);
            return;
        }
        self.end_line(key_end);
        self.fresh = true;
        self.block(node, place, indent + 2, limit, false);
    }

    fn item(&mut self, item: &Node, place: &Place, (indent, limit): (usize, usize), goes_on: bool) {
        let start = item.span.start as usize;
        if !goes_on {
            self.comments_before(start, indent);
            self.spaced(start);
            if let Some((_, first)) = item.as_map().and_then(|map| map.entries.first()) {
                self.hoisted(first, indent);
            }
            self.pad(indent);
        }
        self.fresh = false;
        let place = place.item();
        match &item.value {
            Value::Null if item.span.start == item.span.end => {
                self.out.push('-');
                self.end_line(start);
            }
            Value::Map(_) | Value::List(_) => {
                self.out.push_str("- ");
                if let Some(line) = self.fitting(item, &place, 0) {
                    self.flow(item, &line);
                    self.end_line(item.span.end as usize);
                } else {
                    self.block(item, &place, indent + 2, limit, true);
                }
            }
            _ => {
                self.out.push_str("- ");
                self.scalar(item, &place, indent);
            }
        }
    }

    /// A list or map between brackets, with the comments in it where it has lines of its own.
    fn flow(&mut self, node: &Node, line: &str) {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let (was, is) = (blanks(self.text, start), blanks(&self.out, self.out.len()));
        self.out.push_str(&as_written(line, was, is));
        while line.contains('\n')
            && self.comments.get(self.next).is_some_and(|comment| (start..end).contains(&comment.start))
        {
            self.next += 1;
        }
    }

    fn is_tied(&self, node: &Node) -> bool {
        self.tied.touches(node.span.start as usize, node.span.end as usize)
    }

    /// The comments that stand behind a key and before its text: they have no place but above both.
    fn hoisted(&mut self, value: &Node, indent: usize) {
        if matches!(value.value, Value::Map(_) | Value::List(_)) || value.span.start == value.span.end {
            return;
        }
        let at = value.span.start as usize;
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.start < at).cloned() {
            self.next += 1;
            self.pad(indent);
            self.out.push_str(self.text.get(comment.start..comment.end).unwrap_or_default());
            self.out.push('\n');
        }
    }

    /// A list or map on one line, where it was between brackets and fits, or stands on a line that stays.
    fn fitting(&self, node: &Node, place: &Place, before: usize) -> Option<String> {
        if !self.is_flow(node) {
            return None;
        }
        let is_empty = match &node.value {
            Value::Map(map) => map.entries.is_empty(),
            Value::List(items) => items.is_empty(),
            _ => false,
        };
        if self.is_tied(node) {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            let written = self.text.get(start..end)?;
            return if written.contains('\n') {
                Some(written.to_owned())
            } else {
                inline(self.text, node, place)
            };
        }
        let line = inline(self.text, node, place)?;
        let here = column(&self.out, self.out.len()) + before;
        let fits = here + line.chars().count() <= WIDTH && !self.holds_comment(node);
        (fits || is_empty).then_some(line)
    }

    /// A scalar, and the end of its line.
    fn scalar(&mut self, node: &Node, place: &Place, indent: usize) {
        let text = single(self.text, node, place).unwrap_or_else(|| block_text(self.text, node, indent + 2));
        self.out.push_str(&text);
        self.end_line(node.span.end as usize);
    }
}
