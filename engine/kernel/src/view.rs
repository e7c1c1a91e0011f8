//! The documents of the reference (engine.md, JSON shapes) about runs, decisions, approvals and counters. Derived
//! from the kernel's state alone, so they can be dropped and built anew; a masked output never stands in one.

mod approval;
mod exemption;
mod export;

use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::expr::duration_text;
use ordain_spec::kind::scalar::Mode;
use serde_json::{Value, json};

use crate::audit::salted_digest;
use crate::budget::{self, Slot};
use crate::reason::Reason;
use crate::run::hold::{StageRun, StageState};
use crate::run::state::{Item, Work};
use crate::run::{Event, Run, StepRun, aged};
use crate::world::World;

pub use approval::approvals;
pub use exemption::{exemption, exemptions};
pub use export::{export_step, preview};

/// The document of a run, as `run`, `show` and `watch` hold it under `run`.
#[must_use]
pub fn run(run: &Run) -> Value {
    let mut document = json!({
        "id": run.id().to_string(),
        "runbook": run.started.runbook,
        "version": run.started.version,
        "mode": run.started.mode.as_str(),
        "environment": run.started.environment,
        "state": run.state().as_str(),
        "rollback": run.rollback().as_str(),
        "requester": run.started.requester.id,
        "planDigest": run.started.plan.to_string(),
        "catalogueDigest": run.started.catalogue.to_string(),
        "recordDigest": run.record_digest.to_string(),
        "reasons": run.reasons(),
        "steps": run.steps.iter().zip(&run.plan.steps).map(|(step, planned)| self::step(run, step, planned)).collect::<Vec<_>>(),
        "createdAt": run.created_at.to_string(),
    });
    let Some(fields) = document.as_object_mut() else { return document };
    if !run.is_settled() {
        let waits: Vec<String> = run.waiting_for().iter().map(ToString::to_string).collect();
        if !waits.is_empty() {
            fields.insert("waitingFor".into(), json!(waits));
        }
    }
    let tolerated = run.steps.iter().zip(&run.plan.steps).filter(|(step, _)| step.tolerated);
    let tolerated: Vec<&str> = tolerated.map(|(_, planned)| &*planned.id).collect();
    if !tolerated.is_empty() {
        fields.insert("tolerated".into(), json!(tolerated));
    }
    if let Some(parent) = &run.started.parent {
        fields.insert(
            "parent".into(),
            json!({"run": parent.run.to_string(), "step": parent.step, "item": parent.item}),
        );
    }
    if let (Some(notice), Some(tells)) = (run.plan.notice(), &run.started.tells) {
        let mut told = json!(tells);
        if let Some(told) = told.as_object_mut() {
            told.insert("notice".into(), json!(notice));
        }
        fields.insert("tells".into(), told);
    }
    if run.is_erased() {
        fields.insert("erased".into(), json!(true));
    }
    if let Some(end) = &run.end {
        fields.insert("outcomeDigest".into(), json!(end.outcome_digest.to_string()));
        fields.insert("settledAt".into(), json!(end.at.to_string()));
        if let Some(outputs) = &end.outputs {
            fields.insert("outputs".into(), outputs.clone());
        }
    }
    document
}

fn step(run: &Run, step: &StepRun, planned: &PlanStep) -> Value {
    let attempts: u32 = step.items.iter().map(|item| item.work.attempts).sum();
    let mut document = json!({
        "id": planned.id,
        "state": step.state.as_str(),
        "attempts": attempts,
        "reasons": step_reasons(step),
    });
    let Some(fields) = document.as_object_mut() else { return document };
    if let Some(outputs) = &step.outputs {
        fields.insert("outputs".into(), masked(run, step.items.iter().map(|item| &item.work), outputs));
    }
    if let Some(preview) = &step.preview {
        fields.insert("preview".into(), json!(preview.id.as_str()));
        fields.insert("export".into(), json!(export_step(run, &planned.id)));
    }
    if let Some(observed) = aged::of_step(run, step, planned) {
        fields.insert("observed".into(), json!(observed));
    }
    if step.items.iter().any(|item| item.work.replayed) {
        fields.insert("replayed".into(), json!(true));
    }
    if step.items.iter().any(|item| item.work.declared) {
        fields.insert("declared".into(), json!(true));
    }
    let children: Vec<String> =
        step.items.iter().filter_map(|item| item.child).map(|id| id.to_string()).collect();
    if !children.is_empty() {
        fields.insert("children".into(), json!(children));
    }
    if planned.is_for_each() {
        let items = step.items.iter().zip(0_u32..).map(|(item, index)| self::item(run, item, index));
        fields.insert("items".into(), items.collect());
    }
    document
}

fn item(run: &Run, item: &Item, index: u32) -> Value {
    let mut document = json!({
        "index": index,
        "state": item.undo.as_ref().map_or(item.work.state, |undo| crate::run::undo_state(undo)).as_str(),
        "attempts": item.work.attempts,
        "reasons": item.work.reasons,
    });
    if let (Some(fields), Some(output)) = (document.as_object_mut(), &item.work.output) {
        fields.insert("outputs".into(), masked(run, std::iter::once(&item.work), output));
    }
    document
}

