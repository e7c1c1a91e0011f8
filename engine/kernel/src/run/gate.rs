//! The road to the outside, walked before every attempt: metadata and withdrawal, guards, policies, approvals
//! granted and bound, quotas and budgets, kill switches, the key — then the intent. There is no other place that
//! emits [`Event::AttemptStarted`].

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Action, PlanStep};
use ordain_spec::expr::{COST_LIMIT, Value};
use ordain_spec::kind::Kind;
use ordain_spec::kind::capability::Idempotency;
use ordain_spec::kind::selector::Subject;

use super::aged;
use super::attempt::action;
use super::cost::{self, CALLS};
use super::effect::Outcome;
use super::event::{AttemptStarted, Event};
use super::facts::{Place, Scene, capability_value, step_value, typed};
use super::hold::Hold;
use super::prepare::at;
use super::state::{Phase, Run, Stage, StepState, Work};
use super::turn::{Done, Turn, fault};
use super::{Rejection, later};
use crate::budget::{self, Booker, Booking, Demand, Refusal, Reserved};
use crate::decision::{self, Decision};
use crate::exemption::Exempting;
use crate::idempotency::{self, Direction, Lookup};
use crate::ids;
use crate::kill::Target;
use crate::reason::{Code, Reason, Source};

/// What an attempt is known by.
struct Key {
    text: Arc<str>,
    remembered: bool,
}

