//! How steps and runs end: what follows a failure, what is tolerated, when only a person can help, and the outcome.

use std::sync::Arc;

use ordain_plan::{Body, PlanStep};
use ordain_spec::expr::COST_LIMIT;
use ordain_spec::kind::metadata::FailureMode;
use ordain_spec::kind::runbook::{OnFailure, StepOnFailure};
use serde_json::{Map, Value as Json};

use super::Rejection;
use super::event::{Event, Settled, StepSettled};
use super::facts::{Place, Scene};
use super::state::{Phase, RollbackState, RunState, Stage, StepState};
use super::turn::{Done, Turn};
use crate::actor::Actor;
use crate::reason::{Code, Reason};

/// What follows a step that did not succeed, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Follow {
    Stop,
    Rollback,
    Halt,
}

impl Turn<'_> {
    /// A step did not succeed: it ends, and so may the way forward; or only a person can say what follows.
    pub fn fail_step(&mut self, step: usize, state: StepState, reasons: Vec<Reason>) -> Done {
        let planned = self.planned(step)?;
        let follow = self.follow(planned, state);
        let tolerates =
            planned.spec.on_failure.as_ref().is_some_and(|on| on.value == StepOnFailure::Continue);
        let clean_up = planned.is_clean_up();
        // `continue` replaces `stop` alone; a failure in cleaning up is never a reason to go back.
        let stops =
            follow == Follow::Stop || (clean_up && self.follow_of_capability(planned, state) == Follow::Stop);
        let tolerated = tolerates && stops && state != StepState::Cancelled;
        // A notice waits for nobody.
        let waits = !tolerated && self.run.plan.notice().is_none();
        if state == StepState::Unknown && waits && !self.will_be_undone(step, follow)? {
            return self.stick(step, state, reasons);
        }
        if follow == Follow::Halt && waits {
            return self.stick(step, state, reasons);
        }
        let id = self.id(step)?;
        let again = reasons.clone();
        self.emit(Event::StepSettled(Box::new(StepSettled {
            step: id,
            state,
            reasons,
            outputs: None,
            tolerated,
        })))?;
        let recorded_only = clean_up && self.run.failing.is_some();
        if tolerated || recorded_only {
            return Ok(());
        }
        let follow = if follow == Follow::Rollback { OnFailure::Rollback } else { OnFailure::Stop };
        self.fail_run(run_state(state), follow, again, None)
    }

    fn stick(&mut self, step: usize, state: StepState, mut reasons: Vec<Reason>) -> Done {
        if state == StepState::Unknown && !reasons.iter().any(|reason| reason.code == Code::OutcomeUnknown) {
            reasons.push(Code::OutcomeUnknown.reason().at(self.id(step)?));
        }
        let id = self.id(step)?;
        self.emit(Event::Stuck { step: id, state, reasons })
    }

    /// The strictest of what the capability and the runbook say.
    fn follow(&self, planned: &PlanStep, state: StepState) -> Follow {
        // What was said is said.
        if self.run.plan.notice().is_some() {
            return Follow::Stop;
        }
        let runbook = match self.run.plan.runbook.spec.on_failure.value {
            OnFailure::Stop => Follow::Stop,
            OnFailure::Rollback => Follow::Rollback,
        };
        runbook.max(self.follow_of_capability(planned, state))
    }

    fn follow_of_capability(&self, planned: &PlanStep, state: StepState) -> Follow {
        let attempted = matches!(state, StepState::Failed | StepState::Unknown);
        let mode = planned.action().and_then(|action| action.capability.metadata.failure_mode.as_ref());
        match mode.map(|mode| mode.value) {
            Some(FailureMode::Rollback) if attempted => Follow::Rollback,
            Some(FailureMode::Halt) if attempted => Follow::Halt,
            _ => Follow::Stop,
        }
    }

    /// True where the run goes back, and the way back of each unknown item can be named without its output.
    fn will_be_undone(&self, step: usize, follow: Follow) -> Result<bool, Rejection> {
        let going_back =
            self.run.failing.as_ref().is_some_and(|failing| failing.follow == OnFailure::Rollback);
        let planned = self.planned(step)?;
        if follow == Follow::Halt || !(going_back || follow == Follow::Rollback) || planned.is_clean_up() {
            return Ok(false);
        }
        let items = self.step(step)?.items.iter().filter(|item| item.work.state == StepState::Unknown);
        Ok(planned
            .undo()
            .is_some_and(|undo| items.into_iter().all(|item| self.undo_input(undo, &item.work).is_ok())))
    }

    /// The way forward is over.
    pub fn fail_run(
        &mut self,
        state: RunState,
        follow: OnFailure,
        reasons: Vec<Reason>,
        by: Option<Actor>,
    ) -> Done {
        let first = self.run.failing.is_none();
        // A run that never began has nothing to clean up.
        let queued = self.run.stage == Stage::Queued;
        let stricter = self.run.failing.as_ref().is_some_and(|failing| failing.follow < follow);
        if first || (stricter && self.run.stage == Stage::Draining) {
            self.emit(Event::Failing { state, follow, reasons, by })?;
        }
        self.call_off(queued)
    }

    /// What has not begun is cancelled; what runs may finish.
    fn call_off(&mut self, clean_up_too: bool) -> Done {
        for step in 0..self.run.steps.len() {
            let run = self.step(step)?;
            if run.settled || run.stuck || (self.planned(step)?.is_clean_up() && !clean_up_too) {
                continue;
            }
            let children = matches!(self.planned(step)?.body, Body::SubRun(_)) && run.open > 0;
            if children {
                continue;
            }
            if run.open == 0 {
                let reasons = vec![Code::Cancelled.reason().at(self.id(step)?)];
                self.settle(step, StepState::Cancelled, reasons)?;
            } else {
                self.carry_on(step, false)?;
            }
        }
        Ok(())
    }

    /// Every step is settled and nothing went wrong that was not allowed.
    pub fn succeed(&mut self) -> Result<bool, Rejection> {
        let outputs = self.outputs();
        match outputs {
            Ok(outputs) => {
                let outputs = (!outputs.is_empty()).then_some(Json::Object(outputs));
                self.finish_run(RunState::Succeeded, Vec::new(), outputs)?;
            }
            Err(reason) => {
                let follow = self.run.plan.runbook.spec.on_failure.value;
                self.fail_run(RunState::Failed, follow, vec![reason], None)?;
            }
        }
        Ok(true)
    }

    fn outputs(&self) -> Result<Map<String, Json>, Reason> {
        let scene = Scene::new(self.run, self.world, self.now, Place::Outputs, None);
        let mut outputs = Map::new();
        for (name, expr) in self.run.plan.runbook.spec.outputs.iter() {
            let value = expr.eval(&scene, COST_LIMIT);
            let value = value.map_err(|error| {
                Reason::new(Code::OutputInvalid, format!("output `{name}`: {}", error.message))
            })?;
            outputs.insert(name.to_string(), value.to_json());
        }
        Ok(outputs)
    }

    /// All is said and done after a failure.
    pub fn end(&mut self) -> Result<bool, Rejection> {
        let Some(failing) = self.run.failing.clone() else { return Ok(false) };
        let outputs = self.run.ended_before.as_ref().and_then(|end| end.outputs.clone());
        self.finish_run(failing.state, failing.reasons, outputs)?;
        Ok(true)
    }

    fn finish_run(&mut self, state: RunState, reasons: Vec<Reason>, outputs: Option<Json>) -> Done {
        let rollback = self.run.rollback();
        let outcome_digest = self.run.outcome_digest(state, rollback, outputs.as_ref());
        self.emit(Event::Settled(Box::new(Settled { state, rollback, reasons, outputs, outcome_digest })))
    }

    /// The run's time is up.
    pub fn time_out(&mut self) -> Done {
        let first = self.run.timed_out == 0;
        let forward = matches!(self.run.stage, Stage::Forward | Stage::Draining);
        self.emit(Event::TimedOut)?;
        let reasons = vec![Code::RunTimeout.reason()];
        if forward || !first {
            self.stop_flights(&reasons, |_, _| true)?;
        }
        match self.run.stage {
            Stage::Forward => {
                let follow = self.run.plan.runbook.spec.on_failure.value;
                self.fail_run(RunState::Failed, follow, reasons, None)
            }
            Stage::Draining => self.call_off(false),
            Stage::CleaningUp if !first => self.call_off(true),
            Stage::Undoing if !first && self.run.flying == 0 => self.give_up_undo(reasons),
            _ => Ok(()),
        }
    }

    /// Asks for running calls to be stopped.
    pub fn stop_flights(&mut self, reasons: &[Reason], about: impl Fn(&PlanStep, Phase) -> bool) -> Done {
        let mut found = Vec::new();
        if self.run.flying == 0 {
            return Ok(());
        }
        for (run, planned) in self.run.steps.iter().zip(&self.run.plan.steps) {
            for (item, index) in run.items.iter().zip(0_u32..) {
                for phase in [Phase::Do, Phase::Undo] {
                    let flight = item.of(phase).and_then(|work| work.flight);
                    if flight.is_some_and(|flight| flight.cancelling.is_none()) && about(planned, phase) {
                        found.push((Arc::clone(&planned.id), index, phase));
                    }
                }
            }
        }
        for (step, item, phase) in found {
            self.emit(Event::CallCancelling { step, item, phase, reasons: reasons.to_vec() })?;
        }
        Ok(())
    }
}

/// In what a run ends whose step ended so.
fn run_state(state: StepState) -> RunState {
    match state {
        StepState::Denied => RunState::Denied,
        StepState::Rejected => RunState::Rejected,
        StepState::Expired => RunState::Expired,
        StepState::Cancelled => RunState::Cancelled,
        _ => RunState::Failed,
    }
}

/// In what a step ends whose sub-run ended so.
pub(crate) fn step_state(state: RunState) -> StepState {
    match state {
        RunState::Succeeded => StepState::Succeeded,
        RunState::Denied => StepState::Denied,
        RunState::Rejected => StepState::Rejected,
        RunState::Expired => StepState::Expired,
        RunState::Cancelled => StepState::Cancelled,
        _ => StepState::Failed,
    }
}

/// What was undone, in a word that a parent counts.
pub(super) fn undone(rollback: RollbackState) -> super::event::UndoResult {
    use super::event::UndoResult;
    match rollback {
        RollbackState::None | RollbackState::Done => UndoResult::Undone,
        RollbackState::Partial => UndoResult::Partial,
        RollbackState::Failed => UndoResult::GivenUp,
    }
}
