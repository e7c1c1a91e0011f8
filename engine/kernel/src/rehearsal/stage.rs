//! The stage of one scenario: a realm in memory, its journal, declared answers, the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Grants, Plan, compile};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::kind::Scenario;
use ordain_spec::kind::export::RowSource;
use ordain_spec::kind::scenario::{CrashPoint, GivenAnswer};
use serde_json::{Map, Value, json};

use super::drill::Place;
use super::{Failure, ScenarioResult};
use crate::actor::Actor;
use crate::audit::{self, AuditRecord};
use crate::budget::{self, Booking};
use crate::exemption;
use crate::export::{self, Gathered, Gathering};
use crate::ids::{self, RunId};
use crate::kill::{Selector, Switch};
use crate::mock;
use crate::realm::{Batch, Body, Entropy, Realm, StartOutcome, StartRequest};
use crate::reason::Reason;
use crate::run::{Call, Command, Effect, Event, Gather, Outcome, Run, WaitingFor};
use crate::world::{Active, World};

/// The most turns of a rehearsal: a list of a thousand items, each a run of ten steps, takes half of them. Lists within
/// lists multiply: whoever lints what somebody else wrote is not held up by a few lines.
const TURNS: u32 = 20_000;

/// One scenario under way.
pub(super) struct Stage<'a> {
    pub scenario: &'a Scenario,
    pub active: Arc<Active>,
    pub realm: Realm,
    pub now: Timestamp,
    pub run: Option<RunId>,
    pub refused: Vec<Reason>,
    pub failures: Vec<Failure>,
    /// Turns that were taken.
    turns: u32,
    pub journal: BTreeMap<RunId, Vec<(Timestamp, Event)>>,
    pub calls: BTreeMap<String, i64>,
    /// Crash points that wait for an attempt, with the place of their act.
    pub crashes: Vec<(usize, CrashPoint)>,
    /// Where a drill lets it fail.
    pub place: Option<Place>,
    fired: BTreeSet<usize>,
    rows: BTreeMap<(String, String), crate::world::Row>,
    pending: Vec<Call>,
    /// Rows that exports wait for.
    wanted: Vec<Gather>,
    records: Vec<AuditRecord>,
    /// Notices that were begun.
    told: u64,
    used: BTreeMap<(String, usize), u64>,
}

impl<'a> Stage<'a> {
    pub fn new(scenario: &'a Scenario, catalogue: &Arc<Catalogue>, grants: &Arc<Grants>) -> Self {
        let active = Arc::new(Active { catalogue: Arc::clone(catalogue), grants: Arc::clone(grants) });
        let mut realm = Realm::new(World::new(Some(Arc::clone(&active))));
        // As if the catalogue became active when the scenario begins.
        realm.world.budgets.exist(&budget::carrying(catalogue), scenario.spec.at.value.0);
        Self {
            scenario,
            active,
            realm,
            now: scenario.spec.at.value.0,
            run: None,
            refused: Vec::new(),
            failures: Vec::new(),
            turns: 0,
            journal: BTreeMap::new(),
            calls: BTreeMap::new(),
            crashes: Vec::new(),
            place: None,
            fired: BTreeSet::new(),
            rows: BTreeMap::new(),
            pending: Vec::new(),
            wanted: Vec::new(),
            records: Vec::new(),
            told: 0,
            used: BTreeMap::new(),
        }
    }

    pub fn play(&mut self) {
        let acts = self.scenario.spec.act.len();
        self.arm(0);
        if !self.begin() {
            return;
        }
        for act in 0..acts {
            self.settle_down();
            self.arm(act + 1);
            self.act(act);
        }
        self.settle_down();
        for (act, point) in std::mem::take(&mut self.crashes) {
            self.fail(format!("act[{act}].crash"), json!(point.as_str()), json!("no attempt ran"));
        }
        self.check();
    }

    pub fn fail(&mut self, path: impl Into<String>, expected: Value, actual: Value) {
        self.failures.push(Failure { path: path.into(), expected, actual });
    }

    /// Crashes that stand next in the list of acts wait for the next attempt.
    fn arm(&mut self, from: usize) {
        for (place, act) in self.scenario.spec.act.iter().enumerate().skip(from) {
            let Some(point) = &act.crash else { return };
            if self.crashes.iter().all(|(armed, _)| *armed != place) && !self.fired.contains(&place) {
                self.crashes.push((place, point.value));
            }
        }
    }

