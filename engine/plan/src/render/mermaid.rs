//! A plan as a Mermaid flowchart. Node names are numbers; labels are escaped to entities.

use std::fmt::Write as _;

use ordain_spec::kind::runbook::NeedOn;

use super::dot::lines;
use super::escape::mermaid as escaped;
use crate::model::{Body, Plan, PlanStep};

/// A `flowchart`, read from top to bottom.
#[must_use]
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart TD\n");
    for step in &plan.steps {
        let label: Vec<String> = lines(step).iter().map(|line| escaped(line)).collect();
        let (open, close) = shape(step);
        let _infallible = writeln!(out, "  s{}{open}\"{}\"{close}", step.index, label.join("<br/>"));
    }
    for step in &plan.steps {
        for need in &step.needs {
            let arrow = match need.on {
                NeedOn::Success => "-->",
                NeedOn::Ok => "-->|done or skipped|",
                NeedOn::Any => "-.->|however it settles|",
            };
            let _infallible = writeln!(out, "  s{} {arrow} s{}", need.step, step.index);
        }
    }
    let gated: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| !step.approvals.is_empty() || matches!(step.body, Body::Approve(_)))
        .map(|step| format!("s{}", step.index))
        .collect();
    if !gated.is_empty() {
        out.push_str("  classDef gate stroke:#b54708,stroke-width:2px\n");
        let _infallible = writeln!(out, "  class {} gate", gated.join(","));
    }
    out
}

const fn shape(step: &PlanStep) -> (&'static str, &'static str) {
    match &step.body {
        Body::Use(_) | Body::Export(_) => ("[", "]"),
        Body::SubRun(_) => ("[[", "]]"),
        Body::Approve(_) => ("{{", "}}"),
        Body::Wait { .. } | Body::Signal => ("([", "])"),
    }
}
