//! What is kept of one catalogue between one look at it and the next. Must never change what is said: a subject that
//! comes from here is judged as one that was read for the first time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ordain_plan::Ungranted;
use ordain_spec::check::Checker;
use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::digest::Digest;
use ordain_spec::source::{FileId, SourceFile, Sources};
use ordain_spec::tree::Node;
use ordain_spec::workspace::Workspace;

use crate::subject::Subject;

/// More than a catalogue can hold files: past that, what was kept is let go.
const KEPT: usize = 10_000;

/// One catalogue and what is known of it.
#[derive(Debug)]
pub struct Kept {
    checker: Checker,
    remembered: Arc<Remembered>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { checker: Checker::new(), remembered: Arc::default() }
    }
}

impl Kept {
    /// The workspace in a folder, as it is on disk now.
    #[must_use]
    pub fn workspace(&mut self, root: &Path) -> Subject {
        let subject = Subject::of_workspace(Workspace::read_by(&mut self.checker, root));
        Subject { remembered: Arc::clone(&self.remembered), ..subject }
    }

    /// These files, all that there are, and the operator's file beside them.
    #[must_use]
    pub fn files(&mut self, sources: &Sources, operator: Option<SourceFile>) -> Subject {
        let subject = Subject::of(self.checker.check(sources), operator);
        Subject { remembered: Arc::clone(&self.remembered), ..subject }
    }
}

/// What finds something in one file and its documents: no closure, so that it knows of nothing else.
pub type OfFile = fn(FileId, &SourceFile, &[Node], &mut Vec<Diagnostic>);

/// What rules found, each for as long as all that it looked at is the same.
#[derive(Debug, Default)]
pub struct Remembered {
    /// In one file alone, for as long as it is the same file under the same number.
    alone: Mutex<BTreeMap<&'static str, Vec<InFile>>>,
    /// What a live run would miss, by what the plan stands on.
    ungranted: Mutex<BTreeMap<Digest, Arc<[Ungranted]>>>,
}

/// What one rule found in one file.
#[derive(Debug)]
struct InFile {
    id: FileId,
    file: Arc<SourceFile>,
    found: Vec<Diagnostic>,
}

impl Remembered {
    /// What a live run of a runbook would miss. `find` looks at nothing but the plan that stands on this ground.
    pub fn ungranted(&self, ground: Digest, find: impl FnOnce() -> Vec<Ungranted>) -> Arc<[Ungranted]> {
        let known = || self.ungranted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&ground) {
            return Arc::clone(found);
        }
        let found: Arc<[Ungranted]> = find().into();
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(ground, Arc::clone(&found));
        found
    }

    /// What a rule finds in all these files; `documents` are those of each.
    pub fn alone<'d>(
        &self,
        slug: &'static str,
        sources: &Sources,
        documents: impl Fn(FileId) -> &'d [Node],
        find: OfFile,
    ) -> Vec<Diagnostic> {
        let known = || self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = known().remove(slug).unwrap_or_default().into_iter().peekable();
        let mut now = Vec::with_capacity(sources.len());
        let mut all = Vec::new();
        // Both in the order of their numbers.
        for ((id, _), file) in sources.iter().zip(sources.shared()) {
            while last.next_if(|known| known.id < id).is_some() {}
            let same = last.next_if(|known| known.id == id).filter(|known| Arc::ptr_eq(&known.file, file));
            let known = same.unwrap_or_else(|| {
                let mut found = Vec::new();
                find(id, file, documents(id), &mut found);
                InFile { id, file: Arc::clone(file), found }
            });
            all.extend_from_slice(&known.found);
            now.push(known);
        }
        known().insert(slug, now);
        all
    }
}
