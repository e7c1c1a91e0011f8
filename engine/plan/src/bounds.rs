//! Bounds over all paths of a run. Every step of a DAG can run in one and the same run, so the most
//! that can happen is the sum over the steps: linear, also where 2^30 paths lead to the same step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_spec::kind::Capability;

use crate::model::{Body, PlanStep, WorstCase};

/// The largest integer of the language: bounds stop there.
const LARGEST: i64 = (1 << 53) - 1;

/// The bounds of these steps. Sub-runs carry their own bounds already.
#[must_use]
pub fn worst_case(steps: &[PlanStep]) -> WorstCase {
    steps.iter().fold(WorstCase::default(), |mut sum, step| {
        let items = step.max_items;
        match &step.body {
            Body::Use(action) => {
                add_costs(&mut sum.cost, &action.capability, items);
                if let Some(undo) = &action.undo {
                    add_costs(&mut sum.undo_cost, &undo.action.capability, items);
                }
                // One approval covers all items of a step.
                sum.approvals = cap(sum.approvals, asked_for(step));
                sum.steps = cap(sum.steps, items);
            }
            Body::SubRun(child) => {
                let below = &child.worst_case;
                add_all(&mut sum.cost, &below.cost, items);
                add_all(&mut sum.undo_cost, &below.undo_cost, items);
                sum.approvals = cap(sum.approvals, below.approvals.saturating_mul(items));
                sum.approvals = cap(sum.approvals, asked_for(step));
                sum.steps = cap(sum.steps, below.steps.saturating_add(1).saturating_mul(items));
            }
            Body::Approve(_) => {
                sum.approvals = cap(sum.approvals, 1);
                sum.steps = cap(sum.steps, 1);
            }
            Body::Export(_) => {
                sum.approvals = cap(sum.approvals, asked_for(step));
                sum.steps = cap(sum.steps, 1);
            }
            Body::Wait { .. } | Body::Signal => sum.steps = cap(sum.steps, 1),
        }
        sum
    })
}

/// How many approvals a step can ask for: they are united by name.
fn asked_for(step: &PlanStep) -> u64 {
    let own = step.approvals.iter().map(|approval| approval.metadata.name.value.as_str());
    let names: BTreeSet<&str> = own.chain(step.gates.iter().map(|gate| &*gate.approval)).collect();
    names.len() as u64
}

/// An item costs its `max` once: the reservation is kept over its retries.
fn add_costs(sum: &mut BTreeMap<Arc<str>, i64>, capability: &Capability, items: u64) {
    for cost in &capability.spec.costs {
        let max = cost.max.as_ref().map_or(LARGEST, |max| max.value);
        add(sum, &cost.unit.value.shared(), max, items);
    }
}

fn add_all(sum: &mut BTreeMap<Arc<str>, i64>, more: &BTreeMap<Arc<str>, i64>, items: u64) {
    for (unit, amount) in more {
        add(sum, unit, *amount, items);
    }
}

fn add(sum: &mut BTreeMap<Arc<str>, i64>, unit: &Arc<str>, amount: i64, items: u64) {
    let times = i64::try_from(items).unwrap_or(LARGEST);
    let total = sum.entry(Arc::clone(unit)).or_default();
    *total = total.saturating_add(amount.saturating_mul(times)).min(LARGEST);
}

fn cap(sum: u64, more: u64) -> u64 {
    sum.saturating_add(more).min(LARGEST.unsigned_abs())
}
