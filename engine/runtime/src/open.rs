//! Opening a store: what must hold before anything is continued. A damaged chain, another profile or a
//! newer format refuse; then nothing is changed.

use std::sync::Arc;

use ordain_kernel::audit::Verifier;
use ordain_kernel::health::probed;
use ordain_kernel::reason::{Code, Reason};
use ordain_kernel::run::system::{SystemCommand, SystemEvent};
use ordain_kernel::world::Active;
use ordain_spec::digest::Digest;
use ordain_spec::kind::workspace::Profile;
use tokio::sync::{mpsc, watch};

use crate::api::ApiError;
use crate::checkpoint::{self, Checkpoints};
use crate::connector::Live;
use crate::connector::sandbox::SandboxLauncher;
use crate::driver::Driver;
use crate::gather::Gatherer;
use crate::health::Prober;
use crate::log_key;
use crate::machine::Machine;
use crate::recover;
use crate::restorer;
use crate::seal::{self, Seal};
use crate::specs::{SpecSet, Specs};
use crate::stance::{self, Stance};
use crate::store::read::Reader;
use crate::store::{Store, StoreError};
use crate::vault::Vault;
use crate::workspace::{Opened, make_private};
use crate::writer::{Beginning, Commits, Message, Writer};

/// What a store that was put back says of itself until that is on record.
pub const RESTORED: &str = "restored";

/// How many of the last records are verified at every start; `ordain audit verify` verifies all.
const TAIL: i64 = 2_000;

/// A writer at work and the ways to it.
pub struct Running {
    /// To the writer.
    pub messages: mpsc::Sender<Message>,
    /// Beside the writer.
    pub reader: Reader,
    /// What is active and what was.
    pub specs: Arc<Specs>,
    /// How strict the engine is.
    pub profile: Profile,
    /// Looks at connectors.
    pub prober: Arc<Prober>,
    /// Counts transactions.
    pub commits: watch::Receiver<Commits>,
    /// Runs that cannot be continued, and why.
    pub left_out: Vec<(String, String)>,
    /// The views did not say what the journal says and were built anew.
    pub rebuilt: bool,
    /// Whether the catalogue is the one that was signed.
    pub seal: Seal,
}

/// Opens the store of a workspace and starts its writer.
///
/// # Errors
/// When the store cannot be opened, is damaged, or may not be opened in this profile.
pub async fn open(workspace: &Opened, machine: Machine) -> Result<Running, ApiError> {
    make_private(&workspace.state).map_err(|error| {
        ApiError::new("audit_unavailable", format!("the local state cannot be written: {error}"))
            .hint("nothing was done; see to the disk and its permissions, then `ordain doctor`")
    })?;
    let vault = Vault::of(workspace).await?;
    let mut store = Store::open(&workspace.state.join("ordain.db"), vault).await?;
    let reader = store.reader();
    chain_is_whole(&reader).await?;
    let before = stance(&reader).await?;
    let profile = profile(&reader, &before, workspace).await?;
    log_key::settle(&workspace.state, &reader).await?;
    checkpoint_holds(&reader, &store, workspace).await?;
    let seal = Seal::of(workspace, profile, machine.clock.now(), before.sealed);
    let now = Stance { profile, sealed: seal.issued.or(before.sealed) };
    let active = workspace.active.clone().filter(|_| seal.refusal.is_none());
    let mut specs = Specs::new(&workspace.root, active.clone());
    specs.look_back(&reader).await?;
    let specs = Arc::new(specs);
    if let Some(active) = &active {
        store.pin(&active.pinned()).await?;
    }
    let (recovered, rebuilt) = recovered(&mut store, &reader, &specs).await?;
    let beginning = Beginning {
        notes: notes(&reader, workspace, &seal, now.taken(before)).await?,
        activated: activated(&reader, active.as_deref()).await?,
        meta: meta(&reader, workspace, now, active.as_deref(), &seal).await?,
    };
    let (finished, outcomes) = mpsc::unbounded_channel();
    let launcher =
        SandboxLauncher::current().map_err(|error| ApiError::fault(format!("no own program: {error}")))?;
    let live = Live::for_workspace(&workspace.spec(), launcher).map_err(ApiError::fault)?;
    let (live, clock) = (Arc::new(live), Arc::clone(&machine.clock));
    let gatherer = Gatherer::new(reader.clone(), Arc::clone(&specs));
    let driver = Driver::new(Arc::clone(&live), gatherer, Arc::clone(&clock), finished);
    let (commits, committed) = watch::channel(Commits::default());
    let (messages, inbox) = mpsc::channel(crate::engine::QUEUE);
    let began = clock.now();
    let prober = Arc::new(Prober::new(&messages, live, clock));
    let mark = reader.meta(checkpoint::META).await?;
    let checkpoints = Checkpoints::of(workspace, mark.as_deref(), began)?;
    let specs_too = Arc::clone(&specs);
    let writer =
        Writer::new(recovered.realm, store, specs_too, driver, machine, checkpoints, outcomes, commits);
    tokio::spawn(writer.run(inbox, beginning));
    let connectors = specs.active().map(|set| probed(&set.active())).unwrap_or_default();
    if !connectors.is_empty() {
        tokio::spawn(Arc::clone(&prober).keep(connectors, began));
    }
    let left_out = recovered.left_out;
    Ok(Running { messages, reader, specs, profile, prober, commits: committed, left_out, rebuilt, seal })
}

