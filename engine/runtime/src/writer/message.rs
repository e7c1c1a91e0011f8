//! What the writer is told, and where its answers go.

use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use ordain_kernel::realm::{Realm, StartRequest};
use ordain_kernel::run::Run;
use ordain_kernel::run::command::Command;
use ordain_kernel::run::system::SystemCommand;
use tokio::sync::oneshot;

use crate::api::ApiError;
use crate::prune::{Pruned, Wish};
use crate::store::write::Place;

/// Something for the writer.
pub enum Message {
    /// Start a run.
    Start(Box<StartRequest>, Answering<Started>),
    /// A command on a run.
    Command(RunId, Box<Command>, Answering<Option<Box<Run>>>),
    /// A command on the workspace.
    System(Box<SystemCommand>, Answering<()>),
    /// Look at the runs that are in memory.
    Look(Look),
    /// Care for the store.
    Care(Care),
    /// Say when no call runs.
    Quiet(oneshot::Sender<()>),
    /// Let nothing further start, and say when no call runs.
    Halt(oneshot::Sender<()>),
    /// Finish what runs, store it and let go of the store.
    Close(oneshot::Sender<()>),
}

/// What only the one writer may do with the store, beside deciding.
pub enum Care {
    /// Build the views anew from the journal.
    Rebuild(Answering<u64>),
    /// Erase the payloads of old runs: one page of them.
    Prune(Box<Wish>, Answering<Pruned>),
    /// Put payloads under the present key: one page of them, from that place on.
    Reencrypt(Place, Answering<(u64, Option<Place>)>),
    /// Every payload stands under the present key.
    Reencrypted(Answering<()>),
    /// Let another key sign the log from here on; its public half is the answer.
    Rekey(Box<Actor>, Answering<String>),
}

/// A run that was started.
pub struct Started {
    /// Its id.
    pub id: RunId,
    /// The run itself, where it is over already: it is kept nowhere else but in its journal.
    pub over: Option<Box<Run>>,
}

/// Where an answer goes, after what it says is stored.
pub type Answering<T> = oneshot::Sender<Result<T, ApiError>>;

/// What somebody reads off the runs in memory, or why nobody can.
pub type Look = Box<dyn FnOnce(Result<&Realm, ApiError>) + Send>;

impl Message {
    /// What stops comes before what allows.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::System(..) => 0,
            Self::Command(_, command, _) => 1 + command.rank(),
            _ => 6,
        }
    }

    /// Answers with an error; who waits for the writer to have nothing to do is not answered.
    pub(super) fn refuse(self, error: ApiError) {
        match self {
            Self::Start(_, to) => say(to, Err(error)),
            Self::Command(.., to) => say(to, Err(error)),
            Self::System(_, to) => say(to, Err(error)),
            Self::Look(look) => look(Err(error)),
            Self::Care(care) => care.refuse(error),
            Self::Quiet(_) | Self::Halt(_) | Self::Close(_) => {}
        }
    }
}

impl Care {
    /// Answers with an error.
    pub(super) fn refuse(self, error: ApiError) {
        match self {
            Self::Rebuild(to) => say(to, Err(error)),
            Self::Prune(_, to) => say(to, Err(error)),
            Self::Reencrypt(_, to) => say(to, Err(error)),
            Self::Reencrypted(to) => say(to, Err(error)),
            Self::Rekey(_, to) => say(to, Err(error)),
        }
    }
}

/// Answers who asked, who may be gone.
pub(super) fn say<T>(to: Answering<T>, answer: Result<T, ApiError>) {
    let _ = to.send(answer);
}
