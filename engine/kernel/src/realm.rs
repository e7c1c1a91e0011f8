//! Many runs on one writer: starts, cascades between runs (sub-runs, locks, kill switches), and what is to be
//! stored. The store's host and the rehearsal are both a realm plus something.
//!
//! No clock, no IO. The host stores a [`Batch`] in one transaction and performs its effects only then; where
//! storing fails it forgets the realm and builds it anew from the journal.

mod cascade;
mod start;
mod tell;
mod workspace;

pub(crate) use start::TENANT;
use tell::Tidings;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::Plan;
use ordain_spec::digest::Digest;
use ordain_spec::kind::scalar::Mode;
use serde_json::Value;

use crate::actor::Actor;
use crate::audit::AuditRecord;
use crate::ids::RunId;
use crate::reason::{Code, Reason};
use crate::run::rejected;
use crate::run::system::SystemEvent;
use crate::run::{Command, Effect, Event, Payload, Recorded, Rejection, Run};
use crate::value;
use crate::world::World;

/// A wish to start a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRequest {
    /// `name` or `name@requirement`
    pub runbook: String,
    /// By name, as given.
    pub inputs: Value,
    /// Whether it touches the outside.
    pub mode: Mode,
    /// Who asks.
    pub requester: Actor,
    /// Where; the workspace's where nothing is said (scenarios say it).
    pub environment: Option<Arc<str>>,
    /// The active catalogue is signed by a trusted key; only asked in profile `prod`.
    pub signed: bool,
    /// All answers are declared: what a live run would need of the workspace is not asked for.
    pub declared: bool,
}

/// Chance, from the host.
#[derive(Debug, Clone, Copy)]
pub struct Entropy {
    /// For the id.
    pub id: [u8; 10],
    /// For the salt of digests.
    pub salt: [u8; 32],
}

/// What became of a wish to start a run. The batch is stored in both cases.
#[derive(Debug)]
pub enum StartOutcome {
    /// There is a run.
    Started {
        /// Its id.
        run: RunId,
        /// What is to be stored.
        batch: Batch,
    },
    /// There is none.
    Refused {
        /// Why.
        reasons: Vec<Reason>,
        /// The record of it.
        batch: Batch,
    },
}

/// What one command led to, in all runs: stored in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which it happened.
    pub entries: Vec<Entry>,
    /// Runs whose views changed.
    pub touched: BTreeSet<RunId>,
    /// What the outside should do once the batch is stored.
    pub effects: Vec<Effect>,
}

/// One event and its records.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The run; none for the workspace.
    pub run: Option<RunId>,
    /// Place in the run's journal, from 1; 0 for the workspace.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
    /// The same as JSON, for storing, with references in the places of a run's payloads.
    pub json: String,
    /// What the references stand for, to be kept apart.
    pub payloads: Vec<Payload>,
    /// Its audit records, chained.
    pub audit: Vec<AuditRecord>,
    /// The same as lines, for storing.
    pub lines: Vec<String>,
}

/// What happened, to a run or to the workspace.
#[derive(Debug, Clone)]
pub enum Body {
    /// To a run.
    Run(Box<Event>),
    /// To the workspace.
    System(Box<SystemEvent>),
}

impl Batch {
    /// True when nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds what happened next.
    pub fn append(&mut self, mut other: Self) {
        self.entries.append(&mut other.entries);
        self.touched.append(&mut other.touched);
        self.effects.append(&mut other.effects);
    }
}

/// Many runs and the world between them, on one writer.
#[derive(Debug, Default)]
pub struct Realm {
    /// What crosses runs.
    pub world: World,
    runs: BTreeMap<RunId, Run>,
    wakes: BTreeSet<(Timestamp, RunId)>,
    waking: BTreeMap<RunId, Timestamp>,
    /// Runs at hand that are settled, or were once.
    settled: BTreeSet<RunId>,
    /// Plans made of the active catalogue, by the digests of their runbooks: all runs of one share it.
    plans: BTreeMap<Digest, Arc<Plan>>,
    /// Records so far, over all runs and the workspace.
    records: u64,
    /// What notices have to say and did not yet.
    tidings: VecDeque<Tidings>,
}

