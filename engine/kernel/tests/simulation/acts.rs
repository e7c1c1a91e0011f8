//! What people, the outside and the clock do next, at random; after a while everybody is calm, and all must end.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ordain_kernel::actor::Actor;
use ordain_kernel::export::{self, Gathered, Gathering};
use ordain_kernel::ids::RunId;
use ordain_kernel::mock;
use ordain_kernel::realm::{Entropy, StartRequest};
use ordain_kernel::reason::{Code, Reason};
use ordain_kernel::run::system::SystemCommand;
use ordain_kernel::run::{Call, Command, Decide, Gather, Outcome, Run, Verdict};
use ordain_kernel::view;
use ordain_kernel::world::Active;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::{Assurance, ResolveOutcome};
use serde_json::{Value, json};

use super::chance::Chance;
use super::host::{Act, Host};

const SELECTORS: [&str; 5] =
    ["all", "capability:t.put", "connector:outside", "runbook:below", "actor:user:alice"];

/// Runs that people start at most.
const RUNS: u8 = 5;

/// A person of the roster.
pub fn person(name: &str) -> Actor {
    Actor { id: format!("user:{name}").into(), type_: ActorType::Human, on_behalf_of: None }
}

/// Lifts every kill switch.
pub fn revive() -> Vec<Act> {
    let lift = |selector: &&str| {
        let (selector, reason) = (selector.parse().unwrap(), "over".to_owned());
        Act::System(SystemCommand::Revive { selector, reason, by: person("dan") })
    };
    SELECTORS.iter().map(lift).collect()
}

/// Somebody starts a run.
pub fn start(chance: &mut Chance, place: u8) -> Act {
    let bot = Actor { id: "user:bot".into(), type_: ActorType::Service, on_behalf_of: None };
    let requester = if chance.in_ten(2) { bot } else { person(chance.one::<&str>(&["alice", "bob"])) };
    let request = StartRequest {
        runbook: (*chance.one(&["sim", "sim", "sim", "below", "line", "export:fetched"])).to_owned(),
        inputs: json!({"n": *chance.one(&[5, 5, 7, 50])}),
        mode: *chance.one(&[Mode::Mock, Mode::Mock, Mode::Mock]),
        requester,
        environment: None,
        signed: false,
        declared: true,
    };
    Act::Start(Box::new(request), Entropy { id: [place; 10], salt: [place; 32] })
}

fn gather_all(host: &Host, gather: &Gather, active: &Active) -> Result<Gathered, Reason> {
    let mut gathering = Gathering::new(&gather.export, &active.catalogue)?;
    for run in host.realm.runs() {
        let journal = &host.journal[&run.id()];
        let rows = export::rows::of_run(gather.export.spec.source.value, run, journal, gathering.meta());
        rows.into_iter().try_for_each(|row| gathering.take(row))?;
    }
    Ok(gathering.finish())
}

/// What happens next.
pub struct Acts<'c> {
    /// Where all of it comes from.
    pub chance: &'c mut Chance,
    /// When.
    pub now: Timestamp,
    /// Nobody does anything odd any more.
    pub calm: bool,
    /// Runs that were started by people.
    pub started: u8,
    /// What may come into force.
    pub others: Vec<Arc<Active>>,
}

