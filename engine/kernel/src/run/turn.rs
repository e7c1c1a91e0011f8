//! One command's turn: the run, the world and the instant it is judged in, and the events it leads to. Every change
//! goes through [`Turn::emit`].

use jiff::Timestamp;
use ordain_plan::PlanStep;
use std::sync::Arc;

use super::event::{Event, StepId, StepSettled};
use super::record::Recorded;
use super::state::{Item, Run, StepRun, StepState, Work};
use super::{Command, Phase, Rejection};
use crate::reason::{Code, Reason};
use crate::world::World;

/// Nothing to say, or a rejection.
pub(super) type Done = Result<(), Rejection>;

pub(super) struct Turn<'a> {
    pub run: &'a mut Run,
    pub world: &'a mut World,
    pub now: Timestamp,
    out: Vec<Recorded>,
    /// The step whose guards and policies were evaluated in this very turn, with nothing booked since.
    pub fresh: Option<usize>,
}

impl<'a> Turn<'a> {
    pub fn new(run: &'a mut Run, world: &'a mut World, now: Timestamp) -> Self {
        Self { run, world, now, out: Vec::new(), fresh: None }
    }

    pub fn finish(self) -> Vec<Recorded> {
        self.out
    }

    /// Lets something happen: to the run, to the world, and for the journal.
    pub fn emit(&mut self, event: Event) -> Done {
        self.run.evolve(self.now, &event).map_err(|error| fault(error.to_string()))?;
        self.world.apply(&self.run.started, &event, self.now);
        let recorded = self.run.record(self.now, event);
        self.out.push(recorded);
        Ok(())
    }

    /// Dispatches a command to the file that judges it.
    pub fn command(&mut self, command: Command) -> Done {
        if self.run.is_settled()
            && !matches!(command, Command::Undo | Command::Wake | Command::Nudge | Command::Recover { .. })
        {
            return Err(Rejection::new(
                Code::AlreadyDecided,
                format!("the run is {} and takes no further command", self.run.state()),
            ));
        }
        match command {
            Command::Outcome { step, item, attempt, phase, outcome } => {
                self.outcome(&step, item, attempt, phase, outcome)
            }
            Command::Gathered { step, gathered } => self.gathered(&step, gathered),
            Command::Decide(decide) => self.decide(*decide),
            Command::Signal { name, by, fields, reason } => self.signal(&name, by, &fields, reason),
            Command::Cancel { by, rollback, reason } => self.cancel(by, rollback, reason),
            Command::Pause { by, reasons } => self.pause(by, reasons),
            Command::Resume { by, reason } => self.resume(by, reason),
            Command::Resolve { step, outcome, by, reason, outputs } => {
                self.resolve(&step, outcome, by, reason, outputs)
            }
            Command::Wake => self.wake(),
            Command::Recover { lost } => self.recover(lost),
            Command::Nudge => Ok(()),
            Command::StopCalls { selector } => self.stop_calls(&selector),
            Command::LockGranted => self.emit(Event::LockGranted),
            Command::ChildSettled { step, item, state, reasons, output, grounds, acted, rollback } => self
                .emit(Event::ChildSettled {
                    step,
                    item,
                    state,
                    reasons,
                    output: output.map(Arc::new),
                    grounds,
                    acted,
                    rollback,
                }),
            Command::Undo => self.undo_run(),
            Command::ChildUndone { step, item, rollback } => self.child_undone(&step, item, rollback),
        }
    }

    // --- places -----------------------------------------------------------------------------------------------

    /// The place of a step that a command names.
    pub fn find(&self, step: &str) -> Result<usize, Rejection> {
        self.run
            .index_of(step)
            .map_err(|_| Rejection::new(Code::NotFound, format!("the runbook has no step `{step}`")))
    }

    pub fn planned(&self, step: usize) -> Result<&PlanStep, Rejection> {
        self.run.plan.steps.get(step).ok_or_else(|| fault("no such step"))
    }

    pub fn step(&self, step: usize) -> Result<&StepRun, Rejection> {
        self.run.steps.get(step).ok_or_else(|| fault("no such step"))
    }

    pub fn item(&self, step: usize, item: u32) -> Result<&Item, Rejection> {
        self.step(step)?.items.get(item as usize).ok_or_else(|| fault("no such item"))
    }

    pub fn work(&self, step: usize, item: u32, phase: Phase) -> Result<&Work, Rejection> {
        self.item(step, item)?.of(phase).ok_or_else(|| fault("no such work"))
    }

    pub fn id(&self, step: usize) -> Result<StepId, Rejection> {
        Ok(Arc::clone(&self.planned(step)?.id))
    }

    /// Settles a step that never did anything, or is over.
    pub fn settle(&mut self, step: usize, state: StepState, reasons: Vec<Reason>) -> Done {
        let step = self.id(step)?;
        self.emit(Event::StepSettled(Box::new(StepSettled {
            step,
            state,
            reasons,
            outputs: None,
            tolerated: false,
        })))
    }
}

/// Ours: what could not be is.
pub(super) fn fault(message: impl Into<String>) -> Rejection {
    Rejection::new(Code::SystemFault, message)
}
