//! What expressions read: the facts of a place, as the table of the language has them. Built from the run, the
//! world and the instant of the turn alone; values are typed by their declarations, so that an instant is an
//! instant. A fact that a place does not have is missing, never empty.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Action, Body, PlanStep};
use ordain_spec::expr::{Facts, Path, Type, Value};
use ordain_spec::kind::field::FieldMap;
use serde_json::Value as Json;

use super::event::Started;
use super::state::{Item, Phase, Run, StepRun};
use crate::world::World;

/// Which of the roots a place has, beside what is given to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// `inputs constants steps run actor budget now`
    Step,
    /// `input actor run budget now`
    Capability,
    /// `input capability step actor run budget now`
    Policy,
    /// `input output`
    Actual,
    /// `input output run`
    Undo,
    /// `inputs constants steps run`
    Outputs,
}

impl Place {
    fn has(self, name: &str) -> bool {
        match self {
            Self::Step => {
                matches!(name, "inputs" | "constants" | "steps" | "run" | "actor" | "budget" | "now")
            }
            Self::Capability | Self::Policy => matches!(name, "actor" | "run" | "budget" | "now"),
            Self::Actual => false,
            Self::Undo => name == "run",
            Self::Outputs => matches!(name, "inputs" | "constants" | "steps" | "run"),
        }
    }
}

/// The facts of one place.
pub(crate) struct Scene<'a> {
    run: &'a Run,
    world: &'a World,
    now: Timestamp,
    place: Place,
    /// The step whose ancestors and budgets are meant; none for outputs and locks.
    step: Option<&'a PlanStep>,
    /// What is booked on: the step's action, or its undo.
    action: Option<&'a Arc<Action>>,
    given: BTreeMap<&'a str, Value>,
    /// What was made of the run once; several rules read the same.
    made: Made,
}

#[derive(Default)]
struct Made {
    inputs: OnceCell<Value>,
    constants: OnceCell<Value>,
    steps: OnceCell<Value>,
    run: OnceCell<Value>,
    actor: OnceCell<Value>,
    budgets: OnceCell<Option<Value>>,
}

impl<'a> Scene<'a> {
    pub fn new(
        run: &'a Run,
        world: &'a World,
        now: Timestamp,
        place: Place,
        step: Option<&'a PlanStep>,
    ) -> Self {
        let action = step.and_then(PlanStep::action);
        Self { run, world, now, place, step, action, given: BTreeMap::new(), made: Made::default() }
    }

    /// The same for the undoing action.
    pub fn undoing(mut self) -> Self {
        self.action = self.step.and_then(PlanStep::undo).map(|undo| &undo.action);
        self
    }

    /// With a fact of this very place.
    pub fn with(mut self, name: &'a str, value: Value) -> Self {
        self.given.insert(name, value);
        self
    }

    /// With `item` (or its name) and `index`, where the step has a list.
    pub fn at_item(self, item: Option<(&'a str, &Json, u32)>) -> Self {
        match item {
            Some((name, value, index)) => {
                let value = Value::from_json(value).unwrap_or(Value::Null);
                self.with(name, value).with("index", Value::Int(i64::from(index)))
            }
            None => self,
        }
    }

    fn steps(&self) -> Value {
        let seen = |index: &usize| self.step.is_none_or(|step| step.ancestors.contains(*index));
        let steps = self.run.steps.iter().zip(&self.run.plan.steps).enumerate();
        let steps = steps.filter(|(index, _)| seen(index));
        Value::map(steps.map(|(_, (run, planned))| (Arc::clone(&planned.id), ancestor(run, planned))))
    }
}

impl Facts for Scene<'_> {
    fn fact(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.given.get(name) {
            return Some(value.clone());
        }
        if !self.place.has(name) {
            return None;
        }
        let made = |cell: &OnceCell<Value>, make: &dyn Fn() -> Value| Some(cell.get_or_init(make).clone());
        match name {
            "inputs" => made(&self.made.inputs, &|| self.run.inputs_value()),
            "constants" => made(&self.made.constants, &|| constants(self.run)),
            "run" => made(&self.made.run, &|| run_value(self.run)),
            "actor" => made(&self.made.actor, &|| actor_value(&self.run.started.requester)),
            "now" => Some(Value::Timestamp(self.now)),
            "steps" => made(&self.made.steps, &|| self.steps()),
            "budget" => {
                let made = self.made.budgets.get_or_init(|| {
                    let action = self.action?;
                    Some(self.world.budget_facts(self.run, action, self.now))
                });
                made.clone()
            }
            _ => None,
        }
    }

    fn actor_is(&self, principal: &str) -> bool {
        self.place.has("actor") && self.world.is(&self.run.started.requester.id, principal)
    }

    fn is_withheld(&self, path: &Path) -> bool {
        let mut names = path.0.iter().map(|name| &**name);
        if names.next() != Some("steps") {
            return false;
        }
        let (step, part, field) = (names.next(), names.next(), names.next());
        part.is_none_or(|part| part == "outputs")
            && self.run.steps.iter().zip(&self.run.plan.steps).any(|(run, planned)| {
                step.is_none_or(|step| step == &*planned.id)
                    && outputs(run)
                        .any(|name| field.is_none_or(|field| field == name) && is_masked(run, name))
            })
    }
}

/// A step as later ones see it. Masked outputs are not there.
fn ancestor(run: &StepRun, planned: &PlanStep) -> Value {
    let attempts: u32 = run.items.iter().map(|item| item.work.attempts).sum();
    Value::map([
        ("state", Value::text(run.state.as_str())),
        ("attempts", Value::Int(i64::from(attempts))),
        ("outputs", outputs_value(run, planned)),
        (
            "approval",
            Value::map(
                run.forms
                    .iter()
                    .filter_map(|(name, value)| Some((name.as_str(), Value::from_json(value).ok()?))),
            ),
        ),
    ])
}

