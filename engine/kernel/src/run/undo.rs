//! The way back: effects are undone one at a time, newest outcome first. An undo asks nobody, passes deny rules,
//! guards and kill switches, and is booked but never refused for a budget. One that does not succeed is for a person.

use std::sync::Arc;

use ordain_plan::{Body, Undo};
use serde_json::Value as Json;

use super::event::{Event, UndoResult};
use super::facts::{Place, Scene, typed};
use super::prepare::{at, render};
use super::state::{Phase, RollbackState, StepState, Work};
use super::turn::{Done, Turn};
use super::{Rejection, settle};
use crate::reason::{Code, Reason};
use crate::value;

impl Turn<'_> {
    /// Begins the next undo. False while one runs.
    pub fn undo_next(&mut self) -> Result<bool, Rejection> {
        let Some(&(step, item)) = self.run.happened.last() else {
            self.emit(Event::CleanUpStarted)?;
            return Ok(true);
        };
        let step = step as usize;
        if self.step(step)?.state == StepState::Undoing {
            return self.begin_undo_again(step, item);
        }
        let planned = self.planned(step)?;
        if matches!(planned.body, Body::SubRun(_)) {
            let id = self.id(step)?;
            self.emit(Event::UndoStarted { step: id, item, input: None, call: None })?;
            return Ok(true);
        }
        let Some(undo) = planned.undo() else {
            self.undone(step, item, UndoResult::PassedOver)?;
            return Ok(true);
        };
        let prepared = self.undo_input(undo, &self.item(step, item)?.work);
        let id = self.id(step)?;
        match prepared {
            Ok((input, call)) => {
                let (input, call) = (Some(Arc::new(input)), call.map(Arc::new));
                self.emit(Event::UndoStarted { step: id, item, input, call })?;
                self.gate(step, item, Phase::Undo)?;
            }
            Err(reason) => {
                let reasons = at(vec![reason], self.planned(step)?);
                self.emit(Event::Stuck { step: id, state: StepState::Undoing, reasons })?;
            }
        }
        Ok(true)
    }

    /// An undo whose first attempt a kill switch held back begins once the run goes on. True where it does.
    fn begin_undo_again(&mut self, step: usize, item: u32) -> Result<bool, Rejection> {
        let unbegun = |work: &Work| work.attempts == 0 && work.flight.is_none() && !work.state.is_settled();
        let run = self.step(step)?;
        let waits = !run.stuck && self.item(step, item)?.undo.as_deref().is_some_and(unbegun);
        if !waits {
            return Ok(false);
        }
        self.gate(step, item, Phase::Undo)?;
        Ok(!self.run.paused && self.run.stuck == 0)
    }

    /// The undoing call's input, over what was done; without an output where none is known.
    pub fn undo_input(&self, undo: &Undo, work: &Work) -> Result<(Json, Option<Json>), Reason> {
        let failed = |error: ordain_spec::expr::EvalError| Reason::new(Code::ExpressionError, error.message);
        let planned =
            self.run.plan.steps.iter().find(|step| step.undo().is_some_and(|of| std::ptr::eq(of, undo)));
        let fields = planned.and_then(|planned| planned.action()).map(|action| &action.capability.spec);
        let scene = Scene::new(self.run, self.world, self.now, Place::Undo, None);
        let input = fields.map(|spec| typed(&work.input, &spec.input));
        let scene = match input {
            Some(input) => scene.with("input", input),
            None => scene,
        };
        let known = work.output.as_ref().filter(|_| work.state != StepState::Unknown);
        let scene = match known.zip(fields) {
            Some((output, spec)) => scene.with("output", typed(output, &spec.output)),
            None => scene,
        };
        let input = render(&undo.with, &scene).map_err(failed)?;
        let input = value::validate(&undo.action.capability.spec.input, &input)?;
        let call = self.operation_input(&undo.action, &input).map_err(failed)?;
        Ok((input, call))
    }

    fn undone(&mut self, step: usize, item: u32, result: UndoResult) -> Done {
        let work = &self.item(step, item)?.work;
        let key = work.key.clone().filter(|_| work.remembered && result == UndoResult::Undone);
        let id = self.id(step)?;
        self.emit(Event::UndoSettled { step: id, item, result, key })
    }

    /// An undo is over, one way or the other.
    pub fn undo_over(&mut self, step: usize, item: u32, state: StepState) -> Done {
        if state == StepState::Succeeded {
            return self.undone(step, item, UndoResult::Undone);
        }
        let reasons = self.work(step, item, Phase::Undo)?.reasons.clone();
        let reasons = at(reasons, self.planned(step)?);
        let id = self.id(step)?;
        self.emit(Event::Stuck { step: id, state: StepState::Undoing, reasons })
    }

    /// Time is up for the undo that is under way.
    pub fn give_up_undo(&mut self, reasons: Vec<Reason>) -> Done {
        let Some(&(step, _)) = self.run.happened.last() else { return Ok(()) };
        if self.step(step as usize)?.stuck {
            return Ok(());
        }
        let id = self.id(step as usize)?;
        self.emit(Event::Stuck { step: id, state: StepState::Undoing, reasons })
    }

    /// A person's word about an undo.
    pub fn resolve_undo(&mut self, step: usize, given_up: bool) -> Done {
        let Some(&(of, item)) = self.run.happened.last() else { return Ok(()) };
        if of as usize != step {
            return Ok(());
        }
        self.undone(step, item, if given_up { UndoResult::GivenUp } else { UndoResult::Undone })
    }

    /// The run above goes back.
    pub fn undo_run(&mut self) -> Done {
        if !self.run.is_settled() {
            return Err(Rejection::new(Code::StepNotWaiting, "the run is not settled"));
        }
        self.emit(Event::Reopened)
    }

    /// A sub-run went back.
    pub fn child_undone(&mut self, step: &str, item: u32, rollback: RollbackState) -> Done {
        let step = self.find(step)?;
        self.undone(step, item, settle::undone(rollback))
    }
}