impl Turn<'_> {
    /// Walks the road for one attempt of one item.
    pub fn gate(&mut self, step: usize, item: u32, phase: Phase) -> Done {
        if self.world.active.is_none() || self.item_is_late(step, item, phase)? {
            return Ok(());
        }
        if let Some(reasons) = self.unfit(step, phase)? {
            return self.deny(step, item, phase, reasons);
        }
        if self.fresh != Some(step) || phase == Phase::Undo {
            self.see_budgets(step, item, phase)?;
            let reasons = self.item_guards(step, item, phase)?;
            if !reasons.is_empty() {
                return self.deny(step, item, phase, reasons);
            }
            let decision = self.ask_policies(step, item, phase)?;
            let (denies, reasons, copy) =
                (decision.outcome == decision::Outcome::Deny, decision.reasons.clone(), decision.clone());
            self.decided(step, item, phase, decision)?;
            if denies {
                return self.deny(step, item, phase, reasons);
            }
            if phase == Phase::Do && !self.is_bound(step, item, Some(&copy))? {
                return Ok(());
            }
        }
        self.take_off(step, item, phase)
    }

    /// Quotas, budgets, kill switches and the key; then the intent.
    fn take_off(&mut self, step: usize, item: u32, phase: Phase) -> Done {
        let first = self.work(step, item, phase)?.attempts == 0;
        let key = match self.key(step, item, phase) {
            Ok(key) => key,
            Err(reason) => return self.deny(step, item, phase, vec![reason]),
        };
        let known = if key.remembered && first { Some(self.look_up(&key)) } else { None };
        if let Some(Lookup::Replay(output)) = &known
            && self.kill_hit(step, phase)?.is_none()
        {
            let id = self.id(step)?;
            let output = Arc::clone(output);
            self.emit(Event::Replayed { step: id, item, phase, key: key.text, output })?;
            return if phase == Phase::Undo {
                self.undo_over(step, item, StepState::Succeeded)
            } else {
                Ok(())
            };
        }
        self.see_quotas(step, item, phase, first)?;
        let quotas = match self.quotas(step, phase, first)? {
            Ok(quotas) => quotas,
            Err(reasons) => return self.deny(step, item, phase, reasons),
        };
        let reserved = match self.reserve(step, item, phase, first)? {
            Ok(reserved) => reserved,
            Err(refusal) => return self.refused(step, item, phase, refusal),
        };
        if let Some((pauses, reason)) = self.kill_hit(step, phase)? {
            let reasons = at(vec![reason], self.planned(step)?);
            if pauses {
                self.emit(Event::Paused { by: crate::actor::Actor::system(), reasons })?;
                self.run.agenda.insert(super::evolve::to_u32(step));
                return Ok(());
            }
            return self.deny(step, item, phase, reasons);
        }
        if let Some(Lookup::Conflict(reason)) = known {
            return self.deny(step, item, phase, vec![reason]);
        }
        self.start(step, item, phase, key, reserved, quotas)
    }

    fn start(
        &mut self,
        step: usize,
        item: u32,
        phase: Phase,
        key: Key,
        reserved: Reserved,
        quotas: Vec<crate::quota::Use>,
    ) -> Done {
        let attempt = self.work(step, item, phase)?.attempts + 1;
        let deadline = self.deadline(step, phase)?;
        let id = self.id(step)?;
        self.warn(&id, reserved.warnings)?;
        if !reserved.reservations.is_empty() || !quotas.is_empty() {
            self.fresh = None;
        }
        self.emit(Event::AttemptStarted(Box::new(AttemptStarted {
            step: id,
            item,
            phase,
            attempt,
            key: key.text,
            remembered: key.remembered,
            deadline,
            reserved: reserved.reservations,
            quotas,
        })))
    }

    /// The smallest of the action's limit and what is left of the run.
    fn deadline(&self, step: usize, phase: Phase) -> Result<Option<Timestamp>, Rejection> {
        let planned = self.planned(step)?;
        let own = match phase {
            Phase::Do => planned.timeout_ms,
            Phase::Undo => planned.undo().and_then(|undo| undo.action.timeout_ms),
        };
        let left = self.run.limit_ms.saturating_sub(self.run.running_total(self.now)).max(1);
        Ok(own.map(|own| later(self.now, own.min(left))))
    }

    /// True where an attempt has no business any more: its item is over, or nothing may begin.
    fn item_is_late(&mut self, step: usize, item: u32, phase: Phase) -> Result<bool, Rejection> {
        let run = self.step(step)?;
        if phase == Phase::Undo {
            let flies = self.item(step, item)?.of(phase).is_none_or(|work| work.flight.is_some());
            return Ok(self.run.stage != Stage::Undoing || run.stuck || flies);
        }
        let over = run.settled || run.stuck || matches!(run.state, StepState::Held | StepState::Throttled);
        if over || self.item(step, item)?.work.flight.is_some() {
            return Ok(true);
        }
        let clean_up = self.planned(step)?.is_clean_up();
        let finds_out = self.item(step, item)?.work.last_unknown && self.run.timed_out == 0;
        let may = match self.run.stage {
            Stage::Forward => self.run.timed_out == 0,
            Stage::CleaningUp => clean_up && self.run.timed_out < 2,
            Stage::Draining => finds_out || clean_up,
            _ => clean_up,
        };
        if !may {
            self.carry_on(step, false)?;
        }
        Ok(!may)
    }

    /// Why a capability may not be used at all: governance metadata missing, or it was withdrawn.
    pub fn unfit(&self, step: usize, phase: Phase) -> Result<Option<Vec<Reason>>, Rejection> {
        let planned = self.planned(step)?;
        let Some(action) = action(planned, phase) else { return Ok(None) };
        let metadata = &action.capability.metadata;
        let lacking = [
            ("owner", metadata.owner.is_none()),
            ("risk", metadata.risk.is_none()),
            ("failureMode", metadata.failure_mode.is_none()),
            ("rollback", metadata.rollback.is_none()),
            ("tests", metadata.tests.is_empty()),
        ];
        let lacking: Vec<&str> = lacking.iter().filter(|(_, lacks)| *lacks).map(|(name, _)| *name).collect();
        if !lacking.is_empty() {
            let reason = Reason::new(Code::MetadataMissing, lacking.join(", "));
            let reason =
                reason.from(Kind::Capability, metadata.name.value.shared()).at(Arc::clone(&planned.id));
            return Ok(Some(vec![reason]));
        }
        let Some(active) = &self.world.active else {
            return Ok(Some(vec![Code::CatalogueUnavailable.reason()]));
        };
        let connector = &action.connector.metadata.name.value;
        let gone = |kind: Kind, name: Arc<str>| {
            let reason = Code::SpecWithdrawn.reason().from(kind, name).at(Arc::clone(&planned.id));
            Ok(Some(vec![reason]))
        };
        if !active.catalogue.capabilities.contains_key(&metadata.name.value) {
            return gone(Kind::Capability, metadata.name.value.shared());
        }
        if !active.catalogue.connectors.contains_key(connector) {
            return gone(Kind::Connector, connector.shared());
        }
        Ok(None)
    }

    // --- policies ---------------------------------------------------------------------------------------------

    /// Asks every policy about one attempt of one item.
    pub fn ask_policies(&self, step: usize, item: u32, phase: Phase) -> Result<Decision, Rejection> {
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step uses nothing"))?;
        let active = self.world.active.as_ref().ok_or_else(|| fault("no catalogue is active"))?;
        let work = self.work(step, item, phase)?;
        let scene = Scene::new(self.run, self.world, self.now, Place::Policy, Some(planned));
        let scene = if phase == Phase::Undo { scene.undoing() } else { scene };
        let scene = scene
            .with("input", typed(&work.input, &action.capability.spec.input))
            .with("capability", capability_value(action))
            .with("step", step_value(&planned.id, work.attempts + 1, phase));
        let id = ids::DecisionId::derive(self.run.id(), self.run.seq + 1);
        let (required, granted) = (self.named_approvals(planned), self.granted(step)?);
        let question = decision::Question {
            subject: subject(self.run, action),
            facts: &scene,
            required: if phase == Phase::Do { &required } else { &[] },
            granted: &granted,
            step: &planned.id,
            exempting: Exempting {
                declared: &active.catalogue.exemptions,
                asked: &self.world.exemptions,
                roster: self.world.roster(),
                actor: &self.run.started.requester,
            },
            id: &id,
            at: self.now,
            salt: &self.run.started.salt,
        };
        let policies = active.catalogue.policies.values().map(|policy| &**policy);
        Ok(match phase {
            Phase::Do => {
                let decision = decision::decide(policies, &question);
                decision.seeing(aged::read_by(self.run, planned), &planned.id)
            }
            Phase::Undo => decision::decide_undo(policies, &question),
        })
    }

    /// The facts that a step would stand on and that are too old now.
    pub fn stale(&self, step: usize) -> Result<Vec<Reason>, Rejection> {
        let planned = self.planned(step)?;
        let observed = aged::read_by(self.run, planned);
        let stale = observed.iter().filter(|one| one.is_stale(self.now));
        Ok(stale.map(|one| one.reason(self.now).at(Arc::clone(&planned.id))).collect())
    }

    /// The approvals that the plan itself asks for, by name.
    fn named_approvals(&self, planned: &PlanStep) -> Vec<decision::Required> {
        let capability = planned.action().map(|action| &action.capability);
        let of_capability = capability.and_then(|capability| {
            let reference = capability.spec.approval.as_ref()?;
            let name = capability.metadata.name.value.shared();
            Some(decision::Required::new(
                &reference.value,
                Source { kind: Kind::Capability, name, rule: None },
            ))
        });
        let of_step = planned.spec.approval.as_ref().map(|reference| {
            let name = self.run.plan.runbook.metadata.name.value.shared();
            let rule = Some(Arc::clone(&planned.id));
            decision::Required::new(&reference.value, Source { kind: Kind::Runbook, name, rule })
        });
        of_capability.into_iter().chain(of_step).collect()
    }

    /// Names of the approvals that are granted for the step.
    fn granted(&self, step: usize) -> Result<BTreeSet<Arc<str>>, Rejection> {
        let hold = self.step(step)?.hold().filter(|hold| !hold.resolving);
        let granted = hold.into_iter().flat_map(|hold| &hold.requests).filter(|request| request.is_granted());
        Ok(granted.map(|request| Arc::clone(&request.name)).collect())
    }

    pub fn decided(&mut self, step: usize, item: u32, phase: Phase, decision: Decision) -> Done {
        let attempt = self.work(step, item, phase)?.attempts + 1;
        let id = self.id(step)?;
        let budgets = self.budgets_read(step, phase, &decision)?;
        self.emit(Event::Decided { step: id, item, attempt, phase, decision: Box::new(decision), budgets })
    }

    /// The counters that rules read: they belong to all runs, so a replay of this one has them from here.
    fn budgets_read(
        &self,
        step: usize,
        phase: Phase,
        decision: &Decision,
    ) -> Result<Option<Arc<serde_json::Value>>, Rejection> {
        if !decision.facts.keys().any(|path| path.starts_with("budget")) {
            return Ok(None);
        }
        let action = action(self.planned(step)?, phase);
        Ok(action.map(|action| Arc::new(self.world.budget_facts(self.run, action, self.now).to_json())))
    }

    // --- quotas and budgets -----------------------------------------------------------------------------------

    fn quotas(
        &self,
        step: usize,
        phase: Phase,
        first: bool,
    ) -> Result<Result<Vec<crate::quota::Use>, Vec<Reason>>, Rejection> {
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step uses nothing"))?;
        if !first || action.capability.spec.quotas.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let booker = booker(self.run, action);
        let quotas = &action.capability.spec.quotas;
        // The way back is never refused for a quota; it counts all the same.
        if phase == Phase::Undo {
            return Ok(Ok(crate::quota::uses(quotas, &booker)));
        }
        let checked = self.world.quotas.check(quotas, &booker, self.now);
        Ok(checked.map_err(|reasons| at(reasons, planned)))
    }

    /// What an attempt reserves: the first one its whole cost, each further one its call.
    fn reserve(
        &self,
        step: usize,
        item: u32,
        phase: Phase,
        first: bool,
    ) -> Result<Result<Reserved, Refusal>, Rejection> {
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step uses nothing"))?;
        let Some(active) = &self.world.active else { return Ok(Ok(Reserved::default())) };
        let budgets = || active.catalogue.budgets.values().map(|budget| &**budget);
        let work = self.work(step, item, phase)?;
        let costs = match cost::estimate(self.run, self.world, self.now, planned, work, phase) {
            Ok(costs) => costs,
            Err(reason) => return Ok(Err(Refusal::Denied(at(vec![reason], planned)))),
        };
        let covered = self.covered(step)?;
        let demand = Demand { booker: booker(self.run, action), costs: &costs, covered: &covered };
        let counted = budgets().filter(|budget| first || budget.spec.unit.value.as_str() == CALLS);
        if phase == Phase::Undo {
            return Ok(Ok(budget::reserve_undo(counted, &demand, &self.world.budgets, self.now)));
        }
        Ok(budget::reserve(counted, &demand, &self.world.budgets, self.now))
    }

    /// What an item would have to ask people for, if it started now.
    pub fn foreseen(&self, step: usize, item: u32) -> Result<Vec<budget::Ask>, Rejection> {
        let first = self.work(step, item, Phase::Do)?.attempts == 0;
        Ok(match self.reserve(step, item, Phase::Do, first)? {
            Err(Refusal::NeedsApproval(asks)) => asks,
            _ => Vec::new(),
        })
    }

    /// Budgets whose breach people approved for this step.
    fn covered(&self, step: usize) -> Result<BTreeSet<Arc<str>>, Rejection> {
        let hold = self.step(step)?.hold().filter(|hold| !hold.resolving && hold.is_granted());
        let budgets =
            hold.into_iter().flat_map(|hold: &Hold| &hold.requests).flat_map(|request| &request.budgets);
        Ok(budgets.map(|name| Arc::from(name.as_str())).collect())
    }

    /// What is to be booked for an item that is over.
    pub fn bookings(
        &self,
        step: usize,
        item: u32,
        phase: Phase,
        state: StepState,
        outcome: &Outcome,
    ) -> Result<Vec<Booking>, Rejection> {
        let work = self.work(step, item, phase)?;
        if work.reserved.is_empty() {
            return Ok(Vec::new());
        }
        let unknown =
            work.had_unknown || matches!(outcome, Outcome::Unknown { .. }) || state == StepState::Unknown;
        let succeeded = matches!(outcome, Outcome::Succeeded { .. });
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step uses nothing"))?;
        let book = |reservation: &budget::Reservation| match outcome {
            Outcome::Succeeded { output } => {
                let actual = self.actual(action, work, output, &reservation.unit);
                actual.map_or_else(|| reservation.kept(), |actual| reservation.settled(actual))
            }
            _ if unknown && !succeeded => reservation.kept(),
            _ => reservation.released(),
        };
        Ok(work.reserved.iter().map(book).collect())
    }

    /// Marks of budgets that actual costs pass, before they are booked.
    pub fn note_marks(&mut self, step: usize, bookings: &[Booking]) -> Done {
        let Some(active) = &self.world.active else { return Ok(()) };
        let budgets = active.catalogue.budgets.values().map(|budget| &**budget);
        let warnings = budget::warnings(budgets, bookings, &self.world.budgets);
        let id = self.id(step)?;
        self.warn(&id, warnings)
    }

    fn warn(&mut self, step: &Arc<str>, warnings: Vec<budget::Warning>) -> Done {
        for budget::Warning { budget, percent } in warnings {
            let (budget, step) = (budget.to_string(), Arc::clone(step));
            self.emit(Event::BudgetNoted { budget, breached: false, percent, step })?;
        }
        Ok(())
    }

    /// The actual cost in a unit, where the capability declares one and it can be said.
    fn actual(
        &self,
        action: &Action,
        work: &Work,
        output: &Arc<serde_json::Value>,
        unit: &str,
    ) -> Option<i64> {
        let cost = action.capability.spec.costs.iter().find(|cost| cost.unit.value.as_str() == unit)?;
        let scene = Scene::new(self.run, self.world, self.now, Place::Actual, None)
            .with("input", typed(&work.input, &action.capability.spec.input))
            .with("output", typed(output, &action.capability.spec.output));
        match cost.actual.as_ref()?.eval(&scene, COST_LIMIT) {
            Ok(Value::Int(amount)) => Some(amount),
            _ => None,
        }
    }

    /// A budget does not suffice.
    fn refused(&mut self, step: usize, item: u32, phase: Phase, refusal: Refusal) -> Done {
        match refusal {
            Refusal::Denied(reasons) => {
                self.note_breaches(step, &reasons)?;
                self.deny(step, item, phase, reasons)
            }
            Refusal::Throttled { until, reasons } => {
                let id = self.id(step)?;
                let reasons = at(reasons, self.planned(step)?);
                self.emit(Event::Throttled { step: id, until, reasons })
            }
            Refusal::NeedsApproval(asks) => self.ask_for_breach(step, item, asks),
        }
    }

    fn note_breaches(&mut self, step: usize, reasons: &[Reason]) -> Done {
        let names = reasons.iter().filter(|reason| reason.code == Code::BudgetExceeded);
        let names: Vec<String> =
            names.filter_map(|reason| Some(reason.source.as_ref()?.name.to_string())).collect();
        for budget in names {
            let id = self.id(step)?;
            self.emit(Event::BudgetNoted { budget, breached: true, percent: 100, step: id })?;
        }
        Ok(())
    }

    // --- kill switches and keys -------------------------------------------------------------------------------

    /// The kill switch that stops this attempt: whether it pauses, and why.
    fn kill_hit(&self, step: usize, phase: Phase) -> Result<Option<(bool, Reason)>, Rejection> {
        let planned = self.planned(step)?;
        let action = action(planned, phase).ok_or_else(|| fault("the step uses nothing"))?;
        let hit = self.world.kills.hit(&target(self.run, action), self.now);
        Ok(hit.map(|switch| (switch.pause, switch.to_reason())))
    }

    fn key(&self, step: usize, item: u32, phase: Phase) -> Result<Key, Reason> {
        let missing = || Code::SystemFault.reason();
        let planned = self.planned(step).map_err(|_| missing())?;
        let work = self.work(step, item, phase).map_err(|_| missing())?;
        if let Some(key) = &work.key {
            return Ok(Key { text: Arc::clone(key), remembered: work.remembered });
        }
        let action = action(planned, phase).ok_or_else(missing)?;
        let Idempotency::Key(expr) = &action.idempotency else {
            let text = idempotency::step_key(self.run.id(), &planned.id, item, direction(phase));
            return Ok(Key { text, remembered: false });
        };
        let scene = Scene::new(self.run, self.world, self.now, Place::Capability, Some(planned));
        let scene = if phase == Phase::Undo { scene.undoing() } else { scene };
        let scene = scene.with("input", typed(&work.input, &action.capability.spec.input));
        let value = expr.eval(&scene, COST_LIMIT).map_err(|error| self.expression(planned, &error))?;
        let capability = action.capability.metadata.name.as_str();
        let text = idempotency::business_key(capability, self.run.started.mode, &value.to_json());
        Ok(Key { text, remembered: true })
    }

    fn look_up(&self, key: &Key) -> Lookup {
        self.world.idempotency.look(&key.text, self.now)
    }

    // --- no -------------------------------------------------------------------------------------------------

    /// The gate says no to one attempt.
    pub fn deny(&mut self, step: usize, item: u32, phase: Phase, reasons: Vec<Reason>) -> Done {
        let reasons = at(reasons, self.planned(step)?);
        if phase == Phase::Undo {
            let id = self.id(step)?;
            return self.emit(Event::Stuck { step: id, state: StepState::Undoing, reasons });
        }
        // What may have happened is not undone by a no to trying again.
        let unknown = self.work(step, item, phase)?.last_unknown;
        let state = if unknown { StepState::Unknown } else { StepState::Denied };
        self.stop_item(step, item, phase, state, reasons)
    }

    pub fn stop_item(
        &mut self,
        step: usize,
        item: u32,
        phase: Phase,
        state: StepState,
        reasons: Vec<Reason>,
    ) -> Done {
        let outcome =
            Outcome::Refused { code: Code::Cancelled, detail: None, retryable: false, retry_after_ms: None };
        let bookings = self.bookings(step, item, phase, state, &outcome)?;
        let acts = self.planned(step)?.action().is_some_and(|action| {
            action.capability.spec.effect.value != ordain_spec::kind::scalar::Effect::Read
        });
        let happened = acts && state == StepState::Unknown;
        let work = self.work(step, item, phase)?;
        let key = work.key.clone().filter(|_| work.remembered);
        let id = self.id(step)?;
        self.emit(Event::ItemStopped { step: id, item, phase, state, reasons, happened, bookings, key })
    }
}

