//! Random plans, schedules, faults and decisions from a seed, on two hosts: one realm that lives on, and one that is
//! built anew from what was stored before every command. What must hold always is looked at after every batch.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where something is not as said"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ordain_kernel::actor::Actor;
use ordain_kernel::decision;
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Body, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::reason::Code;
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::run::{Call, Command, Decide, Effect, Event, Outcome, Phase, Run, RunState, Verdict};
use ordain_kernel::world::{Active, Row, World};
use ordain_plan::{Grants, Plan};
use ordain_spec::check::check;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use ordain_spec::source::{SourceFile, Sources};
use serde_json::{Value, json};

struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next()).unwrap() % n
    }
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
    fn in_ten(&mut self, n: usize) -> bool {
        self.below(10) < n
    }
}

/// A runbook that no law refuses.
fn runbook(chance: &mut Chance) -> String {
    let follow = *chance.one(&["stop", "rollback"]);
    let mut text = format!(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: sim, version: 1.0.0, owner: group:team, summary: Random.}}\nspec:\n  timeout: {}\n  onFailure: {follow}\n  steps:\n",
        chance.one(&["30m", "4h", "24h"])
    );
    if chance.in_ten(3) {
        text = text.replace("  onFailure", "  concurrency: {limit: 1}\n  onFailure");
    }
    let steps = 1 + chance.below(6);
    for step in 0..steps {
        let mut line = format!("    - {{id: s{step}, ");
        let mut needs = Vec::new();
        for earlier in 0..step {
            if chance.in_ten(4) {
                let on = *chance.one(&["success", "success", "ok", "any"]);
                needs.push(format!("{{step: s{earlier}, on: {on}}}"));
            }
        }
        if !needs.is_empty() {
            write!(line, "needs: [{}], ", needs.join(", ")).unwrap();
        }
        match chance.below(12) {
            0 => line += "wait: 5m",
            1 => line += "approve: peer, show: {what: this}",
            2 => write!(line, "signal: {{name: go{step}, timeout: 1h, from: ['group:team']}}").unwrap(),
            3 => line += "runbook: line@^1, with: {n: 3}",
            kind => {
                let uses = *chance.one(&[
                    "t.read", "t.put", "t.once", "t.back", "t.halt", "t.pay", "t.drip", "t.gem", "t.key",
                    "t.high", "t.out",
                ]);
                let n = *chance.one(&[1, 7, 50]);
                write!(line, "uses: {uses}@^1").unwrap();
                match kind {
                    4 | 5 => {
                        line += ", forEach: {in: '[1, 2, 3, 4]', maxItems: 4, maxParallel: 2}, with: {n: '${ item }'}"
                    }
                    _ => write!(line, ", with: {{n: {n}}}").unwrap(),
                }
                if matches!(uses, "t.put" | "t.pay" | "t.read") && chance.in_ten(5) {
                    line += ", retry: {attempts: 3}";
                }
                if uses != "t.high" && chance.in_ten(2) {
                    line += ", onFailure: continue";
                }
                if chance.in_ten(2) {
                    line += ", approval: peer";
                }
            }
        }
        text += &line;
        text += "}\n";
    }
    text
}

fn active(chance: &mut Chance) -> Option<Arc<Active>> {
    let mut sources = Sources::default();
    let files = [
        ("capabilities.yaml", include_str!("sentences/specs/capabilities.yaml").to_owned()),
        ("outside.yaml", include_str!("sentences/specs/outside.yaml").to_owned()),
        ("people.yaml", include_str!("sentences/specs/people.yaml").to_owned()),
        ("runbooks.yaml", include_str!("sentences/specs/runbooks.yaml").to_owned()),
        ("scenarios.yaml", include_str!("sentences/specs/scenarios.yaml").to_owned()),
        ("sim.yaml", runbook(chance)),
    ];
    for (path, text) in files {
        sources.add(SourceFile::new(path.to_owned(), text.into(), ordain_spec::source::Notation::Yaml));
    }
    let checked = check(sources);
    let catalogue = checked.catalogue?;
    Some(Arc::new(Active { catalogue, grants: Arc::new(Grants::default()) }))
}

/// One host: what it holds in memory, and what it stored.
struct Host {
    realm: Realm,
    rows: BTreeMap<(String, String), Row>,
    journal: BTreeMap<RunId, Vec<(Timestamp, Event)>>,
    plans: BTreeMap<RunId, Arc<Plan>>,
    calls: Vec<Call>,
    forgets: bool,
}

impl Host {
    fn new(active: &Arc<Active>, forgets: bool) -> Self {
        Self {
            realm: Realm::new(World::new(Some(Arc::clone(active)))),
            rows: BTreeMap::new(),
            journal: BTreeMap::new(),
            plans: BTreeMap::new(),
            calls: Vec::new(),
            forgets,
        }
    }

