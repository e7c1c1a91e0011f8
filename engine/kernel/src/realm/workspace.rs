//! What is said to the workspace and to no run of it: other specs, kill switches, quotas, exemptions, care for the
//! store; and the record of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::scenario::Assurance;

use super::{Batch, Body, Entry, Realm};
use crate::actor::Actor;
use crate::audit::{Action, AuditRecord, Entry as AuditEntry};
use crate::budget;
use crate::exemption;
use crate::ids::RunId;
use crate::kill::{Selector, Target};
use crate::reason::{Code, Reason};
use crate::run::rejected;
use crate::run::system::{SystemCommand, SystemEvent};
use crate::run::{Command, Decide, Rejection, Run, Verdict, journal_digest};
use crate::value;
use crate::world::Active;

impl Realm {
    /// Makes another catalogue, or the same with other grants, the current one.
    pub fn activate(&mut self, active: Arc<Active>, now: Timestamp) -> Batch {
        let to = active.catalogue.digest();
        let from = self.world.active.as_ref().map(|active| active.catalogue.digest());
        let carrying = budget::carrying(&active.catalogue);
        self.world.active = Some(active);
        self.plans.clear();
        let mut batch = Batch::default();
        self.note(SystemEvent::CatalogueActivated { from, to, carrying }, now, &mut batch);
        let open: Vec<RunId> = self.runs.values().filter(|run| !run.is_settled()).map(Run::id).collect();
        for run in open {
            let _ = self.handle(run, Command::Nudge, now, &mut batch);
        }
        batch
    }

    /// Gives a command to the workspace.
    ///
    /// # Errors
    /// A rejection; nothing happened then.
    pub fn system(&mut self, command: SystemCommand, now: Timestamp) -> Result<Batch, Rejection> {
        command.reason().map_or(Ok(()), value::reason).map_err(rejected)?;
        let mut batch = Batch::default();
        match command {
            SystemCommand::Kill { selector, reason, by, until, pause } => {
                if !self.world.may_kill(&by.id) {
                    self.permitted(&by, "role:operator")?;
                }
                if until.is_some_and(|until| until <= now) {
                    return Err(Rejection::new(Code::InputInvalid, "the kill switch would be over already"));
                }
                let event = SystemEvent::KillSet { selector: selector.clone(), reason, by, until, pause };
                self.note(event, now, &mut batch);
                self.stop(&selector, pause, now, &mut batch);
            }
            SystemCommand::Revive { selector, reason, by } => {
                self.permitted(&by, "role:admin")?;
                if !self.world.kills.0.contains_key(&selector) {
                    return Err(Rejection::new(
                        Code::NotFound,
                        format!("no kill switch `{selector}` is set"),
                    ));
                }
                self.note(SystemEvent::KillLifted { selector, reason, by }, now, &mut batch);
            }
            SystemCommand::ResetQuota { capability, reason, by } => {
                self.permitted(&by, "role:admin")?;
                if !self.world.counts(&capability) {
                    let message = format!("no capability `{capability}`");
                    return Err(Rejection::new(Code::NotFound, message));
                }
                self.note(SystemEvent::QuotaReset { capability, reason, by }, now, &mut batch);
            }
            SystemCommand::Prune { runs, before, by } => {
                self.permitted(&by, "role:admin")?;
                let kept = self.kept(now);
                if let Some(run) = runs.iter().find(|run| kept.contains(run)) {
                    return Err(Rejection::new(Code::NotPermitted, format!("run {run} needs its payloads")));
                }
                self.note(SystemEvent::Pruned { runs, before, by }, now, &mut batch);
            }
            SystemCommand::Encrypt { key, by } => {
                self.permitted(&by, "role:admin")?;
                self.note(SystemEvent::Encrypted { key, by }, now, &mut batch);
            }
            SystemCommand::Rekey { succession, by } => {
                self.permitted(&by, "role:admin")?;
                self.note(SystemEvent::Rekeyed { succession, by }, now, &mut batch);
            }
            SystemCommand::Probed { connector, fault } => {
                if self.world.health.changes(&connector, fault) {
                    self.note(SystemEvent::HealthChanged { connector, fault }, now, &mut batch);
                }
            }
            SystemCommand::DecideExemption(decide) => {
                let event = self.exempt(*decide, now)?;
                self.note(event, now, &mut batch);
            }
            SystemCommand::Note(event) => self.note(*event, now, &mut batch),
        }
        Ok(batch)
    }

