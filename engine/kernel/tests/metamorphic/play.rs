//! Plays a world: one run in a realm in memory, with the declared answers and what people say, until nothing is left
//! to wait for. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::actor::{Actor, person};
use ordain_kernel::decision::{Decision, Outcome, RuleKind};
use ordain_kernel::exemption;
use ordain_kernel::ids::{ApprovalId, RunId};
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Body, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::run::{Call, Command, Decide, Effect, Event, Phase, Rejection, Verdict};
use ordain_kernel::view;
use ordain_kernel::world::{Active, World};
use ordain_spec::kind::policy::Enforcement;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::Assurance;
use serde_json::Value;

use super::catalogues::Given;

/// What came of a world.
#[derive(Default, Debug, PartialEq)]
pub struct Played {
    /// What reached the outside, but for what was undone: its place and arguments.
    pub called: BTreeSet<(String, String)>,
    /// Every event as it is stored, and why the start was refused.
    pub journal: Vec<String>,
    /// The decisions among them.
    pub decisions: Vec<Value>,
    /// What was decided first about an item of a step, by its place.
    pub first: BTreeMap<String, First>,
    /// The documents of all runs, digests included.
    pub runs: Vec<Value>,
    /// Who agreed to something: places in what people say.
    pub agreed: BTreeSet<usize>,
}

/// The first answer of the policies.
#[derive(Debug, PartialEq)]
pub struct First {
    /// What they said.
    pub outcome: Outcome,
    /// One of those that decide has a rule that allows something.
    pub covered: bool,
}

impl First {
    fn new(decision: &Decision) -> Self {
        let decides = decision.policies.iter().filter(|policy| policy.enforcement == Enforcement::Enforce);
        let mut rules = decides.flat_map(|policy| &policy.rules);
        Self { outcome: decision.outcome, covered: rules.any(|rule| rule.kind == RuleKind::Allow) }
    }
}

/// Something that comes into force while people are asked.
pub struct Later {
    /// The catalogue.
    pub active: Arc<Active>,
    /// Kill switches.
    pub kills: Vec<String>,
}

struct Stage<'a> {
    given: &'a Given,
    later: Option<Later>,
    realm: Realm,
    now: Timestamp,
    calls: Vec<Call>,
    said: BTreeSet<(ApprovalId, usize)>,
    played: Played,
}

/// Plays it; `later` comes into force when people are asked for the first time.
pub fn play(given: &Given, active: &Arc<Active>, later: Option<Later>) -> Played {
    let mut stage = Stage {
        given,
        later,
        realm: Realm::new(World::new(Some(Arc::clone(active)))),
        now: "2026-01-05T10:00:00Z".parse().unwrap(),
        calls: Vec::new(),
        said: BTreeSet::new(),
        played: Played::default(),
    };
    if given.exempted {
        for exemption in
            active.catalogue.exemptions.values().filter(|one| one.metadata.name.as_str() == "spared")
        {
            let roster = active.catalogue.roster.as_ref().unwrap();
            let asked = exemption::given(exemption, roster, stage.now);
            stage.realm.world.exemptions.0.insert(exemption.digest, asked);
        }
    }
    stage.kill(&given.kills);
    stage.start(active);
    for _ in 0..5_000 {
        if !stage.goes_on() {
            stage.played.runs = stage.realm.runs().map(view::run).collect();
            return stage.played;
        }
    }
    panic!("it never comes to rest")
}