/// Why a step is as it is.
#[must_use]
pub fn step_reasons(step: &StepRun) -> Vec<Reason> {
    let mut reasons = step.reasons.clone();
    if reasons.is_empty() && !step.settled {
        let last = step.items.iter().filter(|item| item.work.state.is_settled());
        reasons.extend(last.flat_map(|item| item.work.reasons.iter().cloned()));
    }
    reasons
}

/// Outputs with masked fields replaced by their salted digests.
fn masked<'w>(run: &Run, works: impl Iterator<Item = &'w Work>, outputs: &Value) -> Value {
    let masks: std::collections::BTreeSet<&Arc<str>> = works.flat_map(|work| &work.masks).collect();
    let mut shown = outputs.clone();
    if let Some(fields) = shown.as_object_mut() {
        for (name, value) in fields.iter_mut() {
            if masks.iter().any(|mask| ***mask == **name) {
                *value = json!(salted_digest(&run.started.salt, value).to_string());
            }
        }
    }
    shown
}

/// The decisions of a run, or of one of its steps, out of its journal.
#[must_use]
pub fn why<'e>(journal: impl IntoIterator<Item = &'e Event>, step: Option<&str>) -> Value {
    let decisions = journal.into_iter().filter_map(|event| match event {
        Event::Decided { step: of, item, attempt, phase, decision, .. }
            if step.is_none_or(|step| *step == **of) =>
        {
            let mut document = serde_json::to_value(decision).ok()?;
            let fields = document.as_object_mut()?;
            fields.insert("step".into(), json!(of));
            fields.insert("item".into(), json!(item));
            fields.insert("attempt".into(), json!(attempt));
            fields.insert("phase".into(), json!(phase));
            Some(document)
        }
        _ => None,
    });
    json!({"decisions": decisions.collect::<Vec<_>>()})
}

/// `{budgets: […]}`: the counters of every budget in use; one that is not in use has its row all the same.
#[must_use]
pub fn budgets(world: &World, now: Timestamp) -> Value {
    let mut rows = Vec::new();
    for declared in world.active.iter().flat_map(|active| active.catalogue.budgets.values()) {
        let name = declared.metadata.name.as_str();
        let used = |mode: Mode| world.budgets.used.keys().any(|key| &*key.budget == name && key.mode == mode);
        let mut modes: Vec<Mode> = [Mode::Live, Mode::Mock].into_iter().filter(|mode| used(*mode)).collect();
        if modes.is_empty() {
            modes.push(Mode::Live);
        }
        for mode in modes {
            for standing in budget::standings(declared, mode, &world.budgets, now) {
                let elapsed = elapsed(standing.counter.slot, now);
                let window = match standing.counter.slot {
                    Slot::Time { from, to } => json!({"from": from.to_string(), "to": to.to_string()}),
                    Slot::Run { run } => json!({"run": run.to_string()}),
                };
                let mut row = json!({
                    "name": name,
                    "unit": declared.spec.unit.value.as_str(),
                    "mode": mode.as_str(),
                    "window": window,
                    "limit": standing.limit,
                    "reserved": standing.reserved,
                    "spent": standing.spent,
                    "remaining": standing.remaining,
                });
                let Some(fields) = row.as_object_mut() else { continue };
                if !standing.counter.per.is_empty() {
                    fields.insert("key".into(), json!(standing.counter.per.join(" ")));
                }
                if let Some(elapsed) = elapsed {
                    fields.insert("elapsed".into(), json!(elapsed));
                }
                rows.push(row);
            }
        }
    }
    json!({"budgets": rows})
}

/// How much of a window is behind us, in percent; a run has no end that is known.
fn elapsed(slot: Slot, now: Timestamp) -> Option<i64> {
    let Slot::Time { from, to } = slot else { return None };
    let (from, to) = (from.as_millisecond(), to.as_millisecond());
    let behind = now.as_millisecond().clamp(from, to) - from;
    (to > from).then(|| behind * 100 / (to - from))
}

/// `{quotas: […]}`: the counters of quotas in use.
#[must_use]
pub fn quotas(world: &World, now: Timestamp) -> Value {
    let limit = |counter: &crate::quota::Use| {
        let active = world.active.as_ref()?;
        let releases =
            active.catalogue.capabilities.iter().find(|(name, _)| name.as_str() == &*counter.capability)?.1;
        let quotas = releases.values().rev().flat_map(|capability| &capability.spec.quotas);
        let mut same = quotas
            .filter(|quota| quota.per.value == counter.per && quota.window.value.0 == counter.window_ms);
        same.next().map(|quota| quota.limit.value)
    };
    let rows = world.quotas.0.keys().map(|counter| {
        json!({
            "capability": counter.capability,
            "per": counter.per.as_str(),
            "key": counter.key,
            "mode": counter.mode.as_str(),
            "limit": limit(counter),
            "window": duration_text(i64::try_from(counter.window_ms).unwrap_or(i64::MAX)),
            "used": world.quotas.used(counter, now),
        })
    });
    json!({"quotas": rows.collect::<Vec<_>>()})
}

/// `{killSwitches: […]}`: those that are on.
#[must_use]
pub fn kill_switches(world: &World, now: Timestamp) -> Value {
    json!({"killSwitches": world.kills.on(now).collect::<Vec<_>>()})
}

/// True for a stage that people can still decide on.
#[must_use]
pub const fn is_open(stage: &StageRun) -> bool {
    matches!(stage.state, StageState::Open)
}
