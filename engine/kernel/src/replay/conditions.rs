//! What stands before a decision, asked once more: `when`, guards and quotas, each where its answer stands in the
//! journal, as the run's own plan declares them or as other specs do. What a counter of all runs was is taken from the
//! journal; where it does not say, nothing is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Body, PlanStep, compile, compile_unwritten};
use ordain_spec::expr::Value;
use ordain_spec::kind::Kind;
use ordain_spec::words;
use serde::Serialize;

use super::{Replay, Told, Under};
use crate::ids::RunId;
use crate::quota::{Counted, exceeded};
use crate::reason::{Code, Reason};
use crate::run::{Event, Phase, Rejection, Run, StepState, reads_budgets};

words! {
    /// What was asked.
    pub enum Asked {
        /// Whether the step is wanted.
        When = "when",
        /// A guard of the capability or of the step.
        Guard = "guard",
        /// How often the capability may be used.
        Quota = "quota",
        /// Whether there is such a step at all.
        Step = "step",
    }
}

/// A condition that comes out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Differing {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: Arc<str>,
    /// The item.
    pub item: u32,
    /// Doing or undoing.
    pub phase: Phase,
    /// When it was asked.
    pub at: Timestamp,
    /// What.
    pub asked: Asked,
    /// Which: the guard's id, what the quota is per.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// As it was recorded.
    pub recorded: &'static str,
    /// As it comes out.
    pub replayed: &'static str,
}

/// Counters as a step saw them.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    budgets: Option<Value>,
    quotas: Vec<Counted>,
}

/// Guards that do not hold, each with the word for why.
type Failing = BTreeMap<(Kind, Arc<str>), &'static str>;

const HELD: &str = "true";

/// Where something was asked.
struct Place<'t> {
    told: &'t Told,
    step: &'t Arc<str>,
    item: u32,
    phase: Phase,
}

