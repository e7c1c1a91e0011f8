//! What one scenario saw, read off the journals of its runs: it judges nothing and asks nothing anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ordain_plan::{Body, Plan, PlanStep};
use ordain_spec::kind::Kind;

use super::stage::Stage;
use crate::decision::RuleValue;
use crate::ids::ApprovalId;
use crate::reason::{Code, Reason};
use crate::run::{Event, Phase, StepState};

/// A guard: kind and name of its spec, its step where it has one, its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guarded {
    /// Capability or runbook.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// The step, for guards of a runbook.
    pub step: Option<Arc<str>>,
    /// The guard.
    pub id: Arc<str>,
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{}/{step}/{}", self.name, self.id),
            None => write!(f, "{}/{}", self.name, self.id),
        }
    }
}

/// Which ways a condition went. Neither where it had no value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Branches {
    /// It held.
    pub held: bool,
    /// It did not hold.
    pub failed: bool,
}

impl Branches {
    /// The ways of two.
    pub const fn join(&mut self, other: Self) {
        self.held |= other.held;
        self.failed |= other.failed;
    }

    /// How many of the two ways it went.
    #[must_use]
    pub fn count(self) -> usize {
        usize::from(self.held) + usize::from(self.failed)
    }
}

/// How a stage of an approval can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Enough people agreed.
    Granted,
    /// A person said no.
    Rejected,
    /// Nobody said enough in time.
    Expired,
}

impl Ending {
    /// Every ending.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Rejected, Self::Expired];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// What one scenario, or several together, saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Rules that were true, as (policy, rule).
    pub rules: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Guards that were asked, and which ways they went.
    pub guards: BTreeMap<Guarded, Branches>,
    /// The `when` of steps, as (runbook, step), and which ways they went.
    pub whens: BTreeMap<(Arc<str>, Arc<str>), Branches>,
    /// Endings of stages, as (approval, stage, ending).
    pub endings: BTreeSet<(Arc<str>, Arc<str>, Ending)>,
    /// Capabilities of steps that became `ready`, and those whose undo began: what the scenario reaches.
    pub reached: BTreeSet<Arc<str>>,
}

impl Seen {
    /// Adds what another scenario saw.
    pub fn join(&mut self, other: &Self) {
        self.rules.extend(other.rules.iter().cloned());
        for (guard, ways) in &other.guards {
            self.guards.entry(guard.clone()).or_default().join(*ways);
        }
        for (step, ways) in &other.whens {
            self.whens.entry(step.clone()).or_default().join(*ways);
        }
        self.endings.extend(other.endings.iter().cloned());
        self.reached.extend(other.reached.iter().cloned());
    }

    fn guards(&mut self, guards: &BTreeSet<Guarded>, ways: Branches) {
        for guard in guards {
            self.guards.entry(guard.clone()).or_default().join(ways);
        }
    }
}

const HELD: Branches = Branches { held: true, failed: false };
const FAILED: Branches = Branches { held: false, failed: true };

/// What a scenario saw.
pub(super) fn seen(stage: &Stage<'_>) -> Seen {
    let mut seen = Seen::default();
    for (id, journal) in &stage.journal {
        let Some(run) = stage.realm.run(*id) else { continue };
        let mut reader =
            Reader { plan: &run.plan, seen: &mut seen, ready: BTreeSet::new(), stages: BTreeMap::new() };
        for (_, event) in journal {
            reader.event(event);
        }
    }
    seen
}

/// A stage under way: its approval, its name, what it needs, what it has.
struct Open {
    approval: Arc<str>,
    stage: Arc<str>,
    quorum: u64,
    granted: u64,
}

