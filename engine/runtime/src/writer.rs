//! The one writer: takes commands from everybody, lets the kernel's realm decide them one after the
//! other, stores what came of them in one transaction, and only then answers and performs effects.
//! Where storing fails nothing happened: the realm is read from the store again.

mod care;
mod message;
mod pending;

pub use message::{Care, Message};

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::run::command::{Command, Rejection};
use ordain_kernel::run::effect::{CallId, Effect, Outcome};
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::world::Active;
use ordain_spec::kind::scalar::Mode;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::ApiError;
use crate::checkpoint::{self, Checkpoints};
use crate::driver::{Driver, Finished, What};
use crate::fault;
use crate::machine::Machine;
use crate::recover;
use crate::specs::Specs;
use crate::store::rows::Rows;
use crate::store::{Store, StoreError};
use crate::views;
use message::Started;
use pending::{Pending, Stored};

/// The code of an answer to a start that was refused; its reasons are the kernel's.
pub const REFUSED: &str = "refused";

/// How many messages share a transaction at most.
const BATCH: usize = 256;

/// The writer's own state.
pub struct Writer {
    realm: Realm,
    store: Store,
    specs: Arc<Specs>,
    driver: Driver,
    machine: Machine,
    checkpoints: Checkpoints,
    finished: mpsc::UnboundedReceiver<Finished>,
    commits: watch::Sender<Commits>,
    /// Outcomes that could not be stored yet.
    unsaved: Vec<Finished>,
    /// Transactions that failed, one after the other.
    failed: u32,
    /// The realm could not be read again after one: nothing is decided until it is.
    lost: Option<ApiError>,
    /// The process ends: outcomes are taken, and nothing further starts.
    halted: bool,
}

/// What was stored so far.
#[derive(Debug, Clone, Default)]
pub struct Commits {
    /// Transactions.
    pub count: u64,
    /// Why nothing can be stored, once that is more than a moment.
    pub failing: Option<ApiError>,
}

/// How long the writer waits before it tries again to store what it could not.
const RETRY: Duration = Duration::from_millis(200);

/// So many failures in a row are more than a moment.
const FAILING: u32 = 5;

/// So many, and who leaves does not wait for outcomes any more: they will be unknown.
const GIVEN_UP: u32 = 15;

/// What the writer begins with.
#[derive(Default)]
pub struct Beginning {
    /// For the record.
    pub notes: Vec<SystemCommand>,
    /// Specs that are active now and were not before.
    pub activated: Option<Arc<Active>>,
    /// What the store remembers of itself.
    pub meta: Vec<(String, String)>,
}

/// Who waits for the writer to have nothing to do.
#[derive(Default)]
struct Leaving {
    quiet: Vec<oneshot::Sender<()>>,
    closed: Option<oneshot::Sender<()>>,
}

impl Leaving {
    const fn is_asked(&self) -> bool {
        !self.quiet.is_empty() || self.closed.is_some()
    }
}

fn rejected(rejection: Rejection) -> ApiError {
    let reasons = rejection.reasons.iter().filter_map(|reason| serde_json::to_value(reason).ok()).collect();
    ApiError { reasons, ..ApiError::new(rejection.code.as_str(), rejection.message) }
}

impl Writer {
    /// A writer over what was recovered.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "all that it works with, each once")]
    pub fn new(
        mut realm: Realm,
        store: Store,
        specs: Arc<Specs>,
        driver: Driver,
        machine: Machine,
        checkpoints: Checkpoints,
        finished: mpsc::UnboundedReceiver<Finished>,
        commits: watch::Sender<Commits>,
    ) -> Self {
        realm.follow_on(store.records());
        let unsaved = Vec::new();
        let (failed, lost, halted) = (0, None, false);
        Self {
            realm,
            store,
            specs,
            driver,
            machine,
            checkpoints,
            finished,
            commits,
            unsaved,
            failed,
            lost,
            halted,
        }
    }