impl Replay<'_> {
    /// Asks what an event answers, before it happens.
    pub(super) fn conditions(&mut self, told: &Told, run: &mut Run) -> Result<(), Rejection> {
        let place = |step, item, phase| Place { told, step, item, phase };
        match &told.event {
            Event::CountersSeen { step, budgets, quotas, .. } => {
                let seen = self.counters.entry((told.run, Arc::clone(step))).or_default();
                if let Some(budgets) = budgets {
                    seen.budgets = Value::from_json(budgets).ok();
                }
                if !quotas.is_empty() {
                    seen.quotas.clone_from(quotas);
                }
            }
            Event::StepReady { step } => self.is_there(&place(step, 0, Phase::Do), run),
            Event::StepPrepared { step, .. } => {
                let place = place(step, 0, Phase::Do);
                self.when(&place, run, Some(true))?;
                if is_bare(run, step) {
                    self.guards(&place, run, &Failing::new())?;
                }
            }
            Event::Decided { step, item, phase, .. } => {
                self.guards(&place(step, *item, *phase), run, &Failing::new())?;
            }
            Event::ChildStarted { step, item, .. } => {
                self.guards(&place(step, *item, Phase::Do), run, &Failing::new())?;
            }
            Event::StepSettled(settled) => {
                self.settled(&place(&settled.step, 0, Phase::Do), run, settled.state, &settled.reasons)?;
            }
            Event::ItemStopped { step, item, phase, reasons, .. } => {
                let (place, failing) = (place(step, *item, *phase), failing(reasons));
                if !failing.is_empty() {
                    self.guards(&place, run, &failing)?;
                }
                if reasons.iter().any(|reason| reason.code == Code::QuotaExceeded) {
                    self.quotas(&place, run, true);
                }
            }
            Event::AttemptStarted(start) if start.attempt == 1 && start.phase == Phase::Do => {
                self.quotas(&place(&start.step, start.item, start.phase), run, false);
            }
            _ => {}
        }
        Ok(())
    }

    /// A step that ended before its first attempt.
    fn settled(
        &mut self,
        place: &Place<'_>,
        run: &mut Run,
        state: StepState,
        reasons: &[Reason],
    ) -> Result<(), Rejection> {
        let Some(standing) = run.plan.step(place.step).and_then(|planned| run.steps.get(planned.index))
        else {
            return Ok(());
        };
        if standing.state != StepState::Ready {
            return Ok(());
        }
        let items = standing.items.len();
        if items == 0 && state == StepState::Skipped {
            return self.when(place, run, Some(false));
        }
        let failing = failing(reasons);
        if state != StepState::Denied || failing.is_empty() {
            return Ok(());
        }
        if items == 0 {
            self.when(place, run, Some(true))?;
            return self.guards(place, run, &failing);
        }
        // The first item that did not pass denies the step.
        for item in 0..u32::try_from(items).unwrap_or(u32::MAX) {
            let here = Place { told: place.told, step: place.step, item, phase: place.phase };
            let again = self.failing_again(&here, run)?;
            let last = item as usize + 1 == items;
            if last || again.as_ref().is_none_or(|again| !again.is_empty()) {
                return self.guards(&here, run, &failing);
            }
        }
        Ok(())
    }

    fn is_there(&mut self, place: &Place<'_>, run: &Run) {
        if self.declared(place.step, run).is_none() {
            self.differs(place, Asked::Step, None, "there", "gone");
        }
    }

    fn when(&mut self, place: &Place<'_>, run: &mut Run, recorded: Option<bool>) -> Result<(), Rejection> {
        let Some(declared) = self.declared(place.step, run) else { return Ok(()) };
        let own = run.plan.step(place.step).is_some_and(|planned| planned.spec.when.is_some());
        if declared.spec.when.is_none() && !own {
            return Ok(());
        }
        if !self.knows_budgets(place, &declared) {
            return Ok(());
        }
        let again =
            self.with_budgets(place, |replay| run.when_again(&mut replay.world, place.told.at, &declared))?;
        self.found.conditions += 1;
        if again != recorded {
            let word = |value| match value {
                Some(true) => HELD,
                Some(false) => "false",
                None => "error",
            };
            self.differs(place, Asked::When, None, word(recorded), word(again));
        }
        Ok(())
    }

    fn failing_again(&mut self, place: &Place<'_>, run: &mut Run) -> Result<Option<Failing>, Rejection> {
        let Some(declared) = self.declared(place.step, run) else { return Ok(None) };
        if !self.knows_budgets(place, &declared) {
            return Ok(None);
        }
        let reasons = self.with_budgets(place, |replay| {
            run.guards_again(&mut replay.world, place.told.at, place.item, place.phase, &declared)
        })?;
        Ok(Some(failing(&reasons)))
    }

    fn guards(&mut self, place: &Place<'_>, run: &mut Run, recorded: &Failing) -> Result<(), Rejection> {
        let Some(declared) = self.declared(place.step, run) else { return Ok(()) };
        let asked = guards_of(&declared, place.phase);
        if asked == 0 && recorded.is_empty() {
            return Ok(());
        }
        let Some(again) = self.failing_again(place, run)? else { return Ok(()) };
        self.found.conditions += asked as u64;
        let all: BTreeSet<_> = recorded.keys().chain(again.keys()).cloned().collect();
        for guard in all {
            let word = |failing: &Failing| failing.get(&guard).copied().unwrap_or(HELD);
            let (before, now) = (word(recorded), word(&again));
            if before != now {
                self.differs(place, Asked::Guard, Some(Arc::clone(&guard.1)), before, now);
            }
        }
        Ok(())
    }

    fn quotas(&mut self, place: &Place<'_>, run: &Run, recorded: bool) {
        let Some(declared) = self.declared(place.step, run) else { return };
        let own = run.plan.step(place.step).and_then(PlanStep::action);
        let was = own.map_or(&[][..], |action| &action.capability.spec.quotas);
        let Some(action) = declared.action() else { return };
        let quotas = &action.capability.spec.quotas;
        if quotas.is_empty() && was.is_empty() {
            return;
        }
        let seen = self.counters.get(&(place.told.run, Arc::clone(place.step)));
        let seen = seen.map(|seen| seen.quotas.clone()).unwrap_or_default();
        let (mut over, mut open) = (None, false);
        for quota in quotas {
            match exceeded(quota, &seen, action.capability.metadata.name.as_str()) {
                Some(Some(_)) => over = Some(Arc::from(quota.per.value.as_str())),
                Some(None) => {}
                None => open = true,
            }
        }
        // Where one is used up the others do not matter; where one cannot be told, nothing can.
        if open && over.is_none() {
            self.found.unanswered += 1;
            return;
        }
        self.found.conditions += 1;
        if over.is_some() != recorded {
            let word = |over| if over { "exceeded" } else { "within" };
            let now = over.is_some();
            self.differs(place, Asked::Quota, over, word(recorded), word(now));
        }
    }

    /// The step as the specs declare it that are asked: the run's own, or the other ones'.
    fn declared(&mut self, step: &str, run: &Run) -> Option<PlanStep> {
        let plan = match self.under {
            Under::Recorded => Arc::clone(&run.plan),
            Under::Other(active) => {
                let name = &run.started.runbook;
                let known = self.others.entry(Arc::clone(name)).or_insert_with(|| {
                    let (catalogue, grants) = (&active.catalogue, &active.grants);
                    if let Some(plan) = compile_unwritten(name, catalogue, grants) {
                        return Some(plan);
                    }
                    let releases = catalogue.runbooks.iter().find(|(of, _)| of.as_str() == &**name)?.1;
                    let version = |runbook: &&Arc<ordain_spec::kind::Runbook>| {
                        let own = runbook.metadata.version.as_ref();
                        own.is_some_and(|own| own.value.to_string() == run.started.version)
                    };
                    let runbook = releases.values().find(version).or_else(|| releases.values().last())?;
                    compile(runbook, catalogue, grants).ok()
                });
                known.clone()?
            }
        };
        plan.step(step).cloned()
    }

    fn knows_budgets(&mut self, place: &Place<'_>, declared: &PlanStep) -> bool {
        let seen = self.counters.get(&(place.told.run, Arc::clone(place.step)));
        let known = seen.is_some_and(|seen| seen.budgets.is_some()) || !reads_budgets(declared, place.phase);
        if !known {
            self.found.unanswered += 1;
        }
        known
    }

    fn with_budgets<T>(&mut self, place: &Place<'_>, ask: impl FnOnce(&mut Self) -> T) -> T {
        let seen = self.counters.get(&(place.told.run, Arc::clone(place.step)));
        self.world.as_seen = seen.and_then(|seen| seen.budgets.clone());
        let answer = ask(self);
        self.world.as_seen = None;
        answer
    }

    fn differs(
        &mut self,
        place: &Place<'_>,
        asked: Asked,
        name: Option<Arc<str>>,
        recorded: &'static str,
        replayed: &'static str,
    ) {
        self.found.differing.push(Differing {
            run: place.told.run,
            step: Arc::clone(place.step),
            item: place.item,
            phase: place.phase,
            at: place.told.at,
            asked,
            name,
            recorded,
            replayed,
        });
    }
}

/// True for a step whose guards are asked before it is prepared.
fn is_bare(run: &Run, step: &str) -> bool {
    run.plan.step(step).is_some_and(|planned| !matches!(planned.body, Body::Use(_) | Body::SubRun(_)))
}

fn guards_of(declared: &PlanStep, phase: Phase) -> usize {
    let action = match phase {
        Phase::Do => declared.action(),
        Phase::Undo => declared.undo().map(|undo| &undo.action),
    };
    let own = if phase == Phase::Do { declared.spec.guards.len() } else { 0 };
    own + action.map_or(0, |action| action.capability.spec.guards.len())
}

/// The guards among reasons.
fn failing(reasons: &[Reason]) -> Failing {
    let guards = reasons.iter().filter_map(|reason| {
        let source = reason.source.as_ref()?;
        let word = match reason.code {
            Code::GuardFalse => "false",
            Code::GuardError | Code::FactMissing | Code::CostLimit => "error",
            _ => return None,
        };
        let of_guard = matches!(source.kind, Kind::Capability | Kind::Runbook);
        let rule = source.rule.clone().filter(|_| of_guard)?;
        Some(((source.kind, rule), word))
    });
    guards.collect()
}
