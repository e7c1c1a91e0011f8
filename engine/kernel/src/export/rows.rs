//! Rows of each source, made of runs, records and counters: the columns of `spec::check::rows`, and those that the
//! meta schema adds. What policies mask stands in them as its salted digest; what is more sensitive than the meta
//! schema may show is not in them at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::kind::MetaSchema;
use ordain_spec::kind::export::RowSource;
use ordain_spec::kind::meta_schema::MetaFrom;
use ordain_spec::kind::scalar::Sensitivity;
use serde_json::Value;

use crate::audit::{AuditRecord, salted_digest};
use crate::decision::{Decision, Outcome, RuleKind, RuleValue};
use crate::reason::Reason;
use crate::run::hold::StageRun;
use crate::run::{Event, Run, StepRun};
use crate::sensitivity;
use crate::view;
use crate::world::World;

/// One row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What it has, by column.
    pub cells: BTreeMap<Arc<str>, Value>,
    /// Of the columns that a policy masks, what stands behind the digest in their cell: to be judged, never shown.
    pub masked: BTreeMap<Arc<str>, Value>,
    /// Columns whose values are more sensitive than records may show; they have no cell.
    pub withheld: BTreeMap<Arc<str>, Sensitivity>,
}

impl Row {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.cells.insert(name.into(), value.into());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }
}

/// The rows that a run gives to a source.
#[must_use]
pub fn of_run<'j>(
    source: RowSource,
    run: &Run,
    journal: impl IntoIterator<Item = &'j (Timestamp, Event)>,
    meta: Option<&MetaSchema>,
) -> Vec<Row> {
    // The flow of an export and the delivery of a notice are no runs of a runbook; what was decided in them is.
    match source {
        RowSource::Runs | RowSource::Steps if !run.plan.is_written() => Vec::new(),
        RowSource::Runs => {
            let mut row = base(run, run.state().as_str(), &run.reasons());
            add_meta(&mut row, run, None, meta);
            vec![row]
        }
        RowSource::Steps => run
            .steps
            .iter()
            .zip(&run.plan.steps)
            .map(|(step, planned)| self::step(run, step, planned, meta))
            .collect(),
        RowSource::Decisions => {
            let decided = journal.into_iter().filter_map(|(_, event)| match event {
                Event::Decided { step, decision, .. } => Some((step, &**decision)),
                _ => None,
            });
            decided.map(|(step, decision)| self::decision(run, step, decision, meta)).collect()
        }
        RowSource::Approvals => approvals(run, meta),
        RowSource::Audit | RowSource::Budgets => Vec::new(),
    }
}

fn base(run: &Run, state: &str, reasons: &[Reason]) -> Row {
    let mut row = Row::default();
    let started = &run.started;
    row.set("runId", run.id().to_string());
    row.set("runbook", &*started.runbook);
    row.set("version", started.version.as_str());
    row.set("mode", started.mode.as_str());
    row.set("environment", &*started.environment);
    row.set("requester", &*started.requester.id);
    row.set("state", state);
    row.set("rollback", run.rollback().as_str());
    row.set("startedAt", run.created_at.to_string());
    row.set("planDigest", started.plan.to_string());
    row.set("catalogueDigest", started.catalogue.to_string());
    if let Some(end) = &run.end {
        row.set("settledAt", end.at.to_string());
        row.set("durationMs", end.at.as_millisecond() - run.created_at.as_millisecond());
        row.set("outcomeDigest", end.outcome_digest.to_string());
    }
    row.maybe("reason", reasons.first().map(word));
    row
}

/// The author's word, else the code.
fn word(reason: &Reason) -> String {
    reason.reason.as_deref().unwrap_or_else(|| reason.code.as_str()).to_owned()
}

