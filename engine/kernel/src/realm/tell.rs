//! Notices: every record is held against what the active catalogue wants told, and each telling becomes a run of its
//! own that stands in the same transaction. It waits for nobody, and nothing waits for it. What tells of a record never
//! makes another notice; that a notice could not be given is told by other notices, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Plan, compile_notice};
use ordain_spec::expr::{COST_LIMIT, EvalError, FactMap, Value as Fact};
use ordain_spec::kind::scalar::{Mode, Name};
use ordain_spec::kind::{Kind, Notice};
use ordain_spec::sheet;
use serde_json::{Map, Value};

use super::start::mode_fits;
use super::{Batch, Entropy, Realm, StartRequest};
use crate::actor::Actor;
use crate::audit::{Action, AuditRecord};
use crate::export::rows;
use crate::ids::RunId;
use crate::reason::{Code, Reason};
use crate::run::event::Tells;
use crate::run::system::SystemEvent;
use crate::run::{Event, Run, RunState, Started};
use crate::world::Active;

/// Something to be told.
#[derive(Debug)]
pub(super) struct Tidings {
    notice: Arc<Notice>,
    tells: Tells,
    at: Timestamp,
    /// Mode and environment of the run that it is about.
    place: Option<(Mode, Arc<str>)>,
    /// What the capability is given.
    arguments: Result<Value, Reason>,
}

impl Realm {
    /// Holds a record against the notices. What tells, and what tells of a notice that could not be given, is not told.
    pub(super) fn hear(&mut self, run: Option<RunId>, record: &AuditRecord, event: Option<&SystemEvent>) {
        self.records += 1;
        let Some(active) = self.world.active.clone().filter(|active| !active.catalogue.notices.is_empty())
        else {
            return;
        };
        let run = run.and_then(|run| self.runs.get(&run));
        if run.is_some_and(|run| run.plan.notice().is_some()) {
            return;
        }
        let failed = match event {
            Some(SystemEvent::NoticeFailed { tells, .. }) if tells.action == Action::NoticeFailed => return,
            Some(SystemEvent::NoticeFailed { notice, .. }) => Some(Arc::clone(notice)),
            _ => None,
        };
        let action = record.entry.action;
        let wanted = active.catalogue.notices.values().filter(|notice| {
            notice.spec.on.iter().any(|on| on.value == action)
                && failed.as_ref().is_none_or(|failed| **failed != *notice.metadata.name.as_str())
        });
        let placed = AuditRecord { seq: self.records, ..record.clone() };
        let heard: Vec<Tidings> =
            wanted.filter_map(|notice| tidings(notice, &placed, run, &active)).collect();
        self.tidings.extend(heard);
    }

    /// True while there is something to be told: the host has [`Realm::tell`] say it, in the same transaction.
    #[must_use]
    pub fn has_tidings(&self) -> bool {
        !self.tidings.is_empty()
    }

    /// Begins to tell what is next. `declared` where all answers are, as for a start.
    pub fn tell(&mut self, entropy: &Entropy, declared: bool) -> Batch {
        let mut batch = Batch::default();
        let Some(tidings) = self.tidings.pop_front() else { return batch };
        let (at, tells) = (tidings.at, tidings.tells.clone());
        let name = tidings.notice.metadata.name.value.shared();
        let begun = self.delivery(tidings, entropy, declared);
        let begun = begun.and_then(|(plan, started)| {
            let begun = self.begin(plan, started, at, &mut batch);
            begun.map_err(|rejection| vec![Reason::new(rejection.code, rejection.message)])
        });
        if let Err(reasons) = begun {
            let failed =
                SystemEvent::NoticeFailed { notice: name, tells, run: None, reasons: plain(&reasons) };
            self.note(failed, at, &mut batch);
        }
        batch
    }

