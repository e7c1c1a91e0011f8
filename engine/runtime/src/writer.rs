//! The one writer: takes commands from everybody, lets the kernel's realm decide them one after the
//! other, stores what came of them in one transaction, and only then answers and performs effects.
//! Where storing fails nothing happened: the realm is read from the store again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::run::Run;
use ordain_kernel::run::command::{Command, Rejection};
use ordain_kernel::run::effect::{CallId, Effect, Outcome};
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::world::Active;
use ordain_spec::kind::scalar::Mode;
use tokio::sync::{mpsc, oneshot, watch};

use crate::api::ApiError;
use crate::checkpoint::{self, Checkpoints, Shipment};
use crate::driver::{Driver, Finished, What};
use crate::fault;
use crate::machine::Machine;
use crate::prune::{self, Pruned};
use crate::recover;
use crate::specs::Specs;
use crate::store::rows::Rows;
use crate::store::write::Place;
use crate::store::{Store, StoreError};
use crate::views;

/// The code of an answer to a start that was refused; its reasons are the kernel's.
pub const REFUSED: &str = "refused";

/// How many messages share a transaction at most.
const BATCH: usize = 256;

/// Something for the writer.
pub enum Message {
    /// Start a run.
    Start(Box<StartRequest>, Answering<Started>),
    /// A command on a run.
    Command(RunId, Box<Command>, Answering<Option<Box<Run>>>),
    /// A command on the workspace.
    System(Box<SystemCommand>, Answering<()>),
    /// Look at the runs that are in memory.
    Look(Box<dyn FnOnce(&Realm) + Send>),
    /// Build the views anew from the journal.
    Rebuild(Answering<u64>),
    /// Erase the payloads of old runs: one page of them.
    Prune(Box<prune::Wish>, Answering<Pruned>),
    /// Put payloads under the present key: one page of them, from that place on.
    Reencrypt(Place, Answering<(u64, Option<Place>)>),
    /// Every payload stands under the present key.
    Reencrypted(Answering<()>),
    /// Let another key sign the log from here on; its public half is the answer.
    Rekey(Box<Actor>, Answering<String>),
    /// Say when no call runs.
    Quiet(oneshot::Sender<()>),
    /// Finish what runs, store it and let go of the store.
    Close(oneshot::Sender<()>),
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

/// What is answered once a transaction is stored.
#[derive(Default)]
struct Pending {
    rows: Rows,
    touched: BTreeSet<RunId>,
    effects: VecDeque<Effect>,
    finished: Vec<Finished>,
    answers: Vec<Answer>,
}

/// What is said to who asked.
type Answer = Box<dyn FnOnce(&mut Stored) + Send>;

/// What became of a transaction.
#[derive(Default)]
struct Stored {
    failed: Option<ApiError>,
    /// Runs that are over and were let go of.
    over: BTreeMap<RunId, Run>,
}

impl Pending {
    fn add(&mut self, batch: Batch) {
        views::rows_of(batch.entries, &mut self.rows);
        self.touched.extend(batch.touched);
        self.effects.extend(batch.effects);
    }

    /// Answers once it is stored; `of` makes the answer then.
    fn answer<S: Send + 'static, T: Send + 'static>(
        &mut self,
        to: Answering<T>,
        answer: Result<S, ApiError>,
        of: impl FnOnce(S, &mut Stored) -> T + Send + 'static,
    ) {
        self.answers.push(Box::new(move |stored| {
            let answer = stored.failed.clone().map_or(answer, Err).map(|answer| of(answer, stored));
            // Who asked may be gone.
            let _ = to.send(answer);
        }));
    }
}

impl Stored {
    /// The run, where it is over and nobody had it yet.
    fn take(&mut self, run: RunId) -> Option<Box<Run>> {
        self.over.remove(&run).map(Box::new)
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
        let (failed, lost) = (0, None);
        Self { realm, store, specs, driver, machine, checkpoints, finished, commits, unsaved, failed, lost }
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
            let next = [self.realm.next_wake(), due].into_iter().flatten().min();
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
                    eprintln!("ordain: the store did not close cleanly: {error}");
                }
                if let Some(shipment) = shipment {
                    checkpoint::ship(shipment).await;
                }
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Signs the log as it is stored, where there is something new; where it goes, once that is stored.
    async fn checkpoint(&mut self) -> Option<Shipment> {
        let size = self.store.records();
        if !self.checkpoints.is_news(size) || self.lost.is_some() || self.failed > 0 {
            return None;
        }
        let now = self.machine.clock.now();
        let event = self.checkpoints.sign(size, self.store.root());
        let mut pending = Pending::default();
        let decided = self.realm.system(SystemCommand::Note(Box::new(event.clone())), now);
        self.taken(decided, &mut pending).ok()?;
        pending.rows.meta.push(Checkpoints::mark(size, now));
        fault::point("before-checkpoint");
        self.commit(pending).await;
        fault::point("after-checkpoint");
        if self.failed > 0 || self.lost.is_some() {
            return None;
        }
        self.checkpoints.stored(&event, now);
        self.checkpoints.shipment(&event)
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
        self.answer_mocks(now, &mut pending);
        self.commit(pending).await;
    }

