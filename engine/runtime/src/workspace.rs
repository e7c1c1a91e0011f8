//! A workspace as a verb finds it: its folder, its local state, its specs. Reads; changes nothing.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_plan::Grants;
use ordain_spec::kind::workspace::{Profile, WorkspaceSpec};
use ordain_spec::{folder, workspace};

use crate::specs::SpecSet;

/// Makes a folder of local state, and those above it that are not there: its owner's alone.
///
/// # Errors
/// When the disk refuses.
pub fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A new file, or one that is written anew, its owner's alone.
///
/// # Errors
/// When the disk refuses.
pub fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    let file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

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