    /// The run that delivers, or why there is none.
    fn delivery(
        &mut self,
        tidings: Tidings,
        entropy: &Entropy,
        declared: bool,
    ) -> Result<(Arc<Plan>, Started), Vec<Reason>> {
        let Tidings { notice, tells, at, place, arguments } = tidings;
        let active = self.world.active.clone().ok_or_else(|| vec![Code::CatalogueUnavailable.reason()])?;
        let plan = self.telling(&notice, &active)?;
        let (mode, environment) = place.map_or((Mode::Live, None), |(mode, at)| (mode, Some(at)));
        let mut request = StartRequest {
            runbook: Name::of_notice(&notice.metadata.name.value).to_string(),
            inputs: arguments.map_err(|reason| vec![reason])?,
            mode,
            requester: Actor::system(),
            environment,
            // What is active in `prod` is sealed.
            signed: true,
            declared,
        };
        // What is about no run is told for real where the operator granted the way.
        if tells.run.is_none() && mode_fits(&request, &active, &plan).is_err() {
            request.mode = Mode::Mock;
        }
        let run = RunId::new(at, entropy.id);
        let mut started = self.fits(&request, &active, &plan, run, at, entropy)?;
        started.tells = Some(tells);
        Ok((plan, started))
    }

    fn telling(&mut self, notice: &Notice, active: &Active) -> Result<Arc<Plan>, Vec<Reason>> {
        if let Some(plan) = self.plans.get(&notice.digest) {
            return Ok(Arc::clone(plan));
        }
        let plan = compile_notice(notice, &active.catalogue, &active.grants)
            .map_err(|error| vec![Reason::new(Code::SystemFault, error.to_string())])?;
        self.plans.insert(notice.digest, Arc::clone(&plan));
        Ok(plan)
    }

    /// The failure of a notice, where that is what an event is.
    pub(super) fn untold(&self, run: RunId, event: &Event) -> Option<SystemEvent> {
        let Event::Settled(settled) = event else { return None };
        let run = self.runs.get(&run)?;
        let (notice, tells) = (run.plan.notice()?, run.started.tells.clone()?);
        (settled.state != RunState::Succeeded).then(|| SystemEvent::NoticeFailed {
            notice: notice.into(),
            tells,
            run: Some(run.id()),
            reasons: plain(&settled.reasons),
        })
    }
}

/// Details may hold what was said, or what came back: records do not.
fn plain(reasons: &[Reason]) -> Vec<Reason> {
    reasons.iter().map(|reason| Reason { detail: None, ..reason.clone() }).collect()
}

/// What a notice has to say of a record; nothing where its filter does not want it.
fn tidings(
    notice: &Arc<Notice>,
    record: &AuditRecord,
    run: Option<&Run>,
    active: &Active,
) -> Option<Tidings> {
    let arguments = match facts(notice, record, run, active) {
        Ok(facts) => said(notice, &facts)?,
        Err(reason) => Err(reason),
    };
    Some(Tidings {
        notice: Arc::clone(notice),
        tells: Tells { action: record.entry.action, record: record.hash, run: record.entry.run_id },
        at: record.entry.at,
        place: run.map(|run| (run.started.mode, Arc::clone(&run.started.environment))),
        arguments,
    })
}

/// The fact `row`: what is masked or more sensitive than records may show is not in it.
fn facts(
    notice: &Notice,
    record: &AuditRecord,
    run: Option<&Run>,
    active: &Active,
) -> Result<FactMap, Reason> {
    let row = rows::of_told(record, run, active.catalogue.meta_schema.as_deref());
    let cells = row.cells.into_iter().filter(|(name, _)| !row.masked.contains_key(name));
    let cells: Map<String, Value> = cells.map(|(name, value)| (name.to_string(), value)).collect();
    let row = sheet::row_of_notice(&active.catalogue, &notice.spec);
    let fact = Fact::typed(&Value::Object(cells), &row)
        .map_err(|_| because(notice, "the record is not of its declared type".into()))?;
    Ok(FactMap { facts: BTreeMap::from([("row".into(), fact)]), principals: Default::default() })
}

fn said(notice: &Notice, facts: &FactMap) -> Option<Result<Value, Reason>> {
    let wanted = notice.spec.filter.as_ref().map_or(Ok(true), |filter| filter.is_true(facts, COST_LIMIT));
    match wanted {
        Ok(false) => return None,
        Ok(true) => {}
        Err(error) => return Some(Err(because(notice, format!("`filter`: {}", error.message)))),
    }
    let said: Result<Map<String, Value>, EvalError> = notice
        .spec
        .with
        .iter()
        .map(|(name, arg)| Ok((name.to_string(), arg.render(facts)?.to_json())))
        .collect();
    Some(said.map(Value::Object).map_err(|error| because(notice, error.message)))
}

fn because(notice: &Notice, detail: String) -> Reason {
    Reason::new(Code::ExpressionError, detail).from(Kind::Notice, notice.metadata.name.value.shared())
}
