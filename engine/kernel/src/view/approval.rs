//! The document of a stage that people are asked at: what would happen, why it is held, who may decide now. An approval
//! page shows it and nothing else, so whatever people must know before they agree stands here.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::decode::Decode;
use ordain_spec::expr::{FactMap, Value as Fact};
use ordain_spec::kind::Approval;
use ordain_spec::kind::approval::Stage;
use ordain_spec::kind::metadata::Risk;
use serde_json::{Map, Value, json};

use crate::actor::Actor;
use crate::approval::{self, Applicant};
use crate::run::hold::{Hold, Request, StageRun};
use crate::run::{Run, StepRun, cost, definition};
use crate::world::World;

/// Every stage of a run that was opened, one document each, in the order of the steps.
#[must_use]
pub fn approvals(run: &Run, world: &World, now: Timestamp) -> Vec<Value> {
    let mut documents = Vec::new();
    for (step, planned) in run.steps.iter().zip(&run.plan.steps) {
        for hold in &step.holds {
            for request in &hold.requests {
                let opened = request.stages.iter().filter(|stage| stage.opened.is_some());
                let asked = Asked { run, world, step, planned, hold, request, now };
                documents.extend(opened.map(|stage| document(&asked, stage)));
            }
        }
    }
    documents
}

/// One approval of one step of a run, and the moment in which it is looked at.
struct Asked<'a> {
    run: &'a Run,
    world: &'a World,
    step: &'a StepRun,
    planned: &'a PlanStep,
    hold: &'a Hold,
    request: &'a Request,
    now: Timestamp,
}

fn document(asked: &Asked<'_>, stage: &StageRun) -> Value {
    let Asked { run, world, step, planned, hold, request, .. } = *asked;
    let definition = definition(run, world, planned.index, request.definition);
    let declared = definition.as_ref().and_then(|definition| {
        definition.spec.stages.iter().find(|one| one.id.value.as_str() == &*stage.stage)
    });
    let open = definition.as_ref().zip(declared).filter(|_| super::is_open(stage));
    let granted = stage.grants.iter().map(
        |grant| json!({"by": grant.by.id, "at": grant.at.to_string(), "assurance": grant.assurance.as_str()}),
    );
    let rejections = stage.rejection.iter().map(
        |refusal| json!({"by": refusal.by.id, "at": refusal.at.to_string(), "rationale": refusal.rationale}),
    );
    let mut document = json!({
        "id": stage.id.as_str(),
        "subject": "step",
        "run": run.id().to_string(),
        "step": planned.id,
        "runbook": run.started.runbook,
        "mode": run.started.mode.as_str(),
        "approval": request.name,
        "stage": stage.stage,
        "state": stage.state.as_str(),
        "digest": hold.digest.to_string(),
        "requester": requester(run, step, hold).id,
        "needed": stage.quorum,
        "granted": granted.collect::<Vec<_>>(),
        "eligible": open.map(|(definition, declared)| eligible(asked, definition, declared, stage)).unwrap_or_default(),
        "openedAt": stage.opened.map(|(at, _)| at.to_string()),
        "expiresAt": stage.opened.map(|(_, until)| until.to_string()),
        "reasons": [crate::reason::Code::ApprovalRequired.reason()],
        "calls": calls(step, planned),
        "show": step.show.as_deref().cloned().unwrap_or_else(|| json!({})),
        "undo": undo(run, step, planned),
        "rejections": rejections.collect::<Vec<_>>(),
    });
    let Some(fields) = document.as_object_mut() else { return document };
    if let Some(risk) = planned.action().and_then(|action| action.capability.metadata.risk.as_ref()) {
        fields.insert("risk".into(), json!(risk.value.as_str()));
    }
    let budget = budget(asked);
    if open.is_some() && !budget.is_empty() {
        fields.insert("budget".into(), json!(budget));
    }
    if let Some((definition, declared)) = open {
        let told = told(asked, definition, declared, stage);
        if !told.is_empty() {
            fields.insert("reminders".into(), json!(told));
        }
    }
    if let Some(export) = super::export_step(run, &planned.id) {
        fields.insert("export".into(), export);
    }
    if let Some(word) = step.resolving.as_deref().filter(|_| hold.resolving) {
        let word = json!({"outcome": word.outcome.as_str(), "reason": word.reason, "outputs": word.outputs});
        fields.insert("resolution".into(), word);
    }
    if let Some(form) =
        declared.filter(|stage| !stage.form.is_empty()).and_then(|stage| stage.form.canonical())
    {
        fields.insert("form".into(), form);
    }
    document
}

