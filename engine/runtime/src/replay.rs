//! Recorded runs once more, out of the store or out of a runpack: under the specs that were active then, where
//! everything must come out as it is recorded, or under others, to see what they would have turned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ordain_kernel::evidence::runpack::{Pack, Pinned};
use ordain_kernel::ids::RunId;
use ordain_kernel::replay::{CannotReplay, Replayed, Story, Under, replay};
use ordain_kernel::world::Active;
use ordain_plan::Grants;
use ordain_spec::{folder, workspace};
use serde_json::{Value, json};

use crate::api::ApiError;
use crate::evidence::packed::{gather, row_of};
use crate::evidence::{look_at, runpack_of};
use crate::session::limits_are_errors;
use crate::store::read::RunFilter;
use crate::workspace::Opened;

/// A run that can be replayed.
pub struct Recorded {
    /// Which.
    pub run: RunId,
    /// Its runbook.
    pub runbook: Arc<str>,
    /// What happened.
    pub story: Story,
    /// Its records as the log has them.
    pub records: Vec<String>,
}

/// What became of a run that was replayed.
pub struct Outcome {
    /// Which.
    pub run: RunId,
    /// Its runbook.
    pub runbook: Arc<str>,
    /// What was found.
    pub found: Replayed,
    /// Its journal makes the records that the log has.
    pub recorded: bool,
}

impl Outcome {
    /// True where nothing differs.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.recorded
            && self.found.turned.is_empty()
            && self.found.differing.is_empty()
            && self.found.outcomes.iter().all(|one| one.recorded == one.replayed)
    }

    /// As a document.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({
            "run": self.run,
            "runbook": self.runbook,
            "ok": self.holds(),
            "decisions": self.found.decisions,
            "turned": self.found.turned,
            "conditions": self.found.conditions,
            "differing": self.found.differing,
            "unanswered": self.found.unanswered,
            "outcomes": self.found.outcomes,
            "records": {"count": self.found.records.len(), "same": self.recorded},
        })
    }
}

/// Sets of specs that were read already: runs share them.
#[derive(Default)]
struct Known(BTreeMap<String, Option<Arc<Active>>>);

impl Known {
    fn active(&mut self, pinned: &Pinned) -> Option<Arc<Active>> {
        let key = format!("{} {:?} {}", pinned.catalogue, pinned.root, pinned.workspace);
        self.0.entry(key).or_insert_with(|| pinned.active().map(Arc::new)).clone()
    }
}

/// The run of a runpack that is verified against keys that the reader trusts.
///
/// # Errors
/// When it is not verified, or what it carried is not in it.
pub fn of_file(file: &Path, keys: &[String]) -> Result<Recorded, ApiError> {
    let pack = runpack_of(file, keys)?.pack;
    recorded(pack, &mut Known::default()).map_err(|error| cannot(&error))
}

/// A run of the store: id or unique prefix.
///
/// # Errors
/// When there is no such run, or what it carried was erased.
pub async fn of_run(workspace: &Opened, run: &str) -> Result<Recorded, ApiError> {
    limits_are_errors();
    let reader = look_at(workspace).await?;
    let row = row_of(&reader, run).await?;
    let pack = gather(&reader, workspace, row).await?.pack;
    recorded(pack, &mut Known::default()).map_err(|error| cannot(&error))
}

/// The last runs of the store that no run started, newest first; those whose payloads were erased are passed over,
/// and counted.
///
/// # Errors
/// When there is no store, or it is damaged.
pub async fn last(workspace: &Opened, count: u32) -> Result<(Vec<Recorded>, u64), ApiError> {
    limits_are_errors();
    let reader = look_at(workspace).await?;
    let (mut found, mut erased, mut known) = (Vec::new(), 0, Known::default());
    let mut filter = RunFilter { limit: 200, ..RunFilter::default() };
    loop {
        let rows = reader.runs(&filter).await?;
        let Some(oldest) = rows.last() else { return Ok((found, erased)) };
        filter.before = Some(oldest.id.clone());
        for row in rows.into_iter().filter(|row| row.parent.is_none()) {
            if found.len() >= count as usize {
                return Ok((found, erased));
            }
            if row.erased_at.is_some() {
                erased += 1;
                continue;
            }
            let pack = gather(&reader, workspace, row).await?.pack;
            found.push(recorded(pack, &mut known).map_err(|error| cannot(&error))?);
        }
    }
}

fn recorded(pack: Pack, known: &mut Known) -> Result<Recorded, CannotReplay> {
    let story = pack.story(&mut |pinned| known.active(pinned))?;
    let runbook = story.runbook().unwrap_or_default();
    Ok(Recorded { run: pack.run, runbook, story, records: pack.records })
}

/// Replays a run under what was active then, or under others.
///
/// # Errors
/// When it cannot be followed to its end.
pub fn replayed(recorded: &Recorded, against: Option<&Arc<Active>>) -> Result<Outcome, ApiError> {
    let under = against.map_or(Under::Recorded, Under::Other);
    let found = replay(&recorded.story, under).map_err(|error| cannot(&error))?;
    let mut made: Vec<String> = found
        .records
        .iter()
        .map(|record| ordain_kernel::audit::AuditRecord { seq: 0, ..record.clone() }.to_line())
        .collect();
    let mut kept: Vec<String> = recorded
        .records
        .iter()
        .filter_map(|line| ordain_kernel::audit::AuditRecord::from_line(line).ok())
        .map(|record| ordain_kernel::audit::AuditRecord { seq: 0, ..record }.to_line())
        .collect();
    made.sort();
    kept.sort();
    let (run, runbook) = (recorded.run, Arc::clone(&recorded.runbook));
    Ok(Outcome { run, runbook, found, recorded: made == kept })
}

/// The specs at a path: of the workspace whose file lies there, else of that folder under this workspace's file.
///
/// # Errors
/// When there is no such folder, or the specs do not load.
pub fn catalogue_at(path: &Path, workspace: &Opened) -> Result<Arc<Active>, ApiError> {
    let path = path.canonicalize().map_err(|error| {
        ApiError::new("not_found", format!("`{}` cannot be read: {error}", path.display()))
    })?;
    let refused = || {
        ApiError::new("catalogue_refused", format!("the catalogue of `{}` does not load", path.display()))
            .hint("`ordain lint` shows every broken law and its place")
    };
    if folder::workspace_file(&path).is_some() {
        let other = Opened::find(&path).map_err(|error| ApiError::fault(error.to_string()))?;
        return other.active.map(|set| Arc::new(set.active())).ok_or_else(refused);
    }
    let mut spec = workspace.spec();
    spec.catalogue = vec![ordain_spec::decode::Spanned::nowhere(".".into())];
    let catalogue =
        ordain_spec::check::check(workspace::sources(&spec, &path)).catalogue.ok_or_else(refused)?;
    Ok(Arc::new(Active { catalogue, grants: Arc::new(Grants::from(&spec)) }))
}

fn cannot(error: &CannotReplay) -> ApiError {
    let error = ApiError::new("usage", format!("it cannot be replayed: {error}"));
    error.hint("a run whose payloads were erased or left out has nothing to be replayed from")
}
