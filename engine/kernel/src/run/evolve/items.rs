//! What events do to the items of a step: attempts, retries, ends. Part of the one table of `evolve`.

use super::*;

impl Run {
    /// Counts an item as begun, the first time something happens to it.
    pub(super) fn begin(&mut self, step: usize, item: u32, phase: Phase) -> Changed {
        if phase == Phase::Undo {
            return Ok(());
        }
        let run = self.step_mut(step)?;
        if item >= run.next {
            if item != run.next {
                return Err("items begin in order");
            }
            run.next += 1;
            run.open += 1;
        }
        Ok(())
    }

    pub(super) fn attempt_started(&mut self, at: Timestamp, start: &AttemptStarted) -> Changed {
        let step = self.index_of(&start.step)?;
        let from: &[StepState] = match start.phase {
            Phase::Do => &[StepState::Ready, StepState::Running, StepState::Retrying],
            Phase::Undo => &[StepState::Undoing],
        };
        if !from.contains(&self.step_mut(step)?.state) {
            return Err("the step is elsewhere");
        }
        self.begin(step, start.item, start.phase)?;
        self.forget_retry(step, start.item, start.phase)?;
        let work = self.work_mut(step, start.item, start.phase)?;
        if work.flight.is_some() || start.attempt != work.attempts + 1 {
            return Err("another attempt is due");
        }
        work.state = StepState::Running;
        work.attempts = start.attempt;
        work.tries += 1;
        work.key = Some(Arc::clone(&start.key));
        work.remembered = start.remembered;
        work.reserved.extend(start.reserved.iter().cloned());
        work.flight = Some(Flight {
            attempt: start.attempt,
            started_at: at,
            deadline: start.deadline,
            cancelling: None,
        });
        self.flying += 1;
        self.step_mut(step)?.flying += 1;
        if start.phase == Phase::Do { self.shift(step, StepState::Running) } else { Ok(()) }
    }

    pub(super) fn forget_retry(&mut self, step: usize, item: u32, phase: Phase) -> Changed {
        let work = self.work_mut(step, item, phase)?;
        if work.state == StepState::Retrying
            && let Some(at) = work.until.take()
        {
            self.timers.remove(&Timer { at, due: Due::Attempt(to_u32(step), item, phase) });
            let run = self.step_mut(step)?;
            run.retrying = run.retrying.saturating_sub(1);
        }
        Ok(())
    }

    pub(super) fn retry_at(&mut self, step: usize, item: u32, phase: Phase, at: Timestamp) -> Changed {
        self.forget_retry(step, item, phase)?;
        let work = self.work_mut(step, item, phase)?;
        work.state = StepState::Retrying;
        work.until = Some(at);
        self.timers.insert(Timer { at, due: Due::Attempt(to_u32(step), item, phase) });
        self.step_mut(step)?.retrying += 1;
        self.settle_down(step, phase)
    }

    /// What a step is after something of it ended.
    pub(super) fn settle_down(&mut self, step: usize, phase: Phase) -> Changed {
        self.agenda.insert(to_u32(step));
        let run_state = self.step_mut(step)?.state;
        if phase == Phase::Undo || !matches!(run_state, StepState::Running | StepState::Retrying) {
            return Ok(());
        }
        let run = self.step_mut(step)?;
        let to = if run.flying == 0 && run.retrying > 0 { StepState::Retrying } else { StepState::Running };
        self.shift(step, to)
    }

    pub(super) fn attempt_settled(&mut self, at: Timestamp, end: &AttemptSettled) -> Changed {
        let step = self.index_of(&end.step)?;
        let work = self.work_mut(step, end.item, end.phase)?;
        if work.flight.take().is_none_or(|flight| flight.attempt != end.attempt) {
            return Err("no such attempt runs");
        }
        let repeated = matches!(end.next, Next::Retry { unknown: true, .. });
        work.last_unknown = matches!(end.outcome, Outcome::Unknown { .. });
        work.had_unknown |= work.last_unknown;
        work.repeats += u32::from(repeated);
        if let Outcome::Succeeded { output } = &end.outcome {
            work.output = Some(Arc::clone(output));
            work.observed = Some(at);
        }
        self.flying = self.flying.checked_sub(1).ok_or("nothing runs")?;
        let run = self.step_mut(step)?;
        run.flying = run.flying.checked_sub(1).ok_or("nothing runs")?;
        match &end.next {
            Next::Retry { at, .. } => self.retry_at(step, end.item, end.phase, *at),
            Next::Round { at } => {
                let work = self.work_mut(step, end.item, end.phase)?;
                work.rounds += 1;
                work.tries = 0;
                self.retry_at(step, end.item, end.phase, *at)
            }
            Next::Settled { state, reasons, happened } => {
                self.item_settled(step, end.item, end.phase, *state, reasons, *happened)
            }
        }
    }

    pub(super) fn item_settled(
        &mut self,
        step: usize,
        item: u32,
        phase: Phase,
        state: StepState,
        reasons: &[crate::reason::Reason],
        happened: bool,
    ) -> Changed {
        self.forget_retry(step, item, phase)?;
        let work = self.work_mut(step, item, phase)?;
        work.state = state;
        work.reasons = reasons.to_vec();
        work.reserved = Vec::new();
        if phase == Phase::Do {
            let clean_up = self.plan.steps.get(step).is_some_and(ordain_plan::PlanStep::is_clean_up);
            if happened && !clean_up {
                self.outcomes += 1;
                self.item_mut(step, item)?.outcome = Some(self.outcomes);
                self.happened.push((to_u32(step), item));
            }
            let run = self.step_mut(step)?;
            run.open = run.open.checked_sub(1).ok_or("the item is not open")?;
            run.done += 1;
            if state != StepState::Succeeded && run.broken.is_none() {
                run.broken = Some(item);
            }
        }
        self.settle_down(step, phase)
    }
}