/// What one run makes others do.
#[derive(Debug)]
enum Next {
    Handle(RunId, Command),
    StartChild { parent: RunId, step: Arc<str>, item: u32, child: RunId },
    GrantLock(Arc<str>),
}

impl Realm {
    /// A realm in that world, without runs.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world, ..Self::default() }
    }

    /// Says how many records there are: the next one's place in the log is after them.
    pub const fn follow_on(&mut self, records: u64) {
        self.records = records;
    }

    /// A run that is at hand.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// The runs at hand, by id.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.runs.values()
    }

    /// Takes a run that was replayed. Runs above and below it have to be taken as well.
    pub fn insert(&mut self, run: Run) {
        let id = run.id();
        if run.is_settled() {
            self.settled.insert(id);
        }
        self.runs.insert(id, run);
        self.rearm(id);
    }

    /// Lets go of settled runs that no other run can come back to, and hands them over.
    pub fn evict(&mut self) -> Vec<Run> {
        let over = |run: &Run| run.is_settled();
        let gone: Vec<RunId> = self
            .settled
            .iter()
            .filter_map(|id| self.runs.get(id))
            .filter(|run| over(run) && self.root_of(run).is_none_or(over))
            .map(Run::id)
            .collect();
        let mut evicted = Vec::with_capacity(gone.len());
        for id in gone {
            self.settled.remove(&id);
            evicted.extend(self.runs.remove(&id));
            self.rearm(id);
        }
        evicted
    }

    fn root_of<'r>(&'r self, run: &'r Run) -> Option<&'r Run> {
        let mut here = run;
        while let Some(parent) = &here.started.parent {
            here = self.runs.get(&parent.run)?;
        }
        Some(here)
    }

    /// What the outside should be doing for a run now.
    #[must_use]
    pub fn effects(&self, run: RunId) -> Vec<Effect> {
        self.runs.get(&run).map(Run::effects).unwrap_or_default()
    }

    /// When [`Realm::wake`] should be called.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Gives a command to a run, and does whatever follows in others.
    ///
    /// # Errors
    /// A rejection; nothing happened then but what was due before.
    pub fn command(&mut self, run: RunId, command: Command, now: Timestamp) -> Result<Batch, Rejection> {
        let (batch, mut results) = self.batch(vec![(run, command)], now);
        match results.pop() {
            Some(Err(rejection)) if batch.is_empty() => Err(rejection),
            // What was due before (an expiry) happened although the command was rejected.
            Some(Err(rejection)) => Err(Rejection { due: Some(Box::new(batch)), ..rejection }),
            _ => Ok(batch),
        }
    }

    /// Gives several commands in one transaction: what stops comes before what allows. The results stand in the
    /// order of the commands as given.
    pub fn batch(
        &mut self,
        commands: Vec<(RunId, Command)>,
        now: Timestamp,
    ) -> (Batch, Vec<Result<(), Rejection>>) {
        let mut ordered: Vec<(usize, RunId, Command)> =
            commands.into_iter().enumerate().map(|(place, (run, command))| (place, run, command)).collect();
        ordered.sort_by_key(|(place, _, command)| (command.rank(), *place));
        let mut results: Vec<(usize, Result<(), Rejection>)> = Vec::with_capacity(ordered.len());
        let mut batch = Batch::default();
        for (place, run, command) in ordered {
            results.push((place, self.one(run, command, now, &mut batch)));
        }
        results.sort_by_key(|(place, _)| *place);
        (batch, results.into_iter().map(|(_, result)| result).collect())
    }

    fn one(
        &mut self,
        id: RunId,
        command: Command,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), Rejection> {
        let Some(run) = self.runs.get(&id) else {
            return Err(Rejection::new(Code::NotFound, format!("no run `{id}`")));
        };
        command.reason().map_or(Ok(()), value::reason).map_err(rejected)?;
        // Expiry comes before whatever people say in the same instant.
        if !matches!(command, Command::Wake) && run.next_wake().is_some_and(|due| due <= now) {
            self.handle(id, Command::Wake, now, batch)?;
        }
        self.handle(id, command, now, batch)
    }

    /// Lets everything happen that is due.
    pub fn wake(&mut self, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        let due: Vec<RunId> =
            self.wakes.iter().take_while(|(at, _)| *at <= now).map(|(_, run)| *run).collect();
        for run in due {
            // A wake-up is never rejected.
            let _ = self.handle(run, Command::Wake, now, &mut batch);
        }
        batch
    }

    /// After a restart: attempts that ran have no known outcome.
    pub fn recover(&mut self, now: Timestamp) -> Batch {
        let mut batch = Batch::default();
        // What one run's recovery makes another start did not run when the process went away.
        let open = self.runs.values().filter(|run| !run.is_settled());
        let open: Vec<_> = open.map(|run| (run.id(), run.flights().collect())).collect();
        for (run, lost) in open {
            let _ = self.handle(run, Command::Recover { lost }, now, &mut batch);
        }
        batch.append(self.mend(now));
        // Rows that were being gathered are gathered again, once each.
        let asked = batch.effects.iter().filter_map(|effect| match effect {
            Effect::Gather(gather) => Some((gather.run, Arc::clone(&gather.step))),
            _ => None,
        });
        let asked: BTreeSet<_> = asked.collect();
        let gatherings = self.runs.values().flat_map(Run::gatherings);
        batch.effects.extend(gatherings.filter(|effect| match effect {
            Effect::Gather(gather) => !asked.contains(&(gather.run, Arc::clone(&gather.step))),
            _ => false,
        }));
        batch
    }

    // --- what is stored ---------------------------------------------------------------------------------------

    fn store(&mut self, id: RunId, recorded: Vec<Recorded>, batch: &mut Batch) {
        if recorded.is_empty() {
            return;
        }
        batch.touched.insert(id);
        if self.runs.get(&id).is_some_and(Run::is_settled) {
            self.settled.insert(id);
        }
        for one in recorded {
            if let Some(effect) = self.runs.get(&id).and_then(|run| run.effect_of(&one.event)) {
                batch.effects.push(effect);
            }
            let Recorded { seq, at, event, json, payloads, audit, lines } = one;
            audit.iter().for_each(|record| self.hear(Some(id), record, None));
            let untold = self.untold(id, &event);
            let body = Body::Run(Box::new(event));
            batch.entries.push(Entry { run: Some(id), seq, at, body, json, payloads, audit, lines });
            if let Some(failed) = untold {
                self.note(failed, at, batch);
            }
        }
        self.rearm(id);
    }

    fn rearm(&mut self, id: RunId) {
        let next = self.runs.get(&id).and_then(Run::next_wake);
        if let Some(at) = self.waking.remove(&id) {
            self.wakes.remove(&(at, id));
        }
        if let Some(at) = next {
            self.waking.insert(id, at);
            self.wakes.insert((at, id));
        }
    }

    fn handle(
        &mut self,
        id: RunId,
        command: Command,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), Rejection> {
        let mut queue = VecDeque::new();
        self.step(id, command, now, batch, &mut queue)?;
        while let Some(next) = queue.pop_front() {
            match next {
                // Others may have settled meanwhile: what they do not take any more is no matter.
                Next::Handle(run, command) => {
                    let _ = self.step(run, command, now, batch, &mut queue);
                }
                Next::StartChild { parent, step, item, child } => {
                    self.start_child(parent, &step, item, child, now, batch, &mut queue);
                }
                Next::GrantLock(name) => {
                    if let Some(waiting) = self.world.locks.next(&name) {
                        let granted = self.step(waiting.run, Command::LockGranted, now, batch, &mut queue);
                        if granted.is_ok() {
                            queue.push_back(Next::GrantLock(name));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        id: RunId,
        command: Command,
        now: Timestamp,
        batch: &mut Batch,
        queue: &mut VecDeque<Next>,
    ) -> Result<(), Rejection> {
        let Some(run) = self.runs.get_mut(&id) else {
            return Err(Rejection::new(Code::NotFound, format!("no run `{id}`")));
        };
        let recorded = run.handle(&mut self.world, command, now)?;
        self.follow(id, &recorded, queue);
        self.store(id, recorded, batch);
        Ok(())
    }
}
