//! What was active once, read again from the texts that were kept of it. Reads no file.

use std::sync::Arc;

use ordain_plan::Grants;
use ordain_spec::check::{check, read_workspace};
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{Notation, SourceFile, Sources};

use super::Active;

impl Active {
    /// Reads specs and the operator's file as they were kept, through the same check; places that the file says
    /// from itself on lie below `folder`. None where anything does not load.
    #[must_use]
    pub fn read<'f>(
        files: impl IntoIterator<Item = (&'f str, Arc<str>)>,
        workspace: &str,
        folder: &str,
    ) -> Option<Self> {
        let mut sources = Sources::default();
        for (path, text) in files {
            let notation = Notation::of_path(path).unwrap_or(Notation::Yaml);
            sources.add(SourceFile::new(path.to_owned(), text, notation));
        }
        let catalogue = check(sources).catalogue?;
        let spec = workspace_of(workspace)?.located(folder);
        Some(Self { catalogue, grants: Arc::new(Grants::from(&spec)) })
    }
}

/// The operator's file from its text; the defaults from none.
#[must_use]
pub fn workspace_of(text: &str) -> Option<WorkspaceSpec> {
    if text.is_empty() {
        return Some(WorkspaceSpec::standard());
    }
    let file = SourceFile::new(ordain_spec::workspace::FILE.to_owned(), text.into(), Notation::Yaml);
    let mut sources = Sources::default();
    let id = sources.add(file.clone());
    read_workspace(id, &file, &mut Vec::new())
}
