//! Random plans, schedules, faults and decisions from a seed, on two hosts: one that lives on, and one that is built
//! anew from what was stored before every command. What must hold always is looked at after every command
//! (`always`); `just sim SEED` plays one seed and shows its journals where it does not end well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop where something is not as said"
)]

mod acts;
mod always;
mod chance;
mod host;
mod specs;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::ids::RunId;
use ordain_kernel::run::{Event, RunState};
use ordain_kernel::world::Active;

use acts::Acts;
use chance::Chance;
use host::{Act, Host};
use specs::Specs;

/// Acts before everybody is calm.
const ODD: usize = 150;

/// Acts after which a life that has not ended never will.
const MOST: usize = 4_000;

/// One life of everything.
struct Life {
    hosts: [Host; 2],
    now: Timestamp,
    acts: usize,
}

impl Life {
    fn new(active: &Arc<Active>) -> Self {
        let hosts = [Host::new(active, false), Host::new(active, true)];
        Self { hosts, now: "2026-01-05T10:00:00Z".parse().unwrap(), acts: 0 }
    }

    fn act(&mut self, act: &Act) {
        let [first, second] = &mut self.hosts;
        let (one, other) = (first.act(act, self.now), second.act(act, self.now));
        assert_eq!(one, other, "both hosts say the same");
        for (id, journal) in &first.journal {
            let other = &second.journal[id];
            assert_eq!(journal.len(), other.len());
            assert_eq!(journal.last(), other.last());
        }
    }

    fn live(&mut self, chance: &mut Chance, others: Vec<Arc<Active>>) {
        let first = u8::try_from(chance.below(3)).unwrap();
        for place in 0..=first {
            let start = acts::start(chance, place);
            self.act(&start);
        }
        let mut acts = Acts { chance, now: self.now, calm: false, started: first, others };
        while self.hosts[0].realm.runs().any(|run| !run.is_settled()) {
            self.acts += 1;
            assert!(self.acts < MOST, "it never ends");
            if self.acts == ODD {
                acts.calm = true;
                for lift in acts::revive() {
                    self.act(&lift);
                }
            }
            let act = acts.next(&self.hosts[0]);
            self.now = acts.now;
            self.act(&act);
        }
        let [first, second] = &self.hosts;
        assert_eq!(first.journal, second.journal, "the same journals on both hosts");
        assert_eq!(first.audit, second.audit, "the same records on both hosts");
        assert_eq!(first.realm.world.rows(), second.realm.world.rows());
        always::at_the_end(first);
        first.replay();
    }

    fn show(&self) {
        for run in self.hosts[0].realm.runs() {
            println!("run {} is {} ({:?})", run.id(), run.state(), run.waiting_for());
            let last: &[(Timestamp, Event)] = &self.hosts[0].journal[&run.id()];
            for (at, event) in last.iter().skip(last.len().saturating_sub(30)) {
                let text = serde_json::to_string(event).unwrap();
                println!("  {at} {}", text.chars().take(400).collect::<String>());
            }
        }
    }
}

/// What came of a seed's runs: how often each state, and how many events of each kind.
#[derive(Default)]
struct Seen {
    states: BTreeMap<RunState, u32>,
    events: BTreeMap<String, u32>,
}

impl Seen {
    fn add(&mut self, life: &Life) {
        for run in life.hosts[0].realm.runs() {
            *self.states.entry(run.state()).or_default() += 1;
        }
        let journals: &BTreeMap<RunId, Vec<(Timestamp, Event)>> = &life.hosts[0].journal;
        for (_, event) in journals.values().flatten() {
            let json = serde_json::to_value(event).unwrap();
            *self.events.entry(json["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
}

/// Plays a seed; where it does not end well, its journals are shown.
fn sim(seed: u64, seen: &mut Seen) {
    let mut chance = Chance::new(seed);
    let specs = Specs::new(&mut chance);
    let others = if chance.in_ten(3) { vec![specs.changed(&mut chance).active()] } else { Vec::new() };
    let mut life = Life::new(&specs.active());
    let lived = catch_unwind(AssertUnwindSafe(|| life.live(&mut chance, others)));
    if let Err(panic) = lived {
        println!("seed {seed} went wrong at act {}; `just sim {seed}` plays it again", life.acts);
        life.show();
        std::panic::resume_unwind(panic);
    }
    seen.add(&life);
}

fn lives(seeds: impl Iterator<Item = u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        sim(seed, &mut seen);
    }
    seen
}

/// The same on every core that there is.
fn side_by_side(seeds: RangeInclusive<u64>) -> Seen {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                scope.spawn({
                    let seeds = seeds.clone().skip(part).step_by(threads);
                    move || lives(seeds)
                })
            })
            .collect();
        let mut all = Seen::default();
        for part in parts {
            // What a thread shows of a seed that went wrong is shown with this test.
            let seen = part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            seen.states.iter().for_each(|(state, count)| *all.states.entry(*state).or_default() += count);
            seen.events.into_iter().for_each(|(event, count)| *all.events.entry(event).or_default() += count);
        }
        all
    })
}

/// Every kind of end and of event occurs: a simulation that has become narrow shows nothing.
fn is_broad(seen: &Seen) {
    for state in ["succeeded", "failed", "denied", "rejected", "expired", "cancelled"] {
        assert!(seen.states.keys().any(|found| found.as_str() == state), "no run ended {state}");
    }
    for event in EVENTS {
        assert!(seen.events.contains_key(event), "nothing like `{event}` happened: {:?}", seen.events);
    }
}

const EVENTS: [&str; 37] = [
    "started",
    "lockGranted",
    "stepReady",
    "stepPrepared",
    "decided",
    "held",
    "stageOpened",
    "granted",
    "withdrawn",
    "refused",
    "stageExpired",
    "voided",
    "released",
    "throttled",
    "unthrottled",
    "attemptStarted",
    "attemptSettled",
    "replayed",
    "itemStopped",
    "callCancelling",
    "stepWaiting",
    "childStarted",
    "childSettled",
    "signalled",
    "stepSettled",
    "failing",
    "rollbackStarted",
    "reopened",
    "undoStarted",
    "undoSettled",
    "cleanUpStarted",
    "stuck",
    "resolving",
    "resolved",
    "paused",
    "resumed",
    "timedOut",
];

#[test]
#[expect(clippy::disallowed_methods, reason = "the seeds to be played are named from outside")]
fn random_lives_end_well() {
    let named = std::env::var("ORDAIN_SIM").ok();
    let Some(named) = named else { return is_broad(&side_by_side(1..=1_000)) };
    let (from, to) = named.split_once("..").unwrap_or((&named, &named));
    lives(from.parse::<u64>().unwrap()..=to.parse().unwrap());
}
