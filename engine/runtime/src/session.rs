//! How a verb comes to its answers: the process that holds the workspace's store answers over its
//! socket; where none does, this process becomes the holder. One holder at a time, by a lock that the
//! operating system lets go when the holder dies.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::api::{Answer, ApiError, Caller, Request};
use crate::engine::{Engine, Inner, gone};
use crate::local::{self, Remote, Service as _};
use crate::workspace::{Opened, make_private};
use crate::{evidence, verify};

/// How long a verb waits for a holder that is just starting or leaving.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lock on a workspace's store, held as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` where somebody else has it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn take(state: &Path) -> std::io::Result<Option<Self>> {
        make_private(state)?;
        let mut file = File::options();
        let file = file.create(true).truncate(false).write(true).mode(0o600).open(state.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A way to answers.
pub enum Session {
    /// This process holds the store.
    Holder(Engine),
    /// Another one does.
    Remote(Remote),
}

impl Session {
    /// Becomes the holder, or connects to it.
    ///
    /// # Errors
    /// When neither is possible: `store_in_use` after ten seconds, or whatever keeps the store from opening.
    pub async fn open(workspace: &Opened) -> Result<Self, ApiError> {
        limits_are_errors();
        let begun = Instant::now();
        let path = local::socket_path(&workspace.state);
        loop {
            if let Some(lock) = Lock::take(&workspace.state).map_err(unusable)? {
                let engine = Engine::open(workspace, lock).await?;
                let listener = local::listen(&path).map_err(unusable)?;
                engine.serve(listener, &path);
                *HELD.lock().unwrap_or_else(PoisonError::into_inner) = engine.downgrade();
                return Ok(Self::Holder(engine));
            }
            if let Ok(remote) = Remote::connect(&path).await {
                return Ok(Self::Remote(remote));
            }
            if begun.elapsed() > PATIENCE {
                return Err(in_use());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks. Where the other process went away before it answered, a question that changes nothing is
    /// asked again; for one that does, nobody knows, and that is said.
    ///
    /// # Errors
    /// What the answer says.
    pub async fn ask(&mut self, workspace: &Opened, caller: &Caller, request: &Request) -> Answer {
        loop {
            match self {
                Self::Holder(engine) => {
                    let answer = engine.answer(caller.clone(), request.clone()).await;
                    if answer == Err(gone()) && engine.is_leaving() {
                        // The process is ended: there is nobody to answer.
                        std::future::pending::<()>().await;
                    }
                    return answer;
                }
                Self::Remote(remote) => {
                    match remote.ask(caller.clone(), request.clone()).await {
                        // It is leaving, and did not take the request any more.
                        Some(Err(error)) if error == gone() => {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            *self = Self::open(workspace).await?;
                            continue;
                        }
                        Some(answer) => return answer,
                        None => {}
                    }
                }
            }
            *self = Self::open(workspace).await?;
            if request.changes_something() {
                return Err(ApiError::new(
                    "outcome_unknown",
                    "the process that held the store went away before it answered",
                )
                .hint("look at `ordain runs` before you try again"));
            }
        }
    }

    /// Verifies the audit log: through the holder where there is one, else straight from the file, so that
    /// a store which is not continued can be looked into.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit_verify(
        workspace: &Opened,
        caller: &Caller,
        from_checkpoint: bool,
        checkpoint: Option<String>,
    ) -> Answer {
        limits_are_errors();
        let begun = Instant::now();
        let against = verify::against(
            &workspace.state,
            &evidence::named(workspace),
            checkpoint.as_deref(),
            from_checkpoint,
        );
        let request = Request::AuditVerify { from_checkpoint, checkpoint };
        loop {
            if !workspace.state.exists() {
                return verify::of_workspace(workspace, &against).await;
            }
            if let Some(_lock) = Lock::take(&workspace.state).map_err(unusable)? {
                return verify::of_workspace(workspace, &against).await;
            }
            if let Ok(mut remote) = Remote::connect(&local::socket_path(&workspace.state)).await
                && let Some(answer) = remote.ask(caller.clone(), request.clone()).await
                && answer != Err(gone())
            {
                return answer;
            }
            if begun.elapsed() > PATIENCE {
                return Err(in_use());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// True when this process opened the store and found that its views did not say what the journal says:
    /// they were built anew.
    #[must_use]
    pub fn rebuilt(&self) -> bool {
        matches!(self, Self::Holder(engine) if engine.rebuilt())
    }

    /// Leaves. A holder finishes what it is answering and lets go of the store.
    pub async fn close(self) {
        if let Self::Holder(engine) = self {
            engine.close().await;
        }
    }
}

/// The engine that this process holds.
static HELD: Mutex<Weak<Inner>> = Mutex::new(Weak::new());

/// The process is to end: where it holds a store, nothing further is heard or started, and what was called comes to
/// its end, so that its outcome is known. Where it holds none, this is done at once.
pub async fn halt() {
    let held = Engine::upgrade(&HELD.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(engine) = held {
        engine.halt().await;
    }
}

/// A limit on the size of files refuses a write, as a full disk does; it does not end the process.
pub(crate) fn limits_are_errors() {
    use tokio::signal::unix::{SignalKind, signal};
    // Once it is listened to the default, which ends the process, does not come back.
    let _heard = signal(SignalKind::from_raw(nix::sys::signal::Signal::SIGXFSZ as i32));
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` asks for")]
fn unusable(error: std::io::Error) -> ApiError {
    ApiError::new("audit_unavailable", format!("the local state cannot be used: {error}"))
        .hint("nothing was done; see to the disk and its permissions, then `ordain doctor`")
}

fn in_use() -> ApiError {
    ApiError::new("store_in_use", "another process holds the store and does not answer")
        .hint("end the process that runs in this workspace, then try again")
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