    /// Stores a batch, and looks at what must hold always.
    fn store(&mut self, batch: Batch) {
        for entry in batch.entries {
            let (Some(id), Body::Run(event)) = (entry.run, entry.body) else { continue };
            let read: Event = serde_json::from_str(&entry.json).unwrap();
            assert_eq!(read, *event, "an event reads what it wrote");
            assert_eq!(serde_json::to_string(&read).unwrap(), entry.json);
            let journal = self.journal.entry(id).or_default();
            assert_eq!(entry.seq, journal.len() as u64 + 1, "no event is lost");
            allowed(journal, &event);
            journal.push((entry.at, *event));
        }
        for row in self.realm.world.changed() {
            self.rows.insert((row.kind.clone(), row.key.clone()), row);
        }
        for id in &batch.touched {
            let run = self.realm.run(*id).unwrap();
            self.plans.insert(*id, Arc::clone(&run.plan));
            let again =
                Run::replay(Arc::clone(&run.plan), self.journal[id].iter().map(|(at, event)| (*at, event)));
            assert!(again.unwrap() == *run, "a run is what its journal says");
        }
        for counter in
            self.realm.world.budgets.0.iter().filter(|(key, _)| matches!(&*key.budget, "coins" | "slow"))
        {
            let most = if &*counter.0.budget == "coins" { 100 } else { 10 };
            assert!(counter.1.reserved + counter.1.spent <= most, "{counter:?}");
            assert!(counter.1.reserved >= 0);
        }
        for effect in batch.effects {
            if let Effect::Call(call) = effect {
                self.calls.push(*call);
            }
        }
    }

    /// Builds everything anew from what was stored.
    fn rebuild(&mut self) {
        let active = self.realm.world.active.clone();
        let before = self.realm.world.rows();
        let mut world = World::new(active);
        world.load(self.rows.values().cloned()).unwrap();
        assert_eq!(world.rows(), before, "the world is what its rows say");
        let mut realm = Realm::new(world);
        for (id, journal) in &self.journal {
            let plan = Arc::clone(&self.plans[id]);
            realm.insert(Run::replay(plan, journal.iter().map(|(at, event)| (*at, event))).unwrap());
        }
        self.realm = realm;
    }

    fn act(&mut self, act: &Act, now: Timestamp) -> bool {
        if self.forgets {
            self.rebuild();
        }
        let batch = match act {
            Act::Command(run, command) => self.realm.command(*run, command.clone(), now),
            Act::System(command) => self.realm.system(command.clone(), now),
            Act::Wake => Ok(self.realm.wake(now)),
            Act::Crash => {
                self.calls.clear();
                self.rebuild();
                Ok(self.realm.recover(now))
            }
            Act::Start(request, entropy) => match self.realm.start(request.clone(), now, entropy).unwrap() {
                StartOutcome::Started { batch, .. } | StartOutcome::Refused { batch, .. } => Ok(batch),
            },
        };
        match batch {
            Ok(batch) => {
                self.store(batch);
                true
            }
            Err(mut rejection) => {
                assert_ne!(rejection.code, Code::SystemFault, "{rejection}");
                if let Some(batch) = rejection.due.take() {
                    self.store(*batch);
                }
                false
            }
        }
    }

    fn heads(&self) -> BTreeMap<RunId, (String, String)> {
        let heads = self
            .realm
            .runs()
            .map(|run| (run.id(), (run.audit_chain.head.to_string(), run.record_digest.to_string())));
        heads.collect()
    }
}

/// No attempt without a decision that allows, people who agreed, and a run that is not settled.
fn allowed(journal: &[(Timestamp, Event)], event: &Event) {
    if let Some((_, Event::Settled(_))) = journal.last() {
        assert!(matches!(event, Event::Reopened), "nothing happens after the end: {event:?}");
    }
    let Event::AttemptStarted(start) = event else { return };
    let last = journal.iter().rev().find_map(|(_, event)| match event {
        Event::Decided { step, item, phase, decision, .. }
            if *step == start.step && *item == start.item && *phase == start.phase =>
        {
            Some(decision.outcome)
        }
        _ => None,
    });
    match start.phase {
        Phase::Do => assert_eq!(last, Some(decision::Outcome::Allow), "{start:?}"),
        Phase::Undo => assert!(last.is_some_and(|outcome| outcome != decision::Outcome::Deny)),
    }
    let mut open = BTreeSet::new();
    for (_, event) in journal {
        match event {
            Event::Held { step, asked, resolving: false, .. } if *step == start.step => {
                open.extend(asked.iter().flat_map(|asked| asked.stages.iter().map(|stage| stage.id.clone())));
            }
            Event::Granted { step, approval, .. } if *step == start.step => {
                open.remove(approval);
            }
            Event::Withdrawn { step, approval, .. } if *step == start.step => {
                open.insert(approval.clone());
            }
            Event::Voided { .. } | Event::Resolved(_) if step_of(event) == Some(&start.step) => open.clear(),
            _ => {}
        }
    }
    assert!(open.is_empty() || start.phase == Phase::Undo, "people were asked and did not agree: {start:?}");
}

