//! The life of one run: commands in, events out, nothing else.
//!
//! [`Run::handle`] judges a command against the run and the world of the moment. It changes both only through the
//! events it emits, one after the other, through [`Run::evolve`] and `World::apply` — the same two that replay
//! uses. It never clones the run, never reads a clock and never does anything outside.

pub mod command;
pub mod effect;
pub mod event;
pub mod evolve;
pub mod hold;
pub mod state;
pub mod system;

mod again;
pub mod aged;
mod ask;
mod attempt;
mod bound;
mod child;
pub(crate) mod cost;
mod decide;
mod facts;
mod gate;
pub mod payload;
mod prepare;
mod record;
mod schedule;
mod settle;
mod turn;
mod undo;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Body, PlanStep};

pub use bound::Bound;
pub use command::{Command, Decide, Rejection, Verdict};
pub use effect::{Call, CallId, Effect, Gather, Outcome};
pub use event::{Event, Started};
pub use evolve::CorruptJournal;
pub use facts::RunFacts;
pub use payload::{Kept, Payload};
pub use record::{Recorded, journal_digest, leaves_a_record, payload_digest};
pub use state::{Phase, RollbackState, Run, RunState, Stage, StepRun, StepState, WaitingFor};

use crate::ids::RunId;
use crate::world::World;
pub(crate) use again::reads_budgets;
pub(crate) use ask::definition;
pub(crate) use decide::approval::rejected;
pub(crate) use facts::{constants, run_value, typed};
pub(crate) use gate::booker;
pub(crate) use settle::step_state;
use state::{Due, Item, Timer, Work};
use turn::Turn;

impl Run {
    /// A run as its journal says: the entries in their order, each with its instant.
    ///
    /// # Errors
    /// When an entry cannot follow what is there.
    pub fn replay<'e>(
        plan: Arc<ordain_plan::Plan>,
        journal: impl IntoIterator<Item = (Timestamp, &'e Event)>,
    ) -> Result<Self, CorruptJournal> {
        Self::replayed(plan, journal, false)
    }

    /// The same of a journal whose payloads are erased: states, decisions and digests are what they were, and
    /// references stand where payloads stood. Nothing may be done with such a run but looking at it.
    ///
    /// # Errors
    /// When an entry cannot follow what is there.
    pub fn replay_erased<'e>(
        plan: Arc<ordain_plan::Plan>,
        journal: impl IntoIterator<Item = (Timestamp, &'e Event)>,
    ) -> Result<Self, CorruptJournal> {
        Self::replayed(plan, journal, true)
    }

    fn replayed<'e>(
        plan: Arc<ordain_plan::Plan>,
        journal: impl IntoIterator<Item = (Timestamp, &'e Event)>,
        erased: bool,
    ) -> Result<Self, CorruptJournal> {
        let empty = || CorruptJournal { event: "nothing".into(), state: "nothing".into() };
        let mut journal = journal.into_iter();
        let (at, first) = journal.next().ok_or_else(empty)?;
        let Event::Started(started) = first else { return Err(empty()) };
        let mut run = Self::new(plan, at, Arc::new((**started).clone()));
        if erased {
            run.record_salt = run.started.salt;
        }
        run.record(at, first.clone());
        for (at, event) in journal {
            run.retrace(at, event)?;
        }
        Ok(run)
    }

    /// One further entry of a journal.
    ///
    /// # Errors
    /// When it cannot follow what is there. The run must not be used any more then.
    pub fn retrace(&mut self, at: Timestamp, event: &Event) -> Result<(), CorruptJournal> {
        self.retraced(at, event).map(|_| ())
    }

    /// The same, and what is kept of the entry beside the journal.
    pub(crate) fn retraced(&mut self, at: Timestamp, event: &Event) -> Result<Recorded, CorruptJournal> {
        self.evolve(at, event)?;
        Ok(self.record(at, event.clone()))
    }

