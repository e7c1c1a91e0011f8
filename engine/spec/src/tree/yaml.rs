//! YAML as the one tree. YAML 1.2 core reading without anchors, aliases, merge keys, tags and
//! duplicate keys. Must never guess: what could be read two ways is refused.
//!
//! Reading goes on after a problem: the place that cannot be parsed is covered with blanks (or, where
//! an unquoted expression was eaten, with the expression itself) and the file is read again, so that
//! one pass over a broken file reports everything. The number of covers is limited.

mod build;
mod cut;
mod event;
mod plain;
mod text;

use std::borrow::Cow;

use crate::diagnostic::Diagnostic;
use crate::scan::span;
use crate::source::FileId;
use crate::tree::Node;

pub use cut::quoted;
use event::{Broken, Event, parse};

/// How often a broken place is covered before the rest of the file is given up.
const COVERS: usize = 24;

/// The documents of a YAML file. The file has passed [`crate::scan::scan`]. Documents with a place
/// that cannot be parsed are left out; everything wrong is reported.
pub fn read(file: FileId, source: &str, sink: &mut Vec<Diagnostic>) -> Vec<Node> {
    let mut cover = Cover::new(source);
    let mut problems = Vec::new();
    let mut text = Cow::Borrowed(source);
    let events = loop {
        let outcome = parse(&text);
        let Some(broken) = outcome.broken else { break outcome.events };
        if cover.rounds >= COVERS || !cover.cover(file, &broken, &mut problems) {
            cover.given_up_at = Some(broken.offset);
            break outcome.events;
        }
        text = Cow::Owned(cover.text.clone());
    };
    sink.append(&mut problems);
    build::documents(file, source, &cover, events, sink)
}

/// The text that is parsed: the file, with broken places covered byte by byte.
struct Cover<'s> {
    source: &'s str,
    text: String,
    rounds: usize,
    /// Ranges covered with blanks: nothing of them is known.
    blanks: Vec<(usize, usize)>,
    /// Ranges covered with a placeholder for an expression that YAML would have eaten.
    expressions: Vec<(usize, usize)>,
    /// The end of the last covered line, if a bracket or quote was left open in it.
    unclosed_to: Option<usize>,
    /// What was wrong at the last covered line.
    last_message: String,
    /// Where reading ended, if it ended before the end of the file.
    given_up_at: Option<usize>,
}

impl<'s> Cover<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            text: source.to_owned(),
            rounds: 0,
            blanks: Vec::new(),
            expressions: Vec::new(),
            unclosed_to: None,
            last_message: String::new(),
            given_up_at: None,
        }
    }

    /// Covers the broken place and reports it. False when there is nothing left to cover.
    fn cover(&mut self, file: FileId, broken: &Broken, problems: &mut Vec<Diagnostic>) -> bool {
        self.rounds += 1;
        if broken.too_deep {
            let place = span(file, broken.offset, broken.offset.saturating_add(1).min(self.source.len()));
            problems.push(build::too_deep(place));
            return false;
        }
        for at in [broken.offset, broken.opened_at] {
            if let Some((start, end)) = cut::eaten_near(&self.text, at)
                && !self.expressions.contains(&(start, end))
            {
                let written = self.source.get(start..end).unwrap_or_default();
                problems.push(cut::diagnostic(span(file, start, end), written));
                self.replace(start, end, '_');
                self.expressions.push((start, end));
                return true;
            }
        }
        let (start, end) = self.line(broken.opened_at);
        let (start, end) = if self.is_blank(start, end) { self.line(broken.offset) } else { (start, end) };
        if self.is_blank(start, end) {
            problems.push(unparsable(file, self.source, broken));
            return false;
        }
        // What follows an unclosed bracket or quote directly is usually the rest of the same mistake.
        let follows = |covered: Option<usize>| covered.is_some_and(|at| (at..=at + 2).contains(&start));
        let again = follows(self.blanks.last().map(|(_, end)| *end)) && self.last_message == broken.message;
        if !follows(self.unclosed_to) && !again {
            problems.push(unparsable(file, self.source, broken));
        }
        // The same mistake on the next line is a block at a wrong place: all of it is covered at once.
        let end = if again { self.block_end(start, end) } else { end };
        self.last_message.clone_from(&broken.message);
        self.replace(start, end, ' ');
        self.blanks.push((start, end));
        self.unclosed_to = (broken.opened_at != broken.offset).then_some(end);
        true
    }

    /// The line of an offset, without its line break.
    fn line(&self, at: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        let at = at.min(bytes.len());
        let before = bytes.iter().take(at).rposition(|byte| *byte == b'\n');
        let start = before.map_or(0, |found| found + 1);
        let length = bytes.iter().skip(start).position(|byte| matches!(byte, b'\n' | b'\r'));
        (start, length.map_or(bytes.len(), |found| start + found))
    }

    /// The end of the lines that follow with at least the indentation of the line at `start`.
    fn block_end(&self, start: usize, end: usize) -> usize {
        let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let own = indent(self.text.get(start..end).unwrap_or_default());
        let rest = self.text.get(end..).unwrap_or_default();
        let (mut block, mut at) = (end, end);
        for (number, line) in rest.split_inclusive('\n').enumerate() {
            let content = line.trim_end();
            // The first piece is what is left of the line itself.
            if number > 0 && !content.is_empty() && (indent(line) < own || own == 0) {
                break;
            }
            block = at + content.len();
            at += line.len();
        }
        block
    }

    fn is_blank(&self, start: usize, end: usize) -> bool {
        self.text.get(start..end).is_none_or(|line| line.trim().is_empty())
    }

    /// Replaces a range by as many bytes of `filler`.
    fn replace(&mut self, start: usize, end: usize, filler: char) {
        if let (Some(before), Some(after)) = (self.text.get(..start), self.text.get(end..)) {
            let kept = |byte| if byte == b'\n' { '\n' } else { filler };
            let covered: String = self.text.bytes().skip(start).take(end - start).map(kept).collect();
            self.text = format!("{before}{covered}{after}");
        }
    }

    /// True when nothing is known of some part of `start..end`.
    fn hides(&self, start: usize, end: usize) -> bool {
        self.blanks.iter().any(|(from, to)| *from < end && start < *to)
            || self.given_up_at.is_some_and(|at| at >= start && at <= end.max(start + 1))
    }
}

fn unparsable(file: FileId, source: &str, broken: &Broken) -> Diagnostic {
    let start = broken.offset.min(source.len());
    let width = source.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let place = span(file, start, start + width);
    let problem = Diagnostic::law("unparsable-file", place, broken.message.clone())
        .help(broken.help)
        .consequence("the engine refuses the catalogue");
    if broken.opened_at == broken.offset {
        return problem;
    }
    let opened = broken.opened_at.min(source.len());
    problem.related(span(file, opened, opened), "what is being read begins here")
}

/// An event with its place: the types of the parser end here.
type Placed<'t> = (Event<'t>, u32, u32);

#[cfg(test)]
mod tests;
