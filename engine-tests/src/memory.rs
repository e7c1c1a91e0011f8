//! The smallest host: a realm in memory whose calls get their declared answers and whose clock jumps to
//! whatever is due. For tests that ask the kernel the same question under many catalogues; it stores
//! nothing and performs nothing outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ordain_kernel::actor::Actor;
use ordain_kernel::audit::AuditRecord;
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Batch, Body, Entropy, Realm, StartOutcome, StartRequest};
use ordain_kernel::run::hold::StageState;
use ordain_kernel::run::{Command, Decide, Effect, Event, Phase, Run, Verdict};
use ordain_kernel::world::{Active, World};
use ordain_plan::Grants;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::{Checked, check};
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::Assurance;
use ordain_spec::source::{Notation, SourceFile, Sources};
use serde_json::Value;

/// A time that needs no clock.
pub use jiff::Timestamp;

/// Files of a catalogue: path and text.
pub type Files = BTreeMap<String, String>;

/// The spec files below a folder, by their path in it.
///
/// # Panics
/// When they cannot be read.
#[must_use]
#[expect(clippy::expect_used, reason = "without its files there is no test")]
pub fn files_of(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(here) = open.pop() {
        for entry in std::fs::read_dir(&here).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if Notation::of_path(&name).is_some() {
                files.insert(name, std::fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    files
}

/// Checks files as a catalogue, in the order given.
#[must_use]
pub fn checked<'f>(files: impl IntoIterator<Item = (&'f String, &'f String)>) -> Checked {
    let mut sources = Sources::default();
    for (path, text) in files {
        let notation = Notation::of_path(path).unwrap_or(Notation::Yaml);
        sources.add(SourceFile::new(path.clone(), text.as_str().into(), notation));
    }
    check(sources)
}

/// Who decides while a run waits for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum People {
    /// Nobody; stages expire.
    Silent,
    /// Everybody who may, as soon as they may.
    Eager,
}

/// One run to be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The runbook, as scenarios name it.
    pub runbook: String,
    /// Its inputs.
    pub inputs: Value,
    /// Who asks, as `user:name`.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// What people do.
    pub people: People,
}

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// State of the run; `refused` where there is none.
    pub state: String,
    /// Final state of every step, as `runbook/step`, sub-runs included.
    pub steps: BTreeMap<String, String>,
    /// Steps of which an attempt was started (never an undo).
    pub attempted: BTreeSet<String>,
    /// The digest of the outcome.
    pub outcome: String,
    /// The head of the run's audit chain.
    pub head: String,
}

impl Seen {
    /// Steps that were refused by a control: denied, rejected, expired, or held for ever.
    pub fn withheld(&self) -> impl Iterator<Item = &String> {
        let refused = |state: &str| ["denied", "rejected", "expired", "held", "throttled"].contains(&state);
        self.steps
            .iter()
            .filter(move |(step, state)| refused(state) && !self.attempted.contains(*step))
            .map(|(step, _)| step)
    }
}

/// A realm in memory.
pub struct Memory {
    /// The realm.
    pub realm: Realm,
    /// Its clock.
    pub now: Timestamp,
    /// Every record so far.
    pub audit: Vec<AuditRecord>,
    /// Every event of a run so far.
    pub journal: Vec<(RunId, Timestamp, Event)>,
    attempted: BTreeSet<String>,
    started: u8,
}

/// How often a run is looked at before a test gives up on it.
const PATIENCE: usize = 2_000;

