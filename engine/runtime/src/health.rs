//! Probes of connectors: when each is due, and what each comes to. They run beside the writer: whether one may be made is
//! asked of the realm, and what it came to goes back as a command. Never at once when the store is opened, never more
//! often than every five seconds, a few at a time. Decides nothing and changes nothing outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ordain_kernel::health::{self, Probe};
use ordain_kernel::realm::Realm;
use ordain_kernel::reason::Code;
use ordain_kernel::run::system::SystemCommand;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api::ApiError;
use crate::connector::{Live, reply};
use crate::engine::gone;
use crate::machine::Clock;
use crate::permit::Permit;
use crate::ports::{Cancel, Connector as _, Outcome};
use crate::prepare;
use crate::writer::Message;

/// Probes at once.
const AT_ONCE: usize = 4;

/// The longest that a probe takes, whatever its operation's timeout is.
const LIMIT: Duration = Duration::from_secs(10);

/// The longest that somebody who asks for fresh probes waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who probes.
pub struct Prober {
    /// The engine may go while this waits.
    messages: mpsc::WeakSender<Message>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    places: Semaphore,
}

impl Prober {
    /// A prober that asks that writer.
    #[must_use]
    pub fn new(messages: &mpsc::Sender<Message>, live: Arc<Live>, clock: Arc<dyn Clock>) -> Self {
        Self { messages: messages.downgrade(), live, clock, places: Semaphore::new(AT_ONCE) }
    }

    /// Probes each connector every so many ms from `began` on, until the engine goes.
    pub async fn keep(self: Arc<Self>, connectors: BTreeMap<Arc<str>, u64>, began: Timestamp) {
        let mut schedule = Schedule::new(connectors, began);
        let mut under_way: JoinSet<(Arc<str>, Result<(), ApiError>)> = JoinSet::new();
        loop {
            tokio::select! {
                () = self.clock.sleep_until(schedule.next()) => {}
                Some(over) = under_way.join_next() => match over {
                    Ok((connector, Ok(()))) => schedule.over(&connector),
                    Ok((_, Err(_))) | Err(_) => return,
                },
            }
            for connector in schedule.take(self.clock.now()) {
                let prober = Arc::clone(&self);
                under_way.spawn(async move {
                    let done = prober.probe(&connector).await;
                    (connector, done)
                });
            }
        }
    }

    /// Probes all of them now and says how each is seen then. Who does not answer in time is shown as before.
    ///
    /// # Errors
    /// When the engine is going.
    pub async fn look(self: &Arc<Self>) -> Result<Value, ApiError> {
        let names =
            self.realm(|realm, _| realm.world.active.as_ref().map(|active| health::probed(active))).await?;
        let mut under_way = JoinSet::new();
        for connector in names.unwrap_or_default().into_keys() {
            let prober = Arc::clone(self);
            under_way.spawn(async move { prober.probe(&connector).await });
        }
        // Those that are late end by themselves, and what they come to is not asked for any more.
        let _ =
            tokio::time::timeout(PATIENCE, async { while under_way.join_next().await.is_some() {} }).await;
        self.realm(|realm, now| health::view(&realm.world, now)).await
    }

    /// Probes one connector, where it may be, and reports what came of it.
    async fn probe(&self, connector: &Arc<str>) -> Result<(), ApiError> {
        let place = self.places.acquire().await;
        let name = Arc::clone(connector);
        let Ok(probe) = self.realm(move |realm, now| health::admit(&realm.world, &name, now)).await? else {
            return Ok(());
        };
        let fault = self.call(&probe).await.err();
        drop(place);
        let (answer, wait) = oneshot::channel();
        let command = SystemCommand::Probed { connector: Arc::clone(connector), fault };
        self.send(Message::System(Box::new(command), answer)).await?;
        // Where it could not be stored the next probe says it again.
        let _ = wait.await.map_err(|_| gone())?;
        Ok(())
    }

    /// Makes the call. What it answers beyond yes or no is not read.
    async fn call(&self, probe: &Probe) -> Result<(), Code> {
        let limit_ms = u64::try_from(LIMIT.as_millis()).unwrap_or(u64::MAX);
        let call = prepare::probe(probe, limit_ms).map_err(|outcome| code_of(&outcome))?;
        let terms = call.terms.clone();
        let permit = Permit::for_probe(probe, Instant::now() + LIMIT);
        let reply = self.live.call(permit, call, Cancel::never()).await;
        reply::answered(&reply, &terms).map_err(|outcome| code_of(&outcome))
    }

    async fn send(&self, message: Message) -> Result<(), ApiError> {
        let messages = self.messages.upgrade().ok_or_else(gone)?;
        messages.send(message).await.map_err(|_| gone())
    }

    async fn realm<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Realm, Timestamp) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, wait) = oneshot::channel();
        let now = self.clock.now();
        // Who asked may be gone.
        let look =
            move |realm: Result<&Realm, ApiError>| drop(answer.send(realm.map(|realm| look(realm, now))));
        self.send(Message::Look(Box::new(look))).await?;
        wait.await.map_err(|_| gone())?
    }
}

fn code_of(outcome: &Outcome) -> Code {
    match outcome {
        Outcome::Refused { code, .. } | Outcome::Unknown { code, .. } => {
            code.parse().unwrap_or(Code::SystemFault)
        }
        Outcome::Succeeded { .. } => Code::SystemFault,
    }
}

/// When which connector is due.
#[derive(Debug)]
struct Schedule(BTreeMap<Arc<str>, Turn>);

#[derive(Debug)]
struct Turn {
    every: SignedDuration,
    due: Timestamp,
    /// It is being probed; it is not due before that is over.
    flies: bool,
}

impl Schedule {
    /// Every so many ms from `now` on, and never at once.
    fn new(connectors: BTreeMap<Arc<str>, u64>, now: Timestamp) -> Self {
        let turn = |ms| {
            let every = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
            Turn { every, due: later(now, every), flies: false }
        };
        Self(connectors.into_iter().map(|(name, ms)| (name, turn(ms))).collect())
    }

    /// When the next is due.
    fn next(&self) -> Option<Timestamp> {
        self.0.values().filter(|turn| !turn.flies).map(|turn| turn.due).min()
    }

    /// Those that are due; each is due again a whole turn later, however late this was.
    fn take(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let due = self.0.iter_mut().filter(|(_, turn)| !turn.flies && turn.due <= now);
        due.map(|(name, turn)| {
            (turn.flies, turn.due) = (true, later(now, turn.every));
            Arc::clone(name)
        })
        .collect()
    }

    fn over(&mut self, connector: &str) {
        if let Some(turn) = self.0.get_mut(connector) {
            turn.flies = false;
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
