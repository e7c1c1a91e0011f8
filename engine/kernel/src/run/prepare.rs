//! A step became ready: `when`, the items, `with` and `show` are evaluated once and recorded; then guards and
//! policies of all items, before the first starts. Nothing outside happens here.

use std::sync::Arc;

use ordain_plan::{Action, Body, PlanStep};
use ordain_spec::expr::{Arg, COST_LIMIT, EvalError, EvalErrorKind, Value};
use ordain_spec::kind::Kind;
use ordain_spec::kind::capability::Guard;
use ordain_spec::kind::field::{FieldMap, Named};
use serde_json::{Map, Value as Json};

use super::Rejection;
use super::ask::by_rules;
use super::event::{Event, Prepared};
use super::facts::{Place, Scene, typed};
use super::state::{Phase, Run, StepState};
use super::turn::{Done, Turn};
use crate::decision::Outcome;
use crate::reason::{Code, Reason};
use crate::sensitivity;
use crate::value;

/// A value, or why the step ends.
type Judged<T> = Result<T, (StepState, Vec<Reason>)>;

fn denied<T>(reasons: Vec<Reason>) -> Judged<T> {
    Err((StepState::Denied, reasons))
}

impl Turn<'_> {
    /// Evaluates what a ready step does, once, and lets it go as far as it may.
    pub fn prepare(&mut self, step: usize) -> Done {
        self.see_budgets(step, 0, Phase::Do)?;
        match self.is_wanted(step) {
            Ok(true) => {}
            Ok(false) => return self.settle(step, StepState::Skipped, Vec::new()),
            Err((state, reasons)) => return self.fail_step(step, state, reasons),
        }
        let mut reasons = self.uncleared(step)?;
        // A step with `uses` says so in its decision; every other has none.
        if self.planned(step)?.action().is_none() {
            reasons.extend(self.stale(step)?);
        }
        if !reasons.is_empty() {
            return self.fail_step(step, StepState::Denied, reasons);
        }
        if self.is_bare(step)? {
            return self.prepare_bare(step);
        }
        let (items, show) = match self.arguments(step) {
            Ok(prepared) => prepared,
            Err((state, reasons)) => return self.fail_step(step, state, reasons),
        };
        let id = self.id(step)?;
        let empty = items.is_empty();
        self.emit(Event::StepPrepared { step: id, items, show })?;
        if empty {
            return self.conclude(step);
        }
        self.judge(step)
    }

    /// What is more sensitive than where it would go may show: arguments at a connector, what reviewers see.
    fn uncleared(&self, step: usize) -> Result<Vec<Reason>, Rejection> {
        let planned = self.planned(step)?;
        let mut reasons = Vec::new();
        if self.run.started.labels.is_empty() {
            return Ok(reasons);
        }
        if let Some(action) = planned.action() {
            let (clearance, connector) =
                (action.connector.spec.clearance.value, &action.connector.metadata.name.value);
            for (name, arg) in planned.spec.with.iter() {
                let label = sensitivity::raised_in(self.run, planned, arg);
                if label > clearance {
                    let detail =
                        format!("`{name}` is {label}; connector `{connector}` is cleared up to {clearance}");
                    reasons.push(
                        Reason::new(Code::SensitivityNotCleared, detail)
                            .from(Kind::Connector, connector.shared()),
                    );
                }
            }
        }
        for (name, arg) in planned.spec.show.iter() {
            let label = sensitivity::raised_in(self.run, planned, arg);
            if label > sensitivity::REVIEWERS {
                let detail =
                    format!("`show.{name}` is {label}; reviewers are shown up to {}", sensitivity::REVIEWERS);
                reasons.push(Reason::new(Code::SensitivityNotCleared, detail));
            }
        }
        Ok(at(reasons, planned))
    }

    /// True for a step without arguments of its own: a gate, a pause, a signal.
    pub fn is_bare(&self, step: usize) -> Result<bool, Rejection> {
        Ok(!matches!(self.planned(step)?.body, Body::Use(_) | Body::SubRun(_)))
    }

    fn prepare_bare(&mut self, step: usize) -> Done {
        let shown = {
            let planned = self.planned(step)?;
            let scene = self.scene(planned);
            let shown = render(&planned.spec.show, &scene).map_err(|error| self.expression(planned, &error));
            let guards = shown
                .is_ok()
                .then(|| self.guards(&planned.spec.guards, &scene, Kind::Runbook, self.run.plan.name()));
            match (shown, guards.unwrap_or_default()) {
                (Ok(shown), reasons) if reasons.is_empty() => Ok(shown),
                (Ok(_), reasons) => Err(at(reasons, planned)),
                (Err(reason), _) => Err(vec![reason]),
            }
        };
        match shown {
            Err(reasons) => self.fail_step(step, StepState::Denied, reasons),
            Ok(show) => {
                let id = self.id(step)?;
                let show = show.as_object().is_some_and(|show| !show.is_empty()).then(|| Arc::new(show));
                self.emit(Event::StepPrepared { step: id, items: Vec::new(), show })?;
                // Nobody is asked about an export before its rows are fixed.
                if matches!(self.planned(step)?.body, Body::Export(_)) {
                    return Ok(());
                }
                self.hold_or_go(step, Vec::new())
            }
        }
    }

    pub(super) fn scene<'s>(&'s self, planned: &'s PlanStep) -> Scene<'s> {
        let scene = Scene::new(self.run, self.world, self.now, Place::Step, Some(planned));
        match self.released_file() {
            Some(file) => scene.with("file", file),
            None => scene,
        }
    }

    /// What a delivery knows of the file that was released; none in a runbook that somebody wrote.
    fn released_file(&self) -> Option<Value> {
        self.run.plan.flow()?;
        let preview = self.run.steps.iter().find(|step| step.released)?.preview.as_ref()?;
        let rows = i64::try_from(preview.rows).ok()?;
        Some(Value::map([("digest", Value::text(preview.digest.to_string())), ("rows", Value::Int(rows))]))
    }

    /// `when`.
    fn is_wanted(&self, step: usize) -> Judged<bool> {
        let Some(planned) = self.run.plan.steps.get(step) else { return Ok(false) };
        let Some(when) = &planned.spec.when else { return Ok(true) };
        let scene = self.scene(planned);
        when.is_true(&scene, COST_LIMIT).or_else(|error| denied(vec![self.expression(planned, &error)]))
    }

    /// The items with their arguments, and what reviewers are shown.
    fn arguments(&self, step: usize) -> Judged<(Vec<Prepared>, Option<Arc<Json>>)> {
        let Some(planned) = self.run.plan.steps.get(step) else {
            return denied(vec![Code::SystemFault.reason()]);
        };
        let values = self.list(planned)?;
        let count = values.as_ref().map_or(1, Vec::len);
        let mut items = Vec::with_capacity(count);
        for index in 0..count {
            let value = values.as_ref().and_then(|values| values.get(index));
            items.push(self.argument(planned, value, super::evolve::to_u32(index))?);
        }
        let show = render(&planned.spec.show, &self.scene(planned));
        let show = show.or_else(|error| denied(vec![self.expression(planned, &error)]))?;
        let some = show.as_object().is_some_and(|show| !show.is_empty());
        Ok((items, some.then(|| Arc::new(show))))
    }

    /// `forEach.in`; none where the step has no list.
    fn list(&self, planned: &PlanStep) -> Judged<Option<Vec<Value>>> {
        let Some(each) = &planned.spec.for_each else { return Ok(None) };
        let value = each.in_.eval(&self.scene(planned), COST_LIMIT);
        let value = value.or_else(|error| denied(vec![self.expression(planned, &error)]))?;
        let Value::List(items) = value else {
            let reason =
                Reason::new(Code::ExpressionError, "`forEach.in` is no list").at(Arc::clone(&planned.id));
            return denied(vec![reason]);
        };
        if items.len() as u64 > planned.max_items {
            let detail = format!("{} items; at most {} are declared", items.len(), planned.max_items);
            return denied(vec![Reason::new(Code::TooManyItems, detail).at(Arc::clone(&planned.id))]);
        }
        Ok(Some(items.to_vec()))
    }

    fn argument(&self, planned: &PlanStep, value: Option<&Value>, index: u32) -> Judged<Prepared> {
        let json = value.map(Value::to_json);
        let name = planned.spec.for_each.as_ref().and_then(|each| each.as_.as_ref());
        let name = name.map_or("item", |name| name.value.as_str());
        let scene = self.scene(planned);
        let scene = match value {
            Some(value) => scene.with(name, value.clone()).with("index", Value::Int(i64::from(index))),
            None => scene,
        };
        let input = match self.run.plan.notice() {
            // What a notice says was made of its record, before the run began.
            Some(_) => self.run.started.inputs.clone(),
            None => render(&planned.spec.with, &scene)
                .or_else(|error| denied(vec![self.expression(planned, &error)]))?,
        };
        let (fields, action) = match &planned.body {
            Body::Use(action) => (&action.capability.spec.input, Some(&**action)),
            Body::SubRun(plan) => (&plan.runbook.spec.inputs, None),
            _ => return denied(vec![Code::SystemFault.reason()]),
        };
        let input = value::validate(fields, &input)
            .or_else(|misfit| denied(vec![misfit.at(Arc::clone(&planned.id))]))?;
        let call = match action {
            Some(action) => self
                .operation_input(action, &input)
                .or_else(|error| denied(vec![self.expression(planned, &error)]))?,
            None => None,
        };
        Ok(Prepared { input: Arc::new(input), call: call.map(Arc::new), value: json.map(Arc::new) })
    }

    /// The capability's `with`; none where inputs pass by name.
    pub fn operation_input(&self, action: &Action, input: &Json) -> Result<Option<Json>, EvalError> {
        let Some(with) = &action.capability.spec.with else { return Ok(None) };
        let scene = Scene::new(self.run, self.world, self.now, Place::Capability, None);
        render(with, &scene.with("input", typed(input, &action.capability.spec.input))).map(Some)
    }

    /// Guards and policies of all items; then people, or the way is free.
    fn judge(&mut self, step: usize) -> Done {
        let count = super::evolve::to_u32(self.step(step)?.items.len());
        let uses = matches!(self.planned(step)?.body, Body::Use(_));
        let mut required = Vec::new();
        for item in 0..count {
            if uses && let Some(reasons) = self.unfit(step, Phase::Do)? {
                return self.fail_step(step, StepState::Denied, reasons);
            }
            let reasons = self.item_guards(step, item, Phase::Do)?;
            if !reasons.is_empty() {
                return self.fail_step(step, StepState::Denied, reasons);
            }
            if !uses {
                continue;
            }
            let decision = self.ask_policies(step, item, Phase::Do)?;
            let denies = decision.outcome == Outcome::Deny;
            required.extend(by_rules(&decision));
            let reasons = decision.reasons.clone();
            self.decided(step, item, Phase::Do, decision)?;
            if denies {
                let reasons = at(reasons, self.planned(step)?);
                return self.fail_step(step, StepState::Denied, reasons);
            }
        }
        self.fresh = Some(step);
        self.hold_or_go(step, required)
    }

    /// Why the guards of an item do not hold.
    pub fn item_guards(&self, step: usize, item: u32, phase: Phase) -> Result<Vec<Reason>, Rejection> {
        self.guards_as(step, item, phase, self.planned(step)?)
    }

    /// The same with the guards that a step is declared with, in this plan or another; of a step without items its own
    /// guards alone.
    pub fn guards_as(
        &self,
        step: usize,
        item: u32,
        phase: Phase,
        declared: &PlanStep,
    ) -> Result<Vec<Reason>, Rejection> {
        let planned = self.planned(step)?;
        let known = self.step(step)?.items.get(item as usize);
        let mut reasons = Vec::new();
        let action = match phase {
            Phase::Do => declared.action(),
            Phase::Undo => declared.undo().map(|undo| &undo.action),
        };
        if let Some(action) = action
            && let Some(work) = known.and_then(|known| known.of(phase))
            && !action.capability.spec.guards.is_empty()
        {
            let scene = Scene::new(self.run, self.world, self.now, Place::Capability, Some(planned));
            let scene = if phase == Phase::Undo { scene.undoing() } else { scene };
            let scene = scene.with("input", typed(&work.input, &action.capability.spec.input));
            let name = action.capability.metadata.name.as_str();
            reasons.extend(self.guards(&action.capability.spec.guards, &scene, Kind::Capability, name));
        }
        if phase == Phase::Do && !declared.spec.guards.is_empty() {
            let facts = known.and_then(|known| Run::item_facts(planned, known, item));
            let scene = self.scene(planned).at_item(facts);
            reasons.extend(self.guards(&declared.spec.guards, &scene, Kind::Runbook, self.run.plan.name()));
        }
        Ok(at(reasons, planned))
    }

    /// Why these guards do not hold; all of them are asked.
    pub fn guards(&self, guards: &[Guard], scene: &Scene<'_>, kind: Kind, name: &str) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for guard in guards {
            let verdict = guard.expr.is_true(scene, COST_LIMIT);
            let code = match &verdict {
                Ok(true) => continue,
                Ok(false) => Code::GuardFalse,
                Err(error) => match error.kind {
                    EvalErrorKind::FactMissing | EvalErrorKind::Withheld => Code::FactMissing,
                    EvalErrorKind::CostLimit => Code::CostLimit,
                    _ => Code::GuardError,
                },
            };
            let mut reason = code.reason().from_rule(kind, name, guard.id.value.as_str());
            if let Some(because) = &guard.reason {
                reason = reason.because(because.value.as_str());
            }
            if let Err(error) = verdict {
                reason = reason.detail(error.message);
            }
            reasons.push(reason);
        }
        reasons
    }

    /// An expression of the step that has no value.
    pub fn expression(&self, planned: &PlanStep, error: &EvalError) -> Reason {
        let withheld = error.kind == EvalErrorKind::Withheld;
        let code = if withheld { Code::FactMissing } else { Code::ExpressionError };
        Reason::new(code, error.message.clone()).at(Arc::clone(&planned.id))
    }
}

/// The reasons, each with the step that it is about.
pub(super) fn at(reasons: Vec<Reason>, planned: &PlanStep) -> Vec<Reason> {
    let place =
        |reason: Reason| if reason.step.is_some() { reason } else { reason.at(Arc::clone(&planned.id)) };
    reasons.into_iter().map(place).collect()
}

/// A map of arguments, rendered.
pub(super) fn render(args: &Named<Arg>, scene: &Scene<'_>) -> Result<Json, EvalError> {
    let mut made = Map::new();
    for (name, arg) in args.iter() {
        made.insert(name.to_string(), arg.render(scene)?.to_json());
    }
    Ok(Json::Object(made))
}

/// A value of those fields that a capability gave.
pub(super) fn output_value(output: &Json, fields: &FieldMap) -> Value {
    typed(output, fields)
}
