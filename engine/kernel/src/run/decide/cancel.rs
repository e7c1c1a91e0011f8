//! Cancel, pause, resume, and stopping calls for a kill switch. Cancelling is followed like a failure.

use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::runbook::OnFailure;
use ordain_spec::kind::scalar::Principal;

use crate::actor::Actor;
use crate::kill::Selector;
use crate::reason::{Code, Reason};
use crate::run::Rejection;
use crate::run::attempt::action;
use crate::run::event::Event;
use crate::run::gate::target;
use crate::run::state::{RunState, Stage};
use crate::run::turn::{Done, Turn};

impl Turn<'_> {
    /// Calls the run off.
    pub fn cancel(&mut self, by: Actor, rollback: bool, reason: Option<String>) -> Done {
        let roles = &self.run.plan.runbook.spec.roles;
        let named = roles.cancel.as_ref().or(roles.run.as_ref());
        self.permitted(&by, named.map(|named| named.iter().map(|one| &one.value).collect()))?;
        let own = self.run.plan.runbook.spec.on_failure.value;
        let follow = if rollback { OnFailure::Rollback } else { own };
        if let Some(failing) = &self.run.failing {
            let more = self.run.stage == Stage::Draining && follow > failing.follow;
            if !more {
                return Err(Rejection::new(Code::AlreadyDecided, "the run is going back already"));
            }
        }
        let said = Code::Cancelled.reason();
        let said = match reason {
            Some(reason) => said.detail(reason),
            None => said,
        };
        if self.run.paused {
            self.emit(Event::Resumed { by: by.clone(), reason: None })?;
        }
        self.fail_run(RunState::Cancelled, follow, vec![said], Some(by))
    }

    /// Holds the run: nothing starts, what runs may finish.
    pub fn pause(&mut self, by: Actor, reasons: Vec<Reason>) -> Done {
        self.permitted(&by, None)?;
        if self.run.paused {
            return Err(Rejection::new(Code::StepNotWaiting, "the run is paused already"));
        }
        self.emit(Event::Paused { by, reasons })
    }

    /// Lets a paused run go on.
    pub fn resume(&mut self, by: Actor, reason: Option<String>) -> Done {
        self.permitted(&by, None)?;
        if !self.run.paused {
            return Err(Rejection::new(Code::StepNotWaiting, "the run is not paused"));
        }
        self.emit(Event::Resumed { by, reason })?;
        self.wake()
    }

    /// Asks for calls to be stopped that a kill switch is about.
    pub fn stop_calls(&mut self, selector: &Selector) -> Done {
        if self.run.flying == 0 {
            return Ok(());
        }
        let mut hit = Vec::new();
        for planned in &self.run.plan.steps {
            for phase in [super::super::Phase::Do, super::super::Phase::Undo] {
                if action(planned, phase).is_some_and(|action| selector.matches(&target(self.run, action))) {
                    hit.push((std::sync::Arc::clone(&planned.id), phase));
                }
            }
        }
        let reasons = vec![Reason::new(Code::KillSwitch, format!("`{selector}`"))];
        self.stop_flights(&reasons, |planned, phase| {
            hit.iter().any(|(id, of)| *id == planned.id && *of == phase)
        })
    }

    /// The engine itself, or one of those named; operators where nobody is.
    pub fn permitted(&self, by: &Actor, named: Option<Vec<&Principal>>) -> Done {
        let allowed = by.type_ == ActorType::System
            || match named {
                Some(named) => named.iter().any(|principal| self.world.is(&by.id, &principal.to_string())),
                None => self.world.is(&by.id, "role:operator"),
            };
        if allowed {
            return Ok(());
        }
        Err(Rejection::new(Code::NotPermitted, format!("`{}` may not do this", by.id)))
    }
}