    fn begin(&mut self) -> bool {
        let spec = &self.scenario.spec;
        let id = spec.as_.value.to_string();
        let Some(requester) = self.active.catalogue.roster.as_ref().and_then(|roster| Actor::of(roster, &id))
        else {
            self.fail("as", json!(id), json!("nobody of the roster"));
            return false;
        };
        let inputs: Map<String, Value> =
            spec.inputs.iter().map(|(name, value)| (name.to_string(), value.value.0.clone())).collect();
        let request = StartRequest {
            runbook: spec.run.value.to_string(),
            inputs: Value::Object(inputs),
            mode: spec.mode.value,
            requester,
            environment: spec.environment.as_ref().map(|environment| Arc::clone(&environment.value)),
            signed: true,
            declared: true,
        };
        let entropy = entropy(ids::hash("rehearsal", &[self.scenario.metadata.name.value.as_str()]));
        self.given(&request, &entropy);
        match self.realm.start(request, self.now, &entropy) {
            Ok(StartOutcome::Started { run, batch }) => {
                self.run = Some(run);
                self.keep(batch);
                true
            }
            Ok(StartOutcome::Refused { reasons, batch }) => {
                self.refused = reasons;
                self.keep(batch);
                self.settle_down();
                self.check();
                false
            }
            Err(rejection) => {
                self.fail(
                    "run",
                    json!(self.scenario.spec.run.value.to_string()),
                    json!(rejection.to_string()),
                );
                false
            }
        }
    }

    /// Counters and kill switches that hold from the beginning.
    fn given(&mut self, request: &StartRequest, entropy: &Entropy) {
        let given = &self.scenario.spec.given;
        for (place, selector) in given.killed.iter().enumerate() {
            match selector.value.parse::<Selector>() {
                Ok(selector) => self.realm.world.kills.set(Switch {
                    selector,
                    reason: "given".to_owned(),
                    by: "system".into(),
                    since: self.now,
                    until: None,
                    pause: false,
                }),
                Err(error) => {
                    let (path, text) = (format!("given.killed[{place}]"), selector.value.to_string());
                    self.failures.push(Failure {
                        path,
                        expected: json!(text),
                        actual: json!(error.to_string()),
                    });
                }
            }
        }
        for name in &given.exemptions {
            let declared = self.active.catalogue.exemptions.get(&name.value);
            let (Some(exemption), Some(roster)) = (declared, &self.active.catalogue.roster) else { continue };
            let asked = exemption::given(exemption, roster, self.now);
            self.realm.world.exemptions.0.insert(exemption.digest, asked);
        }
        if given.budgets.is_empty() {
            return;
        }
        let catalogue = Arc::clone(&self.active.catalogue);
        let Ok(runbook) = catalogue.runbook(&self.scenario.spec.run.value) else { return };
        let Ok(plan) = compile(runbook, &catalogue, &self.active.grants) else { return };
        let id = RunId::new(self.now, entropy.id);
        let plans: Vec<Arc<Plan>> =
            std::iter::once(Arc::clone(&plan)).chain(plan.sub_plans().into_iter().cloned()).collect();
        let mut known = BTreeSet::new();
        for plan in plans {
            let run = crate::run::sketch(&plan, request, &self.active.grants.environment, id, self.now);
            for action in plan.steps.iter().filter_map(|step| step.action()) {
                let booker = crate::run::booker(&run, action);
                for (name, budget) in &catalogue.budgets {
                    let Some(spent) = given.budgets.get(name.as_str()) else { continue };
                    let standing = budget::standing(budget, &booker, &self.realm.world.budgets, self.now);
                    let Some(standing) = standing.filter(|standing| known.insert(standing.counter.clone()))
                    else {
                        continue;
                    };
                    let unit = budget.spec.unit.value.shared();
                    let (counter, spent) = (standing.counter, spent.spent.value);
                    self.realm.world.budgets.book(&Booking { counter, unit, reserved: 0, spent });
                }
            }
        }
    }

    // --- the host's part --------------------------------------------------------------------------------------

    /// Keeps what a batch says, as a store would, with what notices have to say of it.
    pub fn keep(&mut self, batch: Batch) {
        self.kept(batch);
        while self.realm.has_tidings() {
            self.told += 1;
            let scenario = self.scenario.metadata.name.value.as_str();
            let entropy = entropy(ids::hash("telling", &[scenario, &self.told.to_string()]));
            let batch = self.realm.tell(&entropy, true);
            self.kept(batch);
        }
    }

