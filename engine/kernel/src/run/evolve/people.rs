//! People are asked about a step, and no longer asked. Part of the one table: it decides nothing.

use super::*;

impl Run {
    pub(super) fn held(
        &mut self,
        step: usize,
        digest: Digest,
        requests: Vec<Request>,
        resolving: bool,
    ) -> Changed {
        let run = self.step_mut(step)?;
        if (run.settled && !resolving) || (resolving && !run.stuck) {
            return Err("the step is elsewhere");
        }
        let bases = run.items.iter().map(|item| item.work.basis).collect();
        match run.hold_mut().filter(|hold| hold.resolving == resolving) {
            // A further approval beside those that are granted.
            Some(hold) => {
                hold.digest = digest;
                hold.bases = bases;
                hold.requests.extend(requests);
            }
            None => run.holds.push(Hold { digest, requests, resolving, bases, over: false }),
        }
        self.agenda.insert(to_u32(step));
        if resolving { Ok(()) } else { self.shift(step, StepState::Held) }
    }

    pub(super) fn close_hold(&mut self, step: usize) -> Changed {
        let run = self.step_mut(step)?;
        if run.hold().is_some_and(|hold| hold.resolving) {
            run.resolving = None;
        }
        if let Some(hold) = run.hold_mut() {
            hold.over = true;
            for stage in hold.requests.iter_mut().flat_map(|request| &mut request.stages) {
                if matches!(stage.state, StageState::Open | StageState::Pending) {
                    stage.state = StageState::Void;
                }
            }
        }
        self.watch_expiry(step)
    }

    /// Arms the timer of the first open stage, and disarms the one before.
    pub(super) fn watch_expiry(&mut self, step: usize) -> Changed {
        let run = self.step_mut(step)?;
        let next = run.hold().and_then(Hold::next_expiry);
        let before = std::mem::replace(&mut run.expiry, next);
        if let Some(at) = before {
            self.timers.remove(&Timer { at, due: Due::Expiry(to_u32(step)) });
        }
        if let Some(at) = next {
            self.timers.insert(Timer { at, due: Due::Expiry(to_u32(step)) });
        }
        Ok(())
    }
}
