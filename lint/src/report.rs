//! What lint found, as data.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{SourceFile, Sources, Span};

use crate::subject::Subject;

/// The findings of all catalogues that were checked.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// One for each catalogue, in the order of their paths.
    pub groups: Vec<Group>,
}

/// One catalogue.
#[derive(Debug, Clone)]
pub struct Group {
    /// The folder of its workspace as it is shown, empty for the folder of the caller.
    pub root: String,
    /// What was found, in the order of files and places.
    pub findings: Vec<Finding>,
    /// What comments let pass.
    pub passed: Vec<Allowed>,
    /// Files that were looked at.
    pub files: usize,
    /// Specs that could be read in them.
    pub specs: usize,
    /// Levels or slugs that block, by the workspace.
    pub deny: Vec<Arc<str>>,
    /// What was judged.
    pub subject: Subject,
    /// What it was compared with, where that was asked for.
    pub before: Option<Subject>,
    /// The paths of the files that were asked for: no other is repaired.
    pub wanted: BTreeSet<String>,
}

impl Group {
    /// True for files that belong to no workspace.
    #[must_use]
    pub const fn is_loose(&self) -> bool {
        self.subject.operator.is_none()
    }

    /// True for a law, an error, what the workspace denies, and what the caller denies.
    #[must_use]
    pub fn is_blocking(&self, finding: &Finding, deny: &[Severity]) -> bool {
        let severity = finding.diagnostic.severity;
        let denied = |word: &Arc<str>| **word == *severity.as_str() || **word == *finding.diagnostic.code;
        matches!(severity, Severity::Law | Severity::Error)
            || deny.contains(&severity)
            || self.deny.iter().any(denied)
    }
}

/// What a comment let pass.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// What would have been said.
    pub finding: Finding,
    /// The reason that the comment gives, by whom, until when.
    pub reason: String,
    /// The comment.
    pub comment: Span,
}

/// One problem and the files it is about.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The problem.
    pub diagnostic: Diagnostic,
    /// What its places are about.
    pub sources: Arc<Sources>,
    /// The folder that the files' paths are relative to, as it is shown.
    pub root: String,
}

/// A place as people and tools read it; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as it is shown.
    pub file: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column just past the end.
    pub end_column: u32,
}

impl Finding {
    /// The file of a span.
    #[must_use]
    pub fn file(&self, span: Span) -> Option<&SourceFile> {
        self.sources.get(span.file)
    }

    /// Where a span is. What is about the catalogue as a whole is at the start of its folder.
    #[must_use]
    pub fn place(&self, span: Option<Span>) -> Place {
        let file = span.and_then(|span| self.file(span));
        let (Some(span), Some(file)) = (span, file) else {
            let file = if self.root.is_empty() { ".".to_owned() } else { self.root.clone() };
            return Place { file, line: 1, column: 1, end_line: 1, end_column: 1 };
        };
        let (line, column) = file.line_column(span.start);
        let (end_line, end_column) = file.line_column(span.end);
        Place { file: shown(&self.root, &file.path), line, column, end_line, end_column }
    }

    /// Where it is.
    #[must_use]
    pub fn primary(&self) -> Place {
        self.place(self.diagnostic.primary.as_ref().map(|label| label.span))
    }
}

/// A path below a folder, as it is shown. Files of the built-in set lie nowhere.
#[must_use]
pub fn shown(root: &str, path: &str) -> String {
    if path.is_empty() {
        if root.is_empty() { ".".to_owned() } else { root.to_owned() }
    } else if root.is_empty() || path.starts_with("std:") || path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{root}/{path}")
    }
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files looked at.
    pub files: usize,
    /// Specs read.
    pub specs: usize,
    /// Laws broken.
    pub laws: usize,
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    /// Remarks.
    pub infos: usize,
}

impl Report {
    /// Counts.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut sum = Summary::default();
        for group in &self.groups {
            sum.files += group.files;
            sum.specs += group.specs;
            for finding in &group.findings {
                match finding.diagnostic.severity {
                    Severity::Law => sum.laws += 1,
                    Severity::Error => sum.errors += 1,
                    Severity::Warning => sum.warnings += 1,
                    Severity::Info => sum.infos += 1,
                }
            }
        }
        sum
    }

    /// True where something blocks: laws and errors, what the workspace denies, and warnings where the
    /// caller says so.
    #[must_use]
    pub fn blocks(&self, deny: &[Severity]) -> bool {
        self.groups.iter().any(|group| group.findings.iter().any(|finding| group.is_blocking(finding, deny)))
    }

    /// Without remarks, for those who did not ask for them.
    #[must_use]
    pub fn without_infos(mut self) -> Self {
        for group in &mut self.groups {
            group.findings.retain(|finding| finding.diagnostic.severity != Severity::Info);
            group.passed.retain(|allowed| allowed.finding.diagnostic.severity != Severity::Info);
        }
        self
    }
}
