//! Law `tainted-flow`: what a run gives holds more than the meta schema may show, by the way it is computed.
//! The way is shown step by step. What capabilities declare is the business of `sensitivity-too-high`.

use super::context::{Context, law};
use super::scope::Outputs;
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Path};
use crate::kind::Runbook;
use crate::kind::field::FieldMap;
use crate::kind::meta_schema::MetaFrom;
use crate::kind::runbook::Step;
use crate::kind::scalar::Sensitivity;
use crate::source::Span;

/// Sub-runs are looked into so deep.
const DEPTH: usize = 8;

/// One place that data go through, first where they come from.
struct Hop {
    place: Span,
    said: String,
}

/// Where data come from and through what, and how much they may be shown.
struct Flow {
    hops: Vec<Hop>,
    sensitivity: Sensitivity,
}

impl Flow {
    fn from(place: Span, said: String, sensitivity: Sensitivity) -> Self {
        Self { hops: vec![Hop { place, said }], sensitivity }
    }

    fn then(mut self, place: Span, said: String) -> Self {
        self.hops.push(Hop { place, said });
        self
    }
}

/// `outputs` is what every runbook gives.
pub(super) fn check_outputs(cx: &Context<'_>, outputs: &Outputs, sink: &mut Vec<Diagnostic>) {
    let fields = cx.all.meta_schema.iter().flat_map(|meta| meta.spec.fields.iter());
    for (name, field) in fields {
        let MetaFrom::Output(output) = &field.from.value else { continue };
        for runbook in every(&cx.all.runbooks).filter(|runbook| !cx.is_built_in(runbook.span)) {
            let given = outputs.given.get(&runbook.digest).and_then(|(_, given)| given.get(output.as_str()));
            let tainted = given.map(|given| given.sensitivity).filter(|given| *given > Sensitivity::Meta);
            let (Some(sensitivity), Some(entry)) = (tainted, runbook.spec.outputs.0.get(output.as_str()))
            else {
                continue;
            };
            let said = format!("output `{output}` of runbook `{}`", runbook.metadata.name.value);
            let flow = trace(cx, runbook, &entry.value, DEPTH)
                .unwrap_or(Flow { hops: Vec::new(), sensitivity })
                .then(entry.key_span, said)
                .then(field.from.span, format!("field `{name}` of the meta schema"));
            report(cx, name, field.from.span, sensitivity, &flow, sink);
        }
    }
}

/// At each export that takes the field; where none does, at the field itself.
fn report(
    cx: &Context<'_>,
    name: &str,
    field: Span,
    sensitivity: Sensitivity,
    flow: &Flow,
    sink: &mut Vec<Diagnostic>,
) {
    let leaving: Vec<(Span, Option<String>)> = cx
        .all
        .exports
        .values()
        .filter_map(|export| {
            let taken: &Spanned<_> = export.spec.fields.iter().find(|taken| &*taken.value == name)?;
            Some((taken.span, Some(format!("export `{}`", export.metadata.name.value))))
        })
        .collect();
    let leaving = if leaving.is_empty() { vec![(field, None)] } else { leaving };
    for (place, export) in leaving {
        let way: Vec<&str> = flow.hops.iter().map(|hop| hop.said.as_str()).chain(export.as_deref()).collect();
        let message = format!("{sensitivity} data would be shown as `{name}`: {}", way.join(" → "));
        let mut problem = law("tainted-flow", place, message)
            .help("give something else in the runbook's outputs, or take the field out of the meta schema")
            .consequence("the engine refuses the catalogue: records and exports are cleared up to meta");
        for (number, hop) in (1..).zip(&flow.hops) {
            problem = problem.related(hop.place, format!("{number}. {}", hop.said));
        }
        sink.push(problem);
    }
}

/// Where the most sensitive of what an expression reads comes from.
fn trace(cx: &Context<'_>, runbook: &Runbook, expr: &Expr, depth: usize) -> Option<Flow> {
    let flows = expr.reads().iter().filter_map(|path| of_path(cx, runbook, path, depth));
    // The first of the most sensitive: the order of the text.
    flows.reduce(|best, flow| if flow.sensitivity > best.sensitivity { flow } else { best })
}

fn of_path(cx: &Context<'_>, runbook: &Runbook, path: &Path, depth: usize) -> Option<Flow> {
    let segments: Vec<&str> = path.segments().collect();
    match segments.as_slice() {
        ["inputs", name, ..] => declared(&runbook.spec.inputs, name, |name| format!("input `{name}`")),
        ["constants", name, ..] => {
            let (_, entry) = runbook.spec.constants.0.get_key_value(*name)?;
            Some(Flow::from(entry.key_span, format!("constant `{name}`"), Sensitivity::Internal))
        }
        ["steps", id, part, name, ..] => {
            let step = runbook.spec.steps.iter().find(|step| step.id.value.as_str() == *id)?;
            let flow = match *part {
                "outputs" => of_step(cx, step, name, depth)?,
                "approval" => of_form(cx, step, name)?,
                _ => return None,
            };
            Some(flow.then(step.id.span, format!("step `{id}`")))
        }
        _ => None,
    }
}

fn declared(fields: &FieldMap, name: &str, said: impl Fn(&str) -> String) -> Option<Flow> {
    let entry = fields.0.get(name)?;
    let sensitivity = entry.value.sensitivity.value;
    Some(Flow::from(entry.key_span, format!("{} ({sensitivity})", said(name)), sensitivity))
}

fn of_step(cx: &Context<'_>, step: &Step, name: &str, depth: usize) -> Option<Flow> {
    if let Some(reference) = &step.uses {
        let capability = cx.all.capability(reference).ok()?;
        let of = &capability.metadata.name.value;
        return declared(&capability.spec.output, name, |name| format!("output `{name}` of `{of}`"));
    }
    if let Some(signal) = &step.signal {
        let of = &signal.name.value;
        return declared(&signal.fields, name, |name| format!("field `{name}` of signal `{of}`"));
    }
    let child = cx.all.runbook(step.runbook.as_ref()?).ok()?;
    let entry = child.spec.outputs.0.get(name)?;
    let inner = trace(cx, child, &entry.value, depth.checked_sub(1)?)?;
    Some(inner.then(entry.key_span, format!("output `{name}` of runbook `{}`", child.metadata.name.value)))
}

fn of_form(cx: &Context<'_>, step: &Step, name: &str) -> Option<Flow> {
    let capability = step.uses.as_ref().and_then(|reference| cx.all.capability(reference).ok());
    let own = capability.and_then(|capability| capability.spec.approval.as_ref());
    let named = step.approval.iter().chain(&step.approve).chain(own);
    let approvals = named.filter_map(|reference| cx.all.approval(reference).ok());
    let mut stages = approvals.flat_map(|approval| &approval.spec.stages);
    stages
        .find_map(|stage| declared(&stage.form, name, |name| format!("field `{name}` of a reviewer's form")))
}
