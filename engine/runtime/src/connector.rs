//! The live connectors: what the engine does outside, each call with a permit and behind its connector's breaker.
//!
//! Constructed for live runs only; a mock run never has one. Knows nothing of the store, the driver or specs.

pub mod address;
pub mod breaker;
pub mod exec;
mod fence;
pub mod harness;
pub mod http;
pub mod mock;
pub mod reply;
pub mod sandbox;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ordain_spec::kind::workspace::{Profile, WorkspaceSpec};

use crate::permit::Permit;
use crate::ports::{Cancel, Connector, FaultKind, Later, PreparedCall, RawReply, Resolve, Target};
use crate::secrets::{self, Secrets};
use breaker::{Breaker, health_of};
use exec::{Enforcement, ExecConnector};
use http::{HttpConnector, SystemResolver};
use sandbox::SandboxLauncher;

/// All live connectors.
pub struct Live {
    http: HttpConnector,
    exec: ExecConnector,
    breakers: Mutex<BTreeMap<String, Breaker>>,
    began: Instant,
}

impl Live {
    /// With what they need of the outside.
    #[must_use]
    pub fn new(
        secrets: Arc<dyn Secrets>,
        resolver: Arc<dyn Resolve>,
        launcher: SandboxLauncher,
        enforcement: Enforcement,
    ) -> Self {
        Self {
            http: HttpConnector::new(Arc::clone(&secrets), resolver),
            exec: ExecConnector::new(secrets, launcher, enforcement),
            breakers: Mutex::new(BTreeMap::new()),
            began: Instant::now(),
        }
    }

    /// As a workspace wants them: its provider of secrets, the machine's resolver, and in profile `prod` no program
    /// whose fence does not hold.
    ///
    /// # Errors
    /// What the provider of secrets lacks.
    pub fn for_workspace(workspace: &WorkspaceSpec, launcher: SandboxLauncher) -> Result<Self, String> {
        let secrets = secrets::of(workspace)?;
        let enforcement = match workspace.profile.value {
            Profile::Prod => Enforcement::Required,
            Profile::Dev => Enforcement::Reported,
        };
        Ok(Self::new(secrets, Arc::new(SystemResolver), launcher, enforcement))
    }

    /// Is the connector's breaker open now? For views of its health.
    #[must_use]
    pub fn is_open(&self, connector: &str) -> bool {
        let now = self.now_ms();
        self.breakers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(connector)
            .is_some_and(|b| b.is_open(now))
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn with_breaker<T>(
        &self,
        call: &(String, breaker::BreakerLimits),
        act: impl FnOnce(&mut Breaker, u64) -> T,
    ) -> T {
        let now = self.now_ms();
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let breaker = breakers.entry(call.0.clone()).or_insert_with(|| Breaker::new(call.1));
        breaker.set_limits(call.1);
        act(breaker, now)
    }
}

impl Connector for Live {
    fn call<'a>(&'a self, permit: Permit, call: PreparedCall, cancel: Cancel) -> Later<'a, RawReply> {
        Box::pin(async move {
            let key = (call.connector.clone(), call.breaker);
            if let Err(open) = self.with_breaker(&key, Breaker::admit) {
                let mut reply =
                    RawReply::unsent(FaultKind::Breaker, "the connector failed too often and pauses");
                reply.retry_after_ms = Some(open.retry_after_ms);
                return reply;
            }
            let reply = match &call.target {
                Target::Http(_) => self.http.call(permit, call, cancel).await,
                Target::Exec(_) => self.exec.call(permit, call, cancel).await,
                Target::Mock => mock::refuse(),
            };
            self.with_breaker(&key, |breaker, now| breaker.record(now, health_of(&reply)));
            reply
        })
    }
}

#[cfg(test)]
#[path = "connector_tests.rs"]
mod tests;