const fn direction(phase: Phase) -> Direction {
    match phase {
        Phase::Do => Direction::Do,
        Phase::Undo => Direction::Undo,
    }
}

/// What a step is, for selectors.
pub(crate) fn subject<'a>(run: &'a Run, action: &'a Action) -> Subject<'a> {
    use ordain_spec::kind::metadata::Risk;
    let metadata = &action.capability.metadata;
    Subject {
        capability: metadata.name.as_str(),
        // A capability without a risk never comes this far; if it did, it would be treated as the worst.
        risk: metadata.risk.as_ref().map_or(Risk::Critical, |risk| risk.value),
        effect: action.capability.spec.effect.value,
        runbook: &run.started.runbook,
        environment: &run.started.environment,
        mode: run.started.mode,
    }
}

/// On whose account it is booked.
pub(crate) fn booker<'a>(run: &'a Run, action: &'a Action) -> Booker<'a> {
    Booker {
        subject: subject(run, action),
        actor: &run.started.requester,
        tenant: &run.started.tenant,
        run: run.id(),
    }
}

/// What a kill switch sees of it.
pub(crate) fn target<'a>(run: &'a Run, action: &'a Action) -> Target<'a> {
    Target {
        capability: Some(action.capability.metadata.name.as_str()),
        connector: Some(action.connector.metadata.name.as_str()),
        runbook: &run.started.runbook,
        actor: &run.started.requester,
        tenant: &run.started.tenant,
    }
}