    /// What a person says about an exemption of the active catalogue.
    fn exempt(&self, decide: Decide, now: Timestamp) -> Result<SystemEvent, Rejection> {
        let unknown = || Rejection::new(Code::NotFound, format!("no approval `{}`", decide.approval));
        let active = self.world.active.as_ref().ok_or_else(unknown)?;
        let roster = self.world.roster().ok_or_else(unknown)?;
        let exemption =
            exemption::find(&active.catalogue.exemptions, &decide.approval).ok_or_else(unknown)?;
        let asked = self.world.exemptions.of(&exemption.digest);
        exemption::judge(exemption, asked, roster, &decide, now).map_err(rejected)?;
        let missing = || Rejection::new(Code::InteractiveRequired, "a token cannot decide");
        Ok(SystemEvent::ExemptionDecided {
            name: exemption.metadata.name.value.shared(),
            digest: exemption.digest,
            verdict: decide.verdict,
            assurance: decide.assurance.ok_or_else(missing)?,
            by: decide.by,
            rationale: decide.rationale,
            signature: decide.signature,
        })
    }

    /// Runs whose payloads may not be erased: those at hand, which are not settled or stand below one that is
    /// not, and those whose outcome is remembered under a key of the business.
    #[must_use]
    pub fn kept(&self, now: Timestamp) -> BTreeSet<RunId> {
        let mut kept = self.world.idempotency.remembering(now);
        kept.extend(self.runs.keys());
        kept
    }

    /// Whether somebody has a role; the system itself has every one.
    ///
    /// # Errors
    /// `not_permitted`
    pub fn permitted(&self, by: &Actor, role: &str) -> Result<(), Rejection> {
        let system = by.type_ == ordain_spec::kind::roster::ActorType::System;
        if system || self.world.is(&by.id, role) {
            return Ok(());
        }
        Err(Rejection::new(Code::NotPermitted, format!("`{}` is not {role}", by.id)))
    }

    /// Stops what a new kill switch is about.
    fn stop(&mut self, selector: &Selector, pause: bool, now: Timestamp, batch: &mut Batch) {
        let open: Vec<RunId> = self.runs.values().filter(|run| !run.is_settled()).map(Run::id).collect();
        for id in open {
            let _ = self.handle(id, Command::StopCalls { selector: selector.clone() }, now, batch);
            let Some(run) = self.runs.get(&id) else { continue };
            let target = Target {
                capability: None,
                connector: None,
                runbook: &run.started.runbook,
                actor: &run.started.requester,
                tenant: &run.started.tenant,
            };
            if pause && !run.paused && selector.matches(&target) {
                let reasons = vec![Reason::new(Code::KillSwitch, format!("`{selector}`"))];
                let _ = self.handle(id, Command::Pause { by: Actor::system(), reasons }, now, batch);
            }
        }
    }

    pub(super) fn note(&mut self, event: SystemEvent, at: Timestamp, batch: &mut Batch) {
        self.world.apply_system(&event, at);
        let json = serde_json::to_string(&event).unwrap_or_default();
        let mut entry = system_entry(&event, at);
        entry.catalogue_digest = self.world.active.as_ref().map(|active| active.catalogue.digest());
        let chain = self.world.system_chain;
        entry.payload_digest =
            Some(journal_digest(&chain.head, chain.length + 1, at.as_millisecond(), &json));
        let audit = vec![self.world.chain(entry)];
        audit.iter().for_each(|record| self.hear(None, record, Some(&event)));
        let lines = audit.iter().map(AuditRecord::to_line).collect();
        let (body, payloads) = (Body::System(Box::new(event)), Vec::new());
        batch.entries.push(Entry { run: None, seq: 0, at, body, json, payloads, audit, lines });
    }
}

