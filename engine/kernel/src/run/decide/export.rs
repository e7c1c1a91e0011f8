//! An export step: rows come from the host, people are asked about exactly those, and what they agreed to is released
//! in the very turn that records the last agreement. A preview is released once or never.

use std::sync::Arc;

use ordain_plan::Body;
use ordain_spec::digest::Digest;
use ordain_spec::kind::{Export, Kind};
use serde_json::Value;

use crate::actor::Actor;
use crate::export::{Gathered, Preview, terms};
use crate::ids::PreviewId;
use crate::kill::Target;
use crate::reason::{Code, Reason};
use crate::run::event::Event;
use crate::run::state::StepState;
use crate::run::turn::{Done, Turn, fault};
use crate::run::{Rejection, later};

impl Turn<'_> {
    /// What gathering came to: the rows are fixed, or the step is denied with nothing kept.
    pub fn gathered(&mut self, step: &str, gathered: Gathered) -> Done {
        let step = self.find(step)?;
        let run = self.step(step)?;
        if run.state != StepState::Ready || run.settled || run.preview.is_some() {
            return Err(Rejection::new(Code::StepNotWaiting, "the step waits for no rows"));
        }
        let export = Arc::clone(self.exported(step)?);
        let id = self.id(step)?;
        match gathered {
            Gathered::Refused { reasons } => {
                let reasons = reasons.into_iter().map(|reason| reason.at(Arc::clone(&id))).collect();
                self.fail_step(step, StepState::Denied, reasons)
            }
            Gathered::File { text, rows, terms } => {
                let preview = Preview {
                    id: PreviewId::derive(self.run.id(), &id),
                    export: export.metadata.name.value.shared(),
                    digest: Digest::of(text.as_bytes()),
                    rows,
                    terms,
                    until: later(self.now, export.spec.expires.value.0),
                    file: Arc::new(Value::String(text)),
                };
                self.emit(Event::Previewed { step: id, preview: Box::new(preview) })
            }
        }
    }

    fn exported(&self, step: usize) -> Result<&Arc<Export>, Rejection> {
        match &self.planned(step)?.body {
            Body::Export(export) => Ok(export),
            _ => Err(Rejection::new(Code::StepNotWaiting, "the step exports nothing")),
        }
    }

    /// Asks about a preview, or releases it. Without rows there is nothing to do yet.
    pub fn go_on_exporting(&mut self, step: usize) -> Done {
        let run = self.step(step)?;
        if run.preview.is_none() {
            return Ok(());
        }
        let granted = run.holds.last().is_some_and(|hold| !hold.over && !hold.resolving && hold.is_granted());
        if granted {
            return self.release(step);
        }
        match self.required(step, &[])? {
            Ok(required) if required.is_empty() => self.stop_export(step, Code::ApprovalRequired.reason()),
            Ok(required) => self.ask(step, required),
            Err(reason) => self.stop_export(step, reason),
        }
    }

    /// Lets exactly what was previewed leave.
    fn release(&mut self, step: usize) -> Done {
        let preview = self.step(step)?.preview.clone().ok_or_else(|| fault("nothing was previewed"))?;
        if preview.until <= self.now {
            return self.preview_expired(step);
        }
        if self.terms_now(step)? != Some(preview.terms) {
            let reason = Reason::new(Code::PreviewStale, "the export or the meta schema changed since");
            return self.stop_export(step, reason.from(Kind::Export, Arc::clone(&preview.export)));
        }
        if let Some((pauses, reason)) = self.stopped_by_switch() {
            if pauses {
                let reasons = vec![reason.at(self.id(step)?)];
                self.emit(Event::Paused { by: Actor::system(), reasons })?;
                self.run.agenda.insert(crate::run::evolve::to_u32(step));
                return Ok(());
            }
            return self.stop_export(step, reason);
        }
        let by = self.agreed_last(step)?.ok_or_else(|| fault("nobody agreed"))?;
        let id = self.id(step)?;
        self.emit(Event::ExportApproved { step: Arc::clone(&id), preview: preview.id.clone(), by })?;
        self.emit(Event::ExportReleased { step: id, preview: preview.id.clone() })?;
        // What left is known by its preview: outputs hold nothing of ids and clocks.
        self.settle(step, StepState::Succeeded, Vec::new())
    }

    fn terms_now(&self, step: usize) -> Result<Option<Digest>, Rejection> {
        let export = self.exported(step)?;
        Ok(self.world.active.as_ref().and_then(|active| terms(export, &active.catalogue)))
    }

    fn stopped_by_switch(&self) -> Option<(bool, Reason)> {
        let started = &self.run.started;
        let target = Target {
            capability: None,
            connector: None,
            runbook: &started.runbook,
            actor: &started.requester,
            tenant: &started.tenant,
        };
        let switch = self.world.kills.hit(&target, self.now)?;
        Some((switch.pause, switch.to_reason()))
    }

    fn agreed_last(&self, step: usize) -> Result<Option<Actor>, Rejection> {
        let stages = self.step(step)?.holds.last().into_iter().flat_map(|hold| hold.stages());
        let last = stages.flat_map(|stage| &stage.grants).max_by_key(|grant| grant.at);
        Ok(last.map(|grant| grant.by.clone()))
    }

    fn stop_export(&mut self, step: usize, reason: Reason) -> Done {
        let reason = reason.at(self.id(step)?);
        self.fail_step(step, StepState::Denied, vec![reason])
    }

    /// Nobody agreed while the preview was current.
    pub fn preview_expired(&mut self, step: usize) -> Done {
        let export = self.exported(step)?.metadata.name.value.shared();
        let reason = Reason::new(Code::PreviewStale, "it expired").from(Kind::Export, export);
        let reason = reason.at(self.id(step)?);
        self.fail_step(step, StepState::Expired, vec![reason])
    }
}