    /// One turn: decide, store, answer, perform.
    async fn turn(&mut self, inbox: &mut Vec<Message>, outcomes: &mut Vec<Finished>, leaving: &mut Leaving) {
        let now = self.machine.clock.now();
        let mut pending = Pending::default();
        self.find_again().await;
        if let Some(error) = self.lost.clone() {
            self.unsaved.append(outcomes);
            refuse(inbox, &error, leaving);
            return;
        }
        let woken = self.realm.wake(now);
        self.take(woken, &mut pending);
        for finished in self.unsaved.drain(..).chain(outcomes.drain(..)).collect::<Vec<_>>() {
            pending.finished.push(finished.clone());
            let Finished { id, what } = finished;
            // What comes too late is rejected: the attempt, or the step, has been settled otherwise.
            let decided = match what {
                What::Outcome(outcome) => self.outcome(id, outcome, now),
                What::Gathered(gathered) => {
                    self.realm.command(id.run, Command::Gathered { step: id.step, gathered }, now)
                }
            };
            let _ = self.taken(decided, &mut pending);
        }
        inbox.sort_by_key(rank);
        for message in inbox.drain(..) {
            match message {
                Message::Close(closed) => leaving.closed = Some(closed),
                Message::Quiet(asked) => leaving.quiet.push(asked),
                // What was decided before is stored before: each of these has a transaction of its own.
                Message::Rebuild(answer) => {
                    self.store_now(&mut pending, now).await;
                    let rebuilt = self.rebuild().await;
                    let _ = answer.send(rebuilt);
                }
                Message::Prune(wish, answer) => {
                    self.store_now(&mut pending, now).await;
                    let pruned = self.prune(*wish, now).await;
                    let _ = answer.send(pruned);
                }
                Message::Reencrypt(after, answer) => {
                    let page = self.reencrypt(&after).await;
                    let _ = answer.send(page);
                }
                Message::Reencrypted(answer) => {
                    self.store_now(&mut pending, now).await;
                    let done = self.store.reencrypted().await;
                    let _ = answer.send(done.map_err(ApiError::from));
                }
                Message::Rekey(by, answer) => {
                    self.store_now(&mut pending, now).await;
                    let rekeyed = self.rekey(*by, now).await;
                    let _ = answer.send(rekeyed);
                }
                message => self.message(message, now, &mut pending),
            }
        }
        self.answer_mocks(now, &mut pending);
        self.commit(pending).await;
    }

