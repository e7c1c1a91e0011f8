//! What came of an attempt, by the rules of the language: succeeded, refused or unknown; again, the next round, or
//! over. And the end of a step, once all its items are over.

use std::sync::Arc;

use ordain_plan::{Action, Body, PlanStep};
use ordain_spec::expr::{COST_LIMIT, EvalErrorKind};
use ordain_spec::kind::Kind;
use ordain_spec::kind::capability::{Guard, Idempotency};
use ordain_spec::kind::runbook::{Backoff, Retry};
use ordain_spec::kind::scalar::Effect;
use serde_json::{Map, Value as Json};

use super::effect::{CallId, Outcome};
use super::event::{AttemptSettled, Event, Next, StepSettled};
use super::facts::{Place, Scene};
use super::prepare::{at, output_value};
use super::state::{Phase, Run, Stage, StepState, Work};
use super::turn::{Done, Turn, fault};
use super::{Rejection, later};
use crate::ids;
use crate::reason::{Code, Reason};
use crate::value;

impl Turn<'_> {
    /// A connector says what came of an attempt.
    pub fn outcome(&mut self, step: &str, item: u32, attempt: u32, phase: Phase, outcome: Outcome) -> Done {
        let step = self.find(step)?;
        let runs = self
            .step(step)?
            .items
            .get(item as usize)
            .and_then(|item| item.of(phase))
            .and_then(|work| work.flight);
        if runs.is_none_or(|flight| flight.attempt != attempt) {
            return Err(Rejection::new(Code::StepNotWaiting, "no such attempt runs"));
        }
        self.take_outcome(step, item, phase, outcome, false)
    }

    /// `stopped`: the engine stopped while the attempt ran.
    fn take_outcome(
        &mut self,
        step: usize,
        item: u32,
        phase: Phase,
        outcome: Outcome,
        stopped: bool,
    ) -> Done {
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step calls nothing"))?;
        let work = self.work(step, item, phase)?;
        let attempt = work.flight.map_or(0, |flight| flight.attempt);
        let outcome = by_the_language(action, self.named_by_its_bound(planned, action, work, phase, outcome));
        let next = match &outcome {
            Outcome::Succeeded { output } => self.after_success(step, item, phase, output)?,
            Outcome::Refused { retryable, retry_after_ms, .. } => {
                // A read that the engine's own end interrupted is asked again: it changed nothing.
                let again = *retryable
                    && (self.may_retry(planned, work, phase) || stopped && self.in_time(planned, phase));
                if again {
                    Next::Retry {
                        at: self.retry_at(planned, work, item, phase, *retry_after_ms),
                        unknown: false,
                    }
                } else {
                    settled(StepState::Failed, reason_of(&outcome, planned), false)
                }
            }
            Outcome::Unknown { .. } => {
                let repeats = self.may_repeat(planned, action, work, phase, stopped);
                if repeats {
                    // That the engine stopped is not the other side's doing: it uses up no repetition.
                    let at = self.retry_at(planned, work, item, phase, None);
                    Next::Retry { at, unknown: !stopped }
                } else {
                    settled(StepState::Unknown, reason_of(&outcome, planned), true)
                }
            }
        };
        let bookings = match &next {
            Next::Settled { state, .. } => self.bookings(step, item, phase, *state, &outcome)?,
            _ => Vec::new(),
        };
        let (state, over) = match &next {
            Next::Settled { state, .. } => (Some(*state), true),
            _ => (None, false),
        };
        self.note_marks(step, &bookings)?;
        let id = self.id(step)?;
        let work = self.work(step, item, phase)?;
        let key = work.key.clone().filter(|_| work.remembered);
        let settled = AttemptSettled { step: id, item, phase, attempt, outcome, next, bookings, key };
        self.emit(Event::AttemptSettled(Box::new(settled)))?;
        if phase == Phase::Undo && over {
            return self.undo_over(step, item, state.unwrap_or(StepState::Unknown));
        }
        Ok(())
    }

    /// No answer in time is the step's doing where its bound, or its capability's, was up before the operation's.
    fn named_by_its_bound(
        &self,
        planned: &PlanStep,
        action: &Action,
        work: &Work,
        phase: Phase,
        outcome: Outcome,
    ) -> Outcome {
        let of_step = planned.spec.timeout.as_ref().filter(|_| phase == Phase::Do);
        let bounds = [of_step, action.capability.spec.timeout.as_ref()];
        let own = bounds.into_iter().flatten().map(|timeout| timeout.value.0).min();
        let operation = action.declared_operation().and_then(|operation| operation.timeout.as_ref());
        let first = own.filter(|own| operation.is_none_or(|timeout| *own < timeout.value.0));
        let is_up =
            first.zip(work.flight).is_some_and(|(ms, flight)| later(flight.started_at, ms) <= self.now);
        match outcome {
            Outcome::Unknown { code: Code::ConnectorTimeout, detail } if is_up => {
                Outcome::Unknown { code: Code::StepTimeout, detail }
            }
            Outcome::Refused { code: Code::ConnectorTimeout, detail, retryable, retry_after_ms } if is_up => {
                Outcome::Refused { code: Code::StepTimeout, detail, retryable, retry_after_ms }
            }
            other => other,
        }
    }

    /// An output that fits: `until` says whether it was the last round.
    fn after_success(
        &self,
        step: usize,
        item: u32,
        phase: Phase,
        output: &Arc<Json>,
    ) -> Result<Next, Rejection> {
        let planned = self.planned(step)?;
        let (known, work) = (self.item(step, item)?, self.work(step, item, phase)?);
        let acts =
            action(planned, phase).is_some_and(|action| action.capability.spec.effect.value != Effect::Read);
        let done = || settled(StepState::Succeeded, Vec::new(), acts);
        let Some(repeat) = planned.spec.repeat.as_ref().filter(|_| phase == Phase::Do) else {
            return Ok(done());
        };
        let fields = planned.action().map(|action| &action.capability.spec.output);
        let scene = Scene::new(self.run, self.world, self.now, Place::Step, Some(planned));
        let scene = scene.at_item(Run::item_facts(planned, known, item));
        let scene = scene.with(
            "outputs",
            fields.map_or(ordain_spec::expr::Value::Null, |fields| output_value(output, fields)),
        );
        match repeat.until.is_true(&scene, COST_LIMIT) {
            Ok(true) => Ok(done()),
            Err(error) => Ok(settled(StepState::Failed, vec![self.expression(planned, &error)], false)),
            Ok(false) if u64::from(work.rounds) + 1 >= repeat.max.value => {
                let detail = format!("not after {} rounds", repeat.max.value);
                let reason = Reason::new(Code::RepeatExhausted, detail).at(Arc::clone(&planned.id));
                Ok(settled(StepState::Failed, vec![reason], false))
            }
            Ok(false) if !self.may_begin(planned) => Ok(settled(
                StepState::Cancelled,
                vec![Code::Cancelled.reason().at(Arc::clone(&planned.id))],
                false,
            )),
            Ok(false) => Ok(Next::Round { at: later(self.now, repeat.every.value.0) }),
        }
    }

    /// True while further attempts of a step may begin.
    pub fn may_begin(&self, planned: &PlanStep) -> bool {
        match self.run.stage {
            Stage::Forward => self.run.timed_out == 0,
            _ => planned.is_clean_up() && self.run.timed_out < 2,
        }
    }

    fn may_retry(&self, planned: &PlanStep, work: &Work, phase: Phase) -> bool {
        let attempts = planned.spec.retry.as_ref().map_or(1, |retry| retry.attempts.value);
        phase == Phase::Do && u64::from(work.tries) < attempts && self.may_begin(planned)
    }

    /// An unknown attempt is repeated where repeating cannot do more than once what should be done once.
    fn may_repeat(
        &self,
        planned: &PlanStep,
        action: &Action,
        work: &Work,
        phase: Phase,
        stopped: bool,
    ) -> bool {
        if action.idempotency == Idempotency::None {
            return false;
        }
        self.in_time(planned, phase) && (stopped || work.repeats == 0 || self.may_retry(planned, work, phase))
    }

    /// True while the run's time, or that of its undo and clean-up, is not up.
    fn in_time(&self, planned: &PlanStep, phase: Phase) -> bool {
        match phase {
            Phase::Do if !planned.is_clean_up() => self.run.timed_out == 0,
            _ => self.run.timed_out < 2,
        }
    }

    /// `min(max, initial·2^(n−1))` times 0.5–1.0, from the run, the step, the item and the attempt.
    fn retry_at(
        &self,
        planned: &PlanStep,
        work: &Work,
        item: u32,
        phase: Phase,
        retry_after_ms: Option<u64>,
    ) -> jiff::Timestamp {
        let standard = (Backoff::Exponential, 1_000, 60_000);
        let of = |retry: &Retry| (retry.backoff, retry.initial.0, retry.max.0);
        let (backoff, initial, max) = planned.spec.retry.as_ref().map_or(standard, of);
        let power = match backoff {
            Backoff::Exponential => work.tries.saturating_sub(1).min(40),
            Backoff::Constant => 0,
        };
        let whole = initial.saturating_mul(1 << power).min(max);
        let parts = [
            self.run.id().to_string(),
            planned.id.to_string(),
            item.to_string(),
            work.attempts.to_string(),
            phase.as_str().to_owned(),
        ];
        let digest = ids::hash("jitter", &parts.each_ref().map(String::as_str));
        let [high, low, ..] = digest.0;
        let share = u64::from(u16::from_be_bytes([high, low]));
        let delay = whole / 2 + whole.saturating_sub(whole / 2).saturating_mul(share) / u64::from(u16::MAX);
        later(self.now, delay.max(retry_after_ms.unwrap_or(0).min(max)))
    }

    /// The process that performed the calls is gone: what ran has no known outcome.
    pub fn recover(&mut self, lost: Vec<CallId>) -> Done {
        for CallId { step, item, phase, attempt, .. } in lost {
            let step = self.find(&step)?;
            let runs = self.work(step, item, phase).ok().and_then(|work| work.flight);
            if runs.is_some_and(|flight| flight.attempt == attempt) {
                let outcome = Outcome::unknown(Code::OutcomeUnknown, "the engine stopped while it ran");
                self.take_outcome(step, item, phase, outcome, true)?;
            }
        }
        Ok(())
    }

    /// All items of a step are over, or nothing further of it may start.
    pub fn conclude(&mut self, step: usize) -> Done {
        let (state, reasons) = self.sum_up(step)?;
        if state != StepState::Succeeded {
            return self.fail_step(step, state, reasons);
        }
        let planned = self.planned(step)?;
        let outputs = self.list_outputs(step)?;
        let reasons = if self.step(step)?.vouched { Vec::new() } else { self.ensures(step)? };
        let reasons = at(reasons, planned);
        if !reasons.is_empty() {
            return self.fail_step(step, StepState::Failed, reasons);
        }
        let id = self.id(step)?;
        self.emit(Event::StepSettled(Box::new(StepSettled {
            step: id,
            state: StepState::Succeeded,
            reasons: Vec::new(),
            outputs,
            tolerated: false,
        })))
    }

    fn sum_up(&self, step: usize) -> Result<(StepState, Vec<Reason>), Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        let unknown = run.items.iter().find(|item| item.work.state == StepState::Unknown);
        let broken = run.broken.and_then(|item| run.items.get(item as usize));
        if let Some(item) = unknown.or(broken) {
            return Ok((item.work.state, at(item.work.reasons.clone(), planned)));
        }
        if (run.done as usize) < run.items.len() {
            return Ok((StepState::Cancelled, vec![Code::Cancelled.reason().at(Arc::clone(&planned.id))]));
        }
        Ok((StepState::Succeeded, Vec::new()))
    }

    /// The lists of a step with a list: one per output, in the order of the items.
    fn list_outputs(&self, step: usize) -> Result<Option<Arc<Json>>, Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        if !planned.is_for_each() {
            return Ok(None);
        }
        let names: Vec<Arc<str>> = match &planned.body {
            Body::Use(action) => action.capability.spec.output.keys().cloned().collect(),
            Body::SubRun(plan) => plan.runbook.spec.outputs.keys().cloned().collect(),
            _ => Vec::new(),
        };
        let mut lists = Map::new();
        for name in names {
            let values =
                run.items.iter().map(|item| item.work.output.as_ref().and_then(|output| output.get(&*name)));
            // An optional output that some items do not have is not there at all.
            if let Some(values) = values.map(|value| value.cloned()).collect::<Option<Vec<Json>>>() {
                lists.insert(name.to_string(), Json::Array(values));
            }
        }
        Ok(Some(Arc::new(Json::Object(lists))))
    }

    fn ensures(&self, step: usize) -> Result<Vec<Reason>, Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        let mut reasons = Vec::new();
        if planned.spec.ensures.is_empty() {
            return Ok(reasons);
        }
        let fields = planned.action().map(|action| &action.capability.spec.output);
        for (item, index) in run.items.iter().zip(0_u32..) {
            let nothing = Arc::new(Json::Object(Map::new()));
            let output = item.work.output.as_ref().unwrap_or(&nothing);
            let value = match fields {
                Some(fields) => output_value(output, fields),
                None => ordain_spec::expr::Value::from_json(output).unwrap_or(ordain_spec::expr::Value::Null),
            };
            let scene = Scene::new(self.run, self.world, self.now, Place::Step, Some(planned));
            let scene = scene.at_item(Run::item_facts(planned, item, index)).with("outputs", value);
            for ensure in &planned.spec.ensures {
                reasons.extend(self.ensure(ensure, &scene));
            }
            if !reasons.is_empty() {
                break;
            }
        }
        Ok(reasons)
    }

    fn ensure(&self, ensure: &Guard, scene: &Scene<'_>) -> Option<Reason> {
        let code = match ensure.expr.is_true(scene, COST_LIMIT) {
            Ok(true) => return None,
            Ok(false) => Code::EnsureFalse.reason(),
            Err(error) if error.kind == EvalErrorKind::CostLimit => {
                Reason::new(Code::CostLimit, error.message)
            }
            Err(error) => Reason::new(Code::ExpressionError, error.message),
        };
        let reason = code.from_rule(Kind::Runbook, self.run.plan.name(), ensure.id.value.as_str());
        Some(match &ensure.reason {
            Some(because) => reason.because(because.value.as_str()),
            None => reason,
        })
    }
}

