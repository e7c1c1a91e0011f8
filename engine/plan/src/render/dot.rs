//! A plan for Graphviz. Node names are numbers; everything from specs stands in quoted labels.

use std::fmt::Write as _;

use ordain_spec::kind::runbook::NeedOn;

use super::escape::dot as escaped;
use super::say;
use crate::model::{Body, Plan, PlanStep};

/// A `digraph`, read from top to bottom.
#[must_use]
pub fn dot(plan: &Plan) -> String {
    let mut out = String::from("digraph plan {\n");
    let title = escaped(&say::titled(plan));
    let _infallible = writeln!(out, "  label=\"{title}\"; labelloc=t; fontname=\"sans-serif\";");
    out.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=9, color=\"#667085\"];\n");
    for step in &plan.steps {
        let label: Vec<String> = lines(step).iter().map(|line| escaped(line)).collect();
        let _infallible = writeln!(out, "  s{} [label=\"{}\"{}];", step.index, label.join("\\n"), look(step));
    }
    for step in &plan.steps {
        for need in &step.needs {
            let style = match need.on {
                NeedOn::Success => "",
                NeedOn::Ok => " [label=\"done or skipped\"]",
                NeedOn::Any => " [style=dashed, label=\"however it settles\"]",
            };
            let _infallible = writeln!(out, "  s{} -> s{}{style};", need.step, step.index);
        }
    }
    out.push_str("}\n");
    out
}

/// What stands in the box of a step: its id, what it does, risk and effect, gates, bounds.
pub fn lines(step: &PlanStep) -> Vec<String> {
    let mut out = vec![step.id.to_string(), say::body(step)];
    if let Some(action) = step.action() {
        let risk = say::risk(step).map(|risk| format!("{risk} · ")).unwrap_or_default();
        out.push(format!("{risk}{}", action.capability.spec.effect.value));
    }
    for approval in &step.approvals {
        out.push(format!("◆ {}", approval.metadata.name.value));
    }
    for gate in &step.gates {
        if !step.approvals.iter().any(|approval| approval.metadata.name.value.as_str() == &*gate.approval) {
            out.push(format!("◆ {}{}", gate.approval, if gate.certain { "" } else { " (may ask)" }));
        }
    }
    if let Some(each) = &step.spec.for_each {
        out.push(format!("× {} at most, {} at once", step.max_items, each.max_parallel.value));
    }
    out
}

fn look(step: &PlanStep) -> &'static str {
    match &step.body {
        Body::Approve(_) => ", shape=diamond, style=solid, color=\"#b54708\"",
        Body::Wait { .. } | Body::Signal => ", style=\"rounded,dotted\"",
        Body::SubRun(_) => ", peripheries=2",
        Body::Use(_) | Body::Export(_) if !step.approvals.is_empty() => ", color=\"#b54708\", penwidth=2",
        Body::Use(_) | Body::Export(_) => "",
    }
}