/// Who may decide now: the people of `anyOf` who could when the stage opened, without whoever asked or stands for them
/// and whoever's word counts already; members of an external group stand as the group.
fn eligible(
    asked: &Asked<'_>,
    definition: &Approval,
    declared: &Stage,
    stage: &StageRun,
) -> BTreeSet<Arc<str>> {
    let Some(roster) = asked.world.roster() else { return BTreeSet::new() };
    let applicant =
        Applicant { word_of: asked.step.word_of(asked.hold), ..Applicant::of(&asked.run.started.requester) };
    let risk = asked.planned.action().and_then(|action| action.capability.metadata.risk.as_ref());
    let may = definition.spec.requester_may_approve.value && risk.is_none_or(|risk| risk.value < Risk::High);
    let stages = asked.request.stages.iter();
    let counted: Vec<&Arc<str>> = stages
        .filter(|one| definition.spec.distinct.value || one.id == stage.id)
        .flat_map(|one| one.grants.iter().map(|grant| &grant.by.id))
        .collect();
    let mut eligible = approval::opening(roster, declared);
    eligible.retain(|person| {
        stage.eligible.contains(person)
            && !applicant.is_stood_for_by(roster, person, may)
            && !counted.iter().any(|other| approval::same_person(roster, other, person))
    });
    eligible.extend(approval::external(roster, declared));
    eligible
}

/// What the step would reserve in each budget that applies; none for a word about what became of a step.
fn budget(asked: &Asked<'_>) -> Vec<Value> {
    if asked.hold.resolving {
        return Vec::new();
    }
    let effects = cost::effects(asked.run, asked.world, asked.planned, asked.now).into_iter();
    let rows = effects.map(|effect| {
        let mut row = json!({
            "name": effect.name,
            "unit": effect.unit,
            "amount": effect.amount,
            "remaining": effect.remaining,
        });
        if let (true, Some(fields)) = (asked.request.budgets.contains(&*effect.name), row.as_object_mut()) {
            fields.insert("breach".into(), json!(true));
        }
        row
    });
    rows.collect()
}

/// Who was reminded, or told because nobody said enough, until now.
fn told(asked: &Asked<'_>, definition: &Approval, declared: &Stage, stage: &StageRun) -> Vec<Value> {
    let Some((opened, _)) = stage.opened else { return Vec::new() };
    let told = approval::tellings(definition, declared, opened).into_iter();
    let told = told.take_while(|telling| telling.at <= asked.now);
    told.map(
        |telling| json!({"at": telling.at.to_string(), "to": telling.to, "escalation": telling.escalation}),
    )
    .collect()
}

/// Who asks: of a word about a stuck step whoever said it.
fn requester<'r>(run: &'r Run, step: &'r StepRun, hold: &Hold) -> &'r Actor {
    step.word_of(hold).unwrap_or(&run.started.requester)
}

fn calls(step: &StepRun, planned: &PlanStep) -> Vec<Value> {
    let Some(action) = planned.action() else { return Vec::new() };
    let calls = step.items.iter().zip(0_u32..).map(|(item, index)| {
        let mut call = json!({
            "connector": action.connector.metadata.name.as_str(),
            "operation": action.operation,
            "arguments": item.work.call.as_ref().unwrap_or(&item.work.input),
        });
        if let (true, Some(fields)) = (planned.is_for_each(), call.as_object_mut()) {
            fields.insert("index".into(), json!(index));
        }
        call
    });
    calls.collect()
}

/// The way back, as far as it can be said before the outcome: what reads an output stands as it was written.
fn undo(run: &Run, step: &StepRun, planned: &PlanStep) -> Vec<Value> {
    let (Some(undo), Some(action)) = (planned.undo(), planned.action()) else { return Vec::new() };
    let ways = step.items.iter().map(|item| {
        let mut facts = FactMap::default();
        facts
            .facts
            .insert("input".into(), crate::run::typed(&item.work.input, &action.capability.spec.input));
        facts.facts.insert("run".into(), crate::run::run_value(run));
        let with = undo.with.iter().map(|(name, arg)| {
            let value = arg.render(&facts).map_or_else(|_| arg.to_json(), |value: Fact| value.to_json());
            (name.to_string(), value)
        });
        json!({
            "connector": undo.action.connector.metadata.name.as_str(),
            "operation": undo.action.operation,
            "arguments": with.collect::<Map<_, _>>(),
        })
    });
    ways.collect()
}
