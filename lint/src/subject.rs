//! What lint judges: a catalogue, checked, and the workspace around it. One set of sources holds the files
//! of both, so that one diagnostic can show places of both. Reads nothing itself.

use std::sync::Arc;

use ordain_plan::Grants;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::{Checked, beside, check, hush, read_workspace};
use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{FileId, SourceFile, Sources};
use ordain_spec::workspace::Workspace;

use crate::kept::Remembered;

/// A checked catalogue and the workspace around it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The files of the catalogue by the numbers they have there; the operator's file, if any, comes last.
    pub sources: Arc<Sources>,
    /// The catalogue and what is wrong with it.
    pub checked: Checked,
    /// What the operator's file says; `None` where there is none (loose files, or only the defaults hold).
    pub workspace: Option<WorkspaceSpec>,
    /// What is wrong with the operator's file.
    pub diagnostics: Vec<Diagnostic>,
    /// The operator's file among `sources`.
    pub operator: Option<FileId>,
    /// What is known from earlier looks.
    pub(crate) remembered: Arc<Remembered>,
}

impl Subject {
    /// Files without a workspace around them.
    #[must_use]
    pub fn of_files(sources: Sources) -> Self {
        Self::of(check(sources), None)
    }

    /// A workspace that was read.
    #[must_use]
    pub fn of_workspace(workspace: Workspace) -> Self {
        let file = workspace.file.iter().next().map(|(_, file)| file.clone());
        Self::of(workspace.checked, file)
    }

    /// A catalogue and the operator's file beside it.
    #[must_use]
    pub fn of(checked: Checked, file: Option<SourceFile>) -> Self {
        let Some(file) = file else {
            let sources = Arc::clone(&checked.declarations.sources);
            return Self {
                sources,
                checked,
                workspace: None,
                diagnostics: Vec::new(),
                operator: None,
                remembered: Arc::default(),
            };
        };
        let mut sources = Sources::clone(&checked.declarations.sources);
        let id = sources.add(file.clone());
        let mut diagnostics = Vec::new();
        let workspace = read_workspace(id, &file, &mut diagnostics);
        if let Some(workspace) = &workspace {
            diagnostics.extend(beside(&checked.declarations, workspace));
        }
        let sources = Arc::new(sources);
        let mut subject =
            Self { sources, checked, workspace, diagnostics, operator: Some(id), remembered: Arc::default() };
        let secrets = subject.secrets();
        hush(&mut subject.diagnostics, &secrets, &subject.sources);
        subject
    }

    /// The catalogue, where no law is broken.
    #[must_use]
    pub fn catalogue(&self) -> Option<&Arc<Catalogue>> {
        self.checked.catalogue.as_ref()
    }

    /// What was found to be a secret: no output repeats what stands there.
    #[must_use]
    pub fn secrets(&self) -> Vec<Diagnostic> {
        let all = self.diagnostics.iter().chain(&self.checked.diagnostics);
        all.filter(|problem| problem.code == "secret-literal").cloned().collect()
    }

    /// What the workspace grants; the defaults where there is none.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.workspace.as_ref().map(Grants::from).unwrap_or_default()
    }
}
