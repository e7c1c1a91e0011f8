//! A linear look at a KDL text before the parser: depth of blocks and comments, strings and blocks that
//! are never closed, and slashdashes. Slashdashes are refused (they hide what looks like a spec); all of
//! these take the parser quadratic or exponential time, or more stack than there is.

use crate::diagnostic::Diagnostic;
use crate::scan::{DEPTH, span};
use crate::source::FileId;

/// The one slashdash that is no part of a spec: the version marker on the first line.
const MARKERS: [&str; 2] = ["/- kdl-version 2", "/-kdl-version 2"];
/// Problems reported before the rest of the file is given up.
const SHOWN: usize = 20;
/// Words that a hash begins.
const KEYWORDS: [&str; 6] = ["#true", "#false", "#null", "#inf", "#-inf", "#nan"];

/// True when the parser may see the text.
pub fn admits(file: FileId, source: &str, sink: &mut Vec<Diagnostic>) -> bool {
    let before = sink.len();
    let mut walk = Walk { file, source, bytes: source.as_bytes(), at: 0, open: Vec::new(), sink };
    if let Some(marker) = MARKERS.iter().find(|marker| marks(source, marker)) {
        walk.at = marker.len();
    }
    while walk.sink.len() < before + SHOWN && walk.step() {}
    if let Some(start) = walk.open.pop() {
        walk.refuse(start, start + 1, "this block is never closed", "close it with `}`");
    }
    sink.len() == before
}

fn marks(source: &str, marker: &str) -> bool {
    source
        .strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r', ';']))
}

struct Walk<'a> {
    file: FileId,
    source: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Where the blocks begin that are open.
    open: Vec<usize>,
    sink: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn starts(&self, with: &str) -> bool {
        self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    fn refuse(&mut self, start: usize, end: usize, message: &str, help: &str) {
        self.sink.push(
            Diagnostic::law("unparsable-file", span(self.file, start, end.min(self.source.len())), message)
                .help(help)
                .consequence("the engine refuses the catalogue"),
        );
    }

    /// Passes one token. False at the end, and where going on makes no sense.
    fn step(&mut self) -> bool {
        if self.at >= self.bytes.len() {
            return false;
        }
        let start = self.at;
        match (self.byte(0), self.byte(1)) {
            (b'/', b'-') => {
                let message = "a slashdash (`/-`) hides what looks like a part of the spec";
                self.refuse(
                    start,
                    start + 2,
                    message,
                    "remove what it hides, or make it a comment with `//`",
                );
                self.at += 2;
            }
            (b'/', b'/') => self.line(),
            (b'/', b'*') => return self.comment(),
            (b'"', _) => return self.string(0),
            (b'#', b'"' | b'#') => return self.raw(),
            (b'#', _) if !KEYWORDS.iter().any(|word| self.starts(word)) => {
                self.refuse(
                    start,
                    start + 1,
                    "`#` begins no word here",
                    "write `#true`, `#false`, or quote the text",
                );
                self.at += 1;
            }
            (b'{', _) => {
                self.open.push(start);
                self.at += 1;
                return self.within(self.open.len());
            }
            (b'}', _) => {
                if self.open.pop().is_none() {
                    self.refuse(start, start + 1, "`}` closes no block", "remove it");
                }
                self.at += 1;
            }
            (b'(', _) => self.annotation(),
            (b'[' | b']' | b')', _) => {
                self.refuse(start, start + 1, "a bracket stands outside of a string", "quote the text");
                self.at += 1;
            }
            _ => self.at += 1,
        }
        true
    }

    fn within(&mut self, depth: usize) -> bool {
        if depth <= DEPTH {
            return true;
        }
        let place = span(self.file, self.at.saturating_sub(1), self.at);
        self.sink.push(
            Diagnostic::law("too-large-or-deep", place, format!("this is nested more than {DEPTH} deep"))
                .help("flatten it")
                .consequence("the engine refuses the catalogue"),
        );
        self.open.clear();
        false
    }

    fn line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    /// `(word)`: white space and strings within are refused, as is one that is never closed.
    fn annotation(&mut self) {
        let start = self.at;
        self.at += 1;
        while matches!(self.byte(0), b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.') {
            self.at += 1;
        }
        if self.byte(0) == b')' && self.at > start + 1 {
            self.at += 1;
        } else {
            self.refuse(start, start + 1, "a bracket stands outside of a string", "quote the text");
        }
    }

    /// Comments nest.
    fn comment(&mut self) -> bool {
        let start = self.at;
        let mut depth = 0usize;
        while self.at < self.bytes.len() {
            match (self.byte(0), self.byte(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                    if !self.within(depth) {
                        return false;
                    }
                }
                (b'*', b'/') => {
                    depth = depth.saturating_sub(1);
                    self.at += 2;
                    if depth == 0 {
                        return true;
                    }
                }
                _ => self.at += 1,
            }
        }
        self.refuse(start, start + 2, "this comment is never closed", "close it with `*/`");
        self.open.clear();
        false
    }

    /// A string between quotes; with hashes it is raw. One line between `"`, several between `"""`.
    fn string(&mut self, hashes: usize) -> bool {
        let start = self.at;
        let lines = self.starts("\"\"\"");
        let quotes = if lines { 3 } else { 1 };
        self.at += quotes;
        if lines && !self.starts("\n") && !self.starts("\r\n") {
            self.refuse(
                start,
                self.at,
                "a text between `\"\"\"` begins on the next line",
                "begin a new line here",
            );
            self.open.clear();
            return false;
        }
        while self.at < self.bytes.len() {
            let closes = (0..quotes).all(|ahead| self.byte(ahead) == b'"')
                && (0..hashes).all(|ahead| self.byte(quotes + ahead) == b'#');
            match self.byte(0) {
                b'\\' if hashes == 0 => self.escape(),
                b'\n' if !lines => break,
                _ if closes => {
                    self.at += quotes + hashes;
                    return true;
                }
                _ => self.at += 1,
            }
        }
        self.refuse(
            start.saturating_sub(hashes),
            start + quotes,
            "this string is never closed",
            "close its quotes",
        );
        // What follows would be read inside out.
        self.open.clear();
        false
    }

    /// A backslash hides the next character, or all the white space that follows.
    fn escape(&mut self) {
        self.at += 1;
        if !self.byte(0).is_ascii_whitespace() {
            self.at += 1;
            return;
        }
        while self.byte(0).is_ascii_whitespace() {
            self.at += 1;
        }
    }

    fn raw(&mut self) -> bool {
        let start = self.at;
        while self.byte(0) == b'#' {
            self.at += 1;
        }
        if self.byte(0) == b'"' {
            return self.string(self.at - start);
        }
        self.refuse(start, self.at, "`#` begins no word here", "quote the text");
        true
    }
}
