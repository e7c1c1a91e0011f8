//! What comes next: which steps may go on, and in which stage the run is. Everything here is repeated until nothing
//! moves; the order is that of the plan, so it is the same on every machine.

use std::sync::Arc;

use ordain_plan::Body;
use ordain_spec::kind::runbook::{NeedOn, OnFailure};

use super::Rejection;
use super::event::Event;
use super::state::{Due, Phase, Stage, StepState};
use super::turn::{Done, Turn};
use crate::reason::{Code, Reason};

/// What the needs of a step say.
enum Verdict {
    Go,
    Skip,
    Cancel,
}

impl Turn<'_> {
    /// Goes on until nothing moves.
    pub fn advance(&mut self) -> Done {
        let mut woken = false;
        loop {
            if self.run.is_settled() || self.world.active.is_none() {
                return Ok(());
            }
            // A person's word about what became of a step starts nothing: it is heard in a pause as well.
            if self.run.stuck > 0 {
                return self.resume_resolutions();
            }
            if self.run.paused {
                return Ok(());
            }
            if let Some(step) = self.run.agenda.pop_first() {
                self.visit(step as usize)?;
                continue;
            }
            let moved = match self.run.stage {
                Stage::Forward => self.run.unsettled == 0 && self.succeed()?,
                Stage::Draining => self.drained()?,
                Stage::Undoing => self.undo_next()?,
                Stage::CleaningUp => self.run.unsettled == 0 && self.end()?,
                Stage::Queued | Stage::Settled => false,
            };
            if moved || !self.run.agenda.is_empty() {
                continue;
            }
            // What came due while its step was held back is taken up, once a turn.
            if woken || !self.run.has_due_attempt(self.now) {
                return Ok(());
            }
            woken = true;
            self.wake()?;
        }
    }

    /// Looks at one step.
    fn visit(&mut self, step: usize) -> Done {
        let (state, settled, blockers) = {
            let run = self.step(step)?;
            (run.state, run.settled, run.blockers)
        };
        if state == StepState::Undoing || (settled && self.run.stage == Stage::Undoing) {
            return Ok(());
        }
        if settled {
            return Ok(());
        }
        let clean_up = self.planned(step)?.is_clean_up();
        let starts = match self.run.stage {
            Stage::Forward => true,
            Stage::CleaningUp => clean_up,
            _ => false,
        };
        match state {
            StepState::Blocked if blockers == 0 && starts => self.unblock(step),
            StepState::Ready if starts => self.go(step),
            StepState::Held => self.look_at_hold(step, starts),
            StepState::Throttled if self.is_called_off(step)? => self.conclude(step),
            StepState::Waiting if matches!(self.planned(step)?.body, Body::Signal) => self.take_signal(step),
            StepState::Waiting if !matches!(self.planned(step)?.body, Body::SubRun(_)) => Ok(()),
            StepState::Running | StepState::Retrying | StepState::Waiting => self.carry_on(step, starts),
            _ => Ok(()),
        }
    }

    /// All that a step needs is settled: it becomes ready, is skipped, or is cancelled.
    fn unblock(&mut self, step: usize) -> Done {
        let reason = |turn: &Self| -> Result<Vec<Reason>, Rejection> {
            Ok(vec![Code::Cancelled.reason().at(Arc::clone(&turn.planned(step)?.id))])
        };
        match self.judge_needs(step)? {
            Verdict::Skip => self.settle(step, StepState::Skipped, Vec::new()),
            Verdict::Cancel => {
                let reasons = reason(self)?;
                self.settle(step, StepState::Cancelled, reasons)
            }
            Verdict::Go => {
                let id = self.id(step)?;
                self.emit(Event::StepReady { step: id })?;
                self.prepare(step)
            }
        }
    }

    fn judge_needs(&self, step: usize) -> Result<Verdict, Rejection> {
        let mut verdict = Verdict::Go;
        for need in &self.planned(step)?.needs {
            let state = self.step(need.step)?.state;
            match (need.on, state) {
                (NeedOn::Any, _)
                | (NeedOn::Success | NeedOn::Ok, StepState::Succeeded)
                | (NeedOn::Ok, StepState::Skipped) => {}
                (NeedOn::Success, StepState::Skipped) => verdict = Verdict::Skip,
                _ => return Ok(Verdict::Cancel),
            }
        }
        Ok(verdict)
    }

    /// A step is prepared and nothing holds it: its body begins.
    pub fn go(&mut self, step: usize) -> Done {
        if self.step(step)?.items.is_empty() && !self.is_bare(step)? {
            return self.prepare(step);
        }
        match self.planned(step)?.body {
            Body::Use(_) | Body::SubRun(_) => self.carry_on(step, true),
            Body::Approve(_) => self.settle(step, StepState::Succeeded, Vec::new()),
            Body::Wait { ms } => {
                let (id, until) = (self.id(step)?, super::later(self.now, ms));
                self.emit(Event::StepWaiting { step: id, until })
            }
            Body::Signal => self.await_signal(step),
            Body::Export(_) => self.go_on_exporting(step),
        }
    }

    /// Items of a step: further ones begin, or all are over.
    pub fn carry_on(&mut self, step: usize, starts: bool) -> Done {
        loop {
            let (planned, run) = (self.planned(step)?, self.step(step)?);
            if run.settled
                || matches!(run.state, StepState::Held | StepState::Throttled | StepState::Blocked)
                || run.stuck
            {
                return Ok(());
            }
            let starts = starts && self.may_begin(planned);
            let total = super::evolve::to_u32(run.items.len());
            let parallel = planned.spec.for_each.as_ref().map_or(1, |each| each.max_parallel.value.max(1));
            let room = u64::from(run.open) < parallel;
            let more = run.next < total && run.broken.is_none();
            if starts && more && room {
                let next = run.next;
                self.start_item(step, next)?;
                if self.run.paused || self.run.stage != Stage::Forward && self.run.stage != Stage::CleaningUp
                {
                    return Ok(());
                }
                // An item that was not begun (throttled, asked again) will be looked at later.
                if self.step(step)?.next == next {
                    return Ok(());
                }
                continue;
            }
            if run.open == 0 && (run.done == total || run.broken.is_some() || !starts) {
                return self.conclude(step);
            }
            return self.drop_retries(step, starts);
        }
    }

    fn start_item(&mut self, step: usize, item: u32) -> Done {
        match self.planned(step)?.body {
            Body::SubRun(_) => self.start_child(step, item),
            _ => self.gate(step, item, Phase::Do),
        }
    }

    /// True where a step that is held back has nothing to go on with: no further item of it may begin, and none runs
    /// or is to be found out.
    pub fn is_called_off(&self, step: usize) -> Result<bool, Rejection> {
        let run = self.step(step)?;
        Ok(run.open == 0 && run.next > 0 && !self.may_begin(self.planned(step)?))
    }

    /// Nothing further may start: what waits for another attempt is over, unless it is to be found out.
    fn drop_retries(&mut self, step: usize, starts: bool) -> Done {
        if starts && self.run.timed_out == 0 {
            return Ok(());
        }
        let clean_up = self.planned(step)?.is_clean_up();
        if clean_up && self.run.timed_out < 2 {
            return Ok(());
        }
        if self.step(step)?.retrying == 0 {
            return Ok(());
        }
        let finds_out = self.run.timed_out == 0;
        for (item, unknown) in self.waits_for_another_attempt(step)? {
            if finds_out && unknown {
                continue;
            }
            let state = if unknown { StepState::Unknown } else { StepState::Cancelled };
            let code = if unknown { Code::OutcomeUnknown } else { Code::Cancelled };
            self.stop_item(step, item, Phase::Do, state, vec![code.reason()])?;
        }
        Ok(())
    }

    /// The items that wait for another attempt, and whether it is unknown what became of the last one.
    pub fn waits_for_another_attempt(&self, step: usize) -> Result<Vec<(u32, bool)>, Rejection> {
        let items = self.step(step)?.items.iter().zip(0_u32..);
        let waiting = items.filter(|(item, _)| item.work.state == StepState::Retrying);
        Ok(waiting.map(|(item, index)| (index, item.work.last_unknown)).collect())
    }

    /// Nothing of the failed way forward runs any more: back, or to cleaning up.
    fn drained(&mut self) -> Result<bool, Rejection> {
        if self.run.flying > 0 || self.run.children > 0 || self.run.unsettled_main > 0 {
            return Ok(false);
        }
        let back = self.run.failing.as_ref().is_some_and(|failing| failing.follow == OnFailure::Rollback);
        let event = if back { Event::RollbackStarted } else { Event::CleanUpStarted };
        self.emit(event)?;
        Ok(true)
    }

    /// Time has passed: what is due happens, soonest first.
    pub fn wake(&mut self) -> Done {
        if self.run.is_settled() {
            return Ok(());
        }
        for timer in self.run.due(self.now) {
            if !self.run.timers.contains(&timer) {
                continue;
            }
            let held = self.run.paused || self.run.stuck > 0;
            match timer.due {
                Due::Expiry(step) => self.expire(step as usize)?,
                _ if held => {}
                Due::Step(step) => self.step_due(step as usize)?,
                Due::Attempt(step, item, phase) => self.gate(step as usize, item, phase)?,
            }
        }
        if self.run.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.time_out()?;
        }
        Ok(())
    }

    fn step_due(&mut self, step: usize) -> Done {
        let state = self.step(step)?.state;
        match (state, &self.planned(step)?.body) {
            (StepState::Throttled, _) => {
                let id = self.id(step)?;
                self.emit(Event::Unthrottled { step: id })
            }
            (StepState::Waiting, Body::Wait { .. }) => self.settle(step, StepState::Succeeded, Vec::new()),
            // A message that came in time counts, even where the run was held meanwhile.
            (StepState::Waiting, Body::Signal)
                if self.run.signals.contains_key(&super::evolve::to_u32(step)) =>
            {
                self.take_signal(step)
            }
            (StepState::Waiting, Body::Signal) => {
                let reason = Code::SignalExpired.reason().at(Arc::clone(&self.planned(step)?.id));
                self.fail_step(step, StepState::Expired, vec![reason])
            }
            (StepState::Ready | StepState::Held, Body::Export(_)) => self.preview_expired(step),
            _ => Ok(()),
        }
    }
}