    fn kept(&mut self, batch: Batch) {
        for entry in batch.entries {
            self.records.extend(entry.audit);
            if let (Some(run), Body::Run(event)) = (entry.run, entry.body) {
                self.journal.entry(run).or_default().push((entry.at, *event));
            }
        }
        for row in self.realm.world.changed() {
            self.rows.insert((row.kind.clone(), row.key.clone()), row);
        }
        for effect in batch.effects {
            match effect {
                Effect::Call(call) => self.pending.push(*call),
                // A call that is stopped before it was made was never made; the outcome says so.
                Effect::CancelCall(_) => {}
                Effect::Gather(gather) => self.wanted.push(*gather),
            }
        }
    }

    /// Answers calls and lets the clock jump, until the run waits for a person, a signal, or is over.
    pub fn settle_down(&mut self) {
        while self.turns < TURNS {
            self.turns += 1;
            if !self.pending.is_empty() {
                self.answer_one();
                continue;
            }
            if let Some(gather) = self.wanted.pop() {
                self.gather(gather);
                continue;
            }
            if !self.waits_only_for_time() {
                return;
            }
            let Some(at) = self.realm.next_wake() else { return };
            self.now = self.now.max(at);
            let batch = self.realm.wake(self.now);
            self.keep(batch);
        }
        self.turns = TURNS;
        let endless = Failure {
            path: String::new(),
            expected: json!("an end"),
            actual: json!(format!(
                "no rest within {TURNS} turns: rehearse shorter lists, or give the loop an end"
            )),
        };
        // Once: each later act would say it again.
        if !self.failures.contains(&endless) {
            self.failures.push(endless);
        }
    }

    fn waits_only_for_time(&self) -> bool {
        let Some(root) = self.run.and_then(|run| self.realm.run(run)) else { return false };
        if root.is_settled() {
            return false;
        }
        let open = self.realm.runs().filter(|run| !run.is_settled() && run.plan.notice().is_none());
        let mut waits = BTreeSet::new();
        for run in open {
            if run.paused || run.stuck > 0 {
                return false;
            }
            waits.extend(run.waiting_for());
        }
        !waits.contains(&WaitingFor::Approval) && !waits.contains(&WaitingFor::Signal) && !waits.is_empty()
    }

    fn answer_one(&mut self) {
        let call = self.pending.remove(0);
        let crash = self.crashes.first().filter(|_| !call.run.is_notice());
        if let Some(at) = crash.map(|(place, point)| (*place, *point)) {
            self.crashes.remove(0);
            self.fired.insert(at.0);
            if at.1 == CrashPoint::AfterEffect {
                let _ = self.answer(&call);
            }
            self.recover();
            return;
        }
        let outcome = self.answer(&call);
        let id = call.id;
        let command =
            Command::Outcome { step: id.step, item: id.item, attempt: id.attempt, phase: id.phase, outcome };
        match self.realm.command(id.run, command, self.now) {
            Ok(batch) => self.keep(batch),
            Err(rejection) => {
                if let Some(batch) = rejection.due {
                    self.keep(*batch);
                }
            }
        }
    }

    /// Gathers the rows of an export from what this scenario did.
    fn gather(&mut self, gather: Gather) {
        let gathered = self.gathered(&gather).unwrap_or_else(export::refused);
        let command = Command::Gathered { step: gather.step, gathered };
        if let Ok(batch) = self.realm.command(gather.run, command, self.now) {
            self.keep(batch);
        }
    }

    fn gathered(&self, gather: &Gather) -> Result<Gathered, Reason> {
        let source = gather.export.spec.source.value;
        let mut gathering = Gathering::new(&gather.export, &self.active.catalogue)?;
        for run in self.realm.runs() {
            let journal = self.journal.get(&run.id()).into_iter().flatten();
            for row in export::rows::of_run(source, run, journal, gathering.meta()) {
                gathering.take(row)?;
            }
        }
        match source {
            RowSource::Audit => {
                for record in audit::renumbered(self.records.iter().cloned()) {
                    gathering.take(export::rows::of_record(&record))?;
                }
            }
            RowSource::Budgets => {
                for row in export::rows::of_budgets(&self.realm.world, self.now) {
                    gathering.take(row)?;
                }
            }
            _ => {}
        }
        Ok(gathering.finish())
    }

    fn answer(&mut self, call: &Call) -> Outcome {
        let name = call.action.call_name();
        *self.calls.entry(name.clone()).or_default() += 1;
        if let Some(outcome) = self.drilled(call) {
            return outcome;
        }
        let answers = self.scenario.spec.given.operations.get(&name).map(|answers| answers.0.clone());
        for (place, answer) in answers.into_iter().flatten().enumerate() {
            let used = self.used.entry((name.clone(), place)).or_default();
            if answer.times.as_ref().is_some_and(|times| *used >= times.value) {
                continue;
            }
            *used += 1;
            return given_answer(&answer);
        }
        mock::answer(call)
    }

