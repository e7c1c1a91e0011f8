//! One scenario on two hosts that decide by themselves: in memory, and in the engine over SQLite, with the same clock
//! and the same chance. Each run has the same records on both, to the last byte, and the same outcome.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where something is not as said"
)]

#[path = "../../kernel/tests/simulation/chance.rs"]
mod chance;
#[path = "../../kernel/tests/simulation/specs.rs"]
#[allow(dead_code, reason = "the simulation changes specs while runs are under way")]
mod specs;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use ordain_kernel::actor::Actor;
use ordain_kernel::ids::RunId;
use ordain_kernel::realm::{Batch, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::reason::Code;
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::run::{Command, Decide, Effect, Rejection, Run, Verdict};
use ordain_kernel::world::World;
use ordain_kernel::{mock, view};
use ordain_runtime::api::{ApiError, Caller, Decision, Request};
use ordain_runtime::engine::Engine;
use ordain_runtime::local::Service as _;
use ordain_runtime::machine::{Chance as MachineChance, Clock, Machine};
use ordain_runtime::ports::Later;
use ordain_runtime::session::Lock;
use ordain_runtime::workspace::Opened;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use serde_json::{Map, Value, json};

use chance::Chance;
use specs::Specs;

/// Seeds that are played.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=20;

/// Acts of one seed.
const ACTS: usize = 60;

/// A clock that stands until it is set.
struct Hand {
    now: Mutex<Timestamp>,
    moved: tokio::sync::Notify,
}

impl Hand {
    fn set(&self, at: Timestamp) {
        *self.now.lock().unwrap() = at;
        self.moved.notify_waiters();
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, at: Option<Timestamp>) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if at.is_some_and(|at| at <= self.now()) {
                    return;
                }
                moved.await;
            }
        })
    }
}

/// Counts.
#[derive(Default)]
struct Count(AtomicU16);

impl Count {
    fn next(&self) -> Entropy {
        let [high, low] = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        Entropy { id: [0, 0, 0, 0, 0, 0, 0, 0, high, low], salt: [low; 32] }
    }
}

impl MachineChance for Count {
    fn entropy(&self) -> Result<Entropy, ApiError> {
        Ok(self.next())
    }
}

/// The host in memory: a realm, declared answers, nothing else.
struct Memory {
    realm: Realm,
    count: Count,
    calls: VecDeque<ordain_kernel::run::Call>,
    /// Notices that were begun.
    told: usize,
}

impl Memory {
    fn take(&mut self, batch: Batch) {
        self.keep(batch);
        while self.realm.has_tidings() {
            let batch = self.realm.tell(&self.count.next(), false);
            self.keep(batch);
            self.told += 1;
        }
    }

    fn keep(&mut self, batch: Batch) {
        for effect in batch.effects {
            if let Effect::Call(call) = effect {
                self.calls.push_back(*call);
            }
        }
    }

    fn taken(&mut self, decided: Result<Batch, Rejection>) -> Option<Code> {
        match decided {
            Ok(batch) => {
                self.take(batch);
                None
            }
            Err(mut rejection) => {
                if let Some(due) = rejection.due.take() {
                    self.take(*due);
                }
                Some(rejection.code)
            }
        }
    }

    fn turn(&mut self, now: Timestamp, act: Option<&Act>) -> Option<Code> {
        self.wake(now);
        let said = act.and_then(|act| self.act(act, now));
        self.answer(now);
        // What was held back until somebody acted may be due already.
        while self.realm.next_wake().is_some_and(|due| due <= now) {
            self.wake(now);
            self.answer(now);
        }
        said
    }

    fn wake(&mut self, now: Timestamp) {
        let woken = self.realm.wake(now);
        self.take(woken);
    }

    fn answer(&mut self, now: Timestamp) {
        while let Some(call) = self.calls.pop_front() {
            let outcome = mock::answer(&call);
            let id = call.id;
            let command = Command::Outcome {
                step: id.step,
                item: id.item,
                attempt: id.attempt,
                phase: id.phase,
                outcome,
            };
            let decided = self.realm.command(id.run, command, now);
            self.taken(decided);
        }
    }

    fn act(&mut self, act: &Act, now: Timestamp) -> Option<Code> {
        match act {
            Act::Start { runbook, by, n } => {
                let request = StartRequest {
                    runbook: (*runbook).to_owned(),
                    inputs: json!({"n": n}),
                    mode: Mode::Mock,
                    requester: by.clone(),
                    environment: None,
                    signed: false,
                    declared: false,
                };
                let entropy = self.count.next();
                match self.realm.start(request, now, &entropy) {
                    Ok(StartOutcome::Started { batch, .. } | StartOutcome::Refused { batch, .. }) => {
                        self.take(batch);
                        None
                    }
                    Err(rejection) => Some(rejection.code),
                }
            }
            Act::Command(run, command) => {
                let decided = self.realm.command(*run, (**command).clone(), now);
                self.taken(decided)
            }
            Act::System(command) => {
                let decided = self.realm.system(command.clone(), now);
                self.taken(decided)
            }
        }
    }
}

