//! The process that holds a workspace's store: opens it, starts the writer, and answers requests — its
//! own and those that come over the socket. Reads beside the writer; changes only through it.

pub(crate) mod acts;
mod asked;
mod exports;
mod looks;
mod report;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use ordain_kernel::ids::RunId;
use ordain_kernel::realm::Realm;
use ordain_kernel::reason::Reason;
use ordain_kernel::run::Run;
use ordain_kernel::run::command::Command;
use ordain_spec::kind::roster::RosterSpec;
use ordain_spec::kind::workspace::Profile;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::{Answer, ApiError, Caller, Request};
use crate::health::Prober;
use crate::identity::{self, Acting};
use crate::local::{self, Service};
use crate::machine::{Clock, Machine};
use crate::session::Lock;
use crate::specs::Specs;
use crate::store::read::Reader;
use crate::workspace::Opened;
use crate::writer::{Commits, Message};
use crate::{evidence, open, recover};

/// How many messages may wait for the writer; beyond it askers wait.
pub(crate) const QUEUE: usize = 1024;

/// How long who leaves waits for answers that others still get; others wait longer for it to be gone.
const ANSWERED: Duration = Duration::from_secs(5);

/// The holder of a workspace's store. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) messages: mpsc::Sender<Message>,
    pub(crate) reader: Reader,
    pub(crate) specs: Arc<Specs>,
    pub(crate) prober: Arc<Prober>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) profile: Profile,
    /// The workspace's local state.
    pub(crate) state: PathBuf,
    /// Public keys that the operator's file trusts.
    trust: Vec<String>,
    pub(crate) commits: watch::Receiver<Commits>,
    /// Slugs of the laws that keep the catalogue from loading.
    pub(crate) refused: Vec<String>,
    /// Why a catalogue that loads is not active: nobody signed it, or a key of it is nobody's own.
    pub(crate) unsealed: Option<Reason>,
    /// What could not be continued, and why.
    pub(crate) left_out: Vec<(String, String)>,
    /// The views did not say what the journal says and were built anew.
    rebuilt: bool,
    socket: Mutex<Option<(tokio::task::JoinHandle<()>, PathBuf)>>,
    /// No further question of others is heard.
    pub(crate) leaving: watch::Sender<bool>,
    _lock: Lock,
}

impl Engine {
    /// Opens the store of a workspace and continues what is not settled.
    ///
    /// # Errors
    /// When the store cannot be opened, is damaged, or may not be opened in this profile.
    pub async fn open(workspace: &Opened, lock: Lock) -> Result<Self, ApiError> {
        Self::open_on(workspace, lock, Machine::default()).await
    }

