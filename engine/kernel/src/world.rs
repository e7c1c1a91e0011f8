//! What crosses runs: the active catalogue, counters of budgets and quotas, locks, kill switches, remembered keys.
//!
//! It changes only by events ([`World::apply`], [`World::apply_system`]), so it can be built anew from the journals;
//! the store keeps it as rows beside them. No clock, no IO.

mod active;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Action, Grants};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::expr::Value;
use ordain_spec::kind::Roster;
use ordain_spec::kind::scalar::Principal;
use ordain_spec::kind::scenario::ResolveOutcome;
use serde::{Deserialize, Serialize};

pub use active::workspace_of;

use crate::actor::belongs;
use crate::audit::{AuditRecord, Chain, Entry};
use crate::budget::{self, Booking, Counter, CounterKey, Counters};
use crate::exemption::{Exemptions, Grant};
use crate::export::{Preview, Previews, Standing};
use crate::health::{Health, Seen};
use crate::idempotency::Keys;
use crate::ids::PreviewId;
use crate::kill::{Selector, Switch, Switches};
use crate::lock::{Lock, Locks, Place};
use crate::quota::{Quotas, Use};
use crate::run::event::{AttemptSettled, Next};
use crate::run::system::SystemEvent;
use crate::run::{Event, Outcome, Run, Started, StepState};

/// What is current: policies, roster, budgets and approvals of one catalogue, and the operator's grants.
#[derive(Debug, Clone)]
pub struct Active {
    /// The specs.
    pub catalogue: Arc<Catalogue>,
    /// The workspace.
    pub grants: Arc<Grants>,
}

/// All that crosses runs.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What is current; nothing is dispatched without it.
    pub active: Option<Arc<Active>>,
    /// The roster that was active last, where nothing is: it says who may set a kill switch, and nothing else.
    pub last_roster: Option<Arc<Roster>>,
    /// Counters of budgets.
    pub budgets: Counters,
    /// Counters of quotas.
    pub quotas: Quotas,
    /// Locks of concurrency.
    pub locks: Locks,
    /// Kill switches.
    pub kills: Switches,
    /// Keys that are remembered over runs.
    pub idempotency: Keys,
    /// How connectors are seen.
    pub health: Health,
    /// What people said about exemptions.
    pub exemptions: Exemptions,
    /// Previews of exports.
    pub previews: Previews,
    /// The chain `system`.
    pub system_chain: Chain,
    /// The facts `budget` as they were seen, where a recorded run is asked once more: counters are of all runs.
    pub(crate) as_seen: Option<Value>,
    dirty: BTreeSet<Dirty>,
}

/// A row that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Dirty {
    Budget(CounterKey),
    Carries(Arc<str>),
    Quota(Use),
    Lock(Arc<str>),
    Kill(Selector),
    Key(Arc<str>),
    Health(Arc<str>),
    Exemption(Digest),
    Preview(PreviewId),
    Head,
}

/// A row of the world: upserted where it has a value, deleted where it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `budget carries quota lock kill key health exemption preview head`
    pub kind: String,
    /// Which.
    pub key: String,
    /// What.
    pub value: Option<serde_json::Value>,
}

/// A row that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the row `{kind}` `{key}` cannot be read: {message}")]
pub struct BadRow {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub message: String,
}

impl World {
    /// A world in which nothing happened.
    #[must_use]
    pub fn new(active: Option<Arc<Active>>) -> Self {
        Self { active, ..Self::default() }
    }

    /// The roster.
    #[must_use]
    pub fn roster(&self) -> Option<&Roster> {
        self.active.as_ref()?.catalogue.roster.as_deref()
    }

    /// True for a capability that is declared, or was and still has counters.
    #[must_use]
    pub fn counts(&self, capability: &str) -> bool {
        let declared = |active: &Arc<Active>| {
            active.catalogue.capabilities.keys().any(|name| name.as_str() == capability)
        };
        self.active.as_ref().is_some_and(declared)
            || self.quotas.0.keys().any(|counter| &*counter.capability == capability)
    }

    /// True when `user:alice` is, or belongs to, `user:…`, `group:…` or `role:…` now.
    #[must_use]
    pub fn is(&self, id: &str, principal: &str) -> bool {
        self.roster().is_some_and(|roster| is(roster, id, principal))
    }

    /// True when it may set a kill switch: also while no catalogue can be read, by the roster before that.
    #[must_use]
    pub fn may_kill(&self, id: &str) -> bool {
        let roster = self.roster().or(self.last_roster.as_deref());
        roster.is_some_and(|roster| is(roster, id, "role:operator"))
    }

