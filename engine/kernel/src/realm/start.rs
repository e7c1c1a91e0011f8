//! Starting a run. The checks stand in one order: right, `roles.run`, mode, inputs, kill switch, concurrency. A
//! refusal makes no run, but a record.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Body as StepBody, Plan, compile, compile_flow, missing_connections};
use ordain_spec::catalogue::Unresolved;
use ordain_spec::digest::Digest;
use ordain_spec::expr::{COST_LIMIT, FactMap};
use ordain_spec::kind::runbook::OnLimit;
use ordain_spec::kind::scalar::{Mode, Name, Reference};
use ordain_spec::kind::workspace::Profile;
use ordain_spec::kind::{Kind, Runbook};

use super::{Batch, Entropy, Next, Realm, StartOutcome, StartRequest};
use crate::ids::{self, RunId};
use crate::kill::Target;
use crate::lock::{self, Place};
use crate::reason::{Code, Reason};
use crate::run::aged::{self, Grounds};
use crate::run::event::{FORMAT, LockAsked, Parent};
use crate::run::system::SystemEvent;
use crate::run::{Command, Event, Rejection, Run, Started, StepState};
use crate::sensitivity;
use crate::value;
use crate::world::Active;

/// Who has no tenants has this one.
pub(crate) const TENANT: &str = "default";