impl Acts<'_> {
    /// The next act.
    pub fn next(&mut self, host: &Host) -> Act {
        if !host.calls.is_empty() && self.chance.in_ten(if self.calm { 10 } else { 6 }) {
            let call = &host.calls[self.chance.below(host.calls.len())];
            return Act::Answer(call.id.clone(), self.answer(call));
        }
        if !host.wanted.is_empty() && self.chance.in_ten(if self.calm { 10 } else { 7 }) {
            let gather = &host.wanted[self.chance.below(host.wanted.len())];
            return Act::Command(gather.run, self.gathered(host, gather));
        }
        let runs: Vec<&Run> = host.realm.runs().filter(|run| !run.is_settled()).collect();
        if runs.is_empty() {
            return Act::Wake;
        }
        let run = *self.chance.one(&runs);
        if self.calm
            && let Some(act) = self.help(run)
        {
            return act;
        }
        if let Some(decide) = self.decide(run) {
            return Act::Command(run.id(), decide);
        }
        if !self.calm
            && let Some(act) = self.odd(run)
        {
            return act;
        }
        let soon = host.realm.next_wake().unwrap_or(self.now).max(self.now);
        self.now = match self.chance.below(10) {
            0..=6 => soon,
            7 | 8 => self.now + SignedDuration::from_secs(60),
            _ => self.now + SignedDuration::from_hours(26),
        };
        Act::Wake
    }

    /// The rows that there are, or none for some reason.
    fn gathered(&mut self, host: &Host, gather: &Gather) -> Command {
        let step = Arc::clone(&gather.step);
        if !self.calm && self.chance.in_ten(2) {
            let gathered = export::refused(Code::SensitivityNotCleared.reason());
            return Command::Gathered { step, gathered };
        }
        let active = host.realm.world.active.clone().unwrap();
        let gathered = gather_all(host, gather, &active).unwrap_or_else(export::refused);
        Command::Gathered { step, gathered }
    }

    fn answer(&mut self, call: &Call) -> Outcome {
        if self.calm {
            return mock::answer(call);
        }
        let retry_after_ms = *self.chance.one(&[None, Some(5_000), Some(86_400_000)]);
        match self.chance.below(10) {
            0 => {
                let code = *self.chance.one(&[Code::ConnectorRefused, Code::BreakerOpen]);
                Outcome::Refused { code, detail: None, retryable: true, retry_after_ms }
            }
            1 => Outcome::refused(Code::ConnectorRefused, "no"),
            2 => Outcome::unknown(Code::ConnectorTimeout, "silence"),
            3 => Outcome::Succeeded { output: Arc::new(json!({"wrong": true})) },
            4 => Outcome::Succeeded { output: Arc::new(json!({"got": -3})) },
            _ => mock::answer(call),
        }
    }

    /// What somebody who wants an end does first.
    fn help(&mut self, run: &Run) -> Option<Act> {
        let by = person(self.chance.one::<&str>(&["alice", "bob", "carol", "dan"]));
        if run.paused {
            return Some(Act::Command(run.id(), Command::Resume { by: person("dan"), reason: None }));
        }
        let mut steps = run.plan.steps.iter().zip(&run.steps);
        let (step, _) = steps.find(|(_, state)| state.stuck && state.resolving.is_none())?;
        let (step, reason, outcome) = (Arc::clone(&step.id), "calm".to_owned(), ResolveOutcome::Failed);
        Some(Act::Command(run.id(), Command::Resolve { step, outcome, by, reason, outputs: None }))
    }

    fn decide(&mut self, run: &Run) -> Option<Command> {
        let holds = run.steps.iter().flat_map(|step| &step.holds).filter(|hold| !hold.over);
        let stages = holds.flat_map(|hold| hold.stages());
        let granted_too = !self.calm && self.chance.in_ten(1);
        let open: Vec<_> = stages
            .filter(|stage| view::is_open(stage) || granted_too)
            .map(|stage| stage.id.clone())
            .collect();
        if open.is_empty() || !self.chance.in_ten(6) {
            return None;
        }
        let verdict = *self.chance.one(&[
            Verdict::Approve,
            Verdict::Approve,
            Verdict::Approve,
            Verdict::Reject,
            Verdict::Withdraw,
        ]);
        let verdict = if self.calm && verdict == Verdict::Withdraw { Verdict::Approve } else { verdict };
        let assurance = *self.chance.one(&[
            Some(Assurance::Signed),
            Some(Assurance::Signed),
            Some(Assurance::Session),
            None,
        ]);
        let anybody = person(self.chance.one::<&str>(&["alice", "bob", "carol", "dan"]));
        let approval = self.chance.one(&open).clone();
        // Who withdraws mostly has something to withdraw.
        let granted = run.steps.iter().flat_map(|step| &step.holds).filter(|hold| !hold.over);
        let granted: Vec<_> = granted
            .flat_map(|hold| hold.stages())
            .flat_map(|stage| stage.grants.iter().map(|grant| (stage.id.clone(), grant.by.clone())))
            .collect();
        let withdraws = verdict == Verdict::Withdraw && !granted.is_empty() && self.chance.in_ten(8);
        let (approval, by) = if withdraws { self.chance.one(&granted).clone() } else { (approval, anybody) };
        Some(Command::Decide(Box::new(Decide {
            approval,
            by,
            verdict,
            rationale: "as the simulation says".to_owned(),
            form: Value::Null,
            digest: None,
            assurance: if self.calm { Some(Assurance::Signed) } else { assurance },
            claims: None,
            token_creator: None,
            signature: None,
        })))
    }

    /// What nobody should count on.
    fn odd(&mut self, run: &Run) -> Option<Act> {
        let id = run.id();
        Some(match self.chance.below(30) {
            0..=3 => Act::Command(id, self.command(run)?),
            4 | 5 => Act::Crash,
            6 => self.kill(),
            7..=10 => {
                let acts = revive();
                self.chance.one(&acts).clone()
            }
            11 => Act::Together(self.together(run)),
            12 => {
                let capability = (*self.chance.one(&["t.few", "t.put"])).to_owned();
                let by = person(self.chance.one::<&str>(&["dan", "alice"]));
                Act::System(SystemCommand::ResetQuota { capability, reason: "drill".to_owned(), by })
            }
            13 if !self.others.is_empty() => Act::Activate(Arc::clone(self.chance.one(&self.others))),
            14 if self.started < RUNS => {
                self.started += 1;
                start(self.chance, self.started)
            }
            15..=20 => Act::Command(id, self.command(run)?),
            _ => return None,
        })
    }

    fn command(&mut self, run: &Run) -> Option<Command> {
        let by = person(self.chance.one::<&str>(&["alice", "bob", "carol", "dan"]));
        let stuck: Vec<_> = run.plan.steps.iter().zip(&run.steps).filter(|(_, state)| state.stuck).collect();
        Some(match self.chance.below(12) {
            0 => Command::Cancel { by, rollback: self.chance.in_ten(5), reason: None },
            1 | 2 => Command::Pause { by, reasons: Vec::new() },
            3 | 4 => Command::Resume { by, reason: None },
            5 | 6 => {
                let name = format!("go{}", self.chance.below(6));
                Command::Signal { name, by, fields: json!({}), reason: None }
            }
            7..=10 if !stuck.is_empty() => {
                let (planned, _) = self.chance.one(&stuck);
                let outcome = *self.chance.one(ResolveOutcome::ALL);
                let outputs = (outcome == ResolveOutcome::Succeeded).then(|| json!({"got": 3}));
                let (step, reason) = (Arc::clone(&planned.id), "looked".to_owned());
                Command::Resolve { step, outcome, by, reason, outputs }
            }
            _ => return None,
        })
    }

    fn kill(&mut self) -> Act {
        let selector = self.chance.one(&SELECTORS).parse().unwrap();
        let until = self.chance.in_ten(3).then(|| self.now + SignedDuration::from_mins(20));
        let by = person(self.chance.one::<&str>(&["alice", "bob", "carol"]));
        let pause = self.chance.in_ten(5);
        Act::System(SystemCommand::Kill { selector, reason: "drill".into(), by, until, pause })
    }

    fn together(&mut self, run: &Run) -> Vec<(RunId, Command)> {
        let commands =
            (0..3).filter_map(|_| if self.chance.in_ten(5) { self.decide(run) } else { self.command(run) });
        commands.map(|command| (run.id(), command)).collect()
    }
}