    /// The facts `budget["name"]` of a step that uses this.
    pub(crate) fn budget_facts(&self, run: &Run, action: &Action, now: Timestamp) -> Value {
        if let Some(seen) = &self.as_seen {
            return seen.clone();
        }
        let Some(active) = &self.active else { return Value::map::<&str>([]) };
        let booker = crate::run::booker(run, action);
        let facts = active.catalogue.budgets.values().filter_map(|budget| {
            let standing = budget::standing(budget, &booker, &self.budgets, now)?;
            let numbers = [
                ("limit", standing.limit),
                ("spent", standing.spent),
                ("reserved", standing.reserved),
                ("remaining", standing.remaining),
            ];
            Some((
                budget.metadata.name.value.shared(),
                Value::map(numbers.map(|(name, n)| (name, Value::Int(n)))),
            ))
        });
        Value::map(facts)
    }

    /// Applies an event of a run.
    pub fn apply(&mut self, run: &Started, event: &Event, at: Timestamp) {
        match event {
            Event::Started(started) => {
                if let Some(lock) = &started.lock {
                    let place = if lock.granted { Place::Granted } else { Place::Queued };
                    self.locks.take(&lock.name, started.run, lock.limit, place);
                    self.dirty.insert(Dirty::Lock(Arc::clone(&lock.name)));
                }
            }
            Event::LockGranted => {
                if let Some(lock) = &run.lock {
                    self.locks.take(&lock.name, run.run, lock.limit, Place::Granted);
                    self.dirty.insert(Dirty::Lock(Arc::clone(&lock.name)));
                }
            }
            Event::Settled(_) => {
                if let Some(lock) = &run.lock {
                    self.locks.release(&lock.name, run.run);
                    self.dirty.insert(Dirty::Lock(Arc::clone(&lock.name)));
                }
            }
            Event::AttemptStarted(start) => {
                for reservation in &start.reserved {
                    self.budgets.reserve(reservation);
                    self.dirty.insert(Dirty::Budget(reservation.counter.clone()));
                }
                for counter in &start.quotas {
                    self.quotas.record(counter, at);
                    self.dirty.insert(Dirty::Quota(counter.clone()));
                }
                if start.remembered {
                    self.remember(run, &start.key, &Fate::Open, at);
                }
            }
            Event::AttemptSettled(end) => {
                self.book(&end.bookings);
                if let (Some(key), Some(fate)) = (&end.key, fate(end)) {
                    self.remember(run, key, &fate, at);
                }
            }
            Event::ItemStopped { state, bookings, key, .. } => {
                self.book(bookings);
                if let Some(key) = key {
                    let fate = if *state == StepState::Unknown { Fate::Unknown } else { Fate::Over };
                    self.remember(run, key, &fate, at);
                }
            }
            Event::Previewed { step, preview } => self.preview(run, step, preview, at),
            Event::ExportReleased { preview, .. } => self.preview_is(preview.clone(), "released"),
            Event::StepSettled(settled) if settled.state != StepState::Succeeded => {
                self.preview_is(PreviewId::derive(run.run, &settled.step), settled.state.as_str());
            }
            Event::UndoSettled { key: Some(key), .. } => self.remember(run, key, &Fate::Over, at),
            Event::Resolved(resolution) => {
                let output = || resolution.outputs.clone().unwrap_or_else(|| Arc::new(serde_json::json!({})));
                for key in &resolution.keys {
                    let fate = match resolution.outcome {
                        ResolveOutcome::Succeeded => Fate::Succeeded { output: output() },
                        ResolveOutcome::Failed | ResolveOutcome::Undone => Fate::Over,
                        ResolveOutcome::Again => continue,
                    };
                    self.remember(run, key, &fate, at);
                }
            }
            _ => {}
        }
    }

    fn preview(&mut self, run: &Started, step: &Arc<str>, preview: &Preview, at: Timestamp) {
        for id in self.previews.forgotten(at) {
            self.previews.0.remove(&id);
            self.dirty.insert(Dirty::Preview(id));
        }
        let standing = Standing {
            export: Arc::clone(&preview.export),
            run: run.run,
            step: Arc::clone(step),
            state: "previewed".into(),
            digest: preview.digest,
            rows: preview.rows,
            requester: Arc::clone(&run.requester.id),
            at,
            until: preview.until,
        };
        self.previews.0.insert(preview.id.clone(), standing);
        self.dirty.insert(Dirty::Preview(preview.id.clone()));
    }