    /// The same with another clock and another chance.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_on(workspace: &Opened, lock: Lock, machine: Machine) -> Result<Self, ApiError> {
        let clock = Arc::clone(&machine.clock);
        let open::Running { messages, reader, specs, profile, prober, commits, left_out, rebuilt, seal } =
            open::open(workspace, machine).await?;
        let refused = open::refusals(workspace);
        let socket = Mutex::new(None);
        let inner = Inner {
            messages,
            reader,
            specs,
            prober,
            clock,
            profile,
            state: workspace.state.clone(),
            trust: evidence::named(workspace),
            commits,
            refused,
            unsealed: seal.refusal,
            left_out,
            rebuilt,
            socket,
            leaving: watch::Sender::new(false),
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers over the socket from now on.
    pub fn serve(&self, listener: UnixListener, path: &Path) {
        let task = tokio::spawn(local::serve(listener, self.clone(), self.inner.leaving.subscribe()));
        let mut socket = self.inner.socket.lock().unwrap_or_else(PoisonError::into_inner);
        *socket = Some((task, path.to_path_buf()));
    }

    /// Lets calls that run come to their end (also those of others' runs), answers what was asked and hears nothing
    /// further, stores what is under way and lets go of the store.
    pub async fn close(self) {
        self.told(Message::Quiet).await;
        self.stop_hearing().await;
        self.told(Message::Close).await;
    }

    /// Ends before its time, as soon as that can be: hears nothing further and starts nothing further. What was called
    /// comes to its end, so that its outcome is known; whoever holds the store next goes on from there.
    pub(crate) async fn halt(self) {
        self.stop_hearing().await;
        self.told(Message::Halt).await;
        self.told(Message::Close).await;
    }

    /// True once no further question is heard.
    pub(crate) fn is_leaving(&self) -> bool {
        *self.inner.leaving.borrow()
    }

    /// Tells the writer, if it is still there, and waits until it is done.
    async fn told(&self, message: fn(oneshot::Sender<()>) -> Message) {
        let (done, wait) = oneshot::channel();
        if self.inner.messages.send(message(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    async fn stop_hearing(&self) {
        let served = self.inner.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((task, path)) = served {
            // Gone already, or in the way of nobody.
            let _ = std::fs::remove_file(path);
            // What is decided is answered before the store closes: else nobody would know that it was.
            self.inner.leaving.send_replace(true);
            let abort = task.abort_handle();
            if tokio::time::timeout(ANSWERED, task).await.is_err() {
                abort.abort();
            }
        }
    }

    pub(crate) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    pub(crate) fn upgrade(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(|inner| Self { inner })
    }

    /// What could not be continued when the store was opened: (run, why).
    #[must_use]
    pub fn left_out(&self) -> &[(String, String)] {
        &self.inner.left_out
    }
}

impl Engine {
    /// How many journals of runs were read since it was opened.
    #[must_use]
    pub fn journals_read(&self) -> u64 {
        self.inner.reader.journals_read()
    }

    /// True when the views did not say what the journal says and were built anew.
    #[must_use]
    pub fn rebuilt(&self) -> bool {
        self.inner.rebuilt
    }
}

impl Service for Engine {
    async fn answer(&self, caller: Caller, request: Request) -> Answer {
        self.inner.answer(caller, request).await
    }
}

/// The writer is gone: the process is ending. Nothing came of what was asked.
pub(crate) fn gone() -> ApiError {
    ApiError::new("audit_unavailable", "the store is being closed").hint("try again")
}

impl Inner {
    async fn answer(&self, caller: Caller, request: Request) -> Answer {
        match request {
            Request::Previews { export } => self.previews(&export).await,
            Request::Previewed { export, id, released } => {
                self.previewed(&caller, &export, &id, released).await
            }
            request if request.changes_something() => self.act(caller, request).await,
            request => self.look(request).await,
        }
    }

    /// Sends a message whose answer comes once it is stored.
    pub(crate) async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, ApiError>>) -> Message,
    ) -> Result<T, ApiError> {
        let (answer, wait) = oneshot::channel();
        self.messages.send(message(answer)).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    }

    /// Looks at the runs in memory.
    pub(crate) async fn with_realm<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Realm) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, wait) = oneshot::channel();
        let look = Box::new(move |realm: Result<&Realm, ApiError>| {
            // Who asked may be gone.
            let _ = answer.send(realm.map(look));
        });
        self.messages.send(Message::Look(look)).await.map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    }

    /// A command on a run, stored; the run, where it is over with that.
    pub(crate) async fn command(&self, run: RunId, command: Command) -> Result<Option<Box<Run>>, ApiError> {
        let answered = self.ask(|answer| Message::Command(run, Box::new(command), answer)).await;
        match answered {
            // A settled run is not kept in memory, and says the same to every command.
            Err(error) if error.code == "not_found" => {
                let state =
                    self.with_run(run, |run| run.is_settled().then(|| run.state())).await.ok().flatten();
                let over = |state| {
                    let message = format!("the run is {state} and takes no further command");
                    ApiError::new("already_decided", message).hint("`ordain rerun` starts a new one like it")
                };
                Err(state.map_or(error, over))
            }
            answered => answered,
        }
    }

    /// Reads something of a run, wherever it is: in memory while it is not settled, else from its journal.
    pub(crate) async fn with_run<T: Send + 'static>(
        &self,
        run: RunId,
        look: impl FnOnce(&Run) -> T + Send + Clone + 'static,
    ) -> Result<T, ApiError> {
        let inside = look.clone();
        if let Some(seen) = self.with_realm(move |realm| realm.run(run).map(inside)).await? {
            return Ok(seen);
        }
        let read = recover::run(&self.reader, &self.specs, &run.to_string()).await?;
        Ok(look(&read))
    }

    /// The run that an id or a unique prefix means.
    pub(crate) async fn run_id(&self, prefix: &str) -> Result<RunId, ApiError> {
        let found =
            if is_id_prefix(prefix) { self.reader.runs_with_prefix(prefix).await? } else { Vec::new() };
        match found.as_slice() {
            [only] => only.id.parse().map_err(|_| ApiError::fault(format!("`{}` is no run id", only.id))),
            [] => Err(ApiError::not_found("run", prefix).hint("`ordain runs` lists them")),
            _ => Err(ApiError::new("not_found", format!("`{prefix}` is the beginning of several runs' ids"))
                .hint("write more of it")),
        }
    }

    /// The roster in force; an error where the catalogue does not load.
    pub(crate) fn roster(&self) -> Result<&RosterSpec, ApiError> {
        let active = self.specs.active().ok_or_else(|| self.catalogue_refused())?;
        let roster = active.catalogue.roster.as_ref().ok_or_else(|| self.catalogue_refused())?;
        Ok(&roster.spec)
    }

    /// Who the caller is.
    pub(crate) fn acting(&self, caller: &Caller) -> Result<Acting, ApiError> {
        identity::acting(self.roster()?, self.profile, caller)
    }

    /// Who sets a kill switch. While the catalogue does not load, the roster before it says who somebody is:
    /// what must be stopped does not wait for a file to be mended.
    pub(crate) fn stopping(&self, caller: &Caller) -> Result<Acting, ApiError> {
        match (self.specs.active(), self.specs.last_roster()) {
            (None, Some(roster)) => identity::acting(&roster.spec, self.profile, caller),
            _ => self.acting(caller),
        }
    }

    /// Why nothing can be decided now.
    pub(crate) fn catalogue_refused(&self) -> ApiError {
        if let Some(reason) = &self.unsealed {
            let why = reason.detail.as_deref().unwrap_or_default();
            return ApiError::new(reason.code.as_str(), format!("the catalogue is not active: {why}")).hint(
                "`ordain bundle build` and `ordain bundle sign` seal a catalogue with a key of `trust`",
            );
        }
        let slugs = self.refused.join(", ");
        ApiError::new("catalogue_refused", format!("the catalogue does not load: {slugs}"))
            .hint("`ordain lint` shows what is wrong and where")
    }
}

/// True for what can be the beginning of an id.
pub(crate) fn is_id_prefix(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
