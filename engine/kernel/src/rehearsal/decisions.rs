//! What was decided in a scenario, for a snapshot that is kept beside it: no ids, no clocks, no digests, no values.
//! Two plays of one scenario give the same document on every machine.

use serde_json::{Map, Value, json};

use super::stage::Stage;
use crate::decision::Decision;
use crate::reason::Reason;
use crate::run::Event;

/// `{scenario, state, reasons?, steps: {runbook/step: [decision or how it settled]}}`, in the order in which it came.
/// Policies and rules stand under their names, so that a new one does not move the others.
pub(super) fn decisions(stage: &Stage<'_>) -> Value {
    let run = stage.run.and_then(|run| stage.realm.run(run));
    let mut steps: Map<String, Value> = Map::new();
    for (id, journal) in &stage.journal {
        let Some(run) = stage.realm.run(*id) else { continue };
        for (_, event) in journal {
            let (step, entry) = match event {
                Event::Decided { step, item, attempt, phase, decision, .. } => {
                    let mut entry = decided(decision);
                    entry.insert("item".into(), json!(item));
                    entry.insert("attempt".into(), json!(attempt));
                    entry.insert("phase".into(), json!(phase));
                    (step, entry)
                }
                Event::StepSettled(settled) => {
                    let mut entry = Map::new();
                    entry.insert("settled".into(), json!(settled.state.as_str()));
                    insert_reasons(&mut entry, &settled.reasons);
                    (&settled.step, entry)
                }
                _ => continue,
            };
            let name = format!("{}/{step}", run.plan.name());
            if let Value::Array(entries) = steps.entry(name).or_insert_with(|| json!([])) {
                entries.push(Value::Object(entry));
            }
        }
    }
    let mut document = Map::new();
    document.insert("scenario".into(), json!(stage.scenario.metadata.name.value.as_str()));
    document.insert("state".into(), json!(run.map_or("refused", |run| run.state().as_str())));
    insert_reasons(&mut document, &stage.refused);
    document.insert("steps".into(), Value::Object(steps));
    Value::Object(document)
}

fn decided(decision: &Decision) -> Map<String, Value> {
    let mut entry = Map::new();
    entry.insert("outcome".into(), json!(decision.outcome));
    let policies: Map<String, Value> = decision
        .policies
        .iter()
        .map(|policy| {
            let rules: Map<String, Value> = policy
                .rules
                .iter()
                .map(|rule| {
                    let mut shown = json!({"kind": rule.kind, "value": rule.value});
                    if let (Some(fields), Some(reason)) = (shown.as_object_mut(), &rule.reason) {
                        fields.insert("reason".into(), json!(reason));
                    }
                    (rule.id.to_string(), shown)
                })
                .collect();
            (policy.name.to_string(), json!({"enforcement": policy.enforcement, "rules": rules}))
        })
        .collect();
    entry.insert("policies".into(), Value::Object(policies));
    for (name, words) in [
        ("approvals", decision.approvals.iter().collect::<Vec<_>>()),
        ("masks", decision.masks.iter().collect()),
    ] {
        if !words.is_empty() {
            entry.insert(name.into(), json!(words));
        }
    }
    insert_reasons(&mut entry, &decision.reasons);
    entry
}

/// Codes, authors' reasons and sources; details may speak of clocks.
fn insert_reasons(entry: &mut Map<String, Value>, reasons: &[Reason]) {
    if !reasons.is_empty() {
        let plain = |reason: &Reason| Reason { detail: None, step: None, ..reason.clone() };
        entry.insert("reasons".into(), json!(reasons.iter().map(plain).collect::<Vec<_>>()));
    }
}