    /// Works until somebody says `Close`, or nobody can say anything any more.
    pub async fn run(mut self, mut messages: mpsc::Receiver<Message>, beginning: Beginning) {
        let mut inbox = Vec::with_capacity(BATCH);
        let mut outcomes = Vec::with_capacity(BATCH);
        self.begin(beginning).await;
        let mut leaving = Leaving::default();
        loop {
            let clock = Arc::clone(&self.machine.clock);
            let due = self.checkpoints.due(self.store.records());
            let woken = self.realm.next_wake().filter(|_| !self.halted);
            let next = [woken, due].into_iter().flatten().min();
            let again = self.failed > 0;
            let wake = async move {
                if again {
                    return tokio::time::sleep(RETRY).await;
                }
                clock.sleep_until(next).await;
            };
            tokio::select! {
                received = messages.recv_many(&mut inbox, BATCH) => if received == 0 { return },
                received = self.finished.recv_many(&mut outcomes, BATCH) => if received == 0 { return },
                () = wake => {}
            }
            self.turn(&mut inbox, &mut outcomes, &mut leaving).await;
            if due.is_some_and(|due| due <= self.machine.clock.now())
                && let Some(shipment) = self.checkpoint().await
            {
                tokio::spawn(checkpoint::ship(shipment));
            }
            if self.failed >= GIVEN_UP && leaving.is_asked() {
                self.give_up();
            }
            // A call that nobody waits for any more would be one whose outcome nobody knows.
            if self.driver.is_busy() {
                continue;
            }
            for asked in leaving.quiet.drain(..) {
                let _ = asked.send(());
            }
            if let Some(closed) = leaving.closed.take() {
                let shipment = self.checkpoint().await;
                if let Err(error) = self.store.close().await {
                    crate::aside::say(&format!("the store did not close cleanly: {error}"));
                }
                if let Some(shipment) = shipment {
                    checkpoint::ship(shipment).await;
                }
                let _ = closed.send(());
                return;
            }
        }
    }

    /// What happened while nobody held the store: other specs, and calls whose outcome nobody knows.
    async fn begin(&mut self, beginning: Beginning) {
        let now = self.machine.clock.now();
        let mut pending = Pending::default();
        for note in beginning.notes {
            let decided = self.realm.system(note, now);
            let _ = self.taken(decided, &mut pending);
        }
        if let Some(active) = beginning.activated {
            let activated = self.realm.activate(active, now);
            self.take(activated, &mut pending);
        }
        let recovered = self.realm.recover(now);
        self.take(recovered, &mut pending);
        pending.rows.meta = beginning.meta;
        self.store_now(&mut pending, now).await;
    }

    /// One turn: decide, store, answer, perform. While the realm is lost nothing is decided.
    async fn turn(&mut self, inbox: &mut Vec<Message>, outcomes: &mut Vec<Finished>, leaving: &mut Leaving) {
        let now = self.machine.clock.now();
        let mut pending = Pending::default();
        self.find_again().await;
        self.unsaved.append(outcomes);
        if self.lost.is_none() {
            if !self.halted {
                let woken = self.realm.wake(now);
                self.take(woken, &mut pending);
            }
            self.settle(now, &mut pending);
        }
        inbox.sort_by_key(Message::rank);
        for message in inbox.drain(..) {
            match (message, self.lost.clone()) {
                (Message::Close(closed), _) => leaving.closed = Some(closed),
                (Message::Quiet(asked), _) => leaving.quiet.push(asked),
                (Message::Halt(asked), _) => {
                    self.halted = true;
                    self.hold_back();
                    leaving.quiet.push(asked);
                }
                (message, Some(error)) => message.refuse(error),
                // What was decided before is stored before: each act has transactions of its own.
                (Message::Care(care), None) => {
                    self.store_now(&mut pending, now).await;
                    match self.lost.clone() {
                        Some(error) => care.refuse(error),
                        None => self.care(care, now).await,
                    }
                }
                (message, None) => self.decide(message, now, &mut pending),
            }
        }
        self.store_now(&mut pending, now).await;
    }

