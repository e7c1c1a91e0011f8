//! What is kept of one catalogue between one look at it and the next. Must never change what is said: a subject that
//! comes from here is judged as one that was read for the first time.

use std::path::Path;

use ordain_spec::check::Checker;
use ordain_spec::source::{SourceFile, Sources};
use ordain_spec::workspace::Workspace;

use crate::subject::Subject;

/// One catalogue and what is known of it.
#[derive(Debug)]
pub struct Kept {
    checker: Checker,
}

impl Default for Kept {
    fn default() -> Self {
        Self { checker: Checker::new() }
    }
}

impl Kept {
    /// The workspace in a folder, as it is on disk now.
    #[must_use]
    pub fn workspace(&mut self, root: &Path) -> Subject {
        Subject::of_workspace(Workspace::read_by(&mut self.checker, root))
    }

    /// These files, all that there are, and the operator's file beside them.
    #[must_use]
    pub fn files(&mut self, sources: &Sources, operator: Option<SourceFile>) -> Subject {
        Subject::of(self.checker.check(sources), operator)
    }
}
