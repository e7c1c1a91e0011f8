//! People are asked: which approvals a step needs, what every grant is for, when stages open and refuse, and
//! whether what was granted is what would run.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_plan::{Body, PlanStep};
use ordain_spec::digest::Digest;
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::scalar::{Principal, Reference};
use ordain_spec::kind::{Approval, Kind};
use serde_json::{Value as Json, json};

use super::event::{Asked, AskedStage, Event, Resolution};
use super::hold::{Hold, StageState};
use super::state::{Run, StepRun, StepState};
use super::turn::{Done, Turn};
use super::{Rejection, later};
use crate::actor::humans;
use crate::approval::{self, Applicant, Granted, recheck};
use crate::budget::Ask;
use crate::decision::Decision;
use crate::ids::ApprovalId;
use crate::reason::{Code, Reason};
use crate::run::evolve::basis as basis_of;
use crate::world::World;

/// How often a step asks again before it is denied.
const ASKS_AGAIN: u8 = 3;

/// An approval that a step needs.
#[derive(Debug, Clone)]
pub(super) struct Required {
    pub definition: Arc<Approval>,
    pub budgets: BTreeSet<String>,
}

impl Turn<'_> {
    /// A prepared step asks whom it must, or goes.
    pub fn hold_or_go(&mut self, step: usize, rules: Vec<Reference>) -> Done {
        let mut required = match self.required(step, &rules)? {
            Ok(required) => required,
            Err(reason) => return self.fail_step(step, StepState::Denied, vec![reason]),
        };
        self.foresee_breaches(step, &mut required)?;
        if required.is_empty() {
            return self.go(step);
        }
        self.ask(step, required)
    }

    /// The union of what the capability, the step and the rules ask for, by name.
    pub(super) fn required(
        &self,
        step: usize,
        by_rules: &[Reference],
    ) -> Result<Result<Vec<Required>, Reason>, Rejection> {
        let planned = self.planned(step)?;
        let mut found: Vec<Arc<Approval>> = Vec::new();
        for pinned in pinned(planned) {
            found.extend(self.current(planned, pinned));
        }
        for reference in by_rules {
            match self.defined(reference) {
                Some(definition) => found.push(definition),
                None => {
                    let name = reference.name.shared();
                    let reason =
                        Code::SpecWithdrawn.reason().from(Kind::Approval, name).at(Arc::clone(&planned.id));
                    return Ok(Err(reason));
                }
            }
        }
        Ok(Ok(united(found)))
    }

    fn defined(&self, reference: &Reference) -> Option<Arc<Approval>> {
        self.world.active.as_ref()?.catalogue.approval(reference).ok().cloned()
    }

    /// A pinned definition, or what its reference means now where that is stricter; both where they cannot be
    /// compared.
    fn current(&self, planned: &PlanStep, pinned: &Arc<Approval>) -> Vec<Arc<Approval>> {
        let name = &pinned.metadata.name.value;
        let capability = planned.action().and_then(|action| action.capability.spec.approval.as_ref());
        let export = match &planned.body {
            Body::Export(export) => export.spec.approval.as_ref(),
            _ => None,
        };
        let named = [capability, planned.spec.approval.as_ref(), planned.spec.approve.as_ref(), export];
        let mut named = named.into_iter().flatten().filter(|reference| reference.value.name == *name);
        let now = named.find_map(|reference| self.defined(&reference.value));
        match now {
            _ if self.world.roster().is_none() => vec![Arc::clone(pinned)],
            now => self
                .world
                .roster()
                .map_or_else(Vec::new, |roster| approval::that_hold(roster, pinned, now.as_ref())),
        }
    }

    /// Budgets that would ask people are asked about together with everything else.
    fn foresee_breaches(&self, step: usize, required: &mut Vec<Required>) -> Done {
        if self.planned(step)?.action().is_none() {
            return Ok(());
        }
        for item in 0..super::evolve::to_u32(self.step(step)?.items.len()) {
            for ask in self.foreseen(step, item)? {
                self.add_breach(required, &ask);
            }
        }
        Ok(())
    }

    fn add_breach(&self, required: &mut Vec<Required>, ask: &Ask) {
        let Some(definition) = self.defined(&ask.approval) else { return };
        let budget = ask.budget.to_string();
        match required.iter_mut().find(|one| one.definition.digest == definition.digest) {
            Some(one) => {
                one.budgets.insert(budget);
            }
            None => required.push(Required { definition, budgets: BTreeSet::from([budget]) }),
        }
    }

    /// A budget does not suffice at dispatch and asks people.
    pub fn ask_for_breach(&mut self, step: usize, item: u32, asks: Vec<Ask>) -> Done {
        let mut required = Vec::new();
        for ask in &asks {
            self.add_breach(&mut required, ask);
        }
        if required.is_empty() {
            let reasons = asks.into_iter().map(|ask| ask.reason).collect();
            return self.deny(step, item, super::Phase::Do, reasons);
        }
        for ask in asks {
            let (budget, id) = (ask.budget.to_string(), self.id(step)?);
            self.emit(Event::BudgetNoted { budget, breached: true, percent: 100, step: id })?;
        }
        self.ask(step, required)
    }

    /// Opens what is required beside what is granted already.
    pub(super) fn ask(&mut self, step: usize, required: Vec<Required>) -> Done {
        // Nobody is asked whether somebody may be told.
        if self.run.plan.notice().is_some() {
            let asked = |one: &Required| {
                let name = one.definition.metadata.name.value.shared();
                Code::ApprovalRequired.reason().from(Kind::Approval, name)
            };
            let reasons = required.iter().map(asked).collect();
            return self.stop_or_fail(step, 0, reasons);
        }
        let asked = self.asked(step, &required)?;
        let digest = self.binding(step)?;
        let id = self.id(step)?;
        self.emit(Event::Held { step: id, digest, asked, resolving: false })?;
        self.open_stages(step)
    }

    fn asked(&self, step: usize, required: &[Required]) -> Result<Vec<Asked>, Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        let before: Vec<&Arc<str>> =
            run.holds.iter().flat_map(|hold| &hold.requests).map(|request| &request.name).collect();
        let mut asked: Vec<Asked> = Vec::with_capacity(required.len());
        for one in required {
            let definition = &one.definition;
            let name = definition.metadata.name.value.shared();
            // Each time that an approval is asked for a step it is another one, with ids of its own.
            let names = before.iter().copied().chain(asked.iter().map(|asked| &asked.name));
            let asks = super::evolve::to_u32(names.filter(|asked| **asked == name).count());
            let version = definition.metadata.version.as_ref().map(|version| version.value.to_string());
            let told_apart = format!("{name}@{}", version.unwrap_or_default());
            let stages = definition.spec.stages.iter().map(|stage| AskedStage {
                id: ApprovalId::derive(
                    self.run.id(),
                    &planned.id,
                    &told_apart,
                    stage.id.value.as_str(),
                    asks,
                ),
                stage: stage.id.value.shared(),
                quorum: stage.quorum.value,
                // Mandatory by law; without it nobody could agree in time.
                expires_ms: stage.expires.as_ref().map_or(0, |expires| expires.value.0),
            });
            asked.push(Asked {
                name,
                definition: definition.digest,
                distinct: definition.spec.distinct.value,
                stages: stages.collect(),
                budgets: one.budgets.clone(),
            });
        }
        Ok(asked)
    }

    /// Opens the first stage of each approval whose earlier ones are granted.
    pub fn open_stages(&mut self, step: usize) -> Done {
        let Some(hold) = self.step(step)?.hold() else { return Ok(()) };
        let mut opening = Vec::new();
        for request in &hold.requests {
            let next = request.stages.iter().find(|stage| stage.state != StageState::Granted);
            if let Some(stage) = next.filter(|stage| stage.state == StageState::Pending) {
                let definition = definition(self.run, self.world, step, request.definition);
                let declared = definition.as_ref().and_then(|definition| {
                    definition.spec.stages.iter().find(|one| one.id.value.as_str() == &*stage.stage)
                });
                let principals: Vec<Principal> = declared
                    .map(|stage| stage.any_of.iter().map(|principal| principal.value.clone()).collect())
                    .unwrap_or_default();
                let roster = self.world.roster();
                let eligible = roster.map(|roster| humans(roster, principals.iter())).unwrap_or_default();
                opening.push((stage.id.clone(), eligible, later(self.now, stage.expires_ms)));
            }
        }
        for (approval, eligible, expires_at) in opening {
            let id = self.id(step)?;
            self.emit(Event::StageOpened { step: id, approval, eligible, expires_at })?;
        }
        Ok(())
    }

    /// What a held step waits for may be there.
    pub fn look_at_hold(&mut self, step: usize, starts: bool) -> Done {
        let run = self.step(step)?;
        let Some(hold) = run.hold() else {
            return if run.holds.is_empty() { Ok(()) } else { self.end_hold(step) };
        };
        if !hold.resolving && self.is_called_off(step)? {
            return self.conclude(step);
        }
        if !hold.is_granted() {
            return self.open_stages(step);
        }
        // Nothing further starts, but what is to be found out goes on.
        if !starts && self.step(step)?.retrying == 0 {
            return Ok(());
        }
        let id = self.id(step)?;
        self.emit(Event::Released { step: id })?;
        match self.planned(step)?.body {
            Body::Use(_) | Body::SubRun(_) => self.carry_on(step, starts),
            _ => {
                if self.is_bound(step, 0, None)? {
                    self.go(step)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// People said no, or nothing: the step ends, as soon as nothing of it runs.
    fn end_hold(&mut self, step: usize) -> Done {
        let run = self.step(step)?;
        if run.flying > 0 || run.settled || run.state != StepState::Held {
            return Ok(());
        }
        let Some(hold) = run.holds.last() else { return Ok(()) };
        let found = hold.requests.iter().find_map(|request| {
            let stage = request
                .stages
                .iter()
                .find(|stage| matches!(stage.state, StageState::Rejected | StageState::Expired))?;
            Some((Arc::clone(&request.name), Arc::clone(&stage.stage), stage.state))
        });
        let Some((name, stage, state)) = found else { return Ok(()) };
        let (code, state) = if state == StageState::Rejected {
            (Code::ApprovalRejected, StepState::Rejected)
        } else {
            (Code::ApprovalExpired, StepState::Expired)
        };
        let reason = code.reason().from_rule(Kind::Approval, name, stage).at(self.id(step)?);
        let waiting = self.waits_for_another_attempt(step)?;
        if waiting.is_empty() {
            return self.fail_step(step, state, vec![reason]);
        }
        // What was tried before is over with it.
        for (item, unknown) in waiting {
            let state = if unknown { StepState::Unknown } else { state };
            self.stop_item(step, item, super::Phase::Do, state, vec![reason.clone()])?;
        }
        self.conclude(step)
    }

    /// Open stages whose time is up refuse.
    pub fn expire(&mut self, step: usize) -> Done {
        let hold = self.step(step)?.hold();
        let late = hold.and_then(|hold| {
            hold.stages()
                .find(|stage| {
                    stage.state == StageState::Open
                        && stage.opened.is_some_and(|(_, until)| until <= self.now)
                })
                .map(|stage| (stage.id.clone(), hold.resolving))
        });
        let Some((approval, resolving)) = late else { return Ok(()) };
        let id = self.id(step)?;
        self.emit(Event::StageExpired { step: id, approval })?;
        if resolving { Ok(()) } else { self.end_hold(step) }
    }

    // --- binding ------------------------------------------------------------------------------------------------

    /// The digest that every grant is for.
    fn binding(&self, step: usize) -> Result<Digest, Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        // An approval's id is one stage of one step of one run; what people agree to at it is the file.
        if let Some(preview) = &run.preview {
            return Ok(preview.digest);
        }
        let items: Vec<Json> = run
            .items
            .iter()
            .map(|item| {
                json!([item.work.input, item.work.call, item.work.basis.map(|basis| basis.to_string())])
            })
            .collect();
        let mut bound = json!({
            "run": self.run.id().to_string(),
            "mode": self.run.started.mode.as_str(),
            "environment": self.run.started.environment,
            "plan": self.run.started.plan.to_string(),
            "step": planned.id,
            "items": items,
            "show": run.show,
        });
        if let (Some(action), Some(bound)) = (planned.action(), bound.as_object_mut()) {
            let connection = action.connection.as_ref().map(|connection| connection.digest.to_string());
            bound.insert("capability".into(), action.capability.digest.to_string().into());
            bound.insert("connector".into(), action.connector.digest.to_string().into());
            bound.insert("operation".into(), action.operation.as_ref().into());
            bound.insert("connection".into(), connection.into());
            if let Some(undo) = planned.undo() {
                let with: serde_json::Map<_, _> =
                    undo.with.iter().map(|(name, arg)| (name.to_string(), arg.to_json())).collect();
                let undoing = json!([
                    undo.action.capability.digest.to_string(),
                    undo.action.connector.digest.to_string(),
                    undo.action.operation,
                    undo.action.connection.as_ref().map(|connection| connection.digest.to_string()),
                    with,
                ]);
                bound.insert("undo".into(), undoing);
            }
        }
        Ok(Digest::of_json(&bound))
    }

    /// True where what was granted is what would run now. Else people are asked, or the step is denied.
    pub fn is_bound(
        &mut self,
        step: usize,
        item: u32,
        decision: Option<&Decision>,
    ) -> Result<bool, Rejection> {
        let rules = decision.map(by_rules).unwrap_or_default();
        let required = match self.required(step, &rules)? {
            Ok(required) => required,
            Err(reason) => {
                self.stop_or_fail(step, item, vec![reason])?;
                return Ok(false);
            }
        };
        let run = self.step(step)?;
        let hold = run.hold().filter(|hold| !hold.resolving);
        let Some(hold) = hold else {
            if required.is_empty() {
                return Ok(true);
            }
            self.ask(step, required)?;
            return Ok(false);
        };
        let same_name = |one: &Required| {
            hold.requests.iter().find(|request| *request.name == *one.definition.metadata.name.as_str())
        };
        let known =
            |one: &Required| hold.requests.iter().any(|request| request.definition == one.definition.digest);
        let changed = required.iter().any(|one| !known(one) && same_name(one).is_some());
        let begun = run.items.iter().any(|item| item.work.attempts > 0);
        let late = !begun && hold.earliest_expiry().is_some_and(|expiry| expiry <= self.now);
        let basis = hold.bases.get(item as usize).copied().flatten();
        let further: Vec<Required> = required.iter().filter(|one| !known(one)).cloned().collect();
        let differs = decision.is_some_and(|decision| Some(basis_of(decision)) != basis);
        if !changed && !late && self.still_eligible(step, hold) {
            if !further.is_empty() {
                self.ask(step, further)?;
                return Ok(false);
            }
            if !differs {
                return Ok(true);
            }
        }
        self.ask_again(step, item, required)?;
        Ok(false)
    }

    fn ask_again(&mut self, step: usize, item: u32, mut required: Vec<Required>) -> Done {
        let reason = Code::ApprovalVoid.reason().at(self.id(step)?);
        let spent = self.step(step)?.asked_again >= ASKS_AGAIN;
        let id = self.id(step)?;
        self.emit(Event::Voided { step: id, reasons: vec![reason.clone()], counts: !spent })?;
        if spent {
            return self.stop_or_fail(step, item, vec![reason]);
        }
        self.foresee_breaches(step, &mut required)?;
        if required.is_empty() {
            return Ok(());
        }
        self.ask(step, required)
    }

    fn stop_or_fail(&mut self, step: usize, item: u32, reasons: Vec<Reason>) -> Done {
        if self.step(step)?.items.is_empty() {
            return self.fail_step(step, StepState::Denied, reasons);
        }
        self.deny(step, item, super::Phase::Do, reasons)
    }

    /// True while everybody who agreed may still do so.
    fn still_eligible(&self, step: usize, hold: &Hold) -> bool {
        let Some(roster) = self.world.roster() else { return false };
        let applicant = Applicant::of(&self.run.started.requester);
        let action = self.run.plan.steps.get(step).and_then(PlanStep::action);
        let risk = action.and_then(|action| action.capability.metadata.risk.as_ref());
        let risk = risk.map_or(Risk::Low, |risk| risk.value);
        hold.requests.iter().all(|request| {
            let Some(definition) = definition(self.run, self.world, step, request.definition) else {
                return false;
            };
            request.stages.iter().all(|stage| {
                let declared =
                    definition.spec.stages.iter().find(|one| one.id.value.as_str() == &*stage.stage);
                let granted = stage.grants.iter();
                let granted: Vec<_> = granted
                    .map(|grant| Granted { by: &grant.by.id, claims: grant.claims.as_ref() })
                    .collect();
                declared.is_some_and(|declared| {
                    recheck(&definition.spec, declared, risk, &applicant, &granted, roster, self.now).is_ok()
                })
            })
        })
    }

    // --- resolutions ----------------------------------------------------------------------------------------------

    /// Asks the step's own approvals about a person's word; true where none is needed.
    pub fn ask_about(&mut self, step: usize, resolution: &Resolution) -> Result<bool, Rejection> {
        let planned = self.planned(step)?;
        let own: Vec<_> =
            pinned(planned).into_iter().flat_map(|pinned| self.current(planned, pinned)).collect();
        let required = united(own);
        if required.is_empty() {
            return Ok(true);
        }
        let asked = self.asked(step, &required)?;
        let digest = Digest::of_json(&json!({
            "run": self.run.id().to_string(),
            "step": planned.id,
            "outcome": resolution.outcome.as_str(),
            "outputs": resolution.outputs,
        }));
        let id = self.id(step)?;
        self.emit(Event::Held { step: id, digest, asked, resolving: true })?;
        self.open_stages(step)?;
        Ok(false)
    }

    /// Words about stuck steps that everybody agreed to hold now.
    pub fn resume_resolutions(&mut self) -> Done {
        while let Some(step) = self.run.agenda.pop_first() {
            let step = step as usize;
            let run: &StepRun = self.step(step)?;
            let hold = run.hold().filter(|hold| hold.resolving);
            let (granted, resolution) = (hold.map(Hold::is_granted), run.resolving.clone());
            match (granted, resolution) {
                (Some(true), Some(resolution)) => {
                    let id = self.id(step)?;
                    self.emit(Event::Released { step: id })?;
                    self.apply_resolution(step, *resolution)?;
                    return self.advance();
                }
                (Some(false), _) => self.open_stages(step)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// What rules ask for that is not granted.
pub(super) fn by_rules(decision: &Decision) -> Vec<Reference> {
    let asked = decision.outstanding.iter().filter(|required| required.source.kind == Kind::Policy);
    asked.filter_map(|required| Reference::new(&required.reference)).collect()
}

/// The approvals that the plan itself asks for.
fn pinned(planned: &PlanStep) -> Vec<&Arc<Approval>> {
    let own = match &planned.body {
        Body::Approve(approval) => Some(approval),
        _ => None,
    };
    own.into_iter().chain(&planned.approvals).collect()
}

/// Each definition once, in the order of names.
fn united(mut definitions: Vec<Arc<Approval>>) -> Vec<Required> {
    definitions.sort_by(|one, other| {
        one.metadata.name.as_str().cmp(other.metadata.name.as_str()).then(one.digest.cmp(&other.digest))
    });
    definitions.dedup_by_key(|definition| definition.digest);
    definitions.into_iter().map(|definition| Required { definition, budgets: BTreeSet::new() }).collect()
}

/// The definition of that digest, pinned or active.
pub(crate) fn definition(run: &Run, world: &World, step: usize, digest: Digest) -> Option<Arc<Approval>> {
    let planned = run.plan.steps.get(step)?;
    let own = pinned(planned).into_iter().find(|approval| approval.digest == digest);
    own.or_else(|| world.active.as_ref()?.catalogue.approval_by_digest(digest)).cloned()
}
