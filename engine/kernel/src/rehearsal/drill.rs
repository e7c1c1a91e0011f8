//! Drills: a runbook's own scenarios, with one step after the other failing in one way after the other. After each it is
//! asked of everything that happened outside whether it was undone, or whether the specs say that it stands. Decides
//! nothing: the kernel does what it does in any run.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_plan::{Grants, PlanStep, compile};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::connector::MockError;
use ordain_spec::kind::ending::Ending;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::scalar::Effect;
use ordain_spec::kind::{Runbook, Scenario};
use serde::Serialize;

use super::stage::Stage;
use crate::reason::Reason;
use crate::run::state::Item;
use crate::run::{Run, RunState, StepState};

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// The other side says no: nothing happened.
    Refused,
    /// No answer comes: it may have happened.
    Unknown,
}

/// Where a fault is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub runbook: Arc<str>,
    pub step: Arc<str>,
    pub fault: Fault,
    /// An attempt met it.
    pub met: bool,
}

impl Fault {
    pub(super) const fn as_error(self) -> MockError {
        match self {
            Self::Refused => MockError::Permanent,
            Self::Unknown => MockError::Timeout,
        }
    }
}

/// What became of something that happened outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It was undone.
    Undone,
    /// The run succeeded all the same: it is what was wanted.
    Wanted,
    /// The specs say that it stands.
    Stands,
    /// The run is stuck: a person says what becomes of it.
    Waits,
    /// It was left behind, and nothing says so.
    Left,
}

/// Something that happened outside, or may have.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The runbook.
    pub runbook: Arc<str>,
    /// The step.
    pub step: Arc<str>,
    /// The item of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// What became of it.
    pub fate: Fate,
    /// Why it stands, in the author's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<str>>,
}

/// One step failing in one way.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drill {
    /// The runbook of the step: the one that is drilled, or one that it runs.
    pub runbook: Arc<str>,
    /// The step that fails.
    pub step: Arc<str>,
    /// How.
    pub fault: Fault,
    /// In which scenario; none where no scenario comes that far.
    pub scenario: Option<Arc<str>>,
    /// True when everything that happened is undone, wanted, said to stand, or waits for a person.
    pub ok: bool,
    /// How the run ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// What it undid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<&'static str>,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What happened outside.
    pub effects: Vec<Trace>,
}

/// The scenarios that a runbook is drilled in: its own, which end as a success.
#[must_use]
pub fn bases<'c>(runbook: &Runbook, catalogue: &'c Catalogue) -> Vec<&'c Arc<Scenario>> {
    let own = |scenario: &&Arc<Scenario>| {
        scenario.spec.expect.state.value == Ending::Succeeded
            && catalogue.runbook(&scenario.spec.run).is_ok_and(|other| other.digest == runbook.digest)
    };
    catalogue.scenarios.values().filter(own).collect()
}

/// Lets every step that does something fail, in every way, in the first scenario that comes so far.
#[must_use]
pub fn drill(runbook: &Arc<Runbook>, catalogue: &Arc<Catalogue>, grants: &Arc<Grants>) -> Vec<Drill> {
    let Ok(plan) = compile(runbook, catalogue, grants) else { return Vec::new() };
    let scenarios = bases(runbook, catalogue);
    let mut drills = Vec::new();
    let mut seen = BTreeSet::new();
    for plan in std::iter::once(&plan).chain(plan.sub_plans()) {
        for step in &plan.steps {
            for fault in faults(step) {
                let place = Place {
                    runbook: plan.runbook.metadata.name.value.shared(),
                    step: Arc::clone(&step.id),
                    fault,
                    met: false,
                };
                if seen.insert((Arc::clone(&place.runbook), Arc::clone(&place.step), fault)) {
                    drills.push(one(&place, &scenarios, catalogue, grants));
                }
            }
        }
    }
    drills
}

/// What does nothing outside cannot leave anybody in doubt.
fn faults(step: &PlanStep) -> Vec<Fault> {
    match step.action().map(|action| action.capability.spec.effect.value) {
        None => Vec::new(),
        Some(Effect::Read) => vec![Fault::Refused],
        Some(Effect::Write | Effect::Irreversible) => vec![Fault::Refused, Fault::Unknown],
    }
}

fn one(
    place: &Place,
    scenarios: &[&Arc<Scenario>],
    catalogue: &Arc<Catalogue>,
    grants: &Arc<Grants>,
) -> Drill {
    let mut drill = Drill {
        runbook: Arc::clone(&place.runbook),
        step: Arc::clone(&place.step),
        fault: place.fault,
        scenario: None,
        ok: false,
        state: None,
        rollback: None,
        reasons: Vec::new(),
        effects: Vec::new(),
    };
    for scenario in scenarios {
        let mut stage = Stage::new(scenario, catalogue, grants);
        stage.place = Some(place.clone());
        stage.play();
        if !stage.place.as_ref().is_some_and(|place| place.met) {
            continue;
        }
        let Some(run) = stage.run.and_then(|run| stage.realm.run(run)) else { continue };
        drill.scenario = Some(scenario.metadata.name.value.shared());
        drill.state = Some(run.state().as_str());
        drill.rollback = Some(run.rollback().as_str());
        drill.reasons = run.reasons();
        // What was told needs no way back.
        let runs = stage.realm.runs().filter(|one| one.plan.notice().is_none());
        drill.effects = runs.flat_map(|one| traces(one, run.state())).collect();
        drill.ok = drill.effects.iter().all(|trace| trace.fate != Fate::Left);
        return drill;
    }
    drill
}

/// What happened outside in one run, whose root ended in `root`.
fn traces(run: &Run, root: RunState) -> Vec<Trace> {
    let mut traces = Vec::new();
    for (step, planned) in run.steps.iter().zip(&run.plan.steps) {
        let Some(action) = planned.action() else { continue };
        if action.capability.spec.effect.value == Effect::Read {
            continue;
        }
        for (item, index) in step.items.iter().zip(0_u32..).filter(|(item, _)| item.outcome.is_some()) {
            let (fate, why) = fate(planned, item, root, run.state());
            traces.push(Trace {
                runbook: Arc::clone(&run.started.runbook),
                step: Arc::clone(&planned.id),
                item: planned.is_for_each().then_some(index),
                fate,
                why,
            });
        }
    }
    traces
}

fn fate(planned: &PlanStep, item: &Item, root: RunState, own: RunState) -> (Fate, Option<Arc<str>>) {
    if item.undo.as_ref().is_some_and(|undo| undo.state == StepState::Succeeded) {
        return (Fate::Undone, None);
    }
    if root == RunState::Succeeded {
        return (Fate::Wanted, None);
    }
    let declared = planned.action().and_then(|action| action.capability.metadata.rollback.as_ref());
    if let Some(Rollback::None { why, .. }) = declared.map(|declared| &declared.value) {
        return (Fate::Stands, Some(why.0.clone()));
    }
    if root == RunState::Stuck || own == RunState::Stuck {
        return (Fate::Waits, None);
    }
    (Fate::Left, None)
}