impl Memory {
    /// A realm under a catalogue, at an instant.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, grants: Grants, now: Timestamp) -> Self {
        let active = Active { catalogue, grants: Arc::new(grants) };
        let realm = Realm::new(World::new(Some(Arc::new(active))));
        let (audit, journal, attempted) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self { realm, now, audit, journal, attempted, started: 0 }
    }

    /// Keeps what happened and answers what it calls for, until nothing more is called for.
    ///
    /// # Panics
    /// When the kernel does not take the answer to its own call.
    #[expect(clippy::panic, reason = "an answer that is not taken must not pass")]
    pub fn take(&mut self, batch: Batch) {
        let mut effects = self.keep(batch);
        while let Some(effect) = effects.pop() {
            let Effect::Call(call) = effect else { continue };
            let outcome = mock::answer(&call);
            let id = call.id;
            let (step, item, phase, attempt) = (id.step, id.item, id.phase, id.attempt);
            let command = Command::Outcome { step, item, attempt, phase, outcome };
            match self.realm.command(id.run, command, self.now) {
                Ok(batch) => effects.extend(self.keep(batch)),
                Err(rejection) => panic!("an answer was rejected: {rejection}"),
            }
        }
    }

    fn keep(&mut self, batch: Batch) -> Vec<Effect> {
        for entry in batch.entries {
            self.audit.extend(entry.audit);
            if let (Some(run), Body::Run(event)) = (entry.run, entry.body) {
                if let Event::AttemptStarted(start) = &*event
                    && start.phase == Phase::Do
                {
                    let runbook = self.realm.run(run).map(|run| run.started.runbook.to_string());
                    self.attempted.insert(format!("{}/{}", runbook.unwrap_or_default(), start.step));
                }
                self.journal.push((run, entry.at, *event));
            }
        }
        batch.effects.into_iter().rev().collect()
    }

    /// Starts a run in mode `mock`; the reason codes where it is refused.
    ///
    /// # Errors
    /// The codes of the refusal.
    pub fn start(&mut self, case: &Case) -> Result<RunId, Vec<String>> {
        let Some(roster) = self.realm.world.roster() else {
            return Err(vec!["catalogue_unavailable".into()]);
        };
        let requester = Actor::of(roster, &case.who).ok_or_else(|| vec!["not_permitted".to_owned()])?;
        self.started += 1;
        let request = StartRequest {
            runbook: case.runbook.clone(),
            inputs: case.inputs.clone(),
            mode: Mode::Mock,
            requester,
            environment: None,
            signed: true,
            declared: true,
        };
        let entropy = Entropy { id: [self.started; 10], salt: [self.started; 32] };
        match self.realm.start(request, self.now, &entropy) {
            Ok(StartOutcome::Started { run, batch }) => {
                self.take(batch);
                Ok(run)
            }
            Ok(StartOutcome::Refused { reasons, batch }) => {
                self.take(batch);
                Err(reasons.iter().map(|reason| reason.code.as_str().to_owned()).collect())
            }
            Err(rejection) => Err(vec![rejection.code.as_str().to_owned()]),
        }
    }

    /// Drives everything until the run is settled, or nothing is due any more.
    pub fn drive(&mut self, run: RunId, people: People) {
        for _ in 0..PATIENCE {
            if self.realm.run(run).is_none_or(Run::is_settled) {
                return;
            }
            if people == People::Eager && self.somebody_decides() {
                continue;
            }
            let Some(due) = self.realm.next_wake() else { return };
            self.now = self.now.max(due);
            let batch = self.realm.wake(self.now);
            self.take(batch);
        }
    }

    /// The first decision that anybody may make is made. False where nobody may make any.
    fn somebody_decides(&mut self) -> bool {
        let mut wishes = Vec::new();
        for run in self.realm.runs() {
            let holds = run.steps.iter().filter_map(|step| step.holds.last()).filter(|hold| !hold.over);
            for stage in holds.flat_map(|hold| hold.stages()) {
                if stage.state == StageState::Open {
                    wishes.extend(
                        stage.eligible.iter().map(|who| (run.id(), stage.id.clone(), Arc::clone(who))),
                    );
                }
            }
        }
        wishes.into_iter().any(|(run, approval, who)| {
            let forms = [serde_json::json!({}), serde_json::json!({"ticket": "CHG-1"})];
            forms.into_iter().any(|form| self.decide(run, &approval, &who, form))
        })
    }

    fn decide(
        &mut self,
        run: RunId,
        approval: &ordain_kernel::ids::ApprovalId,
        who: &str,
        form: Value,
    ) -> bool {
        let Some(by) = self.realm.world.roster().and_then(|roster| Actor::of(roster, who)) else {
            return false;
        };
        let decide = Decide {
            approval: approval.clone(),
            by,
            verdict: Verdict::Approve,
            rationale: "seen, and it is as it should be".to_owned(),
            form,
            digest: None,
            assurance: Some(Assurance::Signed),
            claims: None,
            token_creator: None,
            signature: None,
        };
        match self.realm.command(run, Command::Decide(Box::new(decide)), self.now) {
            Ok(batch) => {
                self.take(batch);
                true
            }
            Err(rejection) => {
                if let Some(due) = rejection.due {
                    self.take(*due);
                }
                false
            }
        }
    }

    /// What came of a run and of those below it.
    #[must_use]
    pub fn seen(&self, run: RunId) -> Seen {
        let mut seen = Seen { attempted: self.attempted.clone(), ..Seen::default() };
        for run in self.realm.runs() {
            for (step, planned) in run.steps.iter().zip(&run.plan.steps) {
                let name = format!("{}/{}", run.started.runbook, planned.id);
                seen.steps.insert(name, step.state.as_str().to_owned());
            }
        }
        if let Some(run) = self.realm.run(run) {
            seen.state = run.state().as_str().to_owned();
            seen.outcome = run.end.as_ref().map(|end| end.outcome_digest.to_string()).unwrap_or_default();
            seen.head = run.audit_chain.head.to_string();
        }
        seen
    }
}

/// What comes of a case under a catalogue.
#[must_use]
pub fn outcome(catalogue: &Arc<Catalogue>, grants: &Grants, case: &Case) -> Seen {
    outcome_after(catalogue, grants, case, |_| {})
}

/// The same, after something else was done to the realm.
#[must_use]
pub fn outcome_after(
    catalogue: &Arc<Catalogue>,
    grants: &Grants,
    case: &Case,
    before: impl FnOnce(&mut Memory),
) -> Seen {
    let mut memory = Memory::new(Arc::clone(catalogue), grants.clone(), case.at);
    before(&mut memory);
    match memory.start(case) {
        Ok(run) => {
            memory.drive(run, case.people);
            memory.seen(run)
        }
        Err(_) => Seen { state: "refused".to_owned(), ..Seen::default() },
    }
}