    /// What a drill lets come of a call: the last item of the step that it is about fails, in every attempt.
    fn drilled(&mut self, call: &Call) -> Option<Outcome> {
        let place = self.place.as_mut().filter(|_| call.id.phase == crate::run::Phase::Do)?;
        let run = self.realm.run(call.id.run)?;
        let last = run.steps.get(run.plan.step(&call.id.step)?.index)?.items.len().checked_sub(1)?;
        let meant = place.runbook == run.started.runbook && place.step == call.id.step;
        if !meant || call.id.item as usize != last {
            return None;
        }
        place.met = true;
        Some(mock::failing(place.fault.as_error()))
    }

    /// The process is gone: everything is built anew from what was kept.
    fn recover(&mut self) {
        self.pending.clear();
        self.wanted.clear();
        let mut world = World::new(Some(Arc::clone(&self.active)));
        let given = std::mem::take(&mut self.realm.world);
        world.kills = given.kills;
        world.budgets = given.budgets;
        world.exemptions = given.exemptions;
        if let Err(error) = world.load(self.rows.values().cloned()) {
            self.fail("", json!("the store can be read"), json!(error.to_string()));
        }
        let mut realm = Realm::new(world);
        for (id, journal) in &self.journal {
            let Some(plan) = self.realm.run(*id).map(|run| Arc::clone(&run.plan)) else { continue };
            match Run::replay(plan, journal.iter().map(|(at, event)| (*at, event))) {
                Ok(run) => realm.insert(run),
                Err(error) => {
                    let failure = Failure {
                        path: String::new(),
                        expected: json!("the journal can be read"),
                        actual: json!(error.to_string()),
                    };
                    self.failures.push(failure);
                }
            }
        }
        self.realm = realm;
        self.realm.follow_on(self.records.len() as u64);
        let batch = self.realm.recover(self.now);
        self.keep(batch);
    }

    /// Lets the clock run.
    pub fn advance(&mut self, ms: u64) {
        let until = crate::run::later(self.now, ms);
        self.settle_down();
        while self.turns < TURNS {
            let next = self.realm.next_wake().filter(|at| *at <= until);
            let Some(at) = next else { break };
            self.now = self.now.max(at);
            let batch = self.realm.wake(self.now);
            self.keep(batch);
            self.settle_down();
        }
        self.now = self.now.max(until);
    }

    pub fn result(self) -> ScenarioResult {
        let run = self.run.and_then(|run| self.realm.run(run)).map(crate::view::run).unwrap_or_default();
        let (seen, decisions) = (super::seen::seen(&self), super::decisions::decisions(&self));
        ScenarioResult {
            name: self.scenario.metadata.name.value.to_string(),
            passed: self.failures.is_empty(),
            failures: self.failures,
            seen,
            decisions,
            run,
        }
    }
}

/// Chance that is the same in every play.
fn entropy(salt: Digest) -> Entropy {
    let [a, b, c, d, e, f, g, h, i, j, ..] = salt.0;
    Entropy { id: [a, b, c, d, e, f, g, h, i, j], salt: salt.0 }
}

fn given_answer(answer: &GivenAnswer) -> Outcome {
    if let Some(error) = &answer.error {
        return mock::failing(error.value);
    }
    let output = answer.output.iter().flat_map(|output| output.iter());
    let output: Map<String, Value> =
        output.map(|(name, value)| (name.to_string(), value.value.0.clone())).collect();
    Outcome::Succeeded { output: Arc::new(Value::Object(output)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    #[test]
    fn a_rehearsal_ends_and_says_once_that_the_run_did_not() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
        let read = ordain_spec::workspace::Workspace::read(&folder);
        let grants = Arc::new(Grants::from(&read.spec.unwrap()));
        let catalogue = read.checked.catalogue.unwrap();
        let scenario = catalogue.scenarios.values().next().unwrap();
        for (taken, rests) in [(0, true), (TURNS, false)] {
            let mut stage = Stage::new(scenario, &catalogue, &grants);
            stage.turns = taken;
            stage.play();
            stage.settle_down();
            let endless = |failure: &&Failure| failure.expected == json!("an end");
            assert_eq!(stage.failures.iter().filter(endless).count(), usize::from(!rests), "{taken}");
        }
    }
}
