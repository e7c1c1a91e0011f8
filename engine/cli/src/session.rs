//! Talking to whoever holds the workspace's store: another process over its socket, or this one.

use std::time::{Duration, Instant};

use ordain_runtime::api::{ApiError, Caller, Request};
use ordain_runtime::session::Session;
use ordain_runtime::workspace::Opened;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt;
use crate::render::working::Working;

/// A conversation: several questions, one after another, through one session.
pub struct Conversation {
    runtime: Runtime,
    workspace: Opened,
    session: Session,
    caller: Caller,
}

impl Conversation {
    /// Opens the store, or finds who holds it.
    pub fn open(cx: &Context) -> Result<Self, Failure> {
        Self::of(cx, workspace(cx)?)
    }

    /// The same for a workspace that was read already.
    pub fn of(cx: &Context, workspace: Opened) -> Result<Self, Failure> {
        let runtime = runtime()?;
        interrupt::heed();
        let session = runtime.block_on(Session::open(&workspace))?;
        if session.rebuilt() {
            cx.remark("the store's views did not say what its journal says; they were built anew");
        }
        Ok(Self { runtime, workspace, session, caller: cx.caller() })
    }

    /// The workspace as it was read.
    pub const fn workspace(&self) -> &Opened {
        &self.workspace
    }

    /// Asks as this person of the roster from here on.
    pub fn speak_as(&mut self, person: String) {
        self.caller.acting_as = Some(person);
    }

    /// Asks and waits.
    pub fn ask(&mut self, request: &Request) -> Result<Value, Failure> {
        let asked = self.session.ask(&self.workspace, &self.caller, request);
        Ok(self.runtime.block_on(asked)?)
    }

    /// Asks and waits, and calls `tick` from time to time while it does.
    pub fn ask_ticking(
        &mut self,
        request: &Request,
        every: Duration,
        mut tick: impl FnMut(Instant),
    ) -> Result<Value, Failure> {
        let asked = self.session.ask(&self.workspace, &self.caller, request);
        let answer = self.runtime.block_on(async {
            let mut asked = std::pin::pin!(asked);
            let mut ticks = tokio::time::interval(every);
            loop {
                tokio::select! {
                    biased;
                    answer = &mut asked => return answer,
                    _ = ticks.tick() => tick(Instant::now()),
                }
            }
        });
        Ok(answer?)
    }

    /// Leaves; a holder finishes first what it is doing.
    pub fn close(self) {
        self.runtime.block_on(self.session.close());
    }
}

/// Does something long with the files of a workspace's store, and says so while it takes longer than a moment.
pub fn at_the_store<'c, F, T>(
    cx: &'c Context,
    what: &str,
    work: impl FnOnce(Opened, Caller) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, ApiError>> + 'c,
{
    let (runtime, workspace) = (runtime()?, workspace(cx)?);
    let work = work(workspace, cx.caller());
    let mut working = Working::new(cx, what);
    let done = runtime.block_on(async {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => working.tick(),
            }
        }
    });
    working.clear();
    Ok(done?)
}

/// Verifies the audit log, also of a store that is not continued because somebody changed it.
pub fn audit_verify(
    cx: &Context,
    from_checkpoint: bool,
    checkpoint: Option<String>,
) -> Result<Value, Failure> {
    at_the_store(cx, "verifying the log", move |workspace, caller| async move {
        Session::audit_verify(&workspace, &caller, from_checkpoint, checkpoint).await
    })
}

/// One question that may take its time, and its answer.
pub fn ask_long(cx: &Context, what: &str, request: &Request) -> Result<Value, Failure> {
    let mut conversation = Conversation::open(cx)?;
    let mut working = Working::new(cx, what);
    let answer = conversation.ask_ticking(request, Duration::from_millis(200), |_| working.tick());
    working.clear();
    conversation.close();
    answer
}

/// The workspace, whether its catalogue loads or not.
pub fn workspace(cx: &Context) -> Result<Opened, Failure> {
    Opened::find(&cx.directory).map_err(|error| {
        Failure::new("not_found", format!("folder `{}` cannot be read: {error}", cx.directory.display()))
    })
}

/// What waits for answers.
pub fn runtime() -> Result<Runtime, Failure> {
    let made = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    made.map_err(|error| Failure::new("system_fault", error.to_string()))
}

/// One question and its answer.
pub fn ask(cx: &Context, request: &Request) -> Result<Value, Failure> {
    let mut conversation = Conversation::open(cx)?;
    let answer = conversation.ask(request);
    conversation.close();
    answer
}