/// What somebody does.
enum Act {
    Start { runbook: &'static str, by: Actor, n: u64 },
    Command(RunId, Box<Command>),
    System(SystemCommand),
}

impl Act {
    /// The same, as a verb says it.
    fn request(&self) -> (Actor, Request) {
        match self {
            Self::Start { runbook, by, n } => {
                let inputs = Map::from_iter([("n".to_owned(), json!(n))]);
                (by.clone(), Request::Start { runbook: (*runbook).to_owned(), inputs, live: false })
            }
            Self::Command(run, command) => of_command(run.to_string(), command),
            Self::System(SystemCommand::Kill { selector, reason, by, pause, .. }) => {
                let (selector, reason) = (selector.to_string(), reason.clone());
                (by.clone(), Request::Kill { selector, reason, until: None, pause: *pause })
            }
            Self::System(SystemCommand::Revive { selector, reason, by }) => {
                (by.clone(), Request::Revive { selector: selector.to_string(), reason: reason.clone() })
            }
            Self::System(other) => panic!("{other:?}"),
        }
    }
}

fn of_command(run: String, command: &Command) -> (Actor, Request) {
    match command.clone() {
        Command::Decide(decide) => {
            let decision = match decide.verdict {
                Verdict::Approve => Decision::Approve,
                Verdict::Reject => Decision::Reject,
                Verdict::Withdraw => Decision::Withdraw,
            };
            let request = Request::Decide {
                id: decide.approval.to_string(),
                decision,
                rationale: decide.rationale,
                form: Map::new(),
                digest: decide.digest.unwrap().to_string(),
                signature: None,
            };
            (decide.by, request)
        }
        Command::Signal { name, by, .. } => (by, Request::Signal { run, name, fields: Map::new() }),
        Command::Cancel { by, rollback, reason } => (by, Request::Cancel { run, rollback, reason }),
        Command::Pause { by, .. } => (by, Request::Pause { run, reason: None }),
        Command::Resume { by, reason } => (by, Request::Resume { run, reason }),
        Command::Resolve { step, outcome, by, reason, outputs } => {
            let outputs = outputs.and_then(|outputs| outputs.as_object().cloned()).unwrap_or_default();
            let (step, outcome) = (step.to_string(), outcome.as_str().to_owned());
            (by, Request::Resolve { run, step, outcome, reason, outputs })
        }
        other => panic!("{other:?}"),
    }
}

fn person(chance: &mut Chance) -> Actor {
    let name = *chance.one(&["alice", "bob", "carol", "dan"]);
    let type_ = ordain_spec::kind::roster::ActorType::Human;
    Actor { id: format!("user:{name}").into(), type_, on_behalf_of: None }
}

fn next(chance: &mut Chance, realm: &Realm) -> Option<Act> {
    let by = person(chance);
    let runs: Vec<&Run> = realm.runs().filter(|run| !run.is_settled()).collect();
    if runs.is_empty() || chance.in_ten(1) {
        let runbook = *chance.one(&["sim", "sim", "below", "line"]);
        return Some(Act::Start { runbook, by, n: *chance.one(&[5, 7, 50]) });
    }
    let run = *chance.one(&runs);
    let holds = run.steps.iter().flat_map(|step| &step.holds).filter(|hold| !hold.over);
    let open: Vec<_> = holds
        .flat_map(|hold| hold.stages().filter(|stage| view::is_open(stage)).map(|stage| (stage, hold.digest)))
        .collect();
    let stuck = run.plan.steps.iter().zip(&run.steps).find(|(_, state)| state.stuck);
    let selector = || "capability:t.put".parse().unwrap();
    let command = match chance.below(12) {
        0..=4 if !open.is_empty() => {
            let (stage, digest) = chance.one(&open);
            Command::Decide(Box::new(Decide {
                approval: stage.id.clone(),
                by,
                verdict: *chance.one(&[
                    Verdict::Approve,
                    Verdict::Approve,
                    Verdict::Reject,
                    Verdict::Withdraw,
                ]),
                rationale: "as the scenario says".to_owned(),
                form: json!({}),
                digest: Some(*digest),
                assurance: Some(Assurance::Asserted),
                claims: None,
                token_creator: None,
                signature: None,
            }))
        }
        5 => Command::Cancel { by, rollback: chance.in_ten(5), reason: None },
        6 => Command::Pause { by, reasons: Vec::new() },
        7 => Command::Resume { by, reason: None },
        8 => {
            let name = format!("go{}", chance.below(6));
            Command::Signal { name, by, fields: json!({}), reason: None }
        }
        9 if stuck.is_some() => {
            let (planned, _) = stuck?;
            let outcome =
                *chance.one(&[ResolveOutcome::Failed, ResolveOutcome::Undone, ResolveOutcome::Again]);
            let (step, reason) = (Arc::clone(&planned.id), "looked".to_owned());
            Command::Resolve { step, outcome, by, reason, outputs: None }
        }
        10 => {
            let pause = chance.in_ten(5);
            let kill = SystemCommand::Kill {
                selector: selector(),
                reason: "drill".to_owned(),
                by,
                until: None,
                pause,
            };
            return Some(Act::System(kill));
        }
        11 => {
            let lift = SystemCommand::Revive { selector: selector(), reason: "over".to_owned(), by };
            return Some(Act::System(lift));
        }
        _ => return None,
    };
    Some(Act::Command(run.id(), Box::new(command)))
}

fn write(folder: &Path, specs: &Specs) {
    std::fs::create_dir_all(folder.join("specs")).unwrap();
    for (path, text) in specs.files() {
        std::fs::write(folder.join("specs").join(path), text).unwrap();
    }
    let file = "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n";
    std::fs::write(folder.join("ordain.yaml"), file).unwrap();
}

/// Plays a seed on both; says how many runs there were, how many of them settled, and how often somebody was
/// told.
async fn play(seed: u64) -> (usize, usize, usize) {
    let mut chance = Chance::new(seed);
    let specs = Specs::new(&mut chance).without_exports().with_faults(&mut chance);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &specs);
    let opened = Opened::find(folder.path()).unwrap();
    let active = Arc::new(opened.active.as_ref().expect("a catalogue").active());
    let begin: Timestamp = "2026-01-05T10:00:00Z".parse().unwrap();
    let hand = Arc::new(Hand { now: Mutex::new(begin), moved: tokio::sync::Notify::new() });
    let machine = Machine { clock: Arc::clone(&hand) as Arc<dyn Clock>, chance: Arc::new(Count::default()) };
    let lock = Lock::take(&opened.state).unwrap().unwrap();
    let engine = Engine::open_on(&opened, lock, machine).await.unwrap();
    let mut memory = Memory {
        realm: Realm::new(World::new(Some(active))),
        count: Count::default(),
        calls: VecDeque::new(),
        told: 0,
    };
    let mut now = begin;
    for _ in 0..ACTS {
        if let Some(act) = next(&mut chance, &memory.realm) {
            let said = memory.turn(now, Some(&act));
            let (by, request) = act.request();
            let caller = Caller { login: None, acting_as: Some(by.id.to_string()), token: None };
            let asked = format!("{request:?}");
            let answer = engine.answer(caller, request).await;
            let code = answer.as_ref().err().map(|error| error.code.clone());
            let said = said.map(|code| code.as_str().to_owned());
            assert_eq!(said, code, "seed {seed}: {asked} {answer:?}");
        } else {
            let soon = memory.realm.next_wake().unwrap_or(now) + SignedDuration::from_secs(1);
            now = if chance.in_ten(5) { soon.max(now) } else { now + SignedDuration::from_mins(30) };
            memory.turn(now, None);
            hand.set(now);
            // The first answer comes in the turn in which the writer woke, the second after that turn is stored.
            for _ in 0..2 {
                engine.answer(Caller::default(), Request::Kills).await.unwrap();
            }
        }
    }
    for run in memory.realm.runs() {
        let shown =
            engine.answer(Caller::default(), Request::Show { run: run.id().to_string() }).await.unwrap();
        assert_eq!(shown["run"], view::run(run), "seed {seed}");
        let tail = Request::AuditTail { run: Some(run.id().to_string()), limit: 10_000 };
        let tail = engine.answer(Caller::default(), tail).await.unwrap();
        let records: &[Value] = tail["records"].as_array().unwrap();
        assert_eq!(records.last().unwrap()["hash"], run.audit_chain.head.to_string(), "seed {seed}");
        assert_eq!(records.len() as u64, run.audit_chain.length);
    }
    let settled = memory.realm.runs().filter(|run| run.is_settled()).count();
    engine.close().await;
    (memory.realm.runs().count(), settled, memory.told)
}

#[tokio::test]
async fn the_same_scenario_has_the_same_records_in_memory_and_in_the_store() {
    let (mut runs, mut settled, mut told) = (0, 0, 0);
    for seed in SEEDS {
        let (all, over, said) = play(seed).await;
        runs += all;
        settled += over;
        told += said;
    }
    assert!(told > 30, "{told} notices: too little to compare");
    assert!(runs > 30 && settled * 2 > runs, "{settled} of {runs} runs settled: too little to compare");
}