fn step(run: &Run, step: &StepRun, planned: &PlanStep, meta: Option<&MetaSchema>) -> Row {
    let mut row = base(run, step.state.as_str(), &view::step_reasons(step));
    row.set("stepId", &*planned.id);
    row.set("attempts", step.items.iter().map(|item| item.work.attempts).sum::<u32>());
    if let Some(capability) = planned.action().map(|action| &action.capability) {
        row.set("capability", capability.metadata.name.as_str());
        row.set("effect", capability.spec.effect.as_str());
        row.maybe("risk", capability.metadata.risk.as_ref().map(|risk| risk.as_str()));
    }
    add_meta(&mut row, run, Some((step, planned)), meta);
    row
}

fn at_step(run: &Run, step: &str, meta: Option<&MetaSchema>) -> Row {
    let mut row = Row::default();
    row.set("runId", run.id().to_string());
    row.set("stepId", step);
    let found = run.steps.iter().zip(&run.plan.steps).find(|(_, planned)| *planned.id == *step);
    add_meta(&mut row, run, found, meta);
    row
}

fn decision(run: &Run, step: &str, decision: &Decision, meta: Option<&MetaSchema>) -> Row {
    let mut row = at_step(run, step, meta);
    row.set("decisionId", decision.id.as_str());
    row.set("at", decision.at.to_string());
    let (outcome, found) = match decision.outcome {
        Outcome::Allow => ("allow", allowed_by(decision)),
        Outcome::Hold => ("hold", decision.reasons.first().map(source)),
        Outcome::Deny => ("deny", decision.reasons.first().map(source)),
    };
    row.set("outcome", outcome);
    let (policy, rule, reason) = found.unwrap_or_default();
    row.maybe("policy", policy);
    row.maybe("rule", rule);
    row.maybe("reason", reason);
    row
}

/// Policy, rule and reason.
type Said = (Option<String>, Option<String>, Option<String>);

fn source(reason: &Reason) -> Said {
    let source = reason.source.as_ref();
    let rule = source.and_then(|source| source.rule.as_ref()).map(ToString::to_string);
    (source.map(|source| source.name.to_string()), rule, Some(word(reason)))
}

fn allowed_by(decision: &Decision) -> Option<Said> {
    decision.policies.iter().find_map(|policy| {
        let mut rules = policy.rules.iter();
        let rule = rules.find(|rule| rule.kind == RuleKind::Allow && rule.value == RuleValue::True)?;
        let reason = rule.reason.as_ref().map(ToString::to_string);
        Some((Some(policy.name.to_string()), Some(rule.id.to_string()), reason))
    })
}

/// One row for everybody who decided; one for a stage that nobody has decided on.
fn approvals(run: &Run, meta: Option<&MetaSchema>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (step, planned) in run.steps.iter().zip(&run.plan.steps) {
        for request in step.holds.iter().flat_map(|hold| &hold.requests) {
            for stage in request.stages.iter().filter(|stage| stage.opened.is_some()) {
                rows.extend(said(stage).into_iter().map(|(by, at, assurance)| {
                    let mut row = at_step(run, &planned.id, meta);
                    row.set("approvalId", stage.id.as_str());
                    row.set("approval", &*request.name);
                    row.set("stage", &*stage.stage);
                    row.set("state", stage.state.as_str());
                    row.set("at", at.to_string());
                    row.maybe("decidedBy", by);
                    row.maybe("assurance", assurance);
                    row
                }));
            }
        }
    }
    rows
}

fn said(stage: &StageRun) -> Vec<(Option<&str>, Timestamp, Option<&'static str>)> {
    let grants =
        stage.grants.iter().map(|grant| (Some(&*grant.by.id), grant.at, Some(grant.assurance.as_str())));
    let no = stage.rejection.iter().map(|refusal| (Some(&*refusal.by.id), refusal.at, None));
    let mut said: Vec<_> = grants.chain(no).collect();
    if let (true, Some((at, _))) = (said.is_empty(), stage.opened) {
        said.push((None, at, None));
    }
    said
}

