//! Source files and places in them. Reading bytes from a folder is `folder`'s business, not ours.

use std::sync::{Arc, OnceLock};

/// Number of a file within one [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// A place in a source file: byte offsets, end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `start..end` in `file`.
    #[must_use]
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The place of what stands in no file, such as a default.
    #[must_use]
    pub const fn nowhere() -> Self {
        Self { file: FileId(u32::MAX), start: 0, end: 0 }
    }

    /// True for [`Span::nowhere`].
    #[must_use]
    pub const fn is_nowhere(self) -> bool {
        self.file.0 == u32::MAX
    }

    /// The smallest span that holds both; `self` where the files differ.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// How a file is written. The notation carries no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// `*.yaml`, `*.yml`
    Yaml,
    /// `*.kdl`
    Kdl,
}

impl Notation {
    /// The notation that a file name's ending asks for.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        let (_, ending) = path.rsplit_once('.')?;
        match ending {
            "yaml" | "yml" => Some(Self::Yaml),
            "kdl" => Some(Self::Kdl),
            _ => None,
        }
    }
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The slug of the law.
    pub code: &'static str,
    /// The byte where it shows.
    pub at: u32,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

/// One file of a catalogue. The bytes are kept also when they are not UTF-8, so that the digest of
/// what was read and the text that a diagnostic shows are of the same thing.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Relative to the workspace, with `/`.
    pub path: String,
    /// What the file holds (lossy where it is not UTF-8; such a file is refused).
    pub text: Arc<str>,
    /// YAML or KDL.
    pub notation: Notation,
    /// Why the file cannot be read at all, if so; `check` reports it and reads no further.
    pub refusal: Option<Refusal>,
    /// What is counted of the text, once somebody asks: most files are never shown.
    counted: OnceLock<Counted>,
}

/// Where lines and characters of a text begin.
#[derive(Debug, Clone)]
struct Counted {
    line_starts: Vec<u32>,
    /// How many characters begin before each [`STRIDE`]-th byte: a line can be as long as the file.
    characters: Vec<u32>,
}

impl Counted {
    fn of(text: &str) -> Self {
        let breaks = text.match_indices('\n');
        let after = breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX));
        let line_starts = std::iter::once(0).chain(after).collect();
        let strides = text.as_bytes().chunks(STRIDE).scan(0, |before, chunk| {
            let here = *before;
            *before += begun(chunk);
            Some(here)
        });
        Self { line_starts, characters: strides.collect() }
    }
}

/// Bytes between two places whose characters are counted.
const STRIDE: usize = 1024;

