//! Performs the effects of runs: one task a call, a bounded pool in all and a share of it a connector.
//! A call is made with a permit, and a permit only for an attempt whose start is stored. Decides nothing;
//! what came of a call goes back as a command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ordain_kernel::export::Gathered;
use ordain_kernel::reason::Code;
use ordain_kernel::run::effect::{Call, CallId, Gather, Outcome};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};

use crate::connector::Live;
use crate::fault;
use crate::gather::Gatherer;
use crate::machine::Clock;
use crate::permit::{Attempt, Permit, Phase};
use crate::ports::{self, Cancel, CancelSwitch, Connector as _};
use crate::prepare::{self, Asked};

/// Calls at once, over all connectors.
const WORKERS: usize = 64;

/// Calls at once of one connector.
const WORKERS_PER_CONNECTOR: usize = 16;

/// Calls of notices at once. They have places of their own, so that no run waits for them.
const WORKERS_OF_NOTICES: usize = 8;

/// What came of a call, or of gathering rows.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Which.
    pub id: CallId,
    /// What came of it.
    pub what: What,
}

/// What came of something that was performed.
#[derive(Debug, Clone)]
pub enum What {
    /// A call has an outcome.
    Outcome(Outcome),
    /// The rows of an export, or why there are none.
    Gathered(Gathered),
}

/// Who performs calls.
pub struct Driver {
    live: Arc<Live>,
    gatherer: Arc<Gatherer>,
    clock: Arc<dyn Clock>,
    finished: mpsc::UnboundedSender<Finished>,
    flying: BTreeMap<CallId, CancelSwitch>,
    workers: Arc<Semaphore>,
    shares: BTreeMap<Arc<str>, Arc<Semaphore>>,
    notices: Arc<Semaphore>,
}

impl Driver {
    /// A driver that reports to `finished`.
    #[must_use]
    pub fn new(
        live: Arc<Live>,
        gatherer: Gatherer,
        clock: Arc<dyn Clock>,
        finished: mpsc::UnboundedSender<Finished>,
    ) -> Self {
        Self {
            live,
            gatherer: Arc::new(gatherer),
            clock,
            finished,
            flying: BTreeMap::new(),
            workers: Arc::new(Semaphore::new(WORKERS)),
            shares: BTreeMap::new(),
            notices: Arc::new(Semaphore::new(WORKERS_OF_NOTICES)),
        }
    }

    /// Performs a call, unless it is being performed. Its start must be stored.
    pub fn perform(&mut self, call: Call) {
        if self.flying.contains_key(&call.id) {
            return;
        }
        let (switch, cancel) = CancelSwitch::new();
        self.flying.insert(call.id.clone(), switch);
        let (live, finished) = (Arc::clone(&self.live), self.finished.clone());
        let clock = Arc::clone(&self.clock);
        let (share, workers) = self.places(&call);
        tokio::spawn(async move {
            let id = call.id.clone();
            let _places = tokio::join!(share.acquire(), async {
                match &workers {
                    Some(workers) => workers.acquire().await.ok(),
                    None => None,
                }
            });
            let outcome = perform(&live, &*clock, call, cancel).await;
            fault::point("after-effect");
            // The receiver is gone only when the process ends: then the journal says `unknown`.
            let _ = finished.send(Finished { id, what: What::Outcome(outcome) });
        });
    }

    /// Where a call finds a place: among those of its connector and of all, or among those of notices.
    fn places(&mut self, call: &Call) -> (Arc<Semaphore>, Option<Arc<Semaphore>>) {
        if call.run.is_notice() {
            return (Arc::clone(&self.notices), None);
        }
        let connector = call.action.connector.metadata.name.value.shared();
        let fresh = || Arc::new(Semaphore::new(WORKERS_PER_CONNECTOR));
        let share = self.shares.entry(connector).or_insert_with(fresh);
        (Arc::clone(share), Some(Arc::clone(&self.workers)))
    }

    /// Gathers the rows of an export, unless that is being done. The step that waits for them must be stored.
    pub fn gather(&mut self, gather: Gather) {
        // Attempts are counted from 1: no call has this id.
        let (run, step) = (gather.run, Arc::clone(&gather.step));
        let id = CallId { run, step, item: 0, phase: ordain_kernel::run::Phase::Do, attempt: 0 };
        if self.flying.contains_key(&id) {
            return;
        }
        let (switch, _) = CancelSwitch::new();
        self.flying.insert(id.clone(), switch);
        let (gatherer, finished) = (Arc::clone(&self.gatherer), self.finished.clone());
        let now = self.clock.now();
        tokio::spawn(async move {
            let gathered = gatherer.gather(&gather, now).await;
            fault::point("after-gathering");
            let _ = finished.send(Finished { id, what: What::Gathered(gathered) });
        });
    }

    /// Stops a call, if it runs. Its outcome is still reported.
    pub fn cancel(&mut self, id: &CallId) {
        if let Some(switch) = self.flying.get(id) {
            switch.cancel();
        }
    }

    /// Forgets a call whose outcome is stored.
    pub fn forget(&mut self, id: &CallId) {
        self.flying.remove(id);
    }

    /// True while a call runs.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.flying.is_empty()
    }
}

async fn perform(live: &Live, clock: &dyn Clock, call: Call, cancel: Cancel) -> Outcome {
    let run = call.run.to_json();
    let asked = Asked {
        action: &call.action,
        arguments: &call.arguments,
        run: &run,
        idempotency_key: &call.idempotency_key,
        attempt: call.id.attempt,
        timeout_ms: call.timeout_ms,
    };
    let outcome = match prepare::prepare(&asked) {
        Err(outcome) => outcome,
        Ok(prepared) => {
            let reply = live.call(permit(&call, clock), prepared, cancel).await;
            // The kernel holds the output against the capability's schema, for every host alike.
            prepare::settle(&asked, &reply, Ok)
        }
    };
    in_words_of_the_kernel(outcome)
}

fn permit(call: &Call, clock: &dyn Clock) -> Permit {
    use ordain_kernel::run::state::Phase as Way;
    let left = |deadline: Timestamp| {
        let left = deadline.duration_since(clock.now());
        Instant::now() + Duration::try_from(left).unwrap_or(Duration::ZERO)
    };
    let limit = call.timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let deadline = call.deadline.map(left).into_iter().chain(limit).min();
    Permit::for_stored_attempt(Attempt {
        run: call.id.run.to_string(),
        step: call.id.step.to_string(),
        item: call.listed.then_some(call.id.item),
        number: call.id.attempt,
        phase: if call.id.phase == Way::Undo { Phase::Undo } else { Phase::Do },
        idempotency_key: call.idempotency_key.to_string(),
        deadline,
    })
}

/// The kernel's words for what a connector says.
fn in_words_of_the_kernel(outcome: ports::Outcome) -> Outcome {
    let code = |code: &str| code.parse().unwrap_or(Code::SystemFault);
    match outcome {
        ports::Outcome::Succeeded { output, .. } => {
            Outcome::Succeeded { output: Arc::new(Value::Object(output)) }
        }
        ports::Outcome::Refused { code: word, detail, retryable, retry_after_ms } => {
            Outcome::Refused { code: code(&word), detail: Some(detail), retryable, retry_after_ms }
        }
        ports::Outcome::Unknown { code: word, detail } => {
            Outcome::Unknown { code: code(&word), detail: Some(detail) }
        }
    }
}
