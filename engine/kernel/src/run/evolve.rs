//! The one table of what may follow what. Live runs, replay and recovery all go through it; whatever it does not
//! name is a corrupt journal. It decides nothing and reads nothing but the run and the event.

mod back;
mod beginning;
mod items;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Body, Plan};
use ordain_spec::digest::Digest;
use ordain_spec::kind::runbook::OnFailure;
use ordain_spec::kind::scenario::ResolveOutcome;
use serde_json::Value;

use super::aged;
use super::effect::Outcome;
use super::event::{
    AttemptSettled, AttemptStarted, Event, Next, Prepared, Resolution, Settled, Signalled, Started,
    StepSettled, UndoResult,
};
use super::hold::{Hold, Refusal, Request, StageState};
use super::state::{
    Due, Ending, Failing, Flight, Item, Phase, RollbackState, Run, RunState, Stage, StepRun, StepState,
    Timer, Work,
};
use crate::audit::Chain;
use crate::export::Preview;
use crate::ids::ApprovalId;

/// The journal does not say what this kernel could have written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal is corrupt: {event} cannot follow {state}")]
pub struct CorruptJournal {
    /// The event.
    pub event: String,
    /// What it met.
    pub state: String,
}

type Changed = Result<(), &'static str>;

impl Run {
    /// Applies one event that happened at `at`.
    ///
    /// # Errors
    /// When the event cannot follow what is there. The run must not be used any more then.
    pub fn evolve(&mut self, at: Timestamp, event: &Event) -> Result<(), CorruptJournal> {
        self.change(at, event).map_err(|state| CorruptJournal {
            event: format!("{event:?}").chars().take(160).collect(),
            state: format!("{} ({state})", self.state()),
        })?;
        self.account(at);
        if at < self.last_at {
            aged::set_back(self, at);
        }
        self.last_at = at;
        Ok(())
    }

