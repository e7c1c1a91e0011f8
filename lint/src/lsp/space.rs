//! One workspace as an editor sees it: the files on disk, in their place those that are open, and what is
//! known of them. A keystroke changes one file; the others are not read again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::check::Checker;
use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::folder::workspace_file;
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{Notation, SourceFile, Sources, Span};
use ordain_spec::tree::Node;
use ordain_spec::workspace::{FILE, sources};

use super::names::{Mention, Name, in_suppressions, mentions};
use crate::judge::taste;
use crate::rules::Context;
use crate::subject::Subject;

/// A workspace, or a file that lies in none.
pub struct Space {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    /// The same folder as the editor writes it: there may be links in its path.
    shown: PathBuf,
    /// False for a file outside of any workspace.
    whole: bool,
    disk: BTreeMap<String, Arc<SourceFile>>,
    open: BTreeMap<String, Arc<SourceFile>>,
    operator: Option<SourceFile>,
    operator_documents: Vec<Node>,
    checker: Checker,
    /// What was found last.
    pub subject: Subject,
    names: BTreeMap<String, (Arc<str>, Arc<Vec<Mention>>)>,
    is_stale: bool,
    /// Rules that are no laws, as they were found when it was quiet last, by the text of the file.
    taste: Vec<(String, Arc<str>, Diagnostic)>,
    /// Paths that the editor was told something about.
    pub told: BTreeSet<String>,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space")
            .field("root", &self.root)
            .field("checker", &self.checker)
            .finish_non_exhaustive()
    }
}

impl Space {
    /// The workspace in a folder.
    #[must_use]
    pub fn of_workspace(root: PathBuf) -> Self {
        let mut space = Self::new(root, true);
        space.reload();
        space
    }

    /// A file that lies in no workspace: a catalogue of its own.
    #[must_use]
    pub fn of_file(folder: PathBuf) -> Self {
        Self::new(folder, false)
    }

    fn new(root: PathBuf, whole: bool) -> Self {
        Self {
            shown: root.clone(),
            root,
            whole,
            disk: BTreeMap::new(),
            open: BTreeMap::new(),
            operator: None,
            operator_documents: Vec::new(),
            checker: Checker::new(),
            subject: Subject::of_files(Sources::default()),
            names: BTreeMap::new(),
            is_stale: true,
            taste: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// Reads the folder again; files that did not change stay as they are known.
    pub fn reload(&mut self) {
        self.is_stale = true;
        if !self.whole {
            return;
        }
        self.operator =
            self.open.get(FILE).map(|file| SourceFile::clone(file)).or_else(|| workspace_file(&self.root));
        let spec = self.operator_spec().unwrap_or_else(WorkspaceSpec::standard);
        let read = sources(&spec, &self.root);
        self.disk = read.shared().map(|file| (file.path.clone(), Arc::clone(file))).collect();
    }

    fn operator_spec(&mut self) -> Option<WorkspaceSpec> {
        let file = self.operator.as_ref()?;
        let mut alone = Sources::default();
        let id = alone.add(file.clone());
        ordain_spec::check::read_workspace(id, file, &mut Vec::new())
    }

    /// The path that a file has here.
    #[must_use]
    pub fn relative(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.root).ok()?;
        Some(below.to_string_lossy().replace('\\', "/"))
    }

    /// Where a file lies, as the editor writes it.
    #[must_use]
    pub fn absolute(&self, path: &str) -> PathBuf {
        self.shown.join(path)
    }

    /// The editor called a file by this path: so it is told about all of them.
    pub fn called(&mut self, relative: &str, path: &Path) {
        if path.ends_with(relative)
            && let Some(folder) = path.ancestors().nth(Path::new(relative).components().count())
        {
            folder.clone_into(&mut self.shown);
        }
    }

    /// A file is open, or has another text. What lies in no folder of the catalogue is judged all the same.
    pub fn edit(&mut self, path: &str, text: &str) {
        // A name that keeps it from being read does so while it is open, too.
        let Some(file) = ordain_spec::unread::file(path, text).map(Arc::new) else { return };
        if path == FILE && self.whole {
            self.open.insert(path.to_owned(), file);
            self.reload();
        } else {
            self.open.insert(path.to_owned(), file);
            self.is_stale = true;
        }
    }

    /// A file is no longer open: what lies on disk holds.
    pub fn close(&mut self, path: &str) {
        self.open.remove(path);
        self.reload();
    }

    /// The text of an open or known file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&SourceFile> {
        let operator = || self.operator.as_ref().filter(|_| path == FILE);
        let known = self.open.get(path).or_else(|| self.disk.get(path)).map(|file| &**file);
        known.or_else(operator)
    }

    /// All files of the catalogue as the editor sees them.
    fn sources(&self) -> Sources {
        let mut all: BTreeMap<&str, &Arc<SourceFile>> = BTreeMap::new();
        all.extend(self.disk.iter().map(|(path, file)| (path.as_str(), file)));
        all.extend(self.open.iter().map(|(path, file)| (path.as_str(), file)));
        let mut sources = Sources::default();
        for (path, file) in all {
            if path != FILE {
                sources.add(Arc::clone(file));
            }
        }
        sources
    }

