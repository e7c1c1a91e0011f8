//! A person approves, rejects or withdraws. Who may and what counts is said by `approval::judge`; here its verdict
//! becomes events.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_spec::kind::metadata::Risk;

use crate::approval::{self, Applicant, Standing};
use crate::ids::ApprovalId;
use crate::reason::{Code, Reason};
use crate::run::Rejection;
use crate::run::ask::definition;
use crate::run::command::{Decide, Verdict};
use crate::run::event::{Event, Grant};
use crate::run::hold::{Hold, StageState};
use crate::run::state::StepState;
use crate::run::turn::{Done, Turn};

impl Turn<'_> {
    /// Takes a person's decision on one stage of one step.
    pub fn decide(&mut self, decide: Decide) -> Done {
        let step = self.stage_of(&decide.approval)?;
        let form = self.judge_decision(step, &decide)?;
        let id = self.id(step)?;
        let resolving = self.step(step)?.hold().is_some_and(|hold| hold.resolving);
        let Decide { approval, by, verdict, rationale, assurance, claims, signature, .. } = decide;
        match (verdict, assurance) {
            (Verdict::Withdraw, _) => self.emit(Event::Withdrawn { step: id, approval, by, rationale }),
            (Verdict::Approve, Some(assurance)) => {
                let grant = Grant { by, at: self.now, assurance, rationale, form, claims, signature };
                self.emit(Event::Granted { step: id, approval, grant: Box::new(grant) })
            }
            (Verdict::Reject, Some(assurance)) => {
                self.emit(Event::Refused { step: id, approval, by, rationale, assurance })?;
                if !resolving {
                    self.run.agenda.insert(crate::run::evolve::to_u32(step));
                }
                if self.run.paused || self.run.stuck > 0 { Ok(()) } else { self.end_refused(step) }
            }
            (_, None) => Err(Rejection::new(Code::InteractiveRequired, "a token cannot decide")),
        }
    }

    fn end_refused(&mut self, step: usize) -> Done {
        self.look_at_hold(step, false)
    }

    /// The step whose approvals hold that stage.
    fn stage_of(&self, id: &ApprovalId) -> Result<usize, Rejection> {
        let holds = |step: &usize| {
            self.run.steps.get(*step).is_some_and(|run| run.holds.iter().any(|hold| hold.find(id).is_some()))
        };
        (0..self.run.steps.len())
            .find(holds)
            .ok_or_else(|| Rejection::new(Code::NotFound, format!("no approval `{id}`")))
    }

    fn judge_decision(&self, step: usize, decide: &Decide) -> Result<serde_json::Value, Rejection> {
        let (planned, run) = (self.planned(step)?, self.step(step)?);
        let closed = || Rejection::new(Code::AlreadyDecided, "the stage is not open");
        let hold =
            run.holds.iter().rev().find(|hold| hold.find(&decide.approval).is_some()).ok_or_else(closed)?;
        let (request, stage) = hold.find(&decide.approval).ok_or_else(closed)?;
        let roster = self
            .world
            .roster()
            .ok_or_else(|| Rejection::new(Code::CatalogueUnavailable, "no catalogue is active"))?;
        let definition = definition(self.run, self.world, step, request.definition);
        let declared = definition.as_ref().and_then(|definition| {
            definition.spec.stages.iter().find(|one| one.id.value.as_str() == &*stage.stage)
        });
        let (Some(definition), Some(declared)) = (&definition, declared) else {
            return Err(Rejection::new(Code::ApprovalVoid, "the approval's definition is gone"));
        };
        let ids =
            |grants: &[Grant]| grants.iter().map(|grant| Arc::clone(&grant.by.id)).collect::<BTreeSet<_>>();
        let granted = ids(&stage.grants);
        let anywhere = request.stages.iter().flat_map(|stage| ids(&stage.grants)).collect();
        let risk = planned.action().and_then(|action| action.capability.metadata.risk.as_ref());
        let expires_at = stage.opened.map_or(self.now, |(_, until)| until);
        let standing = Standing {
            state: self.standing_of(hold, stage.state, run.state, decide.verdict),
            definition: &definition.spec,
            stage: declared,
            opened_for: &stage.eligible,
            expires_at,
            digest: hold.digest,
            granted: &granted,
            granted_anywhere: &anywhere,
            risk: risk.map_or(Risk::Low, |risk| risk.value),
            mode: self.run.started.mode,
            applicant: self.applicant(step, hold, decide)?,
        };
        approval::judge(&standing, &decide.decided(), roster, self.now).map_err(rejected)
    }

    /// Neither the run's requester nor, where a word about a stuck step is asked about, whoever said it.
    fn applicant<'t>(
        &'t self,
        step: usize,
        hold: &Hold,
        decide: &'t Decide,
    ) -> Result<Applicant<'t>, Rejection> {
        Ok(Applicant {
            requester: &self.run.started.requester,
            word_of: self.step(step)?.word_of(hold),
            token_creator: decide.token_creator.as_deref(),
        })
    }

    fn standing_of(
        &self,
        hold: &Hold,
        stage: StageState,
        step: StepState,
        verdict: Verdict,
    ) -> approval::StageState {
        let before_dispatch = !hold.over && (step == StepState::Held || hold.resolving);
        match stage {
            _ if hold.over => approval::StageState::Over,
            StageState::Pending => approval::StageState::Pending,
            StageState::Open => approval::StageState::Open,
            StageState::Granted if verdict == Verdict::Withdraw && !before_dispatch => {
                approval::StageState::Over
            }
            StageState::Granted => approval::StageState::Granted,
            _ => approval::StageState::Over,
        }
    }
}

/// A reason why a command does nothing.
pub(crate) fn rejected(reason: Reason) -> Rejection {
    let message = reason.detail.clone().unwrap_or_else(|| reason.code.title().to_owned());
    Rejection { reasons: vec![reason.clone()], ..Rejection::new(reason.code, message) }
}