fn system_entry(event: &SystemEvent, at: Timestamp) -> AuditEntry {
    let clean = |reasons: &[Reason]| {
        reasons.iter().map(|reason| Reason { detail: None, ..reason.clone() }).collect::<Vec<_>>()
    };
    match event {
        SystemEvent::StartRefused { reference, by, reasons } => {
            let mut entry = AuditEntry::new(at, by.clone(), Action::RunRefused, reference.as_str());
            entry.reasons = clean(reasons);
            entry
        }
        SystemEvent::KillSet { selector, by, .. } => {
            AuditEntry::new(at, by.clone(), Action::KillSet, selector.to_string())
        }
        SystemEvent::KillLifted { selector, by, .. } => {
            AuditEntry::new(at, by.clone(), Action::KillLifted, selector.to_string())
        }
        SystemEvent::QuotaReset { capability, by, .. } => {
            AuditEntry::new(at, by.clone(), Action::QuotaReset, capability.as_str())
        }
        SystemEvent::CatalogueActivated { to, .. } => {
            AuditEntry::new(at, Actor::system(), Action::CatalogueActivated, to.to_string())
        }
        SystemEvent::CatalogueRefused { reasons } => {
            let mut entry = AuditEntry::new(at, Actor::system(), Action::CatalogueRefused, "catalogue");
            entry.reasons = clean(reasons);
            entry
        }
        SystemEvent::Pruned { by, before, .. } => {
            AuditEntry::new(at, by.clone(), Action::StorePruned, before.to_string())
        }
        SystemEvent::Restored { by, from, signed, .. } => {
            let mut entry = AuditEntry::new(at, by.clone(), Action::StoreRestored, from.to_string());
            entry.assurance = signed.as_ref().map(|_| Assurance::Signed);
            entry
        }
        SystemEvent::Encrypted { key, by } => {
            AuditEntry::new(at, by.clone(), Action::StoreEncrypted, key.as_str())
        }
        SystemEvent::Rekeyed { succession, by } => {
            AuditEntry::new(at, by.clone(), Action::LogRekeyed, succession.to_text())
        }
        SystemEvent::CheckpointSigned { root, .. } => {
            AuditEntry::new(at, Actor::system(), Action::CheckpointSigned, root.to_string())
        }
        SystemEvent::HealthChanged { connector, fault } => {
            let mut entry =
                AuditEntry::new(at, Actor::system(), Action::HealthChanged, Arc::clone(connector));
            entry.reasons = fault.iter().map(|code| code.reason()).collect();
            entry
        }
        SystemEvent::ExemptionDecided { name, verdict, by, assurance, .. } => {
            let action = match verdict {
                Verdict::Approve => Action::ExemptionApproved,
                Verdict::Withdraw => Action::ExemptionWithdrawn,
                Verdict::Reject => Action::ExemptionRejected,
            };
            let mut entry = AuditEntry::new(at, by.clone(), action, Arc::clone(name));
            entry.assurance = Some(*assurance);
            entry
        }
        SystemEvent::StanceTaken { profile, .. } => {
            let subject = format!("profile:{profile}");
            AuditEntry::new(at, Actor::system(), Action::WorkspaceChanged, subject)
        }
        SystemEvent::WorkspaceChanged { to, .. } => {
            AuditEntry::new(at, Actor::system(), Action::WorkspaceChanged, to.to_string())
        }
        SystemEvent::NoticeFailed { notice, reasons, .. } => {
            let mut entry = AuditEntry::new(at, Actor::system(), Action::NoticeFailed, Arc::clone(notice));
            entry.reasons = clean(reasons);
            entry
        }
    }
}