fn step_of(event: &Event) -> Option<&Arc<str>> {
    match event {
        Event::Voided { step, .. } => Some(step),
        Event::Resolved(resolution) => Some(&resolution.step),
        _ => None,
    }
}

#[derive(Clone)]
enum Act {
    Command(RunId, Command),
    System(SystemCommand),
    Wake,
    Crash,
    Start(StartRequest, Entropy),
}

fn person(name: &str) -> Actor {
    Actor {
        id: format!("user:{name}").into(),
        type_: ordain_spec::kind::roster::ActorType::Human,
        on_behalf_of: None,
    }
}

fn answer(chance: &mut Chance, call: &Call, calm: bool) -> Outcome {
    if calm {
        return mock::answer(call);
    }
    match chance.below(10) {
        0 => Outcome::Refused {
            code: Code::ConnectorRefused,
            detail: None,
            retryable: true,
            retry_after_ms: Some(5_000),
        },
        1 => Outcome::refused(Code::ConnectorRefused, "no"),
        2 => Outcome::unknown(Code::ConnectorTimeout, "silence"),
        3 => Outcome::Succeeded { output: Arc::new(json!({"wrong": true})) },
        _ => mock::answer(call),
    }
}

fn next_act(chance: &mut Chance, host: &mut Host, now: &mut Timestamp, calm: bool) -> Act {
    if !host.calls.is_empty() && chance.in_ten(if calm { 10 } else { 6 }) {
        let place = chance.below(host.calls.len());
        let call = host.calls.remove(place);
        let outcome = answer(chance, &call, calm);
        let id = call.id;
        let (step, item, attempt, phase) = (id.step, id.item, id.attempt, id.phase);
        return Act::Command(id.run, Command::Outcome { step, item, attempt, phase, outcome });
    }
    let runs: Vec<&Run> = host.realm.runs().filter(|run| !run.is_settled()).collect();
    let by = person(chance.one::<&str>(&["alice", "bob", "carol", "dan"]));
    let by_operator = person("dan");
    if runs.is_empty() {
        return Act::Wake;
    }
    let run = runs[chance.below(runs.len())];
    let id = run.id();
    if calm {
        if run.state() == RunState::Paused {
            return Act::Command(id, Command::Resume { by: by_operator, reason: None });
        }
        if let Some((step, _)) =
            run.plan.steps.iter().zip(&run.steps).find(|(_, state)| state.stuck && state.resolving.is_none())
        {
            let outcome = ResolveOutcome::Failed;
            let (step, reason) = (Arc::clone(&step.id), "calm".to_owned());
            return Act::Command(id, Command::Resolve { step, outcome, by, reason, outputs: None });
        }
    }
    let open = run
        .steps
        .iter()
        .flat_map(|step| &step.holds)
        .filter(|hold| !hold.over)
        .flat_map(|hold| hold.stages());
    let open: Vec<_> =
        open.filter(|stage| ordain_kernel::view::is_open(stage)).map(|stage| stage.id.clone()).collect();
    if !open.is_empty() && chance.in_ten(6) {
        let verdict = *chance.one(&[
            Verdict::Approve,
            Verdict::Approve,
            Verdict::Approve,
            Verdict::Reject,
            Verdict::Withdraw,
        ]);
        let verdict = if calm && verdict == Verdict::Withdraw { Verdict::Approve } else { verdict };
        let decide = Decide {
            approval: chance.one(&open).clone(),
            by,
            verdict,
            rationale: "as the simulation says".to_owned(),
            form: Value::Null,
            digest: None,
            assurance: Some(Assurance::Signed),
            claims: None,
            token_creator: None,
            signature: None,
        };
        return Act::Command(id, Command::Decide(Box::new(decide)));
    }
    if !calm {
        let stuck: Vec<_> = run.plan.steps.iter().zip(&run.steps).filter(|(_, state)| state.stuck).collect();
        match chance.below(24) {
            0 => return Act::Command(id, Command::Cancel { by, rollback: chance.in_ten(5), reason: None }),
            1 => return Act::Command(id, Command::Pause { by, reasons: Vec::new() }),
            2 | 3 => return Act::Command(id, Command::Resume { by, reason: None }),
            4 | 5 => return Act::Crash,
            6 => {
                let selector = chance.one(&["all", "capability:t.put", "connector:outside"]).parse().unwrap();
                let pause = chance.in_ten(5);
                return Act::System(SystemCommand::Kill {
                    selector,
                    reason: "drill".into(),
                    by,
                    until: None,
                    pause,
                });
            }
            7..=9 => {
                let selector = chance.one(&["all", "capability:t.put", "connector:outside"]).parse().unwrap();
                return Act::System(SystemCommand::Revive {
                    selector,
                    reason: "over".into(),
                    by: by_operator,
                });
            }
            10 | 11 => {
                let name = format!("go{}", chance.below(6));
                return Act::Command(id, Command::Signal { name, by, fields: json!({}), reason: None });
            }
            12..=14 if !stuck.is_empty() => {
                let (planned, _) = stuck[chance.below(stuck.len())];
                let outcome = *chance.one(ResolveOutcome::ALL);
                let outputs = (outcome == ResolveOutcome::Succeeded).then(|| json!({"got": 3}));
                let (step, reason) = (Arc::clone(&planned.id), "looked".to_owned());
                return Act::Command(id, Command::Resolve { step, outcome, by, reason, outputs });
            }
            _ => {}
        }
    }
    let soon = host.realm.next_wake().unwrap_or(*now).max(*now);
    *now = if chance.in_ten(8) { soon } else { *now + SignedDuration::from_secs(60) };
    Act::Wake
}

