//! What is kept of an event beside the journal: its audit records and the two digests of the run. Records hold ids,
//! codes and digests only; what a record stands for is addressed by a salted digest.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use serde_json::{Map, Value, json};

use super::event::Event;
use super::payload::{self, Payload};
use super::state::{RollbackState, Run, RunState};
use crate::actor::Actor;
use crate::audit::{Action, AuditRecord, Entry};
use crate::reason::{Code, Reason};

/// An event with its place in the journal and its records.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// From 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// The same as JSON, with references in its payloads' places: what is stored, and what the record digest
    /// is over.
    pub json: String,
    /// What the references stand for, to be kept apart.
    pub payloads: Vec<Payload>,
    /// Its records.
    pub audit: Vec<AuditRecord>,
    /// The same as lines.
    pub lines: Vec<String>,
}

/// What an entry is about, before the run is filled in.
struct Noted {
    actor: Option<Actor>,
    action: Action,
    subject: Arc<str>,
    reasons: Vec<Reason>,
}

impl Run {
    /// Gives an event that happened its place: counts it, takes it into the digests, and chains its records.
    /// A record is bound to all of the journal up to its event.
    pub(crate) fn record(&mut self, at: Timestamp, mut event: Event) -> Recorded {
        self.seq += 1;
        let (json, payloads) = if self.is_erased() {
            (serde_json::to_string(&event).unwrap_or_default(), Vec::new())
        } else {
            payload::apart(&mut event, &self.started.salt, &self.record_salt)
        };
        self.record_digest = journal_digest(&self.record_digest, self.seq, at.as_millisecond(), &json);
        let entry = self.entry(&event, at);
        let (audit, lines) = entry.map(|entry| self.audit_chain.append_line(entry)).into_iter().unzip();
        Recorded { seq: self.seq, at, event, json, payloads, audit, lines }
    }

    fn entry(&self, event: &Event, at: Timestamp) -> Option<Entry> {
        let noted = self.noted(event)?;
        debug_assert!(leaves_a_record(event), "both lists name the same events");
        let mut entry =
            Entry::new(at, noted.actor.unwrap_or_else(Actor::system), noted.action, noted.subject);
        entry.run_id = Some(self.id());
        entry.run_seq = Some(self.seq);
        entry.step_id = step_of(event);
        // A detail may come from outside; the record keeps codes, sources and authors' reasons only.
        entry.reasons = noted.reasons.into_iter().map(|reason| Reason { detail: None, ..reason }).collect();
        entry.catalogue_digest = Some(self.started.catalogue);
        entry.plan_digest = Some(self.started.plan);
        entry.payload_digest = Some(payload_digest(&self.record_salt, &self.record_digest));
        match event {
            Event::Decided { decision, .. } => entry.decision_id = Some(decision.id.clone()),
            Event::Granted { grant, .. } => entry.assurance = Some(grant.assurance),
            Event::Refused { assurance, .. } => entry.assurance = Some(*assurance),
            _ => {}
        }
        Some(entry)
    }

    fn noted(&self, event: &Event) -> Option<Noted> {
        let run = || self.id().to_string();
        let requester = || Some(self.started.requester.clone());
        let of = |actor, action, subject: &str, reasons: &[Reason]| {
            Some(Noted { actor, action, subject: subject.into(), reasons: reasons.to_vec() })
        };
        match event {
            Event::Started(_) => of(requester(), Action::RunStarted, &run(), &[]),
            Event::StepReady { step } => of(None, Action::StepReady, step, &[]),
            Event::Decided { step, decision, .. } => {
                let action = match decision.outcome {
                    crate::decision::Outcome::Allow => Action::DecisionAllow,
                    crate::decision::Outcome::Hold => Action::DecisionHold,
                    crate::decision::Outcome::Deny => Action::DecisionDeny,
                };
                of(requester(), action, step, &decision.reasons)
            }
            Event::Held { step, .. } => of(None, Action::StepHeld, step, &[]),
            Event::StageOpened { approval, .. } => of(None, Action::ApprovalOpened, approval.as_str(), &[]),
            Event::Granted { approval, grant, .. } => {
                of(Some(grant.by.clone()), Action::ApprovalGranted, approval.as_str(), &[])
            }
            Event::Refused { approval, by, .. } => {
                let reasons = [Code::ApprovalRejected.reason()];
                of(Some(by.clone()), Action::ApprovalRejected, approval.as_str(), &reasons)
            }
            Event::Withdrawn { approval, by, .. } => {
                of(Some(by.clone()), Action::ApprovalWithdrawn, approval.as_str(), &[])
            }
            Event::StageExpired { approval, .. } => {
                of(None, Action::ApprovalExpired, approval.as_str(), &[Code::ApprovalExpired.reason()])
            }
            Event::Voided { step, reasons, .. } => of(None, Action::ApprovalVoid, step, reasons),
            Event::AttemptStarted(start) => of(requester(), Action::StepAttempt, &start.step, &[]),
            Event::StepSettled(settled) => of(None, Action::StepSettled, &settled.step, &settled.reasons),
            Event::Stuck { step, reasons, .. } => of(None, Action::StepSettled, step, reasons),
            Event::UndoSettled { step, .. } => of(None, Action::StepUndone, step, &[]),
            Event::Failing { state: RunState::Cancelled, reasons, by, .. } => {
                of(by.clone(), Action::RunCancelling, &run(), reasons)
            }
            Event::Signalled(signal) => of(Some(signal.by.clone()), Action::RunSignalled, &signal.name, &[]),
            Event::Resolved(resolution) => {
                of(Some(resolution.by.clone()), Action::RunResolved, &resolution.step, &[])
            }
            Event::Previewed { preview, .. } => {
                of(requester(), Action::ExportPreviewed, preview.id.as_str(), &[])
            }
            Event::ExportApproved { preview, by, .. } => {
                of(Some(by.clone()), Action::ExportApproved, preview.as_str(), &[])
            }
            Event::ExportReleased { preview, .. } => {
                of(requester(), Action::ExportReleased, preview.as_str(), &[])
            }
            Event::Paused { by, reasons } => of(Some(by.clone()), Action::RunPaused, &run(), reasons),
            Event::Resumed { by, .. } => of(Some(by.clone()), Action::RunResumed, &run(), &[]),
            Event::BudgetNoted { budget, breached, .. } => {
                let action = if *breached { Action::BudgetBreached } else { Action::BudgetWarned };
                of(None, action, budget, &[])
            }
            Event::Settled(settled) => of(None, Action::RunSettled, &run(), &settled.reasons),
            _ => None,
        }
    }

