//! A linear look at a KDL text before the parser: depth of blocks and comments, and slashdashes, which
//! are refused (they hide what looks like a spec, and nested ones take the parser exponential time).

use crate::diagnostic::Diagnostic;
use crate::scan::{DEPTH, span};
use crate::source::FileId;

/// The one slashdash that is no part of a spec: the version marker on the first line.
const MARKERS: [&str; 2] = ["/- kdl-version 2", "/-kdl-version 2"];

/// True when the parser may see the text.
pub fn admits(file: FileId, source: &str, sink: &mut Vec<Diagnostic>) -> bool {
    let before = sink.len();
    let mut walk = Walk { file, source, bytes: source.as_bytes(), at: 0, depth: 0, sink };
    if let Some(marker) = MARKERS.iter().find(|marker| marks(source, marker)) {
        walk.at = marker.len();
    }
    while walk.step() {}
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
    depth: usize,
    sink: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Passes one token. False at the end, and when it went too deep.
    fn step(&mut self) -> bool {
        if self.at >= self.bytes.len() {
            return false;
        }
        match (self.byte(0), self.byte(1)) {
            (b'/', b'-') => {
                let place = span(self.file, self.at, self.at + 2);
                self.sink.push(
                    Diagnostic::law(
                        "unparsable-file",
                        place,
                        "a slashdash (`/-`) hides what looks like a part of the spec",
                    )
                    .help("remove what it hides, or make it a comment with `//`")
                    .consequence("the engine refuses the catalogue"),
                );
                self.at += 2;
            }
            (b'/', b'/') => self.line(),
            (b'/', b'*') => return self.comment(),
            (b'"', _) => self.string(0),
            (b'#', b'"' | b'#') => self.raw(),
            (b'{', _) => {
                self.depth += 1;
                self.at += 1;
                return self.within(self.depth);
            }
            (b'}', _) => {
                self.depth = self.depth.saturating_sub(1);
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
        false
    }

    fn line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    /// Comments nest.
    fn comment(&mut self) -> bool {
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
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return true;
                    }
                }
                _ => self.at += 1,
            }
        }
        true
    }

    /// A string between quotes; with hashes it is raw.
    fn string(&mut self, hashes: usize) {
        let quotes =
            if self.source.get(self.at..).is_some_and(|rest| rest.starts_with("\"\"\"")) { 3 } else { 1 };
        self.at += quotes;
        while self.at < self.bytes.len() {
            if self.byte(0) == b'\\' && hashes == 0 {
                self.at += 2;
                continue;
            }
            let closes = (0..quotes).all(|ahead| self.byte(ahead) == b'"')
                && (0..hashes).all(|ahead| self.byte(quotes + ahead) == b'#');
            if closes {
                self.at += quotes + hashes;
                return;
            }
            self.at += 1;
        }
    }

    fn raw(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
        self.at += hashes;
        if self.byte(0) == b'"' {
            self.string(hashes);
        }
    }
}