    fn preview_is(&mut self, id: PreviewId, state: &str) {
        if let Some(standing) = self.previews.0.get_mut(&id) {
            standing.state = state.into();
            self.dirty.insert(Dirty::Preview(id));
        }
    }

    fn book(&mut self, bookings: &[Booking]) {
        for booking in bookings {
            self.budgets.book(booking);
            self.dirty.insert(Dirty::Budget(booking.counter.clone()));
        }
    }

    fn remember(&mut self, run: &Started, key: &Arc<str>, fate: &Fate, at: Timestamp) {
        match fate {
            Fate::Open => self.idempotency.open(key, run.run, at),
            Fate::Unknown => self.idempotency.unknown(key, run.run, at),
            Fate::Succeeded { output } => self.idempotency.succeeded(key, run.run, Arc::clone(output), at),
            Fate::Over => self.idempotency.free(key, run.run),
        }
        self.dirty.insert(Dirty::Key(Arc::clone(key)));
    }

    /// Applies an event of the workspace.
    pub fn apply_system(&mut self, event: &SystemEvent, at: Timestamp) {
        match event {
            SystemEvent::KillSet { selector, reason, by, until, pause } => {
                self.kills.set(Switch {
                    selector: selector.clone(),
                    reason: reason.clone(),
                    by: Arc::clone(&by.id),
                    since: at,
                    until: *until,
                    pause: *pause,
                });
                self.dirty.insert(Dirty::Kill(selector.clone()));
            }
            SystemEvent::KillLifted { selector, .. } => {
                self.kills.lift(selector);
                self.dirty.insert(Dirty::Kill(selector.clone()));
            }
            SystemEvent::QuotaReset { capability, .. } => {
                let these = self.quotas.reset(capability);
                self.dirty.extend(these.into_iter().map(Dirty::Quota));
            }
            SystemEvent::Pruned { runs, .. } => {
                let keys = self.idempotency.erase(&runs.iter().copied().collect());
                self.dirty.extend(keys.into_iter().map(Dirty::Key));
            }
            SystemEvent::HealthChanged { connector, fault } => {
                self.health.0.insert(Arc::clone(connector), Seen { since: at, fault: *fault });
                self.dirty.insert(Dirty::Health(Arc::clone(connector)));
            }
            SystemEvent::ExemptionDecided { name, digest, verdict, by, assurance, rationale, .. } => {
                let (by, rationale) = (by.clone(), rationale.clone());
                let grant = Grant { by, at, assurance: *assurance, rationale };
                self.exemptions.said(name, *digest, *verdict, grant);
                self.dirty.insert(Dirty::Exemption(*digest));
            }
            SystemEvent::CatalogueActivated { carrying, .. } => {
                let news = self.budgets.exist(carrying, at);
                self.dirty.extend(news.into_iter().map(Dirty::Carries));
            }
            SystemEvent::StartRefused { .. }
            | SystemEvent::Restored { .. }
            | SystemEvent::Encrypted { .. }
            | SystemEvent::Rekeyed { .. }
            | SystemEvent::CatalogueRefused { .. }
            | SystemEvent::CheckpointSigned { .. }
            | SystemEvent::NoticeFailed { .. }
            | SystemEvent::StanceTaken { .. }
            | SystemEvent::WorkspaceChanged { .. } => {}
        }
    }

    /// Puts an entry at the end of the chain `system`.
    pub(crate) fn chain(&mut self, entry: Entry) -> AuditRecord {
        self.dirty.insert(Dirty::Head);
        self.system_chain.append(entry)
    }

