//! Which specs are active, and under which specs runs were started. What a run was started under is kept
//! as source files and read again through the same `check`; the plan made of it must be the recorded one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ordain_kernel::world::Active;
use ordain_plan::{Grants, Plan, Uncompilable};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::kind::Roster;

use crate::store::StoreError;
use crate::store::read::Reader;
use crate::store::rows::Pinned;

/// A catalogue and the grants beside it, with the plans made of them so far.
pub struct SpecSet {
    /// Over both.
    pub digest: String,
    /// The checked catalogue.
    pub catalogue: Arc<Catalogue>,
    /// What the operator's file grants.
    pub grants: Arc<Grants>,
    /// The operator's file as it is.
    pub text: Arc<str>,
    plans: Mutex<BTreeMap<Digest, Arc<Plan>>>,
}

impl SpecSet {
    /// A set of what is active.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, grants: Arc<Grants>, text: Arc<str>) -> Self {
        let digest = Digest::of(format!("{}\n{text}", catalogue.digest()).as_bytes()).to_string();
        Self { digest, catalogue, grants, text, plans: Mutex::default() }
    }

    /// What the kernel needs of it.
    #[must_use]
    pub fn active(&self) -> Active {
        Active { catalogue: Arc::clone(&self.catalogue), grants: Arc::clone(&self.grants) }
    }

    /// The plan of a runbook of this catalogue.
    ///
    /// # Errors
    /// Never for a checked catalogue.
    pub fn plan(&self, runbook: &Arc<ordain_spec::kind::Runbook>) -> Result<Arc<Plan>, Uncompilable> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.get(&runbook.digest) {
            return Ok(Arc::clone(plan));
        }
        let plan = ordain_plan::compile(runbook, &self.catalogue, &self.grants)?;
        plans.insert(runbook.digest, Arc::clone(&plan));
        Ok(plan)
    }

    /// The plan with that digest of the runbook of that name and release.
    fn recorded(&self, name: &str, version: &str, digest: Digest) -> Option<Arc<Plan>> {
        if let Some(plan) = ordain_plan::compile_unwritten(name, &self.catalogue, &self.grants) {
            return (plan.digest == digest && plan.version() == version).then_some(plan);
        }
        let releases = self.catalogue.runbooks.get(name)?;
        releases
            .values()
            .filter(|runbook| {
                runbook.metadata.version.as_ref().is_some_and(|own| own.value.to_string() == version)
            })
            .filter_map(|runbook| self.plan(runbook).ok())
            .find(|plan| plan.digest == digest)
    }

    /// What the store keeps of it.
    #[must_use]
    pub fn pinned(&self) -> Pinned {
        let files = self.catalogue.sources.iter();
        Pinned {
            digest: self.digest.clone(),
            catalogue: self.catalogue.digest().to_string(),
            grants: self.text.to_string(),
            files: files.map(|(_, file)| (file.path.clone(), Arc::clone(&file.text))).collect(),
        }
    }
}

/// The sets of a workspace: the active one, and those that runs were started under.
pub struct Specs {
    root: PathBuf,
    active: Option<Arc<SpecSet>>,
    last_roster: Option<Arc<Roster>>,
    known: Mutex<BTreeMap<String, Arc<SpecSet>>>,
    of_runs: Mutex<BTreeMap<String, String>>,
}

impl Specs {
    /// Sets of the workspace in `root`.
    #[must_use]
    pub fn new(root: &Path, active: Option<Arc<SpecSet>>) -> Self {
        let known = active.iter().map(|set| (set.digest.clone(), Arc::clone(set))).collect();
        let (root, known) = (root.to_path_buf(), Mutex::new(known));
        Self { root, active, last_roster: None, known, of_runs: Mutex::default() }
    }

    /// Where nothing is active, finds the roster of what was active last: things can still be stopped then.
    ///
    /// # Errors
    /// When the data base refuses. Kept specs that no longer load are passed over.
    pub async fn look_back(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let Some(last) = reader.meta("catalogue").await?.filter(|_| self.active.is_none()) else {
            return Ok(());
        };
        for digest in reader.pinned_of(&last).await? {
            match self.set(reader, &digest).await {
                Ok(set) => self.last_roster.clone_from(&set.catalogue.roster),
                Err(StoreError::Corrupt(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The roster of what was active last, where nothing is.
    #[must_use]
    pub const fn last_roster(&self) -> Option<&Arc<Roster>> {
        self.last_roster.as_ref()
    }

    /// What is active; `None` where the catalogue does not load.
    #[must_use]
    pub const fn active(&self) -> Option<&Arc<SpecSet>> {
        self.active.as_ref()
    }

    /// Remembers under which set a run was started.
    pub fn remember(&self, run: String, set: String) {
        self.of_runs.lock().unwrap_or_else(PoisonError::into_inner).insert(run, set);
    }

    /// Under which set a run was started; a sub-run under its parent's, any other under the active one.
    #[must_use]
    pub fn of_run(&self, run: &str, parent: Option<&str>) -> String {
        let mut of_runs = self.of_runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = of_runs.get(run) {
            return set.clone();
        }
        let inherited = parent.and_then(|parent| of_runs.get(parent)).cloned();
        let set =
            inherited.or_else(|| self.active.as_ref().map(|set| set.digest.clone())).unwrap_or_default();
        of_runs.insert(run.to_owned(), set.clone());
        set
    }

    /// Forgets a run that is settled.
    pub fn forget(&self, run: &str) {
        self.of_runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
    }

    /// The plan that a run was started with.
    ///
    /// # Errors
    /// When the specs are gone, do not load with this program, or make another plan.
    pub async fn plan(
        &self,
        reader: &Reader,
        set: &str,
        name: &str,
        version: &str,
        digest: Digest,
    ) -> Result<Arc<Plan>, StoreError> {
        let set = self.set(reader, set).await?;
        set.recorded(name, version, digest).ok_or_else(|| {
            StoreError::Corrupt(format!("the specs of `{name}@{version}` no longer make the plan {digest}"))
        })
    }

    /// The set with that digest.
    ///
    /// # Errors
    /// When it is not kept, or does not load with this program.
    pub(crate) async fn set(&self, reader: &Reader, digest: &str) -> Result<Arc<SpecSet>, StoreError> {
        if let Some(set) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Arc::clone(set));
        }
        let pinned = reader.pinned(digest).await?;
        let set = Arc::new(self.read(&pinned)?);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.to_owned(), Arc::clone(&set));
        Ok(set)
    }

    /// Reads kept source files as if they were a folder's.
    fn read(&self, pinned: &Pinned) -> Result<SpecSet, StoreError> {
        let refused = || StoreError::Corrupt(format!("the kept specs {} do not load", pinned.digest));
        let files = pinned.files.iter().map(|(path, text)| (path.as_str(), Arc::clone(text)));
        let Active { catalogue, grants } =
            Active::read(files, &pinned.grants, &self.root.to_string_lossy()).ok_or_else(refused)?;
        let set = SpecSet::new(catalogue, grants, pinned.grants.as_str().into());
        if set.digest == pinned.digest { Ok(set) } else { Err(refused()) }
    }
}
