//! What people and accidents do in a scenario.

use std::sync::Arc;

use ordain_spec::kind::scenario::{Act, Assurance};
use serde_json::{Map, Value, json};

use super::stage::Stage;
use crate::actor::Actor;
use crate::ids::{ApprovalId, RunId};
use crate::kill::Selector;
use crate::reason::Code;
use crate::run::hold::StageState;
use crate::run::system::SystemCommand;
use crate::run::{Command, Decide, Rejection, Run, Verdict};

type Tried = Result<crate::realm::Batch, Rejection>;

impl Stage<'_> {
    /// Does one act, and sees whether it was refused as the scenario says.
    pub fn act(&mut self, place: usize) {
        let Some(act) = self.scenario.spec.act.get(place) else { return };
        if act.crash.is_some() {
            return;
        }
        if let Some(advance) = &act.advance {
            self.advance(advance.value.0);
            return;
        }
        let refusal = match self.attempt(act) {
            Ok(batch) => {
                self.keep(batch);
                None
            }
            Err(mut rejection) => {
                if let Some(batch) = rejection.due.take() {
                    self.keep(*batch);
                }
                Some(rejection)
            }
        };
        let expected = act.refused.as_ref().map(|code| code.value.to_string());
        let code = refusal.as_ref().map(|rejection| rejection.code.as_str().to_owned());
        if expected != code {
            let said = refusal.map(|rejection| rejection.to_string());
            self.fail(
                format!("act[{place}]{}", if expected.is_some() { ".refused" } else { "" }),
                json!(expected),
                json!(said),
            );
        }
    }

    fn attempt(&mut self, act: &Act) -> Tried {
        let by = self.actor(act)?;
        let decisions = [
            (&act.approve, Verdict::Approve),
            (&act.reject, Verdict::Reject),
            (&act.withdraw, Verdict::Withdraw),
        ];
        for (name, verdict) in decisions {
            if let Some(name) = name {
                return self.decide(act, name.value.as_str(), verdict, by);
            }
        }
        let reason = act.reason.as_ref().map(|reason| reason.value.to_string());
        let said = || reason.clone().unwrap_or_else(|| "as the scenario says".to_owned());
        let now = self.now;
        if let Some(selector) = &act.kill {
            let selector = read_selector(&selector.value)?;
            let kill = SystemCommand::Kill {
                selector,
                reason: said(),
                by,
                until: None,
                pause: act.pause == Some(true),
            };
            return self.realm.system(kill, now);
        }
        if let Some(selector) = &act.revive {
            let selector = read_selector(&selector.value)?;
            return self.realm.system(SystemCommand::Revive { selector, reason: said(), by }, now);
        }
        let run = self.run.ok_or_else(|| Rejection::new(Code::NotFound, "there is no run"))?;
        if let Some(name) = &act.signal {
            let given = if act.fields.is_empty() { &act.form } else { &act.fields };
            let fields: Map<String, Value> =
                given.iter().map(|(name, value)| (name.to_string(), value.value.0.clone())).collect();
            let run = self.waiting_for_signal(name.value.as_str()).unwrap_or(run);
            let signal =
                Command::Signal { name: name.value.to_string(), by, fields: Value::Object(fields), reason };
            return self.realm.command(run, signal, now);
        }
        if let Some(step) = &act.resolve {
            let outcome = act.outcome.as_ref().map(|outcome| outcome.value);
            let outcome =
                outcome.ok_or_else(|| Rejection::new(Code::Usage, "`resolve` needs an `outcome`"))?;
            let outputs: Map<String, Value> =
                act.outputs.iter().map(|(name, value)| (name.to_string(), value.value.0.clone())).collect();
            let outputs = (!outputs.is_empty()).then_some(Value::Object(outputs));
            let step: Arc<str> = step.value.shared();
            let run = self.stuck_at(&step).unwrap_or(run);
            return self.realm.command(
                run,
                Command::Resolve { step, outcome, by, reason: said(), outputs },
                now,
            );
        }
        let command = if act.cancel.is_some() {
            Command::Cancel { by, rollback: act.rollback == Some(true), reason }
        } else if act.pause.is_some() {
            Command::Pause { by, reasons: Vec::new() }
        } else if act.resume.is_some() {
            Command::Resume { by, reason }
        } else {
            return Err(Rejection::new(Code::Usage, "the act says nothing"));
        };
        self.realm.command(run, command, now)
    }

    /// Who acts; the engine itself where nobody is named.
    fn actor(&self, act: &Act) -> Result<Actor, Rejection> {
        let Some(by) = &act.by else { return Ok(Actor::system()) };
        let id = by.value.to_string();
        let roster = self.active.catalogue.roster.as_ref();
        let known = roster.and_then(|roster| Actor::of(roster, &id));
        known.ok_or_else(|| Rejection::new(Code::NotFound, format!("`{id}` is nobody of the roster")))
    }

    fn decide(&mut self, act: &Act, name: &str, verdict: Verdict, by: Actor) -> Tried {
        let (run, approval, least) = self
            .stage_of(act, name, verdict, &by)
            .ok_or_else(|| Rejection::new(Code::NotFound, format!("nobody is asked for `{name}`")))?;
        let form: Map<String, Value> =
            act.form.iter().map(|(name, value)| (name.to_string(), value.value.0.clone())).collect();
        let rationale = act.rationale.as_ref().map(|rationale| rationale.value.to_string());
        let rationale = rationale.unwrap_or_else(|| {
            let mut text = "as the scenario says".to_owned();
            while text.chars().count() < least {
                text.push('.');
            }
            text
        });
        let decide = Decide {
            approval,
            by,
            verdict,
            rationale,
            form: Value::Object(form),
            digest: None,
            assurance: Some(act.assurance.as_ref().map_or(Assurance::Signed, |assurance| assurance.value)),
            claims: None,
            token_creator: None,
            signature: None,
        };
        self.realm.command(run, Command::Decide(Box::new(decide)), self.now)
    }

    /// The stage that an act means: an open one first, else the last that fits.
    fn stage_of(
        &self,
        act: &Act,
        name: &str,
        verdict: Verdict,
        by: &Actor,
    ) -> Option<(RunId, ApprovalId, usize)> {
        let mut found: Option<(u8, RunId, ApprovalId, usize)> = None;
        for run in self.realm.runs() {
            for (step, planned) in run.steps.iter().zip(&run.plan.steps) {
                // The step of a flow goes by the name of the step that it stands for as well.
                let above = run.started.parent.as_ref().filter(|_| run.plan.flow().is_some());
                let is = |id: &str| id == &*planned.id || above.is_some_and(|above| id == &*above.step);
                if act.step.as_ref().is_some_and(|id| !is(id.value.as_str())) {
                    continue;
                }
                for hold in &step.holds {
                    for request in hold.requests.iter().filter(|request| &*request.name == name) {
                        for stage in &request.stages {
                            if act.stage.as_ref().is_some_and(|id| id.value.as_str() != &*stage.stage) {
                                continue;
                            }
                            let own = stage.grants.iter().any(|grant| grant.by.id == by.id);
                            let rank = match (verdict, stage.state) {
                                (Verdict::Withdraw, StageState::Open | StageState::Granted)
                                    if own && !hold.over =>
                                {
                                    4
                                }
                                (_, StageState::Open) if !hold.over => 3,
                                (_, StageState::Granted) if !hold.over => 2,
                                _ => 1,
                            };
                            let least = self.least_rationale(run, planned.index, request.definition);
                            let better = match &found {
                                None => true,
                                // Stages stand in order, holds in time: the first open one, or the last that is over.
                                Some((best, ..)) => rank > *best || (rank == *best && rank == 1),
                            };
                            if better {
                                found = Some((rank, run.id(), stage.id.clone(), least));
                            }
                        }
                    }
                }
            }
        }
        found.map(|(_, run, approval, least)| (run, approval, least))
    }

    fn least_rationale(&self, run: &Run, step: usize, definition: ordain_spec::digest::Digest) -> usize {
        let definition = crate::run::definition(run, &self.realm.world, step, definition);
        definition.map_or(10, |definition| usize::try_from(definition.spec.rationale.min_length).unwrap_or(0))
    }

    fn waiting_for_signal(&self, name: &str) -> Option<RunId> {
        let waits = |run: &&Run| {
            !run.is_settled()
                && run.plan.steps.iter().any(|step| {
                    step.spec.signal.as_ref().is_some_and(|signal| signal.name.value.as_str() == name)
                })
        };
        self.realm.runs().find(waits).map(Run::id)
    }

    fn stuck_at(&self, step: &str) -> Option<RunId> {
        let stuck = |run: &&Run| {
            run.plan.steps.iter().zip(&run.steps).any(|(planned, state)| state.stuck && &*planned.id == step)
        };
        self.realm.runs().find(stuck).map(Run::id)
    }
}

fn read_selector(text: &str) -> Result<Selector, Rejection> {
    text.parse().map_err(|error: crate::kill::NotASelector| Rejection::new(Code::Usage, error.to_string()))
}