    /// A run at its first entry.
    pub(crate) fn begun(
        plan: Arc<ordain_plan::Plan>,
        at: Timestamp,
        first: &Event,
    ) -> Result<(Self, Recorded), CorruptJournal> {
        let empty = || CorruptJournal { event: "nothing".into(), state: "nothing".into() };
        let Event::Started(started) = first else { return Err(empty()) };
        let mut run = Self::new(plan, at, Arc::new((**started).clone()));
        let recorded = run.record(at, first.clone());
        Ok((run, recorded))
    }

    /// True when its payloads are erased: references stand in their places.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.record_salt == self.started.salt
    }

    /// Judges a command. What it leads to has happened to the run and the world when this returns.
    ///
    /// # Errors
    /// A rejection: then nothing happened, unless its code is `system_fault`; then the run must be thrown away
    /// and built anew from its journal.
    pub fn handle(
        &mut self,
        world: &mut World,
        command: Command,
        now: Timestamp,
    ) -> Result<Vec<Recorded>, Rejection> {
        let mut turn = Turn::new(self, world, now);
        turn.command(command)?;
        turn.advance()?;
        Ok(turn.finish())
    }

    /// What the outside should be doing now: every attempt that runs, and every one that should stop.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.gatherings().collect();
        if self.flying == 0 {
            return effects;
        }
        for (step, run) in self.steps.iter().enumerate() {
            for (item, index) in run.items.iter().zip(0..) {
                for phase in [Phase::Do, Phase::Undo] {
                    if let Some(call) = self.call(step, index, phase) {
                        let cancel = item
                            .of(phase)
                            .and_then(|work| work.flight)
                            .is_some_and(|f| f.cancelling.is_some());
                        let id = call.id.clone();
                        effects.push(Effect::Call(Box::new(call)));
                        if cancel {
                            effects.push(Effect::CancelCall(id));
                        }
                    }
                }
            }
        }
        effects
    }

    /// The rows that exports wait for.
    pub(crate) fn gatherings(&self) -> impl Iterator<Item = Effect> {
        let waits =
            |step: &StepRun| step.state == StepState::Ready && !step.settled && step.preview.is_none();
        let steps = self.steps.iter().zip(&self.plan.steps).filter(move |(step, _)| waits(step));
        steps.filter_map(|(_, planned)| match &planned.body {
            Body::Export(export) => Some(Effect::Gather(Box::new(Gather {
                run: self.id(),
                step: Arc::clone(&planned.id),
                export: Arc::clone(export),
            }))),
            _ => None,
        })
    }

    /// The attempts that run.
    pub(crate) fn flights(&self) -> impl Iterator<Item = CallId> {
        self.steps.iter().zip(&self.plan.steps).flat_map(move |(run, planned)| {
            let items = run.items.iter().zip(0_u32..);
            items.flat_map(move |(item, index)| {
                [Phase::Do, Phase::Undo].into_iter().filter_map(move |phase| {
                    let attempt = item.of(phase)?.flight?.attempt;
                    let step = Arc::clone(&planned.id);
                    Some(CallId { run: self.id(), step, item: index, phase, attempt })
                })
            })
        })
    }

    /// The call that an event asks for, right after it happened.
    #[must_use]
    pub fn effect_of(&self, event: &Event) -> Option<Effect> {
        match event {
            Event::AttemptStarted(start) => {
                let step = self.index_of(&start.step).ok()?;
                let call = self.call(step, start.item, start.phase)?;
                Some(Effect::Call(Box::new(call)))
            }
            Event::StepPrepared { step, .. } => {
                let asked =
                    |effect: &Effect| matches!(effect, Effect::Gather(gather) if gather.step == *step);
                self.gatherings().find(asked)
            }
            Event::CallCancelling { step, item, phase, .. } => {
                let index = self.index_of(step).ok()?;
                let flight = self.steps.get(index)?.items.get(*item as usize)?.of(*phase)?.flight?;
                let (step, item, phase) = (Arc::clone(step), *item, *phase);
                Some(Effect::CancelCall(CallId {
                    run: self.id(),
                    step,
                    item,
                    phase,
                    attempt: flight.attempt,
                }))
            }
            _ => None,
        }
    }

    fn call(&self, step: usize, item: u32, phase: Phase) -> Option<Call> {
        let planned = self.plan.steps.get(step)?;
        let work = self.steps.get(step)?.items.get(item as usize)?.of(phase)?;
        let flight = work.flight?;
        let action = match phase {
            Phase::Do => planned.action()?,
            Phase::Undo => &planned.undo()?.action,
        };
        Some(Call {
            id: CallId {
                run: self.id(),
                step: Arc::clone(&planned.id),
                item,
                phase,
                attempt: flight.attempt,
            },
            listed: planned.is_for_each(),
            idempotency_key: work.key.clone()?,
            action: Arc::clone(action),
            arguments: work.call.clone().unwrap_or_else(|| Arc::clone(&work.input)),
            run: RunFacts::of(self),
            deadline: flight.deadline,
            timeout_ms: flight.deadline.map(|deadline| millis_between(flight.started_at, deadline)),
        })
    }

    /// When the run should be woken.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        if self.stage == Stage::Settled {
            return None;
        }
        let held = self.paused || self.stuck > 0;
        let counts = |timer: &&Timer| {
            if held { matches!(timer.due, Due::Expiry(_)) } else { self.can_come_due(timer) }
        };
        let due = self.timers.iter().find(counts).map(|timer| timer.at);
        [due, self.deadline()].into_iter().flatten().min()
    }

    /// False for an attempt whose step is held back: it is looked at again when the step goes on.
    fn can_come_due(&self, timer: &Timer) -> bool {
        let Due::Attempt(step, _, phase) = timer.due else { return true };
        self.steps.get(step as usize).is_some_and(|step| {
            let held = matches!(step.state, StepState::Held | StepState::Throttled);
            !step.stuck && (phase == Phase::Undo || !(held || step.settled))
        })
    }

    /// True when an attempt is due that nothing holds back.
    fn has_due_attempt(&self, now: Timestamp) -> bool {
        let mut due = self.timers.iter().take_while(|timer| timer.at <= now);
        due.any(|timer| matches!(timer.due, Due::Attempt(..)) && self.can_come_due(timer))
    }

    /// When its running time is up, while it is running.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let since = self.running_since?;
        Some(later(since, self.limit_ms.saturating_sub(self.running_ms)))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.started.run
    }

    /// Milliseconds it was running, until `now`.
    #[must_use]
    pub fn running_total(&self, now: Timestamp) -> u64 {
        self.running_ms + self.running_since.map_or(0, |since| millis_between(since, now))
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> RunState {
        match &self.end {
            Some(end) => end.state,
            None if self.stuck > 0 => RunState::Stuck,
            None if self.paused => RunState::Paused,
            None if self.flying > 0 || self.ready > 0 => RunState::Running,
            None if self.seq <= 1 && self.stage == Stage::Forward => RunState::Pending,
            None => RunState::Waiting,
        }
    }

    /// True when nothing can happen any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.stage == Stage::Settled
    }

    /// True where something of its plan is what the switch is about.
    #[must_use]
    pub fn may_meet(&self, selector: &crate::kill::Selector) -> bool {
        let mut actions = self.plan.steps.iter().filter_map(PlanStep::action);
        actions.any(|action| selector.matches(&gate::target(self, action)))
    }

    /// What was undone, so far.
    #[must_use]
    pub fn rollback(&self) -> RollbackState {
        let broken =
            self.stuck > 0 && self.steps.iter().any(|step| step.stuck && step.state == StepState::Undoing);
        if broken { RollbackState::Failed } else { self.rollback }
    }

    /// What it waits for, in order, each once.
    #[must_use]
    pub fn waiting_for(&self) -> BTreeSet<WaitingFor> {
        let mut waits = BTreeSet::new();
        if self.stage == Stage::Queued {
            waits.insert(WaitingFor::Queue);
        }
        for (step, planned) in self.steps.iter().zip(&self.plan.steps) {
            if step.hold().is_some_and(|hold| !hold.is_granted()) {
                waits.insert(WaitingFor::Approval);
            }
            match (step.state, &planned.body) {
                (StepState::Throttled, _) => waits.insert(WaitingFor::Throttle),
                (StepState::Waiting, Body::Signal) => waits.insert(WaitingFor::Signal),
                (StepState::Waiting | StepState::Undoing, Body::SubRun(_)) => {
                    waits.insert(WaitingFor::Subrun)
                }
                (StepState::Waiting, _) => waits.insert(WaitingFor::Timer),
                _ if step.retrying > 0 => waits.insert(WaitingFor::Timer),
                _ => false,
            };
        }
        waits
    }

    /// Why it is as it is: its own reasons once it is settled or going back, else those of the steps that hold it.
    #[must_use]
    pub fn reasons(&self) -> Vec<crate::reason::Reason> {
        if let Some(end) = &self.end {
            return end.reasons.clone();
        }
        let failing = self.failing.iter().flat_map(|failing| failing.reasons.clone());
        let stuck = self.steps.iter().filter(|step| step.stuck).flat_map(|step| step.reasons.clone());
        let mut reasons: Vec<_> = failing.collect();
        for reason in stuck {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// Timers that are due at `now`, soonest first.
    fn due(&self, now: Timestamp) -> Vec<Timer> {
        self.timers.iter().take_while(|timer| timer.at <= now).copied().collect()
    }
}

/// Two runs are equal when the same can happen to them; what is only a list of steps to look at does not count.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.plan.digest == other.plan.digest
            && self.started == other.started
            && self.created_at == other.created_at
            && (self.last_at, self.earliest) == (other.last_at, other.earliest)
            && self.stage == other.stage
            && self.steps == other.steps
            && self.seq == other.seq
            && self.audit_chain == other.audit_chain
            && self.record_digest == other.record_digest
            && self.timers == other.timers
            && (self.unsettled, self.unsettled_main, self.children)
                == (other.unsettled, other.unsettled_main, other.children)
            && (self.flying, self.ready, self.stuck) == (other.flying, other.ready, other.stuck)
            && (self.running_ms, self.running_since, self.limit_ms)
                == (other.running_ms, other.running_since, other.limit_ms)
            && (self.timed_out, self.holds_lock, self.paused)
                == (other.timed_out, other.holds_lock, other.paused)
            && self.failing == other.failing
            && (self.outcomes, &self.happened, self.rollback)
                == (other.outcomes, &other.happened, other.rollback)
            && self.signals == other.signals
            && self.end == other.end
            && self.ended_before == other.ended_before
    }
}

