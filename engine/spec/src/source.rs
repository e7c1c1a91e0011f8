//! Source files and places in them. Reading bytes from a folder is `folder`'s business, not ours.

use std::sync::Arc;

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
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// A file at `path` that holds `text`.
    #[must_use]
    pub fn new(path: String, text: Arc<str>, notation: Notation) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
            .collect();
        Self { path, text, notation, refusal: None, line_starts }
    }

    /// A file that cannot be read: it is refused with the catalogue it lies in.
    #[must_use]
    pub fn refused(path: String, text: Arc<str>, notation: Notation, refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::new(path, text, notation) }
    }

    /// Line and column of a byte offset, both counted from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (u32, u32) {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start as usize..offset as usize).unwrap_or_default();
        let column = before.chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
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
