//! One host of many runs: what it holds in memory, and what it stored. It either lives on, or is built anew from what
//! was stored before every command. Whatever it is given, it looks at what must hold always ([`super::always`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::audit::AuditRecord;
use ordain_kernel::ids::RunId;
use ordain_kernel::realm::{Batch, Body, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::reason::Code;
use ordain_kernel::replay::{Story, Told, Under, replay};
use ordain_kernel::run::system::{SystemCommand, SystemEvent};
use ordain_kernel::run::{Call, CallId, Command, Effect, Event, Gather, Kept, Outcome, Rejection, Run};
use ordain_kernel::world::{Active, Row, World};

use super::always;

/// What is done to both hosts.
#[derive(Clone)]
pub enum Act {
    /// Somebody wants something of a run.
    Command(RunId, Command),
    /// Several want something in one instant.
    Together(Vec<(RunId, Command)>),
    /// The outside answers.
    Answer(CallId, Outcome),
    /// Somebody wants something of the workspace.
    System(SystemCommand),
    /// Other specs are in force.
    Activate(Arc<Active>),
    /// Time has passed.
    Wake,
    /// The process is gone and comes back.
    Crash,
    /// Somebody starts a run.
    Start(Box<StartRequest>, Entropy),
}

/// One host.
pub struct Host {
    /// In memory.
    pub realm: Realm,
    /// Calls that the outside has not answered.
    pub calls: Vec<Call>,
    /// Rows that exports wait for.
    pub wanted: Vec<Gather>,
    /// Stored, per run.
    pub journal: BTreeMap<RunId, Vec<(Timestamp, Event)>>,
    /// The same with references in the places of payloads, as it is stored.
    erased: BTreeMap<RunId, Vec<(Timestamp, Event)>>,
    /// What the references stand for.
    kept: BTreeMap<RunId, Kept>,
    /// Stored: all runs' events in the order in which they were decided, and what was active when.
    told: Vec<Told>,
    actives: Vec<(u64, Arc<Active>)>,
    said: Vec<(u64, Timestamp, SystemEvent)>,
    /// Stored: the log.
    pub audit: Vec<AuditRecord>,
    rows: BTreeMap<(String, String), Row>,
    /// Every run as its journal says, read back entry by entry.
    retraced: BTreeMap<RunId, Run>,
    /// The counters as the journals say.
    recounted: World,
    forgets: bool,
    /// Notices that were begun.
    pub telling: u16,
}

impl Host {
    /// One that lives on, or forgets.
    pub fn new(active: &Arc<Active>, forgets: bool) -> Self {
        Self {
            realm: Realm::new(World::new(Some(Arc::clone(active)))),
            calls: Vec::new(),
            wanted: Vec::new(),
            journal: BTreeMap::new(),
            erased: BTreeMap::new(),
            kept: BTreeMap::new(),
            told: Vec::new(),
            actives: vec![(0, Arc::clone(active))],
            said: Vec::new(),
            audit: Vec::new(),
            rows: BTreeMap::new(),
            retraced: BTreeMap::new(),
            recounted: World::new(None),
            forgets,
            telling: 0,
        }
    }

    /// Does it; why not, where it was rejected.
    pub fn act(&mut self, act: &Act, now: Timestamp) -> Vec<Code> {
        if self.forgets {
            self.forget();
        }
        let (batch, refused) = match act {
            Act::Command(run, command @ Command::Gathered { step, .. }) => {
                self.wanted.retain(|gather| (gather.run, &gather.step) != (*run, step));
                split(self.realm.command(*run, command.clone(), now))
            }
            Act::Command(run, command) => split(self.realm.command(*run, command.clone(), now)),
            Act::Answer(id, outcome) => {
                self.calls.retain(|call| call.id != *id);
                let (step, item, attempt, phase) = (Arc::clone(&id.step), id.item, id.attempt, id.phase);
                let command = Command::Outcome { step, item, attempt, phase, outcome: outcome.clone() };
                split(self.realm.command(id.run, command, now))
            }
            Act::Together(commands) => {
                let (batch, results) = self.realm.batch(commands.clone(), now);
                let refused = results.into_iter().filter_map(Result::err).map(|rejection| why(&rejection));
                (Some(batch), refused.collect())
            }
            Act::System(command) => split(self.realm.system(command.clone(), now)),
            Act::Activate(active) => {
                self.actives.push((self.told.len() as u64, Arc::clone(active)));
                (Some(self.realm.activate(Arc::clone(active), now)), Vec::new())
            }
            Act::Wake => (Some(self.realm.wake(now)), Vec::new()),
            Act::Crash => {
                self.calls.clear();
                self.wanted.clear();
                self.forget();
                self.read_again();
                (Some(self.realm.recover(now)), Vec::new())
            }
            Act::Start(request, entropy) => match self.realm.start((**request).clone(), now, entropy) {
                Ok(StartOutcome::Started { batch, .. }) => (Some(batch), Vec::new()),
                Ok(StartOutcome::Refused { batch, reasons }) => {
                    (Some(batch), reasons.iter().map(|reason| reason.code).collect())
                }
                Err(rejection) => (None, vec![why(&rejection)]),
            },
        };
        if let Some(batch) = batch {
            self.store(batch);
        }
        // In the same transaction.
        while self.realm.has_tidings() {
            self.telling += 1;
            let [high, low] = self.telling.to_be_bytes();
            let entropy = Entropy { id: [0xee, 0, 0, 0, 0, 0, 0, 0, high, low], salt: [low; 32] };
            let batch = self.realm.tell(&entropy, false);
            self.store(batch);
        }
        always::after(self, now, matches!(act, Act::Wake));
        refused
    }

    fn store(&mut self, batch: Batch) {
        for entry in batch.entries {
            self.audit.extend(entry.audit);
            let event = match entry.body {
                Body::Run(event) => event,
                Body::System(event) => {
                    self.recounted.apply_system(&event, entry.at);
                    self.said.push((self.told.len() as u64, entry.at, *event));
                    continue;
                }
            };
            let id = entry.run.unwrap();
            let mut read: Event = serde_json::from_str(&entry.json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), entry.json, "erased, it writes what it reads");
            self.erased.entry(id).or_default().push((entry.at, read.clone()));
            let kept = self.kept.entry(id).or_default();
            for payload in entry.payloads {
                kept.insert(payload.reference, serde_json::from_str(&payload.text).unwrap());
            }
            kept.restore(&mut read).unwrap();
            assert_eq!(read, *event, "an event reads what it wrote");
            let journal = self.journal.entry(id).or_default();
            assert_eq!(entry.seq, journal.len() as u64 + 1, "no event is lost");
            always::allowed(&self.realm, id, journal, &read, entry.at);
            self.retrace(id, entry.at, &read);
            self.told.push(Told { run: id, at: entry.at, event: read.clone() });
            self.journal.entry(id).or_default().push((entry.at, read));
        }
        for row in self.realm.world.changed() {
            self.rows.insert((row.kind.clone(), row.key.clone()), row);
        }
        for id in &batch.touched {
            let run = self.realm.run(*id).unwrap();
            assert!(self.retraced[id] == *run, "a run is what its journal says");
            if run.is_settled() {
                let journal = self.erased[id].iter().map(|(at, event)| (*at, event));
                let erased = Run::replay_erased(Arc::clone(&run.plan), journal).unwrap();
                assert!(erased.is_erased() && erased.state() == run.state(), "also without its payloads");
                assert_eq!((erased.audit_chain, erased.record_digest), (run.audit_chain, run.record_digest));
            }
        }
        for effect in batch.effects {
            match effect {
                Effect::Call(call) => {
                    always::intended(&self.journal[&call.id.run], &call);
                    self.calls.push(*call);
                }
                Effect::Gather(gather) => self.wanted.push(*gather),
                Effect::CancelCall(_) => {}
            }
        }
    }

    fn retrace(&mut self, id: RunId, at: Timestamp, event: &Event) {
        if let Some(run) = self.retraced.get_mut(&id) {
            run.retrace(at, event).unwrap();
        } else {
            let plan = Arc::clone(&self.realm.run(id).unwrap().plan);
            self.retraced.insert(id, Run::replay(plan, [(at, event)]).unwrap());
        }
        self.recounted.apply(&self.retraced[&id].started, event, at);
    }

    /// Nothing is left but what was stored.
    fn forget(&mut self) {
        let before = self.realm.world.rows();
        let mut world = World::new(self.realm.world.active.clone());
        world.load(self.rows.values().cloned()).unwrap();
        assert_eq!(world.rows(), before, "the world is what its rows say");
        let mut realm = Realm::new(world);
        for run in self.retraced.values() {
            realm.insert(run.clone());
        }
        realm.follow_on(self.audit.len() as u64);
        self.realm = realm;
    }

    /// Reads every journal from its beginning.
    pub fn read_again(&self) {
        for (id, journal) in &self.journal {
            let plan = Arc::clone(&self.retraced[id].plan);
            let run = Run::replay(plan, journal.iter().map(|(at, event)| (*at, event))).unwrap();
            assert!(run == self.retraced[id], "replay and going on are the same");
        }
    }

    /// Replayed from its journals alone everything comes out as it did: every decision, outcome and record.
    pub fn replay(&self) {
        let plans = self.retraced.values().map(|run| (run.plan.digest, Arc::clone(&run.plan))).collect();
        let (told, actives, said) = (self.told.clone(), self.actives.clone(), self.said.clone());
        let story = Story { told, actives, said, plans };
        let found = replay(&story, Under::Recorded).unwrap();
        assert_eq!(found.turned, [], "every decision comes out as it did");
        assert_eq!((found.differing, found.unanswered), (Vec::new(), 0), "and every condition and quota");
        assert!(found.outcomes.iter().all(|one| one.recorded == one.replayed), "and every outcome");
        let records: Vec<_> = found.records.iter().map(AuditRecord::to_line).collect();
        let of_runs = self.audit.iter().filter(|record| record.entry.run_id.is_some());
        assert_eq!(records, of_runs.map(AuditRecord::to_line).collect::<Vec<_>>(), "and every record");
        let decided = self.told.iter().filter(|told| matches!(told.event, Event::Decided { .. })).count();
        for (_, active) in &self.actives {
            let other = replay(&story, Under::Other(active)).unwrap();
            assert_eq!(other.decisions, decided as u64, "under other specs all are asked again");
        }
    }

    /// The counters as the journals alone say, without the chain `system`.
    pub fn recounted(&self) -> BTreeMap<(String, String), serde_json::Value> {
        self.recounted.rows()
    }
}

/// What is to be stored, and why nothing more happened.
fn split(decided: Result<Batch, Rejection>) -> (Option<Batch>, Vec<Code>) {
    match decided {
        Ok(batch) => (Some(batch), Vec::new()),
        Err(mut rejection) => (rejection.due.take().map(|due| *due), vec![why(&rejection)]),
    }
}

/// The code of a rejection that is not a fault of ours.
fn why(rejection: &Rejection) -> Code {
    assert_ne!(rejection.code, Code::SystemFault, "{rejection}");
    rejection.code
}