/// What the meta schema adds: tags and outputs of the run, or of the step and what it uses.
fn add_meta(row: &mut Row, run: &Run, step: Option<(&StepRun, &PlanStep)>, meta: Option<&MetaSchema>) {
    for (column, field) in meta.into_iter().flat_map(|meta| meta.spec.fields.iter()) {
        match &field.from.value {
            MetaFrom::Tag(name) => {
                let of_step = step.and_then(|(_, planned)| planned.action());
                let tag = match (step, of_step) {
                    (Some(_), Some(action)) => action.capability.metadata.tags.get(name),
                    _ => run.plan.runbook.metadata.tags.get(name),
                };
                row.maybe(column, tag.map(|tag| &*tag.value));
            }
            MetaFrom::Output(name) => output(row, column, run, step, name.as_str()),
        }
    }
}

fn output(row: &mut Row, column: &Arc<str>, run: &Run, step: Option<(&StepRun, &PlanStep)>, name: &str) {
    // Of an erased run there is nothing left to show.
    if run.is_erased() {
        return;
    }
    let (outputs, label) = match step {
        Some((step, planned)) => (step.outputs.as_deref(), sensitivity::of_output(run, planned, name)),
        None => {
            let outputs = run.end.as_ref().and_then(|end| end.outputs.as_ref());
            (outputs, sensitivity::of_result(run, name))
        }
    };
    let Some(value) = outputs.and_then(|outputs| outputs.get(name)) else { return };
    let masked = step.is_some_and(|(step, _)| {
        step.items.iter().flat_map(|item| &item.work.masks).any(|mask| **mask == *name)
    });
    // What the run's own specs say holds, whatever later ones declare, and masked or not.
    if label > sensitivity::RECORDS {
        row.withheld.insert(Arc::clone(column), label);
    } else if masked {
        row.masked.insert(Arc::clone(column), value.clone());
        row.set(column, salted_digest(&run.started.salt, value).to_string());
    } else {
        row.set(column, value.clone());
    }
}

/// The row of a record of a run, for a notice: the record, and the columns of the run as it stands with it.
#[must_use]
pub fn of_told(record: &AuditRecord, run: Option<&Run>, meta: Option<&MetaSchema>) -> Row {
    let mut row = Row::default();
    if let Some(run) = run {
        row = base(run, run.state().as_str(), &run.reasons());
        add_meta(&mut row, run, None, meta);
        let at =
            record.entry.step_id.as_ref().and_then(|step| {
                run.steps.iter().zip(&run.plan.steps).find(|(_, planned)| planned.id == *step)
            });
        if at.is_some() {
            add_meta(&mut row, run, at, meta);
        }
    }
    row.cells.extend(of_record(record).cells);
    row
}

/// The row of an audit record.
#[must_use]
pub fn of_record(record: &AuditRecord) -> Row {
    let mut row = Row::default();
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return row };
    for (name, value) in fields {
        row.cells.insert(name.into(), value);
    }
    for reason in row.cells.get_mut("reasons").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(reason) = reason.as_object_mut() {
            reason.retain(|name, _| matches!(name.as_str(), "code" | "reason" | "step"));
        }
    }
    row
}

/// The rows of the counters of budgets.
#[must_use]
pub fn of_budgets(world: &World, now: Timestamp) -> Vec<Row> {
    let document = view::budgets(world, now);
    let budgets = document.get("budgets").and_then(Value::as_array).cloned().unwrap_or_default();
    let row = |budget: Value| {
        let mut row = Row::default();
        let cell = |name: &str| budget.get(name).cloned();
        row.maybe("budget", cell("name"));
        for name in ["unit", "limit", "reserved", "spent"] {
            row.maybe(name, cell(name));
        }
        let window = budget.get("window");
        let from = window.and_then(|window| window.get("from")).cloned();
        row.set("from", from.unwrap_or_else(|| now.to_string().into()));
        row.maybe("to", window.and_then(|window| window.get("to")).cloned());
        row
    };
    budgets.into_iter().map(row).collect()
}