    /// Counts the time that the run is `running`.
    fn account(&mut self, at: Timestamp) {
        let running = self.state() == RunState::Running;
        match (running, self.running_since) {
            (true, None) => self.running_since = Some(at),
            (false, Some(_)) => {
                self.running_ms = self.running_total(at);
                self.running_since = None;
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_lines, reason = "one table: (state, event) in one place")]
    fn change(&mut self, at: Timestamp, event: &Event) -> Changed {
        if self.stage == Stage::Settled && !matches!(event, Event::Reopened) {
            return Err("settled");
        }
        match event {
            Event::Started(_) => Err("started"),
            Event::LockGranted if self.stage == Stage::Queued => {
                self.stage = if self.failing.is_some() { Stage::Draining } else { Stage::Forward };
                self.holds_lock = true;
                self.look_at_everything();
                Ok(())
            }
            Event::StepReady { step } => {
                let step = self.at_state(step, &[StepState::Blocked])?;
                self.shift(step, StepState::Ready)
            }
            Event::StepPrepared { step, items, show } => {
                let step = self.at_state(step, &[StepState::Ready])?;
                let run = self.step_mut(step)?;
                run.items = items.iter().map(Item::new).collect();
                run.show.clone_from(show);
                Ok(())
            }
            Event::CountersSeen { step, .. } => self.index_of(step).map(|_| ()),
            Event::Decided { step, item, phase, decision, .. } => {
                let step = self.index_of(step)?;
                let work = self.work_mut(step, *item, *phase)?;
                work.basis = Some(basis(decision));
                work.masks.clone_from(&decision.masks);
                Ok(())
            }
            Event::Held { step, digest, asked, resolving } => {
                let step = self.index_of(step)?;
                self.held(step, *digest, asked.iter().map(Request::new).collect(), *resolving)
            }
            Event::StageOpened { step, approval, eligible, expires_at } => {
                let step = self.index_of(step)?;
                let stage = self.stage_mut(step, approval, &[StageState::Pending])?;
                stage.state = StageState::Open;
                stage.opened = Some((at, *expires_at));
                stage.eligible.clone_from(eligible);
                self.watch_expiry(step)
            }
            Event::Granted { step, approval, grant } => {
                let step = self.index_of(step)?;
                let stage = self.stage_mut(step, approval, &[StageState::Open])?;
                stage.grants.push((**grant).clone());
                if stage.grants.len() as u64 >= stage.quorum {
                    stage.state = StageState::Granted;
                }
                self.agenda.insert(to_u32(step));
                self.watch_expiry(step)
            }
            Event::Withdrawn { step, approval, by, .. } => {
                let step = self.index_of(step)?;
                let stage = self.stage_mut(step, approval, &[StageState::Open, StageState::Granted])?;
                stage.grants.retain(|grant| grant.by.id != by.id);
                stage.state = StageState::Open;
                self.watch_expiry(step)
            }
            Event::Refused { step, approval, by, rationale, .. } => {
                let step = self.index_of(step)?;
                let stage = self.stage_mut(step, approval, &[StageState::Open])?;
                stage.state = StageState::Rejected;
                stage.rejection =
                    Some(Box::new(Refusal { by: by.clone(), at, rationale: rationale.clone() }));
                self.close_hold(step)
            }
            Event::StageExpired { step, approval } => {
                let step = self.index_of(step)?;
                self.stage_mut(step, approval, &[StageState::Open])?.state = StageState::Expired;
                self.close_hold(step)
            }
            Event::Voided { step, counts, .. } => {
                let step = self.index_of(step)?;
                for stage in self.hold_mut(step)?.requests.iter_mut().flat_map(|request| &mut request.stages)
                {
                    stage.state = StageState::Void;
                }
                self.step_mut(step)?.asked_again += u8::from(*counts);
                self.close_hold(step)?;
                self.unhold(step)
            }
            Event::Released { step } => {
                let step = self.index_of(step)?;
                if !self.hold_mut(step)?.is_granted() {
                    return Err("not granted");
                }
                let run = self.step_mut(step)?;
                let forms = run.hold().into_iter().flat_map(Hold::stages).flat_map(|stage| &stage.grants);
                let forms: Vec<_> = forms.filter_map(|grant| grant.form.as_object().cloned()).collect();
                run.forms.extend(forms.into_iter().flatten());
                if run.hold().is_some_and(|hold| hold.resolving) {
                    return self.close_hold(step);
                }
                self.unhold(step)
            }
            Event::Throttled { step, until, .. } => {
                let step =
                    self.at_state(step, &[StepState::Ready, StepState::Running, StepState::Retrying])?;
                self.wait_until(step, StepState::Throttled, *until)
            }
            Event::Unthrottled { step } => {
                let step = self.at_state(step, &[StepState::Throttled])?;
                self.forget_until(step)?;
                self.unhold(step)
            }
            Event::AttemptStarted(start) => self.attempt_started(at, start),
            Event::AttemptSettled(end) => self.attempt_settled(at, end),
            Event::Replayed { step, item, phase, key, output } => {
                let step = self.index_of(step)?;
                self.begin(step, *item, *phase)?;
                let work = self.work_mut(step, *item, *phase)?;
                work.replayed = true;
                work.key = Some(Arc::clone(key));
                work.output = Some(Arc::clone(output));
                self.item_settled(step, *item, *phase, StepState::Succeeded, &[], false)
            }
            Event::ItemStopped { step, item, phase, state, reasons, happened, .. } => {
                let step = self.index_of(step)?;
                self.begin(step, *item, *phase)?;
                self.item_settled(step, *item, *phase, *state, reasons, *happened)
            }
            Event::CallCancelling { step, item, phase, reasons } => {
                let step = self.index_of(step)?;
                let flight = self.work_mut(step, *item, *phase)?.flight.as_mut().ok_or("nothing runs")?;
                flight.cancelling = reasons.first().map(|reason| reason.code);
                Ok(())
            }
            Event::StepWaiting { step, until } => {
                let step = self.at_state(step, &[StepState::Ready])?;
                self.wait_until(step, StepState::Waiting, *until)
            }
            Event::ChildStarted { step, item, child } => {
                let step = self.at_state(step, &[StepState::Ready, StepState::Waiting])?;
                self.begin(step, *item, Phase::Do)?;
                let item = self.item_mut(step, *item)?;
                item.child = Some(*child);
                item.work.state = StepState::Waiting;
                item.work.attempts = 1;
                self.children += 1;
                self.shift(step, StepState::Waiting)
            }
            Event::ChildSettled { step, item, state, reasons, output, grounds, acted, rollback } => {
                let step = self.at_state(step, &[StepState::Waiting, StepState::Held])?;
                for (output, facts) in grounds {
                    let of = self.step_mut(step)?.grounds.entry(Arc::clone(output)).or_default();
                    of.extend(facts.iter().map(|fact| fact.known_at(at)));
                }
                self.item_mut(step, *item)?.work.output.clone_from(output);
                self.children = self.children.checked_sub(1).ok_or("no sub-run")?;
                self.rolled(*rollback);
                self.item_settled(step, *item, Phase::Do, *state, reasons, *acted)
            }
            Event::Signalled(signal) => self.signalled(signal),
            Event::StepSettled(settled) => self.step_settled(settled),
            Event::Failing { state, follow, reasons, .. } => self.fails(*state, *follow, reasons),
            Event::RollbackStarted if self.stage == Stage::Draining => {
                self.stage = Stage::Undoing;
                Ok(())
            }
            Event::Reopened if self.stage == Stage::Settled => {
                let end = self.end.take().ok_or("not ended")?;
                self.failing = Some(Box::new(Failing {
                    state: end.state,
                    follow: OnFailure::Rollback,
                    reasons: end.reasons.clone(),
                }));
                self.ended_before = Some(end);
                self.stage = Stage::Undoing;
                Ok(())
            }
            Event::UndoStarted { step, item, input, call } if self.stage == Stage::Undoing => {
                let step = self.index_of(step)?;
                self.is_next_undo(step, *item)?;
                if let Some(input) = input {
                    let work = Work::new(Arc::clone(input), call.clone());
                    self.item_mut(step, *item)?.undo = Some(Box::new(work));
                }
                self.shift(step, StepState::Undoing)
            }
            Event::UndoSettled { step, item, result, .. } if self.stage == Stage::Undoing => {
                let step = self.index_of(step)?;
                self.is_next_undo(step, *item)?;
                self.undo_settled(step, *result)
            }
            Event::CleanUpStarted if matches!(self.stage, Stage::Draining | Stage::Undoing) => {
                self.stage = Stage::CleaningUp;
                self.look_at_everything();
                Ok(())
            }
            Event::Stuck { step, state, reasons } => {
                let step = self.index_of(step)?;
                let run = self.step_mut(step)?;
                if run.stuck {
                    return Err("stuck already");
                }
                run.stuck = true;
                run.reasons.clone_from(reasons);
                self.stuck += 1;
                self.shift(step, *state)
            }
            Event::Resolving(resolution) => {
                let step = self.index_of(&resolution.step)?;
                let run = self.step_mut(step)?;
                if !run.stuck {
                    return Err("not stuck");
                }
                run.resolving = Some(resolution.clone());
                Ok(())
            }
            Event::Resolved(resolution) => self.resolved(at, resolution),
            Event::Previewed { step, preview } => {
                let step = self.at_state(step, &[StepState::Ready])?;
                self.previewed(step, preview)
            }
            Event::ExportApproved { step, .. } => {
                let step = self.at_state(step, &[StepState::Ready])?;
                if self.hold_mut(step)?.is_granted() { Ok(()) } else { Err("not granted") }
            }
            Event::ExportReleased { step, .. } => {
                let step = self.at_state(step, &[StepState::Ready])?;
                if !self.hold_mut(step)?.is_granted() {
                    return Err("not granted");
                }
                let run = self.step_mut(step)?;
                if run.preview.is_none() || std::mem::replace(&mut run.released, true) {
                    return Err("nothing to release");
                }
                Ok(())
            }
            Event::Paused { .. } if !self.paused => {
                self.paused = true;
                Ok(())
            }
            Event::Resumed { .. } if self.paused => {
                self.paused = false;
                self.look_at_everything();
                Ok(())
            }
            Event::TimedOut => {
                self.timed_out = self.timed_out.saturating_add(1);
                self.limit_ms = self.running_total(at).saturating_add(self.started.timeout_ms);
                Ok(())
            }
            Event::BudgetNoted { .. } => Ok(()),
            Event::Settled(settled) => self.ended(at, settled),
            Event::LockGranted
            | Event::RollbackStarted
            | Event::Reopened
            | Event::UndoStarted { .. }
            | Event::UndoSettled { .. }
            | Event::CleanUpStarted
            | Event::Paused { .. }
            | Event::Resumed { .. } => Err("out of turn"),
        }
    }

    // --- places -----------------------------------------------------------------------------------------------

    /// The place of a step in the plan.
    pub(crate) fn index_of(&self, id: &str) -> Result<usize, &'static str> {
        self.plan.steps.iter().position(|step| *step.id == *id).ok_or("no such step")
    }

