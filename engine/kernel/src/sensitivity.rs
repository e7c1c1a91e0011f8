//! How much a value of a run may be shown: the highest of what it was made from, by the specs that the run is pinned
//! to. A label follows the data through outputs, arguments, expressions, sub-runs and exports; only a capability's
//! declared output may lower it. Sinks ask here before anything reaches them; nothing here lets anything through.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_plan::{Body, Plan, PlanStep};
use ordain_spec::expr::{Arg, Expr, Path};
use ordain_spec::kind::field::{Field, FieldMap};
use ordain_spec::kind::scalar::Sensitivity;

use crate::run::Run;

/// What records and exports may show.
pub const RECORDS: Sensitivity = Sensitivity::Meta;

/// What reviewers may be shown.
pub const REVIEWERS: Sensitivity = Sensitivity::Personal;

/// Inputs that are more sensitive than they are declared: what a sub-run was given by the run above it.
pub type Raised = BTreeMap<Arc<str>, Sensitivity>;

/// The label of an output of a step.
#[must_use]
pub fn of_output(run: &Run, planned: &PlanStep, name: &str) -> Sensitivity {
    Labels::of(run).outputs(planned, &[name])
}

/// The label of an output of the whole run.
#[must_use]
pub fn of_result(run: &Run, name: &str) -> Sensitivity {
    Labels::of(run).result(name)
}

/// The label that an argument of a step, or what it shows, has from inputs that are more sensitive than declared. What
/// is as sensitive as declared was held against its sink when the catalogue was checked.
#[must_use]
pub fn raised_in(run: &Run, planned: &PlanStep, arg: &Arg) -> Sensitivity {
    Labels { planned: Some(planned), raised_only: true, ..Labels::of(run) }.argument(arg)
}

/// The inputs of a step's sub-run that its runbook declares less sensitive than what they are given.
#[must_use]
pub fn raised(run: &Run, planned: &PlanStep) -> Raised {
    match &planned.body {
        Body::SubRun(plan) => Labels::of(run).raises(planned, plan),
        _ => Raised::new(),
    }
}

/// The label that a field declares, with all that is in it.
#[must_use]
pub fn whole(field: &Field) -> Sensitivity {
    let inner = field.items.iter().map(|item| whole(item));
    let fields = field.fields.iter().flat_map(|fields| fields.iter().map(|(_, field)| whole(field)));
    highest(inner.chain(fields)).max(field.sensitivity.value)
}

fn highest(labels: impl Iterator<Item = Sensitivity>) -> Sensitivity {
    labels.max().unwrap_or(Sensitivity::Public)
}

/// The label of what a path reads inside a declared field.
fn within(field: Option<&Field>, rest: &[&str]) -> Sensitivity {
    let Some(field) = field else { return Sensitivity::Internal };
    if let (false, Some(item)) = (rest.is_empty(), &field.items) {
        return within(Some(item), rest).max(field.sensitivity.value);
    }
    match (rest, &field.fields) {
        ([name, rest @ ..], Some(fields)) if fields.get(name).is_some() => {
            within(fields.get(name), rest).max(field.sensitivity.value)
        }
        _ => whole(field),
    }
}

/// What labels are looked up in.
struct Labels<'p> {
    plan: &'p Plan,
    raised: Raised,
    /// The step whose list an `item` is of.
    planned: Option<&'p PlanStep>,
    /// Only what comes from raised inputs is looked at.
    raised_only: bool,
}

impl<'p> Labels<'p> {
    fn of(run: &'p Run) -> Self {
        Self { plan: &run.plan, raised: run.started.labels.clone(), planned: None, raised_only: false }
    }

    fn result(&self, name: &str) -> Sensitivity {
        let expr = self.plan.runbook.spec.outputs.get(name);
        expr.map_or_else(|| self.declared(Sensitivity::Internal), |expr| self.expression(expr))
    }