/// The names of what a step gave.
fn outputs(run: &StepRun) -> impl Iterator<Item = &str> {
    run.outputs
        .iter()
        .filter_map(|outputs| outputs.as_object())
        .flat_map(|fields| fields.keys().map(String::as_str))
}

/// True where a policy masks that output.
fn is_masked(run: &StepRun, name: &str) -> bool {
    run.items.iter().any(|item| item.work.masks.iter().any(|mask| **mask == *name))
}

fn outputs_value(run: &StepRun, planned: &PlanStep) -> Value {
    let nothing = || Value::map::<&str>([]);
    let Some(outputs) = &run.outputs else { return nothing() };
    let declared = match &planned.body {
        Body::Use(action) => Some(&action.capability.spec.output),
        Body::Signal => planned.spec.signal.as_ref().map(|signal| &signal.fields),
        _ => None,
    };
    let Some(entries) = outputs.as_object() else { return nothing() };
    let entries = entries.iter().filter(|(name, _)| !is_masked(run, name));
    Value::map(entries.filter_map(|(name, value)| {
        let ty = declared.and_then(|fields| fields.get(name)).map(Type::declared);
        let ty = match ty {
            Some(ty) if planned.is_for_each() => Type::list(ty, None),
            Some(ty) => ty,
            None => return Some((name.as_str(), Value::from_json(value).ok()?)),
        };
        Some((name.as_str(), Value::typed(value, &ty).ok()?))
    }))
}

/// JSON that was validated, as a value of those fields.
pub(crate) fn typed(json: &Json, fields: &FieldMap) -> Value {
    Value::typed(json, &Type::fields(fields)).or_else(|_| Value::from_json(json)).unwrap_or(Value::Null)
}

/// The runbook's constants.
pub(crate) fn constants(run: &Run) -> Value {
    let constants = run.plan.runbook.spec.constants.iter();
    Value::map(
        constants.filter_map(|(name, json)| Some((Arc::clone(name), Value::from_json(&json.value.0).ok()?))),
    )
}

/// `run`
pub(crate) fn run_value(run: &Run) -> Value {
    RunFacts::of(run).value()
}

/// What the fact `run` is made of, for the operation's templates: only live calls read it.
#[derive(Debug, Clone)]
pub struct RunFacts {
    started: Arc<Started>,
    at: Timestamp,
}

impl RunFacts {
    pub(crate) fn of(run: &Run) -> Self {
        Self { started: Arc::clone(&run.started), at: run.created_at }
    }

    fn value(&self) -> Value {
        let started = &self.started;
        Value::map([
            ("id", Value::text(started.run.to_string())),
            ("runbook", Value::Text(Arc::clone(&started.runbook))),
            ("version", Value::text(started.version.as_str())),
            ("mode", Value::text(started.mode.as_str())),
            ("environment", Value::Text(Arc::clone(&started.environment))),
            ("tenant", Value::Text(Arc::clone(&started.tenant))),
            ("startedAt", Value::Timestamp(self.at)),
        ])
    }

    /// The fact as JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.value().to_json()
    }

    /// True where the run delivers a notice.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        self.started.tells.is_some()
    }
}

fn actor_value(actor: &crate::actor::Actor) -> Value {
    let mut facts = vec![("id", Value::text(&*actor.id)), ("type", Value::text(actor.type_.as_str()))];
    if let Some(on_behalf_of) = &actor.on_behalf_of {
        facts.push(("onBehalfOf", Value::text(&**on_behalf_of)));
    }
    Value::map(facts)
}

/// `capability`, as policies see it.
pub(crate) fn capability_value(action: &Action) -> Value {
    let metadata = &action.capability.metadata;
    let mut facts = vec![
        ("name", Value::text(metadata.name.as_str())),
        ("effect", Value::text(action.capability.spec.effect.as_str())),
        (
            "tags",
            Value::map(metadata.tags.iter().map(|(name, tag)| (Arc::clone(name), Value::text(&*tag.value)))),
        ),
    ];
    facts
        .extend(metadata.version.as_ref().map(|version| ("version", Value::text(version.value.to_string()))));
    facts.extend(metadata.risk.as_ref().map(|risk| ("risk", Value::text(risk.as_str()))));
    facts.extend(metadata.owner.as_ref().map(|owner| ("owner", Value::text(owner.value.to_string()))));
    Value::map(facts)
}

/// `step`, as policies see it.
pub(crate) fn step_value(id: &str, attempt: u32, phase: Phase) -> Value {
    Value::map([
        ("id", Value::text(id)),
        ("attempt", Value::Int(i64::from(attempt))),
        ("phase", Value::text(phase.as_str())),
    ])
}

impl Run {
    /// The inputs, typed.
    pub(crate) fn inputs_value(&self) -> Value {
        typed(&self.started.inputs, &self.plan.runbook.spec.inputs)
    }

    /// The item's facts: name, value, index; none where the step has no list.
    pub(crate) fn item_facts<'a>(
        planned: &'a PlanStep,
        item: &'a Item,
        index: u32,
    ) -> Option<(&'a str, &'a Json, u32)> {
        let each = planned.spec.for_each.as_ref()?;
        let name = each.as_.as_ref().map_or("item", |name| name.value.as_str());
        Some((name, item.value.as_deref()?, index))
    }
}
