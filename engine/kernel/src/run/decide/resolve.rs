//! A person says what became of a stuck step. Nobody says it about a run of their own, and where the risk is high
//! the step's own approvals are asked about the word itself.

use std::sync::Arc;

use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::scenario::ResolveOutcome;
use serde_json::{Map, Value};

use crate::actor::Actor;
use crate::approval::Applicant;
use crate::reason::{Code, Reason};
use crate::run::Rejection;
use crate::run::decide::approval::rejected;
use crate::run::event::{Event, Resolution};
use crate::run::state::{Phase, StepState};
use crate::run::turn::{Done, Turn};
use crate::value;

impl Turn<'_> {
    /// Takes a person's word about a stuck step.
    pub fn resolve(
        &mut self,
        step: &str,
        outcome: ResolveOutcome,
        by: Actor,
        reason: String,
        outputs: Option<Value>,
    ) -> Done {
        let step = self.find(step)?;
        self.permitted(&by, None)?;
        self.may_resolve(&by)?;
        let run = self.step(step)?;
        if !run.stuck {
            return Err(Rejection::new(
                Code::StepNotWaiting,
                format!("`{}` is {}, not stuck", self.planned(step)?.id, run.state),
            ));
        }
        if run.resolving.is_some() {
            return Err(Rejection::new(Code::AlreadyDecided, "a resolution waits for its approvals"));
        }
        let outputs = self.declared_outputs(step, outcome, outputs)?;
        let phase = if self.step(step)?.state == StepState::Undoing { Phase::Undo } else { Phase::Do };
        let works = self.step(step)?.items.iter().filter_map(|item| item.of(phase));
        let doubtful = works.filter(|work| work.remembered && work.state != StepState::Succeeded);
        let keys = doubtful.filter_map(|work| work.key.clone()).collect();
        let resolution = Resolution { step: self.id(step)?, outcome, by, reason, outputs, keys };
        self.emit(Event::Resolving(Box::new(resolution.clone())))?;
        if self.is_grave(step)? && !self.ask_about(step, &resolution)? {
            return Ok(());
        }
        self.apply_resolution(step, resolution)
    }

    fn may_resolve(&self, by: &Actor) -> Done {
        let applicant = Applicant::of(&self.run.started.requester);
        if self.world.roster().is_none_or(|roster| applicant.is_stood_for_by(roster, &by.id, false)) {
            let message = "the requester and custodians of the requester may not resolve";
            return Err(Rejection::new(Code::ResolveForbidden, message));
        }
        Ok(())
    }

    fn is_grave(&self, step: usize) -> Result<bool, Rejection> {
        let risk = self.planned(step)?.action().and_then(|action| action.capability.metadata.risk.as_ref());
        Ok(risk.is_some_and(|risk| risk.value >= Risk::High))
    }

    fn declared_outputs(
        &self,
        step: usize,
        outcome: ResolveOutcome,
        outputs: Option<Value>,
    ) -> Result<Option<Arc<Value>>, Rejection> {
        let Some(action) = self.planned(step)?.action() else { return Ok(outputs.map(Arc::new)) };
        let undoing = self.step(step)?.state == StepState::Undoing;
        if outcome != ResolveOutcome::Succeeded || undoing {
            return match outputs {
                Some(Value::Object(given)) if !given.is_empty() => {
                    Err(Rejection::new(Code::InputInvalid, "outputs are declared for `succeeded` only"))
                }
                _ => Ok(None),
            };
        }
        // A step that failed afterwards (`ensures`) keeps what it gave, unless something else is declared.
        let given = outputs.filter(|value| value.as_object().is_some_and(|given| !given.is_empty()));
        let has_own = self.step(step)?.items.iter().all(|item| item.work.state == StepState::Succeeded);
        if given.is_none() && has_own {
            return Ok(None);
        }
        let given = given.unwrap_or_else(|| Value::Object(Map::new()));
        let fields = &action.capability.spec.output;
        let fitting = value::validate(fields, &given).map_err(rejected)?;
        Ok(Some(Arc::new(fitting)))
    }

    /// The word holds.
    pub fn apply_resolution(&mut self, step: usize, resolution: Resolution) -> Done {
        let undoing = self.step(step)?.state == StepState::Undoing;
        let outcome = resolution.outcome;
        let before = self.step(step)?.reasons.clone();
        self.emit(Event::Resolved(Box::new(resolution)))?;
        match outcome {
            ResolveOutcome::Again => {}
            ResolveOutcome::Succeeded | ResolveOutcome::Undone if undoing => {
                self.resolve_undo(step, false)?
            }
            ResolveOutcome::Failed if undoing => self.resolve_undo(step, true)?,
            ResolveOutcome::Succeeded => {}
            ResolveOutcome::Failed => self.end_resolved(step, StepState::Failed, before)?,
            ResolveOutcome::Undone => self.end_resolved(step, StepState::Undone, before)?,
        }
        self.wake()
    }

    /// A failure that a person confirmed: what follows is the runbook's.
    fn end_resolved(&mut self, step: usize, state: StepState, reasons: Vec<Reason>) -> Done {
        self.settle(step, state, reasons.clone())?;
        let clean_up = self.planned(step)?.is_clean_up();
        if clean_up && self.run.failing.is_some() {
            return Ok(());
        }
        let follow = self.run.plan.runbook.spec.on_failure.value;
        self.fail_run(crate::run::RunState::Failed, follow, reasons, None)
    }
}