impl Realm {
    /// Starts a run, or records why not.
    ///
    /// # Errors
    /// When nothing, or too much, has the runbook's name: there is nothing that could be refused then.
    pub fn start(
        &mut self,
        request: StartRequest,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<StartOutcome, Rejection> {
        let Some(active) = self.world.active.clone() else {
            return Ok(self.refuse(&request, vec![Code::CatalogueUnavailable.reason()], now));
        };
        let plan = match Name::flow(&request.runbook) {
            Some(export) => self.flow(export, &active)?,
            None => self.plan(&resolve(&active, &request.runbook)?, &active)?,
        };
        let run = RunId::new(now, entropy.id);
        match self.admit(&request, &active, &plan, run, now, entropy) {
            Ok(started) => {
                let mut batch = Batch::default();
                self.begin(plan, started, now, &mut batch)?;
                Ok(StartOutcome::Started { run, batch })
            }
            Err(reasons) => Ok(self.refuse(&request, reasons, now)),
        }
    }

    /// What a runbook of the active catalogue does.
    fn plan(&mut self, runbook: &Arc<Runbook>, active: &Active) -> Result<Arc<Plan>, Rejection> {
        if let Some(plan) = self.plans.get(&runbook.digest) {
            return Ok(Arc::clone(plan));
        }
        let plan = compile(runbook, &active.catalogue, &active.grants)
            .map_err(|error| Rejection::new(Code::SystemFault, error.to_string()))?;
        self.plans.insert(runbook.digest, Arc::clone(&plan));
        Ok(plan)
    }

    /// What carries out an export of the active catalogue.
    fn flow(&self, export: &str, active: &Active) -> Result<Arc<Plan>, Rejection> {
        let unknown = || Rejection::new(Code::NotFound, format!("no export `{export}`"));
        let export = active.catalogue.exports.get(export).ok_or_else(unknown)?;
        compile_flow(export, &active.catalogue, &active.grants)
            .map_err(|error| Rejection::new(Code::SystemFault, error.to_string()))
    }

    fn refuse(&mut self, request: &StartRequest, reasons: Vec<Reason>, now: Timestamp) -> StartOutcome {
        let mut batch = Batch::default();
        let (reference, by) = (request.runbook.clone(), request.requester.clone());
        // Details may hold what was asked with: they are for the asker alone.
        let codes = reasons.iter().map(|reason| Reason { detail: None, ..reason.clone() }).collect();
        self.note(SystemEvent::StartRefused { reference, by, reasons: codes }, now, &mut batch);
        StartOutcome::Refused { reasons, batch }
    }

    fn admit(
        &self,
        request: &StartRequest,
        active: &Active,
        plan: &Arc<Plan>,
        run: RunId,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Started, Vec<Reason>> {
        self.may_run(request, plan)?;
        self.fits(request, active, plan, run, now, entropy)
    }

    /// All that is asked of a start but the right to it.
    pub(super) fn fits(
        &self,
        request: &StartRequest,
        active: &Active,
        plan: &Arc<Plan>,
        run: RunId,
        now: Timestamp,
        entropy: &Entropy,
    ) -> Result<Started, Vec<Reason>> {
        mode_fits(request, active, plan)?;
        let inputs =
            value::validate(&plan.runbook.spec.inputs, &request.inputs).map_err(|misfit| vec![misfit])?;
        let mut started = Started {
            format: FORMAT,
            run,
            runbook: plan.runbook.metadata.name.value.shared(),
            version: plan.version(),
            plan: plan.digest,
            catalogue: active.catalogue.digest(),
            mode: request.mode,
            environment: request
                .environment
                .clone()
                .unwrap_or_else(|| Arc::clone(&active.grants.environment)),
            tenant: TENANT.into(),
            requester: request.requester.clone(),
            reference: request.runbook.clone(),
            inputs,
            timeout_ms: plan.runbook.spec.timeout.value.0,
            parent: None,
            lock: None,
            salt: Digest(entropy.salt),
            labels: sensitivity::Raised::new(),
            grounds: Grounds::new(),
            tells: None,
        };
        self.last_checks(plan, &mut started, now)?;
        Ok(started)
    }

    /// The right, and the roles of every runbook that the run can reach.
    fn may_run(&self, request: &StartRequest, plan: &Arc<Plan>) -> Result<(), Vec<Reason>> {
        let id = &request.requester.id;
        if !self.world.is(id, "role:operator") {
            return Err(vec![Reason::new(Code::NotPermitted, format!("`{id}` is not role:operator"))]);
        }
        let reachable = std::iter::once(plan).chain(plan.sub_plans());
        let forbidden = reachable.filter(|plan| {
            let roles = plan.runbook.spec.roles.run.as_ref();
            !roles.is_none_or(|roles| roles.iter().any(|role| self.world.is(id, &role.value.to_string())))
        });
        let reasons: Vec<Reason> = forbidden
            .map(|plan| {
                let name = plan.runbook.metadata.name.value.shared();
                Reason::new(Code::NotPermitted, format!("`{id}` may not run it")).from(Kind::Runbook, name)
            })
            .collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Kill switches and concurrency, which hold for sub-runs as well.
    fn last_checks(
        &self,
        plan: &Arc<Plan>,
        started: &mut Started,
        now: Timestamp,
    ) -> Result<(), Vec<Reason>> {
        let target = Target {
            capability: None,
            connector: None,
            runbook: &started.runbook,
            actor: &started.requester,
            tenant: &started.tenant,
        };
        if let Some(switch) = self.world.kills.hit(&target, now) {
            return Err(vec![switch.to_reason()]);
        }
        let Some(concurrency) = &plan.runbook.spec.concurrency else { return Ok(()) };
        let value = match &concurrency.key {
            Some(key) => {
                let facts = lock_facts(plan, started, now);
                let value = key.eval(&facts, COST_LIMIT);
                Some(
                    value.map_err(|error| vec![Reason::new(Code::ExpressionError, error.message)])?.to_json(),
                )
            }
            None => None,
        };
        let scope = concurrency.lock.as_ref().map_or_else(|| plan.name(), |lock| lock.value.as_str());
        let name = lock::name(scope, value.as_ref());
        let limit = concurrency.limit.value;
        let on_limit: OnLimit = concurrency.on_limit.value;
        let place = self.world.locks.look(&name, limit, on_limit).map_err(|reason| vec![reason])?;
        started.lock = Some(LockAsked { name, limit, granted: place == Place::Granted });
        Ok(())
    }

    /// The first event, and everything that follows at once.
    pub(super) fn begin(
        &mut self,
        plan: Arc<Plan>,
        started: Started,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(), Rejection> {
        let id = started.run;
        self.enter(plan, started, now, batch);
        self.handle(id, Command::Nudge, now, batch)
    }

    fn enter(&mut self, plan: Arc<Plan>, started: Started, now: Timestamp, batch: &mut Batch) {
        let id = started.run;
        let event = Event::Started(Box::new(started.clone()));
        let mut run = Run::new(plan, now, Arc::new(started));
        self.world.apply(&run.started, &event, now);
        let recorded = run.record(now, event);
        self.runs.insert(id, run);
        self.store(id, vec![recorded], batch);
    }

    /// Starts the sub-run of an item; where it is refused, the item is denied.
    #[expect(clippy::too_many_arguments, reason = "where, what, when, and the two places where it goes on")]
    pub(super) fn start_child(
        &mut self,
        parent: RunId,
        step: &Arc<str>,
        item: u32,
        child: RunId,
        now: Timestamp,
        batch: &mut Batch,
        queue: &mut VecDeque<Next>,
    ) {
        match self.child(parent, step, item, child, now) {
            Ok((plan, started)) => {
                self.enter(plan, started, now, batch);
                queue.push_back(Next::Handle(child, Command::Nudge));
            }
            Err(reasons) => {
                let settled = Command::ChildSettled {
                    step: Arc::clone(step),
                    item,
                    state: StepState::Denied,
                    reasons,
                    output: None,
                    grounds: Grounds::new(),
                    acted: false,
                    rollback: crate::run::RollbackState::None,
                };
                queue.push_back(Next::Handle(parent, settled));
            }
        }
    }

    fn child(
        &self,
        parent: RunId,
        step: &Arc<str>,
        item: u32,
        child: RunId,
        now: Timestamp,
    ) -> Result<(Arc<Plan>, Started), Vec<Reason>> {
        let missing = || vec![Code::SystemFault.reason()];
        let above = self.runs.get(&parent).ok_or_else(missing)?;
        let planned = above.plan.step(step).ok_or_else(missing)?;
        let StepBody::SubRun(plan) = &planned.body else { return Err(missing()) };
        let run = above
            .steps
            .get(planned.index)
            .and_then(|run| run.items.get(item as usize))
            .ok_or_else(missing)?;
        let left = above.limit_ms.saturating_sub(above.running_total(now)).max(1);
        let own = plan.runbook.spec.timeout.value.0.min(left);
        let own = planned.spec.timeout.as_ref().map_or(own, |timeout| own.min(timeout.value.0));
        let salt = ids::hash("salt", &[&above.started.salt.to_string(), step, &item.to_string()]);
        let mut started = Started {
            format: FORMAT,
            run: child,
            runbook: plan.runbook.metadata.name.value.shared(),
            version: plan.version(),
            plan: plan.digest,
            catalogue: above.started.catalogue,
            mode: above.started.mode,
            environment: Arc::clone(&above.started.environment),
            tenant: Arc::clone(&above.started.tenant),
            requester: above.started.requester.clone(),
            reference: format!("{}@{}", plan.name(), plan.version()),
            inputs: (*run.work.input).clone(),
            timeout_ms: own,
            parent: Some(Parent {
                run: parent,
                step: Arc::clone(step),
                item,
                depth: above.started.parent.as_ref().map_or(1, |parent| parent.depth + 1),
            }),
            lock: None,
            salt,
            labels: sensitivity::raised(above, planned),
            grounds: aged::given(above, planned),
            tells: None,
        };
        self.last_checks(plan, &mut started, now)?;
        self.can_have_its_turn(&started)?;
        Ok((Arc::clone(plan), started))
    }

    /// A sub-run does not queue for what the runs above it hold: each would wait for the other.
    fn can_have_its_turn(&self, started: &Started) -> Result<(), Vec<Reason>> {
        let Some(lock) = started.lock.as_ref().filter(|lock| !lock.granted) else { return Ok(()) };
        let (mut above, mut parent) = (BTreeSet::new(), started.parent.as_ref());
        while let Some(one) = parent.filter(|one| above.insert(one.run)) {
            parent = self.runs.get(&one.run).and_then(|run| run.started.parent.as_ref());
        }
        if !self.world.locks.is_out_of_reach(&lock.name, lock.limit, &above) {
            return Ok(());
        }
        let detail = format!("`{}` is held by a run above, which waits for this one", lock.name);
        Err(vec![Reason::new(Code::ConcurrencyLimit, detail)])
    }
}

fn resolve(active: &Active, text: &str) -> Result<Arc<Runbook>, Rejection> {
    let unknown = || Rejection::new(Code::NotFound, format!("no runbook `{text}`"));
    let reference = Reference::new(text).ok_or_else(|| {
        Rejection::new(Code::Usage, format!("`{text}` is no reference: write `name` or `name@^1`"))
    })?;
    active.catalogue.runbook(&reference).cloned().map_err(|unresolved| match unresolved {
        Unresolved::Unknown { .. } => unknown(),
        Unresolved::NoRelease { releases } => {
            let releases: Vec<String> = releases.iter().map(ToString::to_string).collect();
            Rejection::new(
                Code::NotFound,
                format!(
                    "no release of `{}` fulfils `{text}`; there are {}",
                    reference.name,
                    releases.join(", ")
                ),
            )
        }
        Unresolved::Floating { releases } => {
            let releases: Vec<String> = releases.iter().map(ToString::to_string).collect();
            Rejection::new(
                Code::VersionAmbiguous,
                format!("`{text}` stands in several versions: {}", releases.join(", ")),
            )
        }
    })
}

pub(super) fn mode_fits(
    request: &StartRequest,
    active: &Active,
    plan: &Arc<Plan>,
) -> Result<(), Vec<Reason>> {
    let reachable = std::iter::once(plan).chain(plan.sub_plans());
    let closed =
        reachable.filter(|plan| plan.runbook.spec.modes.iter().all(|mode| mode.value != request.mode));
    let mut reasons: Vec<Reason> = closed
        .map(|plan| {
            let name = plan.runbook.metadata.name.value.shared();
            Reason::new(Code::ModeNotAllowed, format!("its modes do not include `{}`", request.mode))
                .from(Kind::Runbook, name)
        })
        .collect();
    if request.mode == Mode::Live && !request.declared {
        if active.grants.profile == Profile::Prod && !request.signed {
            reasons.push(Code::UnsignedCatalogue.reason());
        }
        for missing in missing_connections(plan) {
            let code = missing.code.parse().unwrap_or(Code::ConnectionMissing);
            let reason = Reason::new(code, missing.detail).from(Kind::Connector, missing.connector);
            reasons.push(reason.at(missing.step));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

/// `inputs constants run`, before there is a run.
fn lock_facts(plan: &Arc<Plan>, started: &Started, now: Timestamp) -> FactMap {
    let run = Run::new(Arc::clone(plan), now, Arc::new(started.clone()));
    let mut facts = FactMap::default();
    facts.facts.insert("inputs".into(), run.inputs_value());
    facts.facts.insert("constants".into(), crate::run::constants(&run));
    facts.facts.insert("run".into(), crate::run::run_value(&run));
    facts
}