    fn step_mut(&mut self, step: usize) -> Result<&mut StepRun, &'static str> {
        self.steps.get_mut(step).ok_or("no such step")
    }

    fn item_mut(&mut self, step: usize, item: u32) -> Result<&mut Item, &'static str> {
        self.step_mut(step)?.items.get_mut(item as usize).ok_or("no such item")
    }

    fn work_mut(&mut self, step: usize, item: u32, phase: Phase) -> Result<&mut Work, &'static str> {
        let item = self.item_mut(step, item)?;
        match phase {
            Phase::Do => Ok(&mut item.work),
            Phase::Undo => item.undo.as_deref_mut().ok_or("no undo"),
        }
    }

    fn hold_mut(&mut self, step: usize) -> Result<&mut Hold, &'static str> {
        self.step_mut(step)?.hold_mut().ok_or("nobody was asked")
    }

    fn stage_mut(
        &mut self,
        step: usize,
        id: &ApprovalId,
        states: &[StageState],
    ) -> Result<&mut super::hold::StageRun, &'static str> {
        let stage = self.hold_mut(step)?.stage_mut(id).ok_or("no such stage")?;
        if states.contains(&stage.state) { Ok(stage) } else { Err("the stage is not open") }
    }

    /// The step, if it is in one of those states.
    fn at_state(&self, id: &str, states: &[StepState]) -> Result<usize, &'static str> {
        let index = self.index_of(id)?;
        let step = self.steps.get(index).ok_or("no such step")?;
        if step.settled {
            return Err("the step is settled");
        }
        if states.contains(&step.state) { Ok(index) } else { Err("the step is elsewhere") }
    }

    /// Puts every step that could go on where it will be looked at.
    fn look_at_everything(&mut self) {
        let steps = self.steps.iter().enumerate();
        let open =
            steps.filter(|(_, step)| !step.settled && step.blockers == 0).map(|(index, _)| to_u32(index));
        self.agenda.extend(open.collect::<Vec<_>>());
    }

    // --- steps ------------------------------------------------------------------------------------------------

    fn shift(&mut self, step: usize, to: StepState) -> Changed {
        let run = self.step_mut(step)?;
        let from = std::mem::replace(&mut run.state, to);
        self.ready = self.ready + u32::from(to == StepState::Ready) - u32::from(from == StepState::Ready);
        Ok(())
    }

    fn wait_until(&mut self, step: usize, state: StepState, until: Timestamp) -> Changed {
        self.forget_until(step)?;
        self.step_mut(step)?.until = Some(until);
        self.timers.insert(Timer { at: until, due: Due::Step(to_u32(step)) });
        self.shift(step, state)
    }

    /// From here on the preview's own time runs; the step is looked at again.
    fn previewed(&mut self, step: usize, preview: &Preview) -> Changed {
        let run = self.step_mut(step)?;
        if run.preview.is_some() {
            return Err("previewed already");
        }
        run.preview = Some(Box::new(preview.clone()));
        run.until = Some(preview.until);
        self.timers.insert(Timer { at: preview.until, due: Due::Step(to_u32(step)) });
        self.agenda.insert(to_u32(step));
        Ok(())
    }

    fn forget_until(&mut self, step: usize) -> Changed {
        if let Some(at) = self.step_mut(step)?.until.take() {
            self.timers.remove(&Timer { at, due: Due::Step(to_u32(step)) });
        }
        Ok(())
    }

    /// What a step is while none of its items is held back.
    fn unhold(&mut self, step: usize) -> Changed {
        let run = self.step_mut(step)?;
        let begun = run.next > 0;
        let to = match (run.flying, run.retrying) {
            (0, 0) if !begun => StepState::Ready,
            (0, 0) if run.items.iter().any(|item| item.work.state == StepState::Waiting) => {
                StepState::Waiting
            }
            (0, 1..) => StepState::Retrying,
            _ => StepState::Running,
        };
        self.agenda.insert(to_u32(step));
        self.shift(step, to)
    }

    fn signalled(&mut self, signal: &Signalled) -> Changed {
        let step = self.index_of(&signal.step)?;
        let run = self.step_mut(step)?;
        if run.settled
            || !matches!(
                run.state,
                StepState::Blocked | StepState::Ready | StepState::Held | StepState::Waiting
            )
        {
            return Err("the step takes no signal");
        }
        if self.signals.insert(to_u32(step), signal.clone()).is_some() {
            return Err("a signal is kept already");
        }
        self.agenda.insert(to_u32(step));
        Ok(())
    }

    fn step_settled(&mut self, settled: &StepSettled) -> Changed {
        let step = self.index_of(&settled.step)?;
        let clean_up = self.plan.steps.get(step).is_some_and(ordain_plan::PlanStep::is_clean_up);
        self.forget_until(step)?;
        self.close_hold(step)?;
        let run = self.step_mut(step)?;
        if run.settled || run.flying > 0 || run.stuck {
            return Err("the step cannot be settled");
        }
        run.settled = true;
        run.tolerated = settled.tolerated;
        run.reasons.clone_from(&settled.reasons);
        run.outputs = settled.outputs.clone().or_else(|| match run.items.as_slice() {
            [item] if settled.state == StepState::Succeeded => item.work.output.clone(),
            _ => None,
        });
        let retrying = std::mem::take(&mut run.retrying);
        if retrying > 0 {
            self.timers.retain(|timer| !matches!(timer.due, Due::Attempt(of, _, _) if of as usize == step));
        }
        self.shift(step, settled.state)?;
        self.unsettled = self.unsettled.checked_sub(1).ok_or("no step left")?;
        self.unsettled_main -= u32::from(!clean_up);
        let dependents = self.plan.steps.get(step).map(|step| step.dependents.clone()).unwrap_or_default();
        for dependent in dependents {
            let run = self.step_mut(dependent)?;
            run.blockers = run.blockers.checked_sub(1).ok_or("needs do not add up")?;
            if run.blockers == 0 {
                self.agenda.insert(to_u32(dependent));
            }
        }
        Ok(())
    }
}

/// What of a decision grants are bound to: each policy that decides, and which of its rules were true.
pub(crate) fn basis(decision: &crate::decision::Decision) -> Digest {
    Digest::of_json(&serde_json::to_value(decision.basis()).unwrap_or_default())
}

/// Plans are bounded far below: 2,000 steps.
pub(crate) fn to_u32(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
