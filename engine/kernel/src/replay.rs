//! A recorded run once more: its journal through the same `evolve`, every condition, quota and decision asked again
//! where it was asked, under the specs that were active then or under others. Says what differs; changes nothing and calls nothing.

mod conditions;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Plan, compile, compile_unwritten};
use ordain_spec::digest::Digest;
use ordain_spec::expr::Value;
use serde::Serialize;

pub use conditions::{Asked, Differing};

use crate::audit::AuditRecord;
use crate::decision::{Decision, Outcome};
use crate::ids::{DecisionId, RunId};
use crate::reason::Reason;
use crate::run::system::SystemEvent;
use crate::run::{CorruptJournal, Event, Phase, Run, Started};
use crate::world::{Active, World};

/// An event as a journal has it, with what it carries in its places.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Runs as they are recorded, and what they were decided under.
#[derive(Clone)]
pub struct Story {
    /// Every event of all of them, in the order in which they were decided.
    pub told: Vec<Told>,
    /// What was active, each from how many events on.
    pub actives: Vec<(u64, Arc<Active>)>,
    /// What people said of exemptions, each after how many events.
    pub said: Vec<(u64, Timestamp, SystemEvent)>,
    /// The plans that runs were started with, by their digests.
    pub plans: BTreeMap<Digest, Arc<Plan>>,
}

/// Why a story cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotReplay {
    /// Its journal.
    #[error("run {0}: {1}")]
    Journal(RunId, CorruptJournal),
    /// What it begins with.
    #[error("it does not begin with the start of a run")]
    Beginning,
    /// Its specs.
    #[error("the specs do not make the plan of `{0}` that was recorded")]
    Plan(String),
    /// Its payloads.
    #[error("what the runs carried was erased or left out")]
    Erased,
    /// What was active.
    #[error("the specs {0} do not load")]
    Specs(Digest),
    /// What the kernel says of it.
    #[error("{0}")]
    Kernel(String),
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// Decisions that were asked again.
    pub decisions: u64,
    /// Those that come out otherwise.
    pub turned: Vec<Turned>,
    /// Conditions and quotas that were asked again: `when`, guards, how often a capability was used.
    pub conditions: u64,
    /// Those that come out otherwise.
    pub differing: Vec<Differing>,
    /// Those that the journals do not say enough for: counters of other runs that were not looked at then.
    pub unanswered: u64,
    /// Runs that settled, and their digests.
    pub outcomes: Vec<Outcomes>,
    /// The records that the journals make, in their order.
    #[serde(skip)]
    pub records: Vec<AuditRecord>,
    /// The runs as they stand at the end.
    #[serde(skip)]
    pub runs: Vec<Replica>,
}

/// A run as it stands at the end.
#[derive(Debug, Clone)]
pub struct Replica(pub Arc<Run>);

impl PartialEq for Replica {
    fn eq(&self, other: &Self) -> bool {
        self.0.record_digest == other.0.record_digest
    }
}

/// The digest of a run's outcome, recorded and computed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcomes {
    /// The run.
    pub run: RunId,
    /// As it was recorded.
    pub recorded: Digest,
    /// As it comes out.
    pub replayed: Digest,
}

/// A decision that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turned {
    /// Its id.
    pub id: DecisionId,
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: Arc<str>,
    /// The item.
    pub item: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// When it was decided.
    pub at: Timestamp,
    /// As it was recorded.
    pub recorded: Said,
    /// As it comes out.
    pub replayed: Said,
}

/// What a decision says, without how it came to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Allow, hold or deny.
    pub outcome: Outcome,
    /// What it asks people for.
    pub approvals: Vec<Arc<str>>,
    /// Why.
    pub reasons: Vec<Reason>,
}

impl From<&Decision> for Said {
    fn from(decision: &Decision) -> Self {
        let Decision { outcome, approvals, reasons, .. } = decision;
        Self { outcome: *outcome, approvals: approvals.clone(), reasons: reasons.clone() }
    }
}

/// Under which specs decisions are asked again.
#[derive(Clone, Copy)]
pub enum Under<'a> {
    /// Those that were active then: everything must come out as it is recorded.
    Recorded,
    /// Others: what differs is what they would have turned.
    Other(&'a Arc<Active>),
}

impl Story {
    /// A story whose plans are made of what was active first.
    ///
    /// # Errors
    /// When it has no beginning, or the specs make other plans than were recorded.
    pub fn new(
        told: Vec<Told>,
        actives: Vec<(u64, Arc<Active>)>,
        said: Vec<(u64, Timestamp, SystemEvent)>,
    ) -> Result<Self, CannotReplay> {
        let (_, first) = actives.first().ok_or(CannotReplay::Beginning)?;
        let mut plans = BTreeMap::new();
        for started in told.iter().filter_map(started) {
            if let std::collections::btree_map::Entry::Vacant(free) = plans.entry(started.plan) {
                free.insert(plan_of(started, first)?);
            }
        }
        Ok(Self { told, actives, said, plans })
    }
}

impl Story {
    /// The runbook of the first run.
    #[must_use]
    pub fn runbook(&self) -> Option<Arc<str>> {
        self.told.first().and_then(started).map(|started| Arc::clone(&started.runbook))
    }
}

fn started(told: &Told) -> Option<&Started> {
    if let Event::Started(started) = &told.event { Some(started) } else { None }
}