    /// The same inside the sub-run of a step.
    fn below<'c>(&self, planned: &PlanStep, plan: &'c Plan) -> Labels<'c> {
        Labels { plan, raised: self.raises(planned, plan), planned: None, raised_only: self.raised_only }
    }

    fn raises(&self, planned: &PlanStep, below: &Plan) -> Raised {
        let (plan, raised) = (self.plan, self.raised.clone());
        let here = Labels { plan, raised, planned: Some(planned), raised_only: false };
        let given = planned.spec.with.iter().map(|(name, arg)| (name, here.argument(arg)));
        let declared = |name: &str| below.runbook.spec.inputs.get(name).map(whole);
        let above = given.filter(|(name, label)| declared(name).is_some_and(|declared| *label > declared));
        above.map(|(name, label)| (Arc::clone(name), label)).collect()
    }

    fn argument(&self, arg: &Arg) -> Sensitivity {
        highest(arg.exprs().into_iter().map(|expr| self.expression(expr)))
    }

    fn expression(&self, expr: &Expr) -> Sensitivity {
        highest(expr.reads().iter().map(|path| self.path(path)))
    }

    fn path(&self, path: &Path) -> Sensitivity {
        self.segments(&path.segments().collect::<Vec<_>>())
    }

    fn segments(&self, segments: &[&str]) -> Sensitivity {
        match segments {
            ["inputs"] => self
                .declared(highest(self.plan.runbook.spec.inputs.iter().map(|(_, field)| whole(field))))
                .max(highest(self.raised.values().copied())),
            ["inputs", name, rest @ ..] => {
                let raised = self.raised.get(*name).copied().unwrap_or(Sensitivity::Public);
                self.declared(within(self.plan.runbook.spec.inputs.get(name), rest)).max(raised)
            }
            ["constants", ..] => self.declared(Sensitivity::Internal),
            ["steps", id, "outputs", rest @ ..] => self
                .plan
                .step(id)
                .map_or_else(|| self.declared(Sensitivity::Internal), |step| self.outputs(step, rest)),
            ["steps", id, "approval", rest @ ..] => {
                let label = self.plan.step(id).map(|step| form(step, rest.first().copied()));
                self.declared(label.unwrap_or(Sensitivity::Internal))
            }
            // The whole of a step, or of all steps, is whatever is in it.
            ["steps"] | ["steps", _] => highest(self.plan.steps.iter().map(|step| self.outputs(step, &[])))
                .max(self.declared(Sensitivity::Internal)),
            ["steps", ..] | ["run" | "actor" | "budget" | "now" | "index" | "file" | "row", ..] => {
                self.declared(Sensitivity::Meta)
            }
            // An item of the step's list, under whatever name: what the list is made of, looked into as far.
            [_, rest @ ..] => {
                let each = self.planned.and_then(|planned| planned.spec.for_each.as_ref());
                let of = |path: &Path| {
                    let list: Vec<&str> = path.segments().chain(rest.iter().copied()).collect();
                    // A list is made of nothing that is itself an item of it.
                    Labels { planned: None, raised: self.raised.clone(), ..*self }.segments(&list)
                };
                let reads = each.map(|each| highest(each.in_.reads().iter().map(of)));
                reads.unwrap_or_else(|| self.declared(Sensitivity::Internal))
            }
            [] => self.declared(Sensitivity::Internal),
        }
    }

    /// A label that specs declare, where those are looked at.
    const fn declared(&self, label: Sensitivity) -> Sensitivity {
        if self.raised_only { Sensitivity::Public } else { label }
    }

    /// All outputs of a step, or what a path reads of them.
    fn outputs(&self, planned: &PlanStep, path: &[&str]) -> Sensitivity {
        let of = |fields: &FieldMap| match path {
            [] => highest(fields.iter().map(|(_, field)| whole(field))),
            [name, rest @ ..] => within(fields.get(name), rest),
        };
        match (&planned.body, path) {
            // The one place where a label may fall.
            (Body::Use(action), _) => self.declared(of(&action.capability.spec.output)),
            (Body::Signal, _) => {
                let label = planned.spec.signal.as_ref().map(|signal| of(&signal.fields));
                self.declared(label.unwrap_or(Sensitivity::Internal))
            }
            (Body::SubRun(plan), []) => {
                let below = self.below(planned, plan);
                highest(plan.runbook.spec.outputs.keys().map(|name| below.result(name)))
            }
            (Body::SubRun(plan), [name, ..]) => self.below(planned, plan).result(name),
            (Body::Approve(_) | Body::Wait { .. } | Body::Export(_), _) => self.declared(Sensitivity::Meta),
        }
    }
}

/// What reviewers filled in.
fn form(planned: &PlanStep, name: Option<&str>) -> Sensitivity {
    let own = match &planned.body {
        Body::Approve(approval) => Some(approval),
        _ => None,
    };
    let stages = own.into_iter().chain(&planned.approvals).flat_map(|approval| &approval.spec.stages);
    let fields = stages.flat_map(|stage| stage.form.iter());
    let named = fields.filter(|(field, _)| name.is_none_or(|name| *name == ***field));
    // A definition in force may ask for more than the pinned one: what is not known here is internal.
    highest(named.map(|(_, field)| whole(field))).max(Sensitivity::Internal)
}