    /// Over plan, inputs, decisions and outputs: the same for the same inputs and answers on any machine.
    pub(crate) fn outcome_digest(
        &self,
        state: RunState,
        rollback: RollbackState,
        outputs: Option<&Value>,
    ) -> Digest {
        let steps = self.steps.iter().zip(&self.plan.steps).map(|(run, planned)| {
            let items: Vec<Value> = run
                .items
                .iter()
                .map(|item| {
                    let undo = item.undo.as_ref().map(|undo| undo.state.as_str());
                    json!([
                        item.work.state.as_str(),
                        item.work.input,
                        item.work.output,
                        item.work.basis.map(|basis| basis.to_string()),
                        codes(&item.work.reasons),
                        undo,
                    ])
                })
                .collect();
            let mut grants: Vec<Value> = Vec::new();
            for request in run.holds.iter().flat_map(|hold| &hold.requests) {
                for stage in &request.stages {
                    let who = stage.grants.iter().map(|grant| json!([grant.by.id, grant.form]));
                    let mut who: Vec<Value> = who.collect();
                    who.sort_by_key(ToString::to_string);
                    grants.push(json!([request.name, stage.stage, stage.state.as_str(), who]));
                }
            }
            let step = json!({
                "state": run.state.as_str(),
                "items": items,
                "outputs": run.outputs,
                "reasons": codes(&run.reasons),
                "approvals": grants,
                "tolerated": run.tolerated,
            });
            (planned.id.to_string(), step)
        });
        let steps: Map<String, Value> = steps.collect();
        Digest::of_json(&json!({
            "plan": self.started.plan.to_string(),
            "mode": self.started.mode.as_str(),
            "environment": self.started.environment,
            "requester": self.started.requester.id,
            "inputs": self.started.inputs,
            "steps": steps,
            "state": state.as_str(),
            "rollback": rollback.as_str(),
            "outputs": outputs,
        }))
    }
}

/// True for events that leave a record: a journal never ends with more of them than its records say.
#[must_use]
pub const fn leaves_a_record(event: &Event) -> bool {
    matches!(
        event,
        Event::Started(_)
            | Event::StepReady { .. }
            | Event::Decided { .. }
            | Event::Held { .. }
            | Event::StageOpened { .. }
            | Event::Granted { .. }
            | Event::Refused { .. }
            | Event::Withdrawn { .. }
            | Event::StageExpired { .. }
            | Event::Voided { .. }
            | Event::AttemptStarted(_)
            | Event::StepSettled(_)
            | Event::Stuck { .. }
            | Event::UndoSettled { .. }
            | Event::Failing { state: RunState::Cancelled, .. }
            | Event::Signalled(_)
            | Event::Resolved(_)
            | Event::Previewed { .. }
            | Event::ExportApproved { .. }
            | Event::ExportReleased { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::BudgetNoted { .. }
            | Event::Settled(_)
    )
}

/// The digest of a journal with one more row: over the digest of the rows before it, the row's number, its
/// instant in ms and its text. Zeros before the first.
#[must_use]
pub fn journal_digest(before: &Digest, seq: u64, at: i64, row: &str) -> Digest {
    Digest::of_parts(&[&before.0, &seq.to_be_bytes(), &at.to_be_bytes(), row.as_bytes()])
}

/// The `payloadDigest` of a record: the salted digest of the journal up to its event.
#[must_use]
pub fn payload_digest(record_salt: &Digest, journal: &Digest) -> Digest {
    Digest::of_parts(&[&record_salt.0, &journal.0])
}

fn codes(reasons: &[Reason]) -> Vec<Value> {
    reasons.iter().map(|reason| json!([reason.code.as_str(), reason.reason])).collect()
}

/// The step that an event is about.
fn step_of(event: &Event) -> Option<Arc<str>> {
    let step = match event {
        Event::StepReady { step }
        | Event::StepPrepared { step, .. }
        | Event::Decided { step, .. }
        | Event::Held { step, .. }
        | Event::StageOpened { step, .. }
        | Event::Granted { step, .. }
        | Event::Withdrawn { step, .. }
        | Event::Refused { step, .. }
        | Event::StageExpired { step, .. }
        | Event::Voided { step, .. }
        | Event::Stuck { step, .. }
        | Event::UndoSettled { step, .. }
        | Event::Previewed { step, .. }
        | Event::ExportApproved { step, .. }
        | Event::ExportReleased { step, .. }
        | Event::BudgetNoted { step, .. } => step,
        Event::AttemptStarted(start) => &start.step,
        Event::StepSettled(settled) => &settled.step,
        Event::Signalled(signal) => &signal.step,
        Event::Resolved(resolution) => &resolution.step,
        _ => return None,
    };
    Some(Arc::clone(step))
}