/// The plan that was recorded, out of the specs that it was made of.
fn plan_of(started: &Started, active: &Active) -> Result<Arc<Plan>, CannotReplay> {
    let unmade = || CannotReplay::Plan(format!("{}@{}", started.runbook, started.version));
    if let Some(made) = compile_unwritten(&started.runbook, &active.catalogue, &active.grants) {
        return Some(made).filter(|plan| plan.digest == started.plan).ok_or_else(unmade);
    }
    let named = |release: &&Arc<ordain_spec::kind::Runbook>| {
        release.metadata.version.as_ref().is_some_and(|version| version.value.to_string() == started.version)
    };
    let runbooks = active.catalogue.runbooks.iter().filter(|(name, _)| name.as_str() == &*started.runbook);
    let made = runbooks
        .flat_map(|(_, releases)| releases.values())
        .filter(named)
        .filter_map(|runbook| compile(runbook, &active.catalogue, &active.grants).ok())
        .find(|plan| plan.digest == started.plan);
    made.ok_or_else(unmade)
}

/// Replays a story.
///
/// # Errors
/// When it cannot be followed to its end.
pub fn replay(story: &Story, under: Under<'_>) -> Result<Replayed, CannotReplay> {
    let mut replay = Replay {
        story,
        under,
        world: World::new(None),
        runs: BTreeMap::new(),
        heard: 0,
        counters: BTreeMap::new(),
        others: BTreeMap::new(),
        found: Replayed {
            decisions: 0,
            turned: Vec::new(),
            conditions: 0,
            differing: Vec::new(),
            unanswered: 0,
            outcomes: Vec::new(),
            records: Vec::new(),
            runs: Vec::new(),
        },
    };
    for (told, number) in story.told.iter().zip(0..) {
        replay.activate(number);
        replay.tell(told)?;
    }
    replay.found.runs = replay.runs.into_values().map(|run| Replica(Arc::new(run))).collect();
    Ok(replay.found)
}

struct Replay<'s> {
    story: &'s Story,
    under: Under<'s>,
    world: World,
    runs: BTreeMap<RunId, Run>,
    /// Of what was said beside runs.
    heard: usize,
    /// Counters as steps saw them last.
    counters: BTreeMap<(RunId, Arc<str>), conditions::Seen>,
    /// Plans of the other specs, by the names of their runbooks.
    others: BTreeMap<Arc<str>, Option<Arc<Plan>>>,
    found: Replayed,
}

impl Replay<'_> {
    /// What is active for the event with that number.
    fn activate(&mut self, number: u64) {
        let recorded = || self.story.actives.iter().take_while(|(since, _)| *since <= number).last();
        let active = match self.under {
            Under::Other(active) => Some(active),
            Under::Recorded => recorded().map(|(_, active)| active),
        };
        self.world.active = active.cloned();
        while let Some((_, at, event)) =
            self.story.said.get(self.heard).filter(|(since, ..)| *since <= number)
        {
            self.world.apply_system(event, *at);
            self.heard += 1;
        }
    }

    fn tell(&mut self, told: &Told) -> Result<(), CannotReplay> {
        let corrupt = |error| CannotReplay::Journal(told.run, error);
        if let Event::Started(started) = &told.event {
            let plan = self.story.plans.get(&started.plan).ok_or(CannotReplay::Beginning)?;
            let (run, first) = Run::begun(Arc::clone(plan), told.at, &told.event).map_err(corrupt)?;
            self.found.records.extend(first.audit);
            self.runs.insert(told.run, run);
            return Ok(());
        }
        let mut run = self.runs.remove(&told.run).ok_or(CannotReplay::Beginning)?;
        self.conditions(told, &mut run).map_err(|rejection| CannotReplay::Kernel(rejection.to_string()))?;
        match &told.event {
            Event::Decided { decision, step, item, phase, budgets, .. } => {
                self.world.as_seen = budgets.as_deref().and_then(|seen| Value::from_json(seen).ok());
                let again = run
                    .decided_again(&mut self.world, told.at, step, *item, *phase)
                    .map_err(|rejection| CannotReplay::Kernel(rejection.to_string()))?;
                self.world.as_seen = None;
                self.compare(told, decision, &again);
            }
            Event::Settled(settled) => self.found.outcomes.push(Outcomes {
                run: told.run,
                recorded: settled.outcome_digest,
                replayed: run.outcome_digest(settled.state, settled.rollback, settled.outputs.as_ref()),
            }),
            _ => {}
        }
        let recorded = run.retraced(told.at, &told.event).map_err(corrupt)?;
        self.found.records.extend(recorded.audit);
        self.runs.insert(told.run, run);
        Ok(())
    }

    fn compare(&mut self, told: &Told, recorded: &Decision, again: &Decision) {
        self.found.decisions += 1;
        let differs = match self.under {
            Under::Recorded => recorded != again,
            // Under others everything has other digests; what counts is what is said.
            Under::Other(_) => {
                recorded.outcome != again.outcome
                    || recorded.approvals != again.approvals
                    || recorded.masks != again.masks
            }
        };
        if let (true, Event::Decided { step, item, phase, .. }) = (differs, &told.event) {
            self.found.turned.push(Turned {
                id: recorded.id.clone(),
                run: told.run,
                step: Arc::clone(step),
                item: *item,
                phase: *phase,
                at: told.at,
                recorded: recorded.into(),
                replayed: again.into(),
            });
        }
    }
}
