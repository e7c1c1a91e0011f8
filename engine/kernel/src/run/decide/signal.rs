//! Messages from outside: one that comes early is kept, a second is refused.

use std::sync::Arc;

use ordain_plan::Body;
use serde_json::Value;

use crate::actor::Actor;
use crate::reason::Code;
use crate::run::decide::approval::rejected;
use crate::run::event::{Event, Signalled, StepSettled};
use crate::run::state::{Due, StepState};
use crate::run::turn::{Done, Turn};
use crate::run::{Rejection, later};
use crate::value;

impl Turn<'_> {
    /// Takes a message for the step that waits for it, or will.
    pub fn signal(&mut self, name: &str, by: Actor, fields: &Value, reason: Option<String>) -> Done {
        let named = |step: &&ordain_plan::PlanStep| {
            step.spec.signal.as_ref().is_some_and(|signal| signal.name.value.as_str() == name)
        };
        let steps: Vec<_> = self.run.plan.steps.iter().filter(named).cloned().collect();
        let open = steps.iter().find(|step| {
            let run = self.run.steps.get(step.index);
            run.is_some_and(|run| {
                !run.settled && !self.run.signals.contains_key(&crate::run::evolve::to_u32(step.index))
            })
        });
        let Some(step) = open.or(steps.first()) else {
            return Err(Rejection::new(
                Code::NotFound,
                format!("no step of this run waits for a signal `{name}`"),
            ));
        };
        let Some(signal) = &step.spec.signal else { return Ok(()) };
        self.permitted(&by, Some(signal.from.iter().map(|from| &from.value).collect()))?;
        if self.run.signals.contains_key(&crate::run::evolve::to_u32(step.index)) {
            return Err(Rejection::new(Code::AlreadyDecided, format!("the signal `{name}` came already")));
        }
        let run = self.step(step.index)?;
        let takes =
            matches!(run.state, StepState::Blocked | StepState::Ready | StepState::Held | StepState::Waiting);
        if run.settled || !takes || self.run.failing.is_some() && !step.is_clean_up() {
            return Err(Rejection::new(Code::StepNotWaiting, format!("`{}` is {}", step.id, run.state)));
        }
        // While the run is held its step does not end by itself; the time for the message is up all the same.
        let up = self.run.timers.iter().take_while(|timer| timer.at <= self.now);
        if run.state == StepState::Waiting
            && up.into_iter().any(|timer| timer.due == Due::Step(crate::run::evolve::to_u32(step.index)))
        {
            return Err(Rejection::new(Code::SignalExpired, format!("the time for `{name}` is up")));
        }
        let fields = value::validate(&signal.fields, fields).map_err(rejected)?;
        self.emit(Event::Signalled(Box::new(Signalled {
            step: Arc::clone(&step.id),
            name: name.to_owned(),
            by,
            fields: Arc::new(fields),
            reason,
        })))
    }

    /// A signal step begins: the message may be there already.
    pub fn await_signal(&mut self, step: usize) -> Done {
        let planned = self.planned(step)?;
        debug_assert!(matches!(planned.body, Body::Signal));
        let timeout = planned.spec.signal.as_ref().map_or(0, |signal| signal.timeout.value.0);
        let id = self.id(step)?;
        self.emit(Event::StepWaiting { step: id, until: later(self.now, timeout) })?;
        self.take_signal(step)
    }

    /// The message that a waiting step waits for, if it came.
    pub fn take_signal(&mut self, step: usize) -> Done {
        let Some(signal) = self.run.signals.get(&crate::run::evolve::to_u32(step)) else { return Ok(()) };
        if self.step(step)?.state != StepState::Waiting {
            return Ok(());
        }
        let outputs = Some(Arc::clone(&signal.fields));
        let id = self.id(step)?;
        self.emit(Event::StepSettled(Box::new(StepSettled {
            step: id,
            state: StepState::Succeeded,
            reasons: Vec::new(),
            outputs,
            tolerated: false,
        })))
    }
}
