//! A plan as the JSON document of `ordain plan --json`.

use serde_json::{Map, Value, json};

use crate::connection::missing_connections;
use crate::model::{Body, Gate, GateSource, Plan, PlanStep};
use crate::words::expression;
use ordain_spec::kind::runbook::NeedOn;

/// The document. Sub-runs are named and digested in their step, not unfolded.
#[must_use]
pub fn json(plan: &Plan) -> Value {
    let missing: Vec<Value> = missing_connections(plan)
        .into_iter()
        .map(|fault| json!({"code": fault.code, "step": fault.step, "detail": fault.detail}))
        .collect();
    json!({
        "runbook": plan.name(),
        "version": plan.version(),
        "planDigest": plan.digest.to_string(),
        "catalogueDigest": plan.catalogue.to_string(),
        "steps": plan.steps.iter().map(|each| step(plan, each)).collect::<Vec<_>>(),
        "worstCase": {
            "cost": plan.worst_case.cost,
            "undoCost": plan.worst_case.undo_cost,
            "approvals": plan.worst_case.approvals,
            "steps": plan.worst_case.steps,
        },
        "missing": missing,
    })
}

fn step(plan: &Plan, step: &PlanStep) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), step.id.as_ref().into());
    out.insert("kind".into(), step.body.kind().into());
    let needs = step.needs.iter().map(|need| {
        let id = plan.steps.get(need.step).map_or("", |earlier| &*earlier.id);
        match need.on {
            NeedOn::Success => Value::from(id),
            on @ (NeedOn::Ok | NeedOn::Any) => json!({"step": id, "on": on.as_str()}),
        }
    });
    out.insert("needs".into(), needs.collect());
    out.insert("approvals".into(), approvals(step).into());
    if !step.gates.is_empty() {
        out.insert("gates".into(), step.gates.iter().map(gate).collect());
    }
    if let Some(when) = &step.spec.when {
        out.insert("when".into(), expression(when).as_ref().into());
    }
    if let Some(each) = &step.spec.for_each {
        let each = json!({"in": *expression(&each.in_), "as": *each.item_name(), "maxItems": step.max_items, "maxParallel": each.max_parallel.value});
        out.insert("forEach".into(), each);
    }
    if step.max_attempts > 1 {
        out.insert("maxAttempts".into(), step.max_attempts.into());
    }
    if let Some(ms) = step.timeout_ms {
        out.insert("timeoutMs".into(), ms.into());
    }
    body(step, &mut out);
    Value::Object(out)
}

/// The approvals that are asked for in any case: capability's, step's, and those of policies whose
/// rule has no condition. `gates` also holds those that may be asked for.
fn approvals(step: &PlanStep) -> Vec<String> {
    let own = step.approvals.iter().map(|approval| approval.metadata.name.value.to_string());
    let certain = step.gates.iter().filter(|gate| gate.certain).map(|gate| gate.approval.to_string());
    let gate = match &step.body {
        Body::Approve(approval) => Some(approval.metadata.name.value.to_string()),
        _ => None,
    };
    let mut names: Vec<String> = own.chain(certain).chain(gate).collect();
    names.sort();
    names.dedup();
    names
}

fn gate(gate: &Gate) -> Value {
    let source = match &gate.source {
        GateSource::Policy { name, rule } => json!({"kind": "Policy", "name": **name, "rule": **rule}),
        GateSource::Budget { name } => json!({"kind": "Budget", "name": **name}),
    };
    let mut out = json!({"approval": *gate.approval, "source": source, "certain": gate.certain});
    if let (Some(when), Some(object)) = (&gate.when, out.as_object_mut()) {
        object.insert("when".into(), (**when).into());
    }
    out
}

fn body(step: &PlanStep, out: &mut Map<String, Value>) {
    match &step.body {
        Body::Use(action) => {
            out.insert("uses".into(), action.uses().into());
            if let Some(risk) = &action.capability.metadata.risk {
                out.insert("risk".into(), risk.value.as_str().into());
            }
            out.insert("effect".into(), action.capability.spec.effect.value.as_str().into());
            out.insert("calls".into(), action.call_name().into());
            if let Some(undo) = &action.undo {
                out.insert(
                    "undo".into(),
                    json!({"uses": undo.action.uses(), "calls": undo.action.call_name()}),
                );
            }
        }
        Body::SubRun(child) => {
            match child.flow() {
                Some(export) => out.insert("export".into(), export.into()),
                None => out.insert("runbook".into(), super::say::titled(child).into()),
            };
            out.insert("planDigest".into(), child.digest.to_string().into());
        }
        Body::Wait { ms } => {
            out.insert("waitMs".into(), (*ms).into());
        }
        Body::Signal => {
            if let Some(signal) = &step.spec.signal {
                out.insert("signal".into(), signal.name.value.as_str().into());
            }
        }
        Body::Export(export) => {
            out.insert("export".into(), export.metadata.name.as_str().into());
        }
        Body::Approve(_) => {}
    }
}