/// One life of everything; says whether any run was started.
fn sim(seed: u64) -> bool {
    let mut chance = Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        chance.next();
    }
    let Some(active) = active(&mut chance) else { return false };
    let mut hosts = [Host::new(&active, false), Host::new(&active, true)];
    let mut now: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
    for start in 0..=chance.below(3) {
        let request = StartRequest {
            runbook: "sim".into(),
            inputs: json!({}),
            mode: Mode::Mock,
            requester: person("alice"),
            environment: None,
            signed: false,
            declared: false,
        };
        let byte = u8::try_from(start).unwrap();
        let entropy = Entropy { id: [byte; 10], salt: [byte; 32] };
        for host in &mut hosts {
            host.act(&Act::Start(request.clone(), entropy), now);
        }
    }
    let mut turns = 0;
    while hosts[0].realm.runs().any(|run| !run.is_settled()) {
        turns += 1;
        let calm = turns > 150;
        if turns == 151 {
            for selector in ["all", "capability:t.put", "connector:outside"] {
                let lift = SystemCommand::Revive {
                    selector: selector.parse().unwrap(),
                    reason: "calm".into(),
                    by: person("dan"),
                };
                for host in &mut hosts {
                    host.act(&Act::System(lift.clone()), now);
                }
            }
        }
        assert!(
            turns < 4_000,
            "seed {seed}: no end: {:#?}",
            hosts[0].realm.runs().map(ordain_kernel::view::run).collect::<Vec<_>>()
        );
        let act = next_act(&mut chance, &mut hosts[0], &mut now, calm);
        let [first, second] = &mut hosts;
        let one = first.act(&act, now);
        let other = second.act(&act, now);
        assert_eq!(one, other, "seed {seed}: both hosts say the same");
        for (id, journal) in &first.journal {
            let other = &second.journal[id];
            let differs = journal.iter().zip(other).find(|(one, other)| one != other);
            assert!(differs.is_none(), "seed {seed}, turn {turns}: {differs:#?}");
            let more = journal.iter().skip(other.len()).chain(other.iter().skip(journal.len())).next();
            assert!(
                more.is_none(),
                "seed {seed}, turn {turns}: {more:?} behind\n{}",
                journal
                    .iter()
                    .rev()
                    .take(12)
                    .map(|(_, event)| format!("{event:?}").chars().take(200).collect::<String>())
                    .collect::<Vec<_>>()
                    .join("\n")
            );
        }
    }
    assert_eq!(hosts[0].heads(), hosts[1].heads(), "seed {seed}: the same records on both hosts");
    assert_eq!(hosts[0].realm.world.rows(), hosts[1].realm.world.rows());
    for counter in hosts[0].realm.world.budgets.0.values() {
        assert_eq!(counter.reserved, 0, "seed {seed}: nothing stays reserved");
    }
    assert!(hosts[0].realm.world.locks.0.is_empty(), "seed {seed}: no lock is left");
    true
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the one seed to be played is named from outside")]
fn random_lives_end_well() {
    let seeds = std::env::var("ORDAIN_SIM").ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = seeds {
        assert!(sim(seed));
        return;
    }
    lives(1..=100);
}

#[test]
fn further_random_lives_end_well() {
    lives(101..=200);
}

fn lives(seeds: std::ops::RangeInclusive<u64>) {
    let all = seeds.clone().count();
    let played = seeds.filter(|seed| sim(*seed)).count();
    assert!(played * 2 > all, "{played} of {all} lives were played");
}