/// What is not settled. Where the views say something else than was stored of them, they are made anew from
/// the journal first; true says so.
async fn recovered(
    store: &mut Store,
    reader: &Reader,
    specs: &Arc<Specs>,
) -> Result<(recover::Recovered, bool), StoreError> {
    let rebuilt = !store.views_hold();
    if rebuilt {
        let rows = recover::from_journal(reader, specs).await?;
        // Names of locks may stand in the old ones as they are.
        store.overwrite_deleted(true).await?;
        store.replace_views(rows).await?;
        store.overwrite_deleted(false).await?;
    }
    Ok((recover::realm(reader, specs).await?, rebuilt && !store.rekeyed()))
}

/// Slugs of the laws that keep the catalogue or the operator's file from loading.
#[must_use]
pub fn refusals(workspace: &Opened) -> Vec<String> {
    let read = &workspace.read;
    let mut slugs: Vec<String> = read
        .diagnostics
        .iter()
        .chain(&read.checked.diagnostics)
        .filter(|diagnostic| diagnostic.severity == ordain_spec::diagnostic::Severity::Law)
        .map(|diagnostic| diagnostic.code.to_owned())
        .collect();
    slugs.sort();
    slugs.dedup();
    slugs
}

/// How strict the store was. One that says something else of itself than its log does is not continued.
async fn stance(reader: &Reader) -> Result<Stance, ApiError> {
    stance::of(reader).await?.map_err(|unbound| {
        let message = format!("the store was changed: record {}: {}", unbound.seq, unbound.reason);
        ApiError::new("audit_unavailable", message)
            .hint("`ordain audit verify` says more; `ordain restore FILE` puts a copy back")
    })
}

/// How strict the engine is. A store opened in `prod` stays there. Where the operator's file cannot be read,
/// nothing is active, and the store stays as it was opened last: a slip in that file is no change of profile.
async fn profile(reader: &Reader, stance: &Stance, workspace: &Opened) -> Result<Profile, ApiError> {
    let before = reader.meta(stance::META).await?.map(|_| stance.profile);
    let Some(spec) = &workspace.read.spec else { return Ok(before.unwrap_or(Profile::Prod)) };
    match (before, spec.profile.value) {
        (Some(Profile::Prod), Profile::Dev) => Err(ApiError::new(
            "profile_downgrade",
            "this store was opened in profile `prod` and refuses `dev`",
        )
        .hint("set `profile: prod` in ordain.yaml again")),
        (_, profile) => Ok(profile),
    }
}

/// Verifies the end of the log, so that a store that somebody changed is not continued.
async fn chain_is_whole(reader: &Reader) -> Result<(), ApiError> {
    let rows = reader.audit_tail(None, TAIL).await?;
    let whole = rows.first().is_none_or(|row| row.seq == 1);
    let mut verifier = if whole { Verifier::default() } else { Verifier::of_a_tail() };
    for row in &rows {
        verifier.stored(row.seq.unsigned_abs(), row.run.as_deref(), &row.record);
    }
    match verifier.finish().first_bad {
        None => Ok(()),
        Some(bad) => {
            let message = format!("the audit log was changed: record {}: {}", bad.seq, bad.reason);
            Err(ApiError::new("audit_unavailable", message)
                .hint("`ordain audit verify` says more; `ordain restore FILE` puts a copy back"))
        }
    }
}