impl Item {
    /// What it does, or its way back.
    #[must_use]
    pub fn of(&self, phase: Phase) -> Option<&Work> {
        match phase {
            Phase::Do => Some(&self.work),
            Phase::Undo => self.undo.as_deref(),
        }
    }
}

/// How an item stands whose way back is walked.
pub(crate) fn undo_state(undo: &Work) -> StepState {
    if undo.state == StepState::Succeeded { StepState::Undone } else { StepState::Undoing }
}

/// A run that is not started: for asking what would be booked where.
pub(crate) fn sketch(
    plan: &Arc<ordain_plan::Plan>,
    request: &crate::realm::StartRequest,
    environment: &Arc<str>,
    run: RunId,
    now: Timestamp,
) -> Run {
    let started = Started {
        format: event::FORMAT,
        run,
        runbook: plan.runbook.metadata.name.value.shared(),
        version: plan.version(),
        plan: plan.digest,
        catalogue: plan.catalogue,
        mode: request.mode,
        environment: request.environment.clone().unwrap_or_else(|| Arc::clone(environment)),
        tenant: "default".into(),
        requester: request.requester.clone(),
        reference: request.runbook.clone(),
        inputs: request.inputs.clone(),
        timeout_ms: plan.runbook.spec.timeout.value.0,
        parent: None,
        lock: None,
        salt: ordain_spec::digest::Digest([0; 32]),
        labels: crate::sensitivity::Raised::new(),
        grounds: aged::Grounds::new(),
        tells: None,
    };
    Run::new(Arc::clone(plan), now, Arc::new(started))
}

/// Milliseconds from one instant to another; nothing where it is earlier.
pub(crate) fn millis_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond().saturating_sub(from.as_millisecond())).unwrap_or(0)
}

/// So many milliseconds later, at most the end of time.
pub fn later(from: Timestamp, ms: u64) -> Timestamp {
    let ms = from.as_millisecond().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX));
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}