    /// The rows that changed since this was asked last.
    pub fn changed(&mut self) -> Vec<Row> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.into_iter().map(|dirty| self.row(&dirty)).collect()
    }

    fn row(&self, dirty: &Dirty) -> Row {
        fn json<T: Serialize>(value: &T) -> Option<serde_json::Value> {
            serde_json::to_value(value).ok()
        }
        fn text<T: Serialize>(value: &T) -> String {
            serde_json::to_string(value).unwrap_or_default()
        }
        let (kind, key, value) = match dirty {
            Dirty::Budget(key) => ("budget", text(key), self.budgets.used.get(key).and_then(json)),
            Dirty::Carries(name) => {
                ("carries", name.to_string(), self.budgets.since.get(name).and_then(json))
            }
            Dirty::Quota(key) => ("quota", text(key), self.quotas.0.get(key).and_then(json)),
            Dirty::Lock(key) => ("lock", key.to_string(), self.locks.0.get(key).and_then(json)),
            Dirty::Kill(key) => ("kill", key.to_string(), self.kills.0.get(key).and_then(json)),
            Dirty::Key(key) => ("key", key.to_string(), self.idempotency.0.get(key).and_then(json)),
            Dirty::Health(key) => ("health", key.to_string(), self.health.0.get(key).and_then(json)),
            Dirty::Exemption(digest) => {
                ("exemption", digest.to_string(), self.exemptions.0.get(digest).and_then(json))
            }
            Dirty::Preview(key) => ("preview", key.to_string(), self.previews.0.get(key).and_then(json)),
            Dirty::Head => ("head", "system".to_owned(), json(&self.system_chain)),
        };
        Row { kind: kind.to_owned(), key, value }
    }

    /// Takes stored rows back.
    ///
    /// # Errors
    /// The first row that cannot be read: the store is damaged then, and nothing may be dispatched.
    pub fn load(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), BadRow> {
        for row in rows {
            let Some(value) = row.value.clone() else { continue };
            self.take(&row.kind, &row.key, value).map_err(|message| BadRow {
                kind: row.kind.clone(),
                key: row.key.clone(),
                message,
            })?;
        }
        Ok(())
    }

    fn take(&mut self, kind: &str, key: &str, value: serde_json::Value) -> Result<(), String> {
        fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
            serde_json::from_value(value).map_err(|error| error.to_string())
        }
        fn named<T: serde::de::DeserializeOwned>(key: &str) -> Result<T, String> {
            serde_json::from_str(key).map_err(|error| error.to_string())
        }
        match kind {
            "budget" => {
                self.budgets.used.insert(named(key)?, read::<Counter>(value)?);
            }
            "carries" => {
                self.budgets.since.insert(key.into(), read(value)?);
            }
            "quota" => {
                self.quotas.0.insert(named(key)?, read(value)?);
            }
            "lock" => {
                self.locks.0.insert(key.into(), read::<Lock>(value)?);
            }
            "kill" => self.kills.set(read(value)?),
            "key" => {
                self.idempotency.0.insert(key.into(), read(value)?);
            }
            "health" => {
                self.health.0.insert(key.into(), read(value)?);
            }
            "exemption" => {
                let digest = key.parse().map_err(|_| format!("`{key}` is no digest"))?;
                self.exemptions.0.insert(digest, read(value)?);
            }
            "preview" => {
                let id = key.parse::<PreviewId>().map_err(|error| error.to_string())?;
                self.previews.0.insert(id, read(value)?);
            }
            "head" => self.system_chain = read(value)?,
            other => return Err(format!("no such kind: {other}")),
        }
        Ok(())
    }

    /// What the world is, without the active catalogue: for comparing two of them.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<(String, String), serde_json::Value> {
        let mut dirty: Vec<Dirty> = self.budgets.used.keys().cloned().map(Dirty::Budget).collect();
        dirty.extend(self.budgets.since.keys().cloned().map(Dirty::Carries));
        dirty.extend(self.quotas.0.keys().cloned().map(Dirty::Quota));
        dirty.extend(self.locks.0.keys().cloned().map(Dirty::Lock));
        dirty.extend(self.kills.0.keys().cloned().map(Dirty::Kill));
        dirty.extend(self.idempotency.0.keys().cloned().map(Dirty::Key));
        dirty.extend(self.health.0.keys().cloned().map(Dirty::Health));
        dirty.extend(self.exemptions.0.keys().copied().map(Dirty::Exemption));
        dirty.extend(self.previews.0.keys().cloned().map(Dirty::Preview));
        dirty.push(Dirty::Head);
        let rows = dirty.iter().map(|dirty| self.row(dirty));
        rows.filter_map(|row| Some(((row.kind, row.key), row.value?))).collect()
    }
}

/// What becomes of a remembered key.
enum Fate {
    Open,
    Unknown,
    Succeeded {
        output: Arc<serde_json::Value>,
    },
    /// Refused, failed or undone: it may be done again.
    Over,
}

/// What is remembered of an attempt; nothing while it will be tried again.
fn fate(end: &AttemptSettled) -> Option<Fate> {
    let Next::Settled { .. } = &end.next else {
        return matches!(end.outcome, Outcome::Unknown { .. }).then_some(Fate::Unknown);
    };
    Some(match &end.outcome {
        Outcome::Succeeded { output } => Fate::Succeeded { output: Arc::clone(output) },
        Outcome::Refused { .. } => Fate::Over,
        Outcome::Unknown { .. } => Fate::Unknown,
    })
}

fn is(roster: &Roster, id: &str, principal: &str) -> bool {
    Principal::new(principal).is_some_and(|principal| belongs(roster, id, &BTreeSet::new(), &principal))
}
