//! A workspace as a verb finds it: its folder, its local state, its specs. Reads; changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_plan::Grants;
use ordain_spec::kind::workspace::{Profile, WorkspaceSpec};
use ordain_spec::{folder, workspace};

use crate::specs::SpecSet;

/// A workspace, read.
pub struct Opened {
    /// Its folder.
    pub root: PathBuf,
    /// Its local state: `.ordain`.
    pub state: PathBuf,
    /// What its files say, with all that is wrong with them.
    pub read: workspace::Workspace,
    /// What is active, where it loads.
    pub active: Option<Arc<SpecSet>>,
}

impl Opened {
    /// Reads the workspace at or above `start`; the folder itself where none has an `ordain.yaml`.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn find(start: &Path) -> std::io::Result<Self> {
        let start = start.canonicalize()?;
        let root = folder::workspace_above(&start).unwrap_or(start);
        let read = workspace::Workspace::read(&root);
        let active = match (&read.spec, &read.checked.catalogue) {
            (Some(spec), Some(catalogue)) if !read.is_refused() => {
                let grants = Arc::new(Grants::from(spec));
                Some(Arc::new(SpecSet::new(Arc::clone(catalogue), grants, Arc::clone(&read.text))))
            }
            _ => None,
        };
        let state = root.join(".ordain");
        Ok(Self { root, state, read, active })
    }

    /// What the operator's file says; the defaults where it cannot be read (then nothing is active).
    #[must_use]
    pub fn spec(&self) -> WorkspaceSpec {
        self.read.spec.clone().unwrap_or_else(WorkspaceSpec::standard)
    }

    /// How strict the engine is; `prod` where the operator's file cannot be read.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.read.spec.as_ref().map_or(Profile::Prod, |spec| spec.profile.value)
    }
}