impl Stage<'_> {
    fn kill(&mut self, selectors: &[String]) {
        for selector in selectors {
            let by = Actor { id: "user:dan".into(), type_: ActorType::Human, on_behalf_of: None };
            let (selector, reason) = (selector.parse().unwrap(), "stop".to_owned());
            let kill = SystemCommand::Kill { selector, reason, by, until: None, pause: false };
            let batch = self.realm.system(kill, self.now).unwrap();
            self.keep(batch);
        }
    }

    fn start(&mut self, active: &Active) {
        let roster = active.catalogue.roster.as_ref().unwrap();
        let Some(requester) = Actor::of(roster, &format!("user:{}", self.given.requester)) else { return };
        let request = StartRequest {
            runbook: "main".to_owned(),
            inputs: Value::Object(self.given.inputs.clone()),
            mode: Mode::Live,
            requester,
            environment: None,
            signed: false,
            declared: false,
        };
        match self.realm.start(request, self.now, &Entropy { id: [1; 10], salt: [2; 32] }) {
            Ok(StartOutcome::Started { batch, .. }) => self.keep(batch),
            Ok(StartOutcome::Refused { reasons, batch }) => {
                self.keep(batch);
                self.played.journal.push(serde_json::to_string(&reasons).unwrap());
            }
            Err(rejection) => self.played.journal.push(rejection.to_string()),
        }
    }

    /// One thing more; false when nothing can happen any more.
    fn goes_on(&mut self) -> bool {
        if !self.calls.is_empty() {
            let call = self.calls.remove(0);
            self.answer(&call);
            return true;
        }
        let open = self.open();
        if !open.is_empty()
            && let Some(later) = self.later.take()
        {
            let batch = self.realm.activate(later.active, self.now);
            self.keep(batch);
            self.kill(&later.kills);
            return true;
        }
        for (run, name, approval) in open {
            for (place, says) in self.given.says.iter().enumerate() {
                if says.approval == &*name && self.said.insert((approval.clone(), place)) {
                    self.say(run, approval, place);
                    return true;
                }
            }
        }
        let Some(at) = self.realm.next_wake() else { return false };
        self.now = self.now.max(at);
        let batch = self.realm.wake(self.now);
        self.keep(batch);
        true
    }

    fn open(&self) -> Vec<(RunId, Arc<str>, ApprovalId)> {
        let mut open = Vec::new();
        for run in self.realm.runs() {
            for request in run.steps.iter().flat_map(|step| &step.holds).flat_map(|hold| &hold.requests) {
                let stages = request.stages.iter().filter(|stage| view::is_open(stage));
                open.extend(stages.map(|stage| (run.id(), Arc::clone(&request.name), stage.id.clone())));
            }
        }
        open
    }

    /// Somebody's own act: signed where the roster has the person's key, else only said.
    fn say(&mut self, run: RunId, approval: ApprovalId, place: usize) {
        let says = &self.given.says[place];
        let id = format!("user:{}", says.by);
        let signs = self
            .realm
            .world
            .roster()
            .and_then(|roster| person(roster, &id))
            .is_some_and(|one| one.key.is_some());
        let decide = |verdict| Decide {
            approval: approval.clone(),
            by: Actor { id: id.as_str().into(), type_: ActorType::Human, on_behalf_of: None },
            verdict,
            rationale: "it is as it should be".to_owned(),
            form: Value::Null,
            digest: None,
            assurance: Some(if signs { Assurance::Signed } else { Assurance::Asserted }),
            claims: None,
            token_creator: None,
            signature: None,
        };
        let (said, back) = (decide(says.verdict), says.withdraws.then(|| decide(Verdict::Withdraw)));
        let done = self.realm.command(run, Command::Decide(Box::new(said)), self.now);
        if done.is_ok() && says.verdict == Verdict::Approve {
            self.played.agreed.insert(place);
        }
        self.take(done);
        if let Some(back) = back {
            let done = self.realm.command(run, Command::Decide(Box::new(back)), self.now);
            self.take(done);
        }
    }

    fn answer(&mut self, call: &Call) {
        if call.id.phase == Phase::Do {
            let place = format!("{}{} {}", self.place(call.id.run), call.id.step, call.id.item);
            self.played.called.insert((place, call.arguments.to_string()));
        }
        let outcome = mock::answer(call);
        let (step, item, attempt, phase) =
            (Arc::clone(&call.id.step), call.id.item, call.id.attempt, call.id.phase);
        let done = self.realm.command(
            call.id.run,
            Command::Outcome { step, item, attempt, phase, outcome },
            self.now,
        );
        self.take(done);
    }

    /// The way from the first run to this one.
    fn place(&self, run: RunId) -> String {
        match &self.realm.run(run).unwrap().started.parent {
            None => String::new(),
            Some(parent) => format!("{}{}[{}]/", self.place(parent.run), parent.step, parent.item),
        }
    }

    fn take(&mut self, done: Result<Batch, Rejection>) {
        match done {
            Ok(batch) => self.keep(batch),
            Err(rejection) => {
                if let Some(due) = rejection.due {
                    self.keep(*due);
                }
            }
        }
    }

    fn keep(&mut self, batch: Batch) {
        for entry in batch.entries {
            if let (Body::Run(event), Some(run)) = (&entry.body, entry.run)
                && let Event::Decided { step, item, phase, decision, .. } = &**event
            {
                self.played.decisions.push(serde_json::to_value(decision).unwrap());
                if *phase == Phase::Do {
                    let place = format!("{}{step} {item}", self.place(run));
                    self.played.first.entry(place).or_insert_with(|| First::new(decision));
                }
            }
            self.played.journal.push(entry.json);
        }
        for effect in batch.effects {
            if let Effect::Call(call) = effect {
                self.calls.push(*call);
            }
        }
    }
}