    /// Tells the realm what calls came to.
    fn settle(&mut self, now: Timestamp, pending: &mut Pending) {
        for finished in std::mem::take(&mut self.unsaved) {
            pending.finished.push(finished.clone());
            let Finished { id, what } = finished;
            // What comes too late is rejected: the attempt, or the step, has been settled otherwise.
            let decided = match what {
                What::Outcome(outcome) => self.outcome(id, outcome, now),
                What::Gathered(gathered) => {
                    self.realm.command(id.run, Command::Gathered { step: id.step, gathered }, now)
                }
            };
            let _ = self.taken(decided, pending);
        }
    }

    /// Lets the realm decide what people ask, and what others read of it.
    fn decide(&mut self, message: Message, now: Timestamp, pending: &mut Pending) {
        match message {
            Message::Start(request, to) => {
                let entropy = self.machine.chance.entropy();
                let answer = entropy.and_then(|entropy| self.start(*request, now, &entropy, pending));
                pending.answer(to, answer, |id, stored| Started { id, over: stored.take(id) });
            }
            Message::Command(run, command, to) => {
                let decided = self.realm.command(run, *command, now);
                let answer = self.taken(decided, pending);
                pending.answer(to, answer, move |(), stored| stored.take(run));
            }
            Message::System(command, to) => {
                let decided = self.realm.system(*command, now);
                let answer = self.taken(decided, pending);
                pending.answer(to, answer, |(), _| ());
            }
            Message::Look(look) => look(Ok(&self.realm)),
            Message::Care(_) | Message::Quiet(_) | Message::Halt(_) | Message::Close(_) => {}
        }
    }

    fn start(
        &mut self,
        request: StartRequest,
        now: Timestamp,
        entropy: &Entropy,
        pending: &mut Pending,
    ) -> Result<RunId, ApiError> {
        match self.realm.start(request, now, entropy).map_err(rejected)? {
            StartOutcome::Started { run, batch } => {
                self.take(batch, pending);
                Ok(run)
            }
            StartOutcome::Refused { reasons, batch } => {
                self.take(batch, pending);
                let reasons = reasons.iter().filter_map(|reason| serde_json::to_value(reason).ok()).collect();
                Err(ApiError { reasons, ..ApiError::new(REFUSED, "the start was refused") })
            }
        }
    }

    /// Turns what the realm decided into rows and effects to come.
    fn take(&mut self, batch: Batch, pending: &mut Pending) {
        pending.add(batch);
        while self.realm.has_tidings() {
            // Without chance nothing is begun: it is told as soon as there is some.
            let Ok(entropy) = self.machine.chance.entropy() else { return };
            pending.add(self.realm.tell(&entropy, false));
        }
    }

    /// What was decided, or what happened although the command was rejected (an expiry that was due).
    fn taken(&mut self, decided: Result<Batch, Rejection>, pending: &mut Pending) -> Result<(), ApiError> {
        match decided {
            Ok(batch) => {
                self.take(batch, pending);
                Ok(())
            }
            Err(mut rejection) => {
                if let Some(due) = rejection.due.take() {
                    self.take(*due, pending);
                }
                Err(rejected(rejection))
            }
        }
    }

    /// Declared answers need no outside, so they belong to the same transaction as their intent. What is
    /// left are the effects of live runs.
    fn answer_mocks(&mut self, now: Timestamp, pending: &mut Pending) {
        let mut live = VecDeque::new();
        while let Some(effect) = pending.effects.pop_front() {
            match effect {
                Effect::Call(call) if self.is_mock(call.id.run) => {
                    let outcome = mock::answer(&call);
                    let decided = self.outcome(call.id, outcome, now);
                    let _ = self.taken(decided, pending);
                }
                effect => live.push_back(effect),
            }
        }
        pending.effects = live;
    }

    fn outcome(&mut self, id: CallId, outcome: Outcome, now: Timestamp) -> Result<Batch, Rejection> {
        let CallId { run, step, item, phase, attempt } = id;
        self.realm.command(run, Command::Outcome { step, item, attempt, phase, outcome }, now)
    }

    fn is_mock(&self, run: RunId) -> bool {
        self.realm.run(run).is_none_or(|run| run.started.mode == Mode::Mock)
    }

