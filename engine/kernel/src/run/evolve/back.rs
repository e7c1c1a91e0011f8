//! What events do on the way back: failing, undoing, resolving, ending. Part of the one table of `evolve`.

use super::*;

impl Run {
    pub(super) fn fails(
        &mut self,
        state: RunState,
        follow: OnFailure,
        reasons: &[crate::reason::Reason],
    ) -> Changed {
        match (self.stage, &mut self.failing) {
            (Stage::Forward | Stage::Queued, None) => {
                self.failing = Some(Box::new(Failing { state, follow, reasons: reasons.to_vec() }));
                self.stage = Stage::Draining;
                self.look_at_everything();
                Ok(())
            }
            // Whoever calls it off may ask for more than the failure did.
            (Stage::Draining, Some(failing)) if follow > failing.follow => {
                failing.follow = follow;
                Ok(())
            }
            _ => Err("failing already"),
        }
    }

    pub(super) fn is_next_undo(&self, step: usize, item: u32) -> Changed {
        if self.happened.last() == Some(&(to_u32(step), item)) {
            Ok(())
        } else {
            Err("another effect is newer")
        }
    }

    pub(super) fn rolled(&mut self, by: RollbackState) {
        self.rollback = self.rollback.max(by);
    }

    pub(super) fn undo_settled(&mut self, step: usize, result: UndoResult) -> Changed {
        if let Some((_, item)) = self.happened.pop()
            && self.work_mut(step, item, Phase::Undo).is_ok()
        {
            self.forget_retry(step, item, Phase::Undo)?;
        }
        let (rolled, state) = match result {
            UndoResult::Undone => (RollbackState::Done, Some(StepState::Undone)),
            UndoResult::Partial => (RollbackState::Partial, Some(StepState::Undone)),
            UndoResult::PassedOver => (RollbackState::Partial, None),
            UndoResult::GivenUp => (RollbackState::Failed, Some(StepState::Failed)),
        };
        self.rolled(rolled);
        state.map_or(Ok(()), |state| self.shift(step, state))
    }

    pub(super) fn resolved(&mut self, at: Timestamp, resolution: &Resolution) -> Changed {
        let step = self.index_of(&resolution.step)?;
        let undoing = self.step_mut(step)?.state == StepState::Undoing;
        let run = self.step_mut(step)?;
        if !run.stuck {
            return Err("not stuck");
        }
        run.stuck = false;
        run.resolving = None;
        run.asked_again = 0;
        self.stuck = self.stuck.checked_sub(1).ok_or("not stuck")?;
        self.look_at_everything();
        if undoing {
            let last = self.happened.last().copied();
            let item =
                last.filter(|(of, _)| *of as usize == step).map(|(_, item)| item).ok_or("nothing to undo")?;
            return match resolution.outcome {
                ResolveOutcome::Again => match self.item_mut(step, item)?.undo {
                    Some(_) => self.retry_at(step, item, Phase::Undo, at),
                    // It never came to an attempt: it is begun afresh.
                    None => {
                        let before = self.item_mut(step, item)?.work.state;
                        self.shift(step, before)
                    }
                },
                _ => Ok(()),
            };
        }
        if resolution.outcome != ResolveOutcome::Again {
            self.close_hold(step)?;
        }
        match resolution.outcome {
            ResolveOutcome::Failed => Ok(()),
            ResolveOutcome::Succeeded => self.declared(step, resolution.outputs.as_ref(), at),
            ResolveOutcome::Undone => {
                let broken = self.broken_items(step)?;
                self.happened.retain(|(of, item)| *of as usize != step || !broken.contains(item));
                Ok(())
            }
            ResolveOutcome::Again => {
                for item in self.broken_items(step)? {
                    let run = self.step_mut(step)?;
                    run.open += 1;
                    run.done = run.done.checked_sub(1).ok_or("no item ended")?;
                    self.happened.retain(|(of, other)| *of as usize != step || *other != item);
                    self.retry_at(step, item, Phase::Do, at)?;
                }
                self.step_mut(step)?.broken = None;
                self.shift(step, StepState::Retrying)
            }
        }
    }

    pub(super) fn broken_items(&mut self, step: usize) -> Result<Vec<u32>, &'static str> {
        let items = self.step_mut(step)?.items.iter().zip(0..);
        let ended =
            items.filter(|(item, _)| item.work.state.is_settled() && item.work.state != StepState::Succeeded);
        let mut broken: Vec<u32> = ended.map(|(_, index)| index).collect();
        // Where every item succeeded, the step failed afterwards (`ensures`): it is about all of them.
        if broken.is_empty() {
            broken = (0..self.step_mut(step)?.next).collect();
        }
        Ok(broken)
    }

    pub(super) fn declared(&mut self, step: usize, outputs: Option<&Arc<Value>>, at: Timestamp) -> Changed {
        let acts = match self.plan.steps.get(step).map(|step| (&step.body, step.is_clean_up())) {
            Some((Body::Use(action), false)) => {
                action.capability.spec.effect.value != ordain_spec::kind::scalar::Effect::Read
            }
            _ => false,
        };
        for item in self.broken_items(step)? {
            let known = self.item_mut(step, item)?;
            known.work.state = StepState::Succeeded;
            known.work.declared = true;
            known.work.reasons = Vec::new();
            if let Some(outputs) = outputs {
                known.work.output = Some(Arc::clone(outputs));
                // What a person says is known since then; what was seen before grows no younger by it.
                known.work.observed = Some(at);
            }
            if acts && !self.happened.contains(&(to_u32(step), item)) {
                self.outcomes += 1;
                self.item_mut(step, item)?.outcome = Some(self.outcomes);
                self.happened.push((to_u32(step), item));
            }
        }
        let run = self.step_mut(step)?;
        run.broken = None;
        run.reasons = Vec::new();
        run.vouched = true;
        self.shift(step, StepState::Running)
    }

    pub(super) fn ended(&mut self, at: Timestamp, settled: &Settled) -> Changed {
        if self.flying > 0 || self.stuck > 0 {
            return Err("something is open");
        }
        self.end = Some(Box::new(Ending {
            state: settled.state,
            reasons: settled.reasons.clone(),
            outputs: settled.outputs.clone(),
            at,
            outcome_digest: settled.outcome_digest,
        }));
        self.rollback = settled.rollback;
        self.stage = Stage::Settled;
        self.timers.clear();
        self.agenda.clear();
        self.holds_lock = false;
        self.ready = 0;
        Ok(())
    }
}