/// How many characters begin in some bytes.
fn begun(bytes: &[u8]) -> u32 {
    let count = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl SourceFile {
    /// A file at `path` that holds `text`.
    #[must_use]
    pub fn new(path: String, text: Arc<str>, notation: Notation) -> Self {
        Self { path, text, notation, refusal: None, counted: OnceLock::new() }
    }

    /// A file from its bytes. Past the limit of a file they may be cut anywhere: that it is too large comes first.
    #[must_use]
    pub fn of_bytes(path: String, bytes: &[u8], notation: Notation) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let error = match std::str::from_utf8(bytes) {
            Err(error) if bytes.len() <= crate::scan::FILE_BYTES => error,
            _ => return Self::new(path, text.into(), notation),
        };
        let at = error.valid_up_to();
        let is_utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        let help = if is_utf16 { "it looks like UTF-16: save it as UTF-8" } else { "save the file as UTF-8" };
        let refusal = Refusal {
            code: "not-utf8",
            at: u32::try_from(at).unwrap_or(u32::MAX),
            message: format!("byte {at} of `{path}` is no UTF-8"),
            help,
        };
        Self::refused(path, text.into(), notation, refusal)
    }

    /// A file that cannot be read: it is refused with the catalogue it lies in.
    #[must_use]
    pub fn refused(path: String, text: Arc<str>, notation: Notation, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::new(path, text, notation) }
    }

    /// Line and column of a byte offset, both counted from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start <= offset);
        let start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.characters(offset).saturating_sub(self.characters(start)) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), column)
    }

    /// How many characters begin before a byte.
    fn characters(&self, offset: u32) -> u32 {
        let at = (offset as usize).min(self.text.len());
        let characters = &self.counted().characters;
        let counted = (at / STRIDE).min(characters.len().saturating_sub(1));
        let rest = self.text.as_bytes().get(counted * STRIDE..at).unwrap_or_default();
        characters.get(counted).map_or(0, |before| before + begun(rest))
    }

    /// The first byte of a line, counted from 1, and one past its last; both the end of the text past the last line.
    #[must_use]
    pub fn line(&self, number: u32) -> (u32, u32) {
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let start = |number: u32| self.line_starts().get(number as usize).copied().unwrap_or(end);
        (start(number.saturating_sub(1)), start(number.max(1)))
    }

    /// Where each line begins; a line break at the end of the file begins another one.
    fn line_starts(&self) -> &[u32] {
        &self.counted().line_starts
    }

    fn counted(&self) -> &Counted {
        self.counted.get_or_init(|| Counted::of(&self.text))
    }

    /// The lines from the one of that number on, which is counted from 1: where each begins, and what it says with
    /// its line break.
    pub fn lines_from(&self, number: u32) -> impl Iterator<Item = (usize, &str)> {
        let index = number.saturating_sub(1) as usize;
        let start = self.line_starts().get(index).map_or(self.text.len(), |start| *start as usize);
        let lines = self.text.get(start..).unwrap_or_default().split_inclusive('\n');
        lines.scan(start, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, line))
        })
    }

    /// The text of a span, empty where it does not lie in this file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// All files of a catalogue, in the order of their paths. Numbers rise with the paths; whoever checks the
/// same catalogue again and again leaves room between them ([`crate::check::Checker`]).
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<(FileId, Arc<SourceFile>)>,
}

impl Sources {
    /// Adds a file and returns its number.
    pub fn add(&mut self, file: impl Into<Arc<SourceFile>>) -> FileId {
        let id = self.files.last().map_or(FileId(0), |(last, _)| FileId(last.0.saturating_add(1)));
        self.files.push((id, file.into()));
        id
    }

    /// Files with their numbers, both rising.
    pub(crate) fn numbered(files: Vec<(FileId, Arc<SourceFile>)>) -> Self {
        Self { files }
    }

    /// The file of that number.
    #[must_use]
    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        let dense = self.files.get(id.0 as usize).filter(|(known, _)| *known == id);
        let found = dense.or_else(|| {
            let at = self.files.binary_search_by_key(&id, |(known, _)| *known).ok()?;
            self.files.get(at)
        });
        found.map(|(_, file)| &**file)
    }

    /// All files with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().map(|(id, file)| (*id, &**file))
    }

    /// All files as they are shared.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<SourceFile>> {
        self.files.iter().map(|(_, file)| file)
    }

    /// The number of files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True when there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot go on fails")]
    use super::*;

    #[test]
    fn columns_count_characters_also_far_behind_in_a_line() {
        let text = format!("é\n{}é\u{1f600}x\n", "aé".repeat(3 * STRIDE));
        let file = SourceFile::new("a".into(), text.as_str().into(), Notation::Yaml);
        for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let before = &text[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
            let due = (u32::try_from(line).unwrap(), u32::try_from(column).unwrap());
            assert_eq!(file.line_column(u32::try_from(at).unwrap()), due, "{at}");
        }
    }

    #[test]
    fn a_line_ends_behind_its_break() {
        let file = SourceFile::new("a".into(), "ab\n\nc".into(), Notation::Yaml);
        assert_eq!([0, 1, 2, 3, 4].map(|line| file.line(line)), [(0, 3), (0, 3), (3, 4), (4, 5), (5, 5)]);
    }

    #[test]
    fn what_is_utf16_is_said_to_be() {
        let refusal = |bytes: &[u8]| SourceFile::of_bytes("a".into(), bytes, Notation::Yaml).refusal.unwrap();
        assert!(refusal(&[0xFF, 0xFE, b'a', 0]).help.contains("UTF-16"));
        assert_eq!(refusal(b"a: \xff").message, "byte 3 of `a` is no UTF-8");
    }
}