    /// Stores what was decided so far. Who asked is told, also that it failed.
    async fn store_now(&mut self, pending: &mut Pending, now: Timestamp) {
        let mut before = std::mem::take(pending);
        self.answer_mocks(now, &mut before);
        let _ = self.commit(before).await;
    }

    /// Stores, answers and performs, or answers that it could not be stored.
    async fn commit(&mut self, mut pending: Pending) -> Result<(), ApiError> {
        views::current(&mut self.realm, &pending.touched, &self.specs, &mut pending.rows);
        let calls = pending.effects.iter().any(|effect| matches!(effect, Effect::Call(_)));
        if calls {
            fault::point("before-intent");
        }
        let mut stored = Stored::default();
        if let Err(error) = self.store.commit(&mut pending.rows).await {
            stored.failed = Some(self.forget(error).await);
        }
        if calls {
            fault::point("after-intent");
        }
        if !pending.finished.is_empty() {
            fault::point("after-outcome");
        }
        if stored.failed.is_none() {
            stored.over = self.realm.evict().into_iter().map(|run| (run.id(), run)).collect();
            for run in stored.over.keys() {
                self.specs.forget(&run.to_string());
            }
            if !stored.over.is_empty() {
                fault::point("after-settle");
            }
        }
        for answer in pending.answers {
            answer(&mut stored);
        }
        match stored.failed {
            Some(error) => {
                self.not_stored(error.clone(), pending.finished);
                Err(error)
            }
            None => {
                self.stored(&pending.rows, pending.finished, pending.effects);
                Ok(())
            }
        }
    }

    fn stored(&mut self, rows: &Rows, finished: Vec<Finished>, effects: VecDeque<Effect>) {
        for Finished { id, .. } in finished {
            self.driver.forget(&id);
        }
        if !rows.is_empty() {
            self.failed = 0;
            self.commits.send_modify(|commits| {
                commits.count += 1;
                commits.failing = None;
            });
        }
        self.perform(effects);
    }

    /// Nothing of a transaction happened. Outcomes are kept and stored as soon as that can be done.
    fn not_stored(&mut self, error: ApiError, finished: Vec<Finished>) {
        self.failed = self.failed.saturating_add(1);
        self.unsaved.extend(finished);
        if self.failed >= FAILING {
            self.commits.send_modify(|commits| commits.failing = Some(error));
        }
    }

    /// Who leaves does not wait for ever: the next holder will find attempts whose outcome nobody knows.
    fn give_up(&mut self) {
        for Finished { id, .. } in std::mem::take(&mut self.unsaved) {
            crate::aside::say(&format!("the outcome of an attempt of run {} could not be stored", id.run));
            self.driver.forget(&id);
        }
    }

    fn perform(&mut self, effects: VecDeque<Effect>) {
        for effect in effects {
            match effect {
                Effect::Call(call) => self.driver.perform(*call),
                Effect::CancelCall(id) => self.driver.cancel(&id),
                Effect::Gather(gather) => self.driver.gather(*gather),
            }
        }
    }

    /// Storing failed: what the realm holds did not happen. It is read from the store again; while that
    /// fails too, nothing is decided.
    async fn forget(&mut self, error: StoreError) -> ApiError {
        let error = ApiError::from(error);
        self.lost = Some(error.clone());
        self.find_again().await;
        error
    }

    /// Reads the realm from the store, where it was lost.
    async fn find_again(&mut self) {
        if self.lost.is_none() {
            return;
        }
        match recover::realm(&self.store.reader(), &self.specs).await {
            Ok(recovered) => {
                self.adopt(recovered.realm);
                self.lost = None;
            }
            Err(error) => {
                self.realm = Realm::default();
                self.failed = self.failed.saturating_add(1);
                self.lost = Some(error.into());
            }
        }
    }

    fn adopt(&mut self, realm: Realm) {
        self.realm = realm;
        self.realm.follow_on(self.store.records());
        self.hold_back();
    }

    /// Where the process ends, the realm knows of no catalogue: so nothing is dispatched, and the next holder goes on.
    fn hold_back(&mut self) {
        if self.halted {
            self.realm.world.active = None;
        }
    }
}
