//! The operator's file, `ordain.yaml`, and the catalogue that it names. Never part of that catalogue.

use std::path::Path;
use std::sync::Arc;

use crate::check::{Checked, Checker, beside, read_workspace};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Severity};
use crate::folder;
use crate::kind::field::Named;
use crate::kind::workspace::WorkspaceSpec;
use crate::source::{SourceFile, Sources, Span};
use crate::std_set;

/// The name of the operator's file.
pub const FILE: &str = "ordain.yaml";

/// A workspace as its files say.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// What the operator's file says, or the defaults where there is none; `None` where it cannot be read.
    pub spec: Option<WorkspaceSpec>,
    /// The operator's file as it is; empty where there is none.
    pub text: Arc<str>,
    /// What is wrong with the operator's file; spans are about `file`.
    pub diagnostics: Vec<Diagnostic>,
    /// The one file that those spans are about.
    pub file: Sources,
    /// The catalogue and what is wrong with it.
    pub checked: Checked,
}

impl Workspace {
    /// True when a law is broken anywhere: the engine does not load it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.spec.is_none()
            || self.checked.catalogue.is_none()
            || self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Law)
    }

    /// Reads the workspace in the folder `root`: its file, where there is one, and its catalogue.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        Self::read_by(&mut Checker::once(), root)
    }

    /// The same, by a checker that knows the catalogue from an earlier reading.
    #[must_use]
    pub fn read_by(checker: &mut Checker, root: &Path) -> Self {
        match folder::workspace_file(root) {
            Some(file) => Self::of(checker, root, file),
            None => {
                let standard = Some(WorkspaceSpec::standard());
                Self::of_spec(checker, root, standard, "".into(), Vec::new(), Sources::default())
            }
        }
    }

    fn of(checker: &mut Checker, root: &Path, file: SourceFile) -> Self {
        let text = Arc::clone(&file.text);
        let mut sources = Sources::default();
        let id = sources.add(file.clone());
        let mut diagnostics = Vec::new();
        let spec = read_workspace(id, &file, &mut diagnostics);
        let lawful = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Law);
        Self::of_spec(checker, root, spec.filter(|_| lawful), text, diagnostics, sources)
    }

    fn of_spec(
        checker: &mut Checker,
        root: &Path,
        spec: Option<WorkspaceSpec>,
        text: Arc<str>,
        mut diagnostics: Vec<Diagnostic>,
        file: Sources,
    ) -> Self {
        let spec = spec.map(|spec| spec.located(&root.to_string_lossy()));
        let standard = WorkspaceSpec::standard();
        let checked = checker.check(&sources(spec.as_ref().unwrap_or(&standard), root));
        if let Some(spec) = &spec {
            diagnostics.extend(beside(&checked.declarations, spec));
        }
        Self { spec, text, diagnostics, file, checked }
    }
}

/// The files of the catalogue that a workspace names; `std` is the built-in set.
#[must_use]
pub fn sources(spec: &WorkspaceSpec, root: &Path) -> Sources {
    let folders = spec.catalogue.iter().map(|folder| &*folder.value).filter(|folder| *folder != "std");
    let folders: Vec<&str> = folders.map(|folder| folder.strip_prefix("./").unwrap_or(folder)).collect();
    let mut sources = folder::read(root, &folders);
    if spec.catalogue.iter().any(|folder| &*folder.value == "std") {
        for file in std_set::files() {
            sources.add(file);
        }
    }
    sources
}

impl WorkspaceSpec {
    /// What holds without a file: catalogue `specs`, environment `local`, profile `dev`, no connections.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            catalogue: vec![Spanned::nowhere("specs".into())],
            environment: Spanned::nowhere("local".into()),
            profile: Spanned::nowhere(crate::kind::workspace::Profile::Dev),
            settings: Named::default(),
            connections: Named::default(),
            secrets: None,
            trust: Vec::new(),
            lint: crate::kind::workspace::LintSettings::standard(),
            invariants: Vec::new(),
            checkpoints: None,
            payloads: None,
            span: Span::nowhere(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests write files")]
    use super::*;

    fn read(text: Option<&str>) -> (tempfile::TempDir, Workspace) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("specs")).unwrap();
        if let Some(text) = text {
            std::fs::write(root.path().join(FILE), text).unwrap();
        }
        let workspace = Workspace::read(root.path());
        (root, workspace)
    }

    #[test]
    fn without_a_file_the_defaults_hold() {
        let (_root, workspace) = read(None);
        assert_eq!(workspace.spec, Some(WorkspaceSpec::standard()));
        assert!(workspace.diagnostics.is_empty());
    }

    #[test]
    fn relative_paths_are_of_the_workspace() {
        let text = "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  settings: {data: ./data, url: 'https://a'}\n  \
                    connections: {tar: {programs: {./bin/tar: any}, read: [.]}}\n";
        let (root, workspace) = read(Some(text));
        let spec = workspace.spec.unwrap();
        let inside = |path: &str| root.path().join(path).to_str().unwrap().to_owned();
        assert_eq!(*spec.settings.get("data").unwrap().value, *inside("data"));
        assert_eq!(&*spec.settings.get("url").unwrap().value, "https://a");
        let tar = spec.connections.get("tar").unwrap();
        assert!(tar.programs.get(&inside("bin/tar")).is_some());
        assert_eq!(
            tar.read.first().map(|path| path.value.to_string()),
            root.path().to_str().map(str::to_owned)
        );
    }

    #[test]
    fn an_unknown_key_is_refused_and_nothing_is_loaded() {
        let (_root, workspace) = read(Some("apiVersion: ordain/v1\nkind: Workspace\nspec: {profil: prod}\n"));
        assert!(workspace.is_refused());
        assert_eq!(workspace.diagnostics.first().map(|problem| problem.code), Some("unknown-field"));
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let (_root, workspace) = read(Some("apiVersion: ordain/v1\nkind: Policy\nspec: {}\n"));
        assert_eq!(workspace.diagnostics.first().map(|problem| problem.code), Some("unknown-kind"));
        assert!(workspace.is_refused());
    }
}