/// A log that ends before its last checkpoint, or is another one, is not continued.
async fn checkpoint_holds(reader: &Reader, store: &Store, workspace: &Opened) -> Result<(), ApiError> {
    let kept = checkpoint::kept(&workspace.state).ok().flatten();
    // Where the tree has to be made anew first, verifying compares them.
    let Some(kept) = kept.filter(|_| store.views_hold()) else { return Ok(()) };
    checkpoint::holds(reader, store.records(), &kept).await.map_err(|why| {
        ApiError::new("audit_unavailable", format!("the audit log was changed: {why}"))
            .hint("`ordain audit verify` says more; `ordain restore FILE` puts a copy back")
    })
}

/// What changed since the store was last open, for the record.
async fn notes(
    reader: &Reader,
    workspace: &Opened,
    seal: &Seal,
    stance: Option<SystemEvent>,
) -> Result<Vec<SystemCommand>, ApiError> {
    let mut notes = Vec::new();
    let mut note = |event| notes.push(SystemCommand::Note(Box::new(event)));
    stance.into_iter().for_each(&mut note);
    let digest = |text: Option<String>| text.and_then(|text| text.parse::<Digest>().ok());
    let before = digest(reader.meta("workspace").await?);
    let file = Digest::of(workspace.read.text.as_bytes());
    if before.is_some_and(|before| before != file) {
        note(SystemEvent::WorkspaceChanged { from: before, to: file });
    }
    if let Some(restored) = reader.meta(RESTORED).await?.filter(|text| !text.is_empty()) {
        let event = serde_json::from_str(&restored).map_err(|error| ApiError::fault(error.to_string()))?;
        let roster = workspace.active.as_ref().filter(|_| seal.refusal.is_none());
        let roster = roster.and_then(|active| active.catalogue.roster.as_deref());
        note(restorer::believed(event, workspace.profile(), roster));
    }
    if let Some(reason) = refusal(workspace, seal) {
        let known = reader.meta("refused").await?;
        if known.as_deref() != Some(reason.detail.as_deref().unwrap_or_default()) {
            note(SystemEvent::CatalogueRefused { reasons: vec![reason] });
        }
    }
    Ok(notes)
}

/// Why nothing is active: laws that are broken, or a catalogue that nobody signed.
fn refusal(workspace: &Opened, seal: &Seal) -> Option<Reason> {
    if workspace.active.is_none() {
        return Some(Reason::new(Code::CatalogueRefused, refusals(workspace).join(" ")));
    }
    seal.refusal.clone()
}

/// The specs that are active, where they are not those of the last time.
async fn activated(reader: &Reader, active: Option<&SpecSet>) -> Result<Option<Arc<Active>>, ApiError> {
    let Some(active) = active else { return Ok(None) };
    let before = reader.meta("catalogue").await?;
    let same = before == Some(active.catalogue.digest().to_string());
    Ok((!same).then(|| Arc::new(active.active())))
}

/// What the store is to remember of itself and does not yet.
async fn meta(
    reader: &Reader,
    workspace: &Opened,
    stance: Stance,
    active: Option<&SpecSet>,
    seal: &Seal,
) -> Result<Vec<(String, String)>, ApiError> {
    let mut wanted = vec![
        (stance::META.to_owned(), stance.profile.as_str().to_owned()),
        ("workspace".to_owned(), Digest::of(workspace.read.text.as_bytes()).to_string()),
    ];
    match active {
        Some(active) => {
            wanted.push(("catalogue".to_owned(), active.catalogue.digest().to_string()));
            // What is refused again later is told again.
            if reader.meta("refused").await?.is_some() {
                wanted.push(("refused".to_owned(), String::new()));
            }
        }
        None => {
            let why = refusal(workspace, seal).and_then(|reason| reason.detail);
            wanted.push(("refused".to_owned(), why.unwrap_or_default()));
        }
    }
    wanted.extend(stance.sealed.map(|issued| (seal::META.to_owned(), issued.to_string())));
    if reader.meta(RESTORED).await?.is_some() {
        wanted.push((RESTORED.to_owned(), String::new()));
    }
    let mut missing = Vec::new();
    for (key, value) in wanted {
        if reader.meta(&key).await?.as_ref() != Some(&value) {
            missing.push((key, value));
        }
    }
    Ok(missing)
}