/// Reads one journal from its beginning.
struct Reader<'a> {
    plan: &'a Plan,
    seen: &'a mut Seen,
    /// Steps that became ready and were not prepared yet: of their `when` nothing is known.
    ready: BTreeSet<Arc<str>>,
    stages: BTreeMap<ApprovalId, Open>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::StepReady { step } => {
                self.ready.insert(Arc::clone(step));
                if let Some(action) = self.plan.step(step).and_then(PlanStep::action) {
                    self.reach(&action.capability);
                }
            }
            Event::UndoStarted { step, .. } => {
                if let Some(undo) = self.plan.step(step).and_then(PlanStep::undo) {
                    self.reach(&undo.action.capability);
                }
            }
            Event::StepPrepared { step, .. } => self.prepared(step),
            Event::Decided { step, phase, decision, .. } => {
                for policy in &decision.policies {
                    let hit = policy.rules.iter().filter(|rule| rule.value == RuleValue::True);
                    let hit = hit.map(|rule| (Arc::clone(&policy.name), Arc::clone(&rule.id)));
                    self.seen.rules.extend(hit);
                }
                // Policies are asked only after all guards of the item held.
                self.held(step, *phase);
            }
            // A sub-run starts, and people are asked, only after the step's guards held.
            Event::ChildStarted { step, .. } | Event::Held { step, resolving: false, .. } => {
                self.held(step, Phase::Do);
            }
            Event::ItemStopped { step, phase, reasons, .. } => self.stopped(step, *phase, reasons),
            Event::Stuck { step, reasons, .. } => self.stopped(step, Phase::Do, reasons),
            Event::StepSettled(settled) => {
                if settled.state == StepState::Skipped && self.ready.remove(&settled.step) {
                    self.asked_when(&settled.step, FAILED);
                }
                self.stopped(&settled.step, Phase::Do, &settled.reasons);
            }
            _ => self.people(event),
        }
        if let Event::Held { asked, .. } = event {
            for (approval, stage) in
                asked.iter().flat_map(|asked| asked.stages.iter().map(move |stage| (asked, stage)))
            {
                self.stages.insert(
                    stage.id.clone(),
                    Open {
                        approval: Arc::clone(&approval.name),
                        stage: Arc::clone(&stage.stage),
                        quorum: stage.quorum,
                        granted: 0,
                    },
                );
            }
        }
    }

    fn people(&mut self, event: &Event) {
        match event {
            Event::Granted { approval, .. } => {
                let Some(open) = self.stages.get_mut(approval) else { return };
                open.granted += 1;
                if open.granted >= open.quorum {
                    self.ended(approval, Ending::Granted);
                }
            }
            Event::Withdrawn { approval, .. } => {
                if let Some(open) = self.stages.get_mut(approval) {
                    open.granted = open.granted.saturating_sub(1);
                }
            }
            Event::Refused { approval, .. } => self.ended(approval, Ending::Rejected),
            Event::StageExpired { approval, .. } => self.ended(approval, Ending::Expired),
            _ => {}
        }
    }

    fn ended(&mut self, approval: &ApprovalId, ending: Ending) {
        if let Some(open) = self.stages.get(approval) {
            self.seen.endings.insert((Arc::clone(&open.approval), Arc::clone(&open.stage), ending));
        }
    }

    fn reach(&mut self, capability: &ordain_spec::kind::Capability) {
        self.seen.reached.insert(capability.metadata.name.value.shared());
    }

    fn prepared(&mut self, step: &Arc<str>) {
        if self.ready.remove(step) {
            self.asked_when(step, HELD);
        }
        // A step without arguments of its own is prepared after its guards, every other before.
        if self.plan.step(step).is_some_and(|planned| !matches!(planned.body, Body::Use(_) | Body::SubRun(_)))
        {
            self.held(step, Phase::Do);
        }
    }

    fn asked_when(&mut self, step: &Arc<str>, ways: Branches) {
        if self.plan.step(step).is_some_and(|planned| planned.spec.when.is_some()) {
            let name = self.plan.runbook.metadata.name.value.shared();
            self.seen.whens.entry((name, Arc::clone(step))).or_default().join(ways);
        }
    }

    fn held(&mut self, step: &str, phase: Phase) {
        if let Some(planned) = self.plan.step(step) {
            self.seen.guards(&guards(self.plan, planned, phase), HELD);
        }
    }

    /// Guards stopped something, or something else did: all guards of an item are asked together, so those that
    /// are not among the reasons held.
    fn stopped(&mut self, step: &Arc<str>, phase: Phase, reasons: &[Reason]) {
        let Some(planned) = self.plan.step(step) else { return };
        let asked = guards(self.plan, planned, phase);
        let (mut held, mut some) = (asked.clone(), false);
        for (reason, guard) in reasons.iter().filter_map(|reason| Some((reason, named(reason, &asked)?))) {
            some = true;
            held.remove(guard);
            let ways = if reason.code == Code::GuardFalse { FAILED } else { Branches::default() };
            self.seen.guards.entry(guard.clone()).or_default().join(ways);
        }
        if some {
            self.seen.guards(&held, HELD);
            if phase == Phase::Do && self.ready.remove(step) {
                self.asked_when(step, HELD);
            }
        }
    }
}

/// The guard that a reason comes from.
fn named<'g>(reason: &Reason, asked: &'g BTreeSet<Guarded>) -> Option<&'g Guarded> {
    let source = reason.source.as_ref()?;
    let rule = source.rule.as_ref()?;
    let is_it =
        |guard: &&Guarded| guard.kind == source.kind && guard.name == source.name && guard.id == *rule;
    let codes = [Code::GuardFalse, Code::GuardError, Code::FactMissing, Code::CostLimit];
    asked.iter().find(is_it).filter(|_| codes.contains(&reason.code))
}

/// The guards that are asked together for an item of a step.
fn guards(plan: &Plan, planned: &PlanStep, phase: Phase) -> BTreeSet<Guarded> {
    let action = match phase {
        Phase::Do => planned.action(),
        Phase::Undo => planned.undo().map(|undo| &undo.action),
    };
    let mut guards = BTreeSet::new();
    if let Some(action) = action {
        let name = action.capability.metadata.name.value.shared();
        guards.extend(action.capability.spec.guards.iter().map(|guard| Guarded {
            kind: Kind::Capability,
            name: Arc::clone(&name),
            step: None,
            id: guard.id.value.shared(),
        }));
    }
    if phase == Phase::Do {
        guards.extend(planned.spec.guards.iter().map(|guard| Guarded {
            kind: Kind::Runbook,
            name: plan.runbook.metadata.name.value.shared(),
            step: Some(Arc::clone(&planned.id)),
            id: guard.id.value.shared(),
        }));
    }
    guards
}