    fn message(&mut self, message: Message, now: Timestamp, pending: &mut Pending) {
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
            Message::Look(look) => look(&self.realm),
            Message::Rebuild(_)
            | Message::Prune(..)
            | Message::Reencrypt(..)
            | Message::Reencrypted(_)
            | Message::Rekey(..)
            | Message::Quiet(_)
            | Message::Close(_) => {}
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

    async fn commit(&mut self, mut pending: Pending) {
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
            Some(error) => self.not_stored(error, pending.finished),
            None => self.stored(&pending.rows, pending.finished, pending.effects),
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
            eprintln!("ordain: the outcome of an attempt of run {} could not be stored", id.run);
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

    /// Erases the payloads of one page of old runs, in one transaction with its record.
    async fn prune(&mut self, wish: prune::Wish, now: Timestamp) -> Result<Pruned, ApiError> {
        let retention = self.specs.active().and_then(|active| active.catalogue.retention.clone());
        let rules = prune::Rules { kept: self.realm.kept(now), retention, specs: &self.specs };
        let found = prune::page(&self.store.reader(), &rules, &wish).await?;
        if wish.dry_run || found.runs.is_empty() {
            return Ok(found.pruned);
        }
        let runs = found.runs.clone();
        let command = SystemCommand::Prune { runs, before: wish.before, by: wish.by };
        let decided = self.realm.system(command, now);
        let mut pending = Pending::default();
        self.taken(decided, &mut pending)?;
        let at = now.as_millisecond();
        pending.rows.erased = found.runs.iter().map(|run| (run.to_string(), at)).collect();
        let (answer, stored) = oneshot::channel();
        pending.answer(answer, Ok(()), |(), _| ());
        fault::point("before-prune");
        self.store.overwrite_deleted(true).await?;
        self.commit(pending).await;
        self.store.overwrite_deleted(false).await?;
        stored.await.map_err(|_| crate::engine::gone())??;
        fault::point("after-prune");
        self.store.write_back().await?;
        Ok(found.pruned)
    }

    /// Stores what was decided so far.
    async fn store_now(&mut self, pending: &mut Pending, now: Timestamp) {
        let mut before = std::mem::take(pending);
        self.answer_mocks(now, &mut before);
        self.commit(before).await;
    }

    /// Puts one page of payloads under the present key; what is deleted is overwritten.
    async fn reencrypt(&mut self, after: &Place) -> Result<(u64, Option<Place>), ApiError> {
        self.store.overwrite_deleted(true).await?;
        let page = self.store.reencrypt(after).await;
        self.store.overwrite_deleted(false).await?;
        Ok(page?)
    }

    /// Another key signs from here on: the old one signs which, that is recorded, and only then the files change.
    async fn rekey(&mut self, by: Actor, now: Timestamp) -> Result<String, ApiError> {
        if let Some(error) = self.lost.clone() {
            return Err(error);
        }
        let successor = self.checkpoints.successor(self.store.records() + 1)?;
        let command = SystemCommand::Rekey { succession: successor.succession.clone(), by };
        let decided = self.realm.system(command, now);
        let mut pending = Pending::default();
        self.taken(decided, &mut pending)?;
        let (answer, stored) = oneshot::channel();
        pending.answer(answer, Ok(()), |(), _| ());
        fault::point("before-rekey");
        self.commit(pending).await;
        stored.await.map_err(|_| crate::engine::gone())??;
        fault::point("after-rekey");
        let public = self.checkpoints.follow(successor)?;
        if let Some(shipment) = self.checkpoint().await {
            tokio::spawn(checkpoint::ship(shipment));
        }
        Ok(public)
    }

    /// Makes the views anew from the journal, and the realm from the store.
    async fn rebuild(&mut self) -> Result<u64, ApiError> {
        if let Some(error) = self.lost.clone() {
            return Err(error);
        }
        let rows = recover::from_journal(&self.store.reader(), &self.specs).await?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        self.store.replace_views(rows).await?;
        self.adopt(recover::realm(&self.store.reader(), &self.specs).await?.realm);
        Ok(count)
    }

    fn adopt(&mut self, realm: Realm) {
        self.realm = realm;
        self.realm.follow_on(self.store.records());
    }
}

/// Answers everything with an error; who leaves may.
fn refuse(inbox: &mut Vec<Message>, error: &ApiError, leaving: &mut Leaving) {
    for message in inbox.drain(..) {
        // Who asked may be gone.
        match message {
            Message::Start(_, to) => drop(to.send(Err(error.clone()))),
            Message::Command(.., to) => drop(to.send(Err(error.clone()))),
            Message::System(_, to) => drop(to.send(Err(error.clone()))),
            Message::Rebuild(to) => drop(to.send(Err(error.clone()))),
            Message::Prune(_, to) => drop(to.send(Err(error.clone()))),
            Message::Reencrypt(_, to) => drop(to.send(Err(error.clone()))),
            Message::Reencrypted(to) => drop(to.send(Err(error.clone()))),
            Message::Rekey(_, to) => drop(to.send(Err(error.clone()))),
            Message::Look(look) => look(&Realm::default()),
            Message::Quiet(asked) => leaving.quiet.push(asked),
            Message::Close(closed) => leaving.closed = Some(closed),
        }
    }
}

/// What stops comes before what allows.
fn rank(message: &Message) -> u8 {
    match message {
        Message::System(..) => 0,
        Message::Command(_, command, _) => 1 + command.rank(),
        _ => 6,
    }
}