/// The action of a step, or of its way back.
pub(super) fn action(planned: &PlanStep, phase: Phase) -> Option<&Arc<Action>> {
    match phase {
        Phase::Do => planned.action(),
        Phase::Undo => planned.undo().map(|undo| &undo.action),
    }
}

/// What the language makes of what a connector saw: outputs fit or the outcome is unknown, and of a read nothing is
/// ever unknown.
fn by_the_language(action: &Action, outcome: Outcome) -> Outcome {
    let outcome = match outcome {
        Outcome::Succeeded { output } => {
            match value::validate_output(&action.capability.spec.output, &output) {
                Ok(output) => Outcome::Succeeded { output: Arc::new(output) },
                Err(misfit) => Outcome::Unknown { code: Code::OutputInvalid, detail: misfit.detail },
            }
        }
        other => other,
    };
    match outcome {
        Outcome::Unknown { code, detail } if action.capability.spec.effect.value == Effect::Read => {
            Outcome::Refused { code, detail, retryable: true, retry_after_ms: None }
        }
        other => other,
    }
}

fn settled(state: StepState, reasons: Vec<Reason>, happened: bool) -> Next {
    Next::Settled { state, reasons, happened }
}

fn reason_of(outcome: &Outcome, planned: &PlanStep) -> Vec<Reason> {
    let (code, detail) = match outcome {
        Outcome::Succeeded { .. } => return Vec::new(),
        Outcome::Refused { code, detail, .. } | Outcome::Unknown { code, detail } => (*code, detail),
    };
    let place = |reason: Reason| match detail {
        Some(detail) => reason.at(Arc::clone(&planned.id)).detail(detail.clone()),
        None => reason.at(Arc::clone(&planned.id)),
    };
    let mut reasons = vec![place(code.reason())];
    if matches!(outcome, Outcome::Unknown { .. }) && code != Code::OutcomeUnknown {
        reasons.push(Code::OutcomeUnknown.reason().at(Arc::clone(&planned.id)));
    }
    reasons
}