    /// Checks what changed, if anything did.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        let sources = self.sources();
        let checked = self.checker.check(&sources);
        self.subject = Subject::of(checked, self.operator.clone());
        self.operator_documents = match (&self.operator, self.subject.operator) {
            (Some(file), Some(id)) => super::documents(id, file),
            _ => Vec::new(),
        };
        self.index();
    }

    /// Finds the names of files that changed.
    fn index(&mut self) {
        let mut names = BTreeMap::new();
        for (id, file) in self.subject.sources.iter() {
            let known = self.names.remove(&file.path);
            // Places hold the number of their file: it must be the same one still.
            let known = known.filter(|(text, found)| {
                Arc::ptr_eq(text, &file.text) && found.first().is_none_or(|first| first.span.file == id)
            });
            let known = known.unwrap_or_else(|| {
                let documents = self.checker.documents(&file.path).unwrap_or_default();
                let own =
                    if Some(id) == self.subject.operator { &self.operator_documents } else { documents };
                let found = own.iter().flat_map(mentions).chain(in_suppressions(id, file, own));
                (Arc::clone(&file.text), Arc::new(found.collect()))
            });
            names.insert(file.path.clone(), known);
        }
        self.names = names;
    }

    /// How many files were read so far.
    #[must_use]
    pub const fn readings(&self) -> u64 {
        self.checker.readings()
    }

    /// Judges also by the rules that are no laws: what is done when nobody types.
    pub fn judge(&mut self) {
        self.refresh();
        let (found, _passed) = taste(&Context::new(&self.subject, Timestamp::now(), None));
        let sources = Arc::clone(&self.subject.sources);
        let about = |problem: Diagnostic| {
            let file = sources.get(problem.primary.as_ref()?.span.file)?;
            Some((file.path.clone(), Arc::clone(&file.text), problem))
        };
        self.taste = found.into_iter().filter_map(about).collect();
    }

    /// All that is known to be wrong, with the path it is about. What a rule found in a text that has changed
    /// since is left out until it is judged again.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, Diagnostic)> {
        let sources = &self.subject.sources;
        let path = |span: Span| sources.get(span.file).map(|file| file.path.clone());
        let place = |problem: &Diagnostic| {
            let primary = problem.primary.as_ref().and_then(|label| path(label.span));
            primary.unwrap_or_else(|| FILE.to_owned())
        };
        let laws = self.subject.diagnostics.iter().chain(&self.subject.checked.diagnostics);
        let mut found: Vec<_> = laws.map(|problem| (place(problem), problem.clone())).collect();
        for (path, text, problem) in &self.taste {
            if self.file(path).is_some_and(|file| file.text == *text) {
                found.push((path.clone(), problem.clone()));
            }
        }
        found.retain(|(path, _)| !path.starts_with("std:"));
        found
    }

    /// The documents of a file, as far as they could be read.
    #[must_use]
    pub fn documents(&self, path: &str) -> &[Node] {
        if path == FILE {
            return &self.operator_documents;
        }
        self.checker.documents(path).unwrap_or_default()
    }

    /// Every name of a file.
    #[must_use]
    pub fn names_in(&self, path: &str) -> &[Mention] {
        self.names.get(path).map_or(&[], |(_, found)| found)
    }

    /// Every place of a name, declarations first.
    #[must_use]
    pub fn places_of(&self, name: &Name) -> Vec<&Mention> {
        let all = self.names.values().flat_map(|(_, found)| found.iter());
        let mut found: Vec<&Mention> =
            all.filter(|mention| mention.name == *name && !mention.prefix).collect();
        found.sort_by_key(|mention| (!mention.defines, mention.span));
        found
    }

    /// Every declared name.
    pub fn declared(&self) -> impl Iterator<Item = &Mention> {
        self.mentioned().filter(|mention| mention.defines)
    }

    /// Every name anywhere.
    pub fn mentioned(&self) -> impl Iterator<Item = &Mention> {
        self.names.values().flat_map(|(_, found)| found.iter())
    }

    /// The facts of the place where an expression stands in a text that a file would have.
    #[must_use]
    pub fn facts(&mut self, path: &str, text: &str, at: u32) -> Option<ordain_spec::expr::Scope> {
        let notation = Notation::of_path(path)?;
        let mut sources = Sources::default();
        for file in self.sources().shared().filter(|file| file.path != path) {
            sources.add(Arc::clone(file));
        }
        sources.add(SourceFile::new(path.to_owned(), text.into(), notation));
        self.checker.facts_at(&sources, path, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_comment_lets_pass_is_not_told_and_a_comment_that_lets_nothing_pass_is() {
        let told = |enum_: &str| -> Vec<&str> {
            let text = format!(
                "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: page, version: 1.0.0, owner: user:ann, summary: Works.}}\nspec:\n  inputs:\n    # lint-allow: ambiguous-scalar until=2999-12-31 by=user:ann reason=\"the other reader is gone soon\"\n    answer: {{type: string, enum: [{enum_}, later]}}\n  steps: [{{id: rest, wait: 1s}}]\n"
            );
            let mut space = Space::of_file(PathBuf::from("/nowhere"));
            space.edit("page.yaml", &text);
            space.judge();
            let codes = space.problems().into_iter().map(|(_, problem)| problem.code);
            codes.filter(|code| code.contains("ambiguous") || code.contains("suppress")).collect()
        };
        assert_eq!(told("no"), [""; 0]);
        assert_eq!(told("'no'"), ["suppression-unused"]);
    }
}
