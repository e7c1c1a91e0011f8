//! What a run carries — inputs, arguments, outputs, forms, rationales, details of errors — taken out of its
//! journal and put back. In the journal's place of each stands a reference, the salted digest; the payload
//! itself lives apart and can be erased with the run's salt, while journal, records and digests stay what
//! they are. One list of places ([`Event::visit`]) serves both ways. Never decides anything by a payload.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_spec::digest::Digest;
use serde_json::Value;

use super::effect::Outcome;
use super::event::{Event, Next, Prepared};
use crate::reason::Reason;

/// What a reference begins with; the digest in hex follows.
pub const PREFIX: &str = "salted:";

/// A payload taken out of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What stands in the journal in its place.
    pub reference: String,
    /// The payload, as JSON.
    pub text: String,
}

/// A payload that an event names is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload {0} is gone")]
pub struct PayloadGone(pub String);

/// A place where a payload stands.
enum Place<'e> {
    Shared(&'e mut Arc<Value>),
    Owned(&'e mut Value),
    Text(&'e mut String),
    Name(&'e mut Arc<str>),
}

/// What stood in a place.
enum Original {
    Shared(Arc<Value>),
    Owned(Value),
    Text(String),
    Name(Arc<str>),
}

/// The salt under which a run's records stand, made of the salt under which its payloads do: it stays when
/// that one is erased, and does not give it away.
#[must_use]
pub fn record_salt(salt: &Digest) -> Digest {
    let mut bytes = salt.0.to_vec();
    bytes.extend_from_slice(b"ordain/v1 records");
    Digest::of(&bytes)
}

/// The reference of a payload.
#[must_use]
pub fn reference(salt: &Digest, text: &str) -> String {
    let mut bytes = Vec::with_capacity(salt.0.len() + text.len());
    bytes.extend_from_slice(&salt.0);
    bytes.extend_from_slice(text.as_bytes());
    named(&Digest::of(&bytes))
}

/// The name under which the salt itself is kept, beside the payloads.
#[must_use]
pub fn salt_name(record_salt: &Digest) -> String {
    named(record_salt)
}

fn named(digest: &Digest) -> String {
    let text = digest.to_string();
    let mut name = String::with_capacity(PREFIX.len() + 64);
    name.push_str(PREFIX);
    name.push_str(text.trim_start_matches("sha256:"));
    name
}

/// The references in a row of the journal.
pub fn references_in(row: &str) -> impl Iterator<Item = &str> {
    let begins = row.match_indices("\"salted:");
    begins.filter_map(|(at, _)| row.get(at + 1..at + 1 + PREFIX.len() + 64))
}

/// The journal's form of an event, and its payloads. The event is the same afterwards.
pub(crate) fn apart(event: &mut Event, salt: &Digest, record_salt: &Digest) -> (String, Vec<Payload>) {
    let mut payloads = Vec::new();
    let mut originals = Vec::new();
    event.visit(&mut |place| originals.push(take(place, salt, &mut payloads)));
    if let Event::Started(started) = event {
        let text = format!("\"{}\"", std::mem::replace(&mut started.salt, *record_salt));
        payloads.push(Payload { reference: salt_name(record_salt), text });
    }
    let json = serde_json::to_string(event).unwrap_or_default();
    if let Event::Started(started) = event {
        started.salt = *salt;
    }
    let mut originals = originals.into_iter();
    event.visit(&mut |place| put_back(place, originals.next().flatten()));
    (json, payloads)
}

fn take(place: Place<'_>, salt: &Digest, payloads: &mut Vec<Payload>) -> Option<Original> {
    let text = match &place {
        Place::Shared(value) => json_of(value)?,
        Place::Owned(value) => json_of(value)?,
        Place::Text(text) if text.is_empty() => return None,
        Place::Text(text) => serde_json::to_string(text).ok()?,
        Place::Name(name) => serde_json::to_string(name).ok()?,
    };
    let reference = reference(salt, &text);
    let original = match place {
        Place::Shared(value) => {
            Original::Shared(std::mem::replace(value, Arc::new(Value::String(reference.clone()))))
        }
        Place::Owned(value) => Original::Owned(std::mem::replace(value, Value::String(reference.clone()))),
        Place::Text(text) => Original::Text(std::mem::replace(text, reference.clone())),
        Place::Name(name) => Original::Name(std::mem::replace(name, reference.as_str().into())),
    };
    payloads.push(Payload { reference, text });
    Some(original)
}

/// What says nothing stays where it is: there is nothing to erase.
fn json_of(value: &Value) -> Option<String> {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if empty { None } else { serde_json::to_string(value).ok() }
}

fn put_back(place: Place<'_>, original: Option<Original>) {
    match (place, original) {
        (Place::Shared(here), Some(Original::Shared(value))) => *here = value,
        (Place::Owned(here), Some(Original::Owned(value))) => *here = value,
        (Place::Text(here), Some(Original::Text(text))) => *here = text,
        (Place::Name(here), Some(Original::Name(name))) => *here = name,
        _ => {}
    }
}

/// The payloads of a run, by reference.
#[derive(Debug, Clone, Default)]
pub struct Kept(BTreeMap<String, Value>);

impl Kept {
    /// Adds a payload.
    pub fn insert(&mut self, reference: String, value: Value) {
        self.0.insert(reference, value);
    }

    /// True when nothing is kept: the run's payloads were erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn at(&self, reference: &str) -> Result<&Value, PayloadGone> {
        self.0.get(reference).ok_or_else(|| PayloadGone(reference.to_owned()))
    }

    fn text(&self, reference: &str) -> Result<&str, PayloadGone> {
        self.at(reference)?.as_str().ok_or_else(|| PayloadGone(reference.to_owned()))
    }

    /// Puts the payloads of an event back, as it was before it went into the journal.
    ///
    /// # Errors
    /// The first payload that is not there.
    pub fn restore(&self, event: &mut Event) -> Result<(), PayloadGone> {
        let mut gone = None;
        event.visit(&mut |place| {
            if let Err(error) = self.put(place) {
                gone.get_or_insert(error);
            }
        });
        if let Event::Started(started) = event {
            let name = salt_name(&started.salt);
            started.salt = self.text(&name)?.parse().map_err(|_| PayloadGone(name.clone()))?;
        }
        gone.map_or(Ok(()), Err)
    }

    fn put(&self, place: Place<'_>) -> Result<(), PayloadGone> {
        match place {
            Place::Shared(value) => {
                if let Some(reference) = reference_of(value) {
                    *value = Arc::new(self.at(reference)?.clone());
                }
            }
            Place::Owned(value) => {
                if let Some(reference) = reference_of(value) {
                    *value = self.at(reference)?.clone();
                }
            }
            Place::Text(text) if text.is_empty() => {}
            Place::Text(text) => *text = self.text(text)?.to_owned(),
            Place::Name(name) => *name = self.text(name)?.into(),
        }
        Ok(())
    }
}

/// What stands in a value's place, unless it says nothing.
fn reference_of(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

impl Event {
    /// Shows every place where a payload stands, always in the same order.
    fn visit(&mut self, visit: &mut dyn FnMut(Place<'_>)) {
        match self {
            Self::Started(started) => {
                visit(Place::Owned(&mut started.inputs));
                if let Some(lock) = &mut started.lock {
                    visit(Place::Name(&mut lock.name));
                }
            }
            Self::StepPrepared { items, show, .. } => {
                items.iter_mut().for_each(|item| prepared(item, visit));
                shared(show, visit);
            }
            Self::Decided { decision, .. } => {
                let rules = decision.policies.iter_mut().flat_map(|policy| &mut policy.rules);
                rules.for_each(|rule| text(&mut rule.detail, visit));
                details(&mut decision.reasons, visit);
            }
            Self::Granted { grant, .. } => {
                visit(Place::Text(&mut grant.rationale));
                visit(Place::Owned(&mut grant.form));
            }
            Self::Withdrawn { rationale, .. } | Self::Refused { rationale, .. } => {
                visit(Place::Text(rationale));
            }
            Self::AttemptSettled(end) => {
                outcome(&mut end.outcome, visit);
                if let Next::Settled { reasons, .. } = &mut end.next {
                    details(reasons, visit);
                }
            }
            Self::Replayed { output, .. } => visit(Place::Shared(output)),
            Self::ChildSettled { reasons, output, .. } => {
                details(reasons, visit);
                shared(output, visit);
            }
            Self::Signalled(signal) => {
                visit(Place::Shared(&mut signal.fields));
                text(&mut signal.reason, visit);
            }
            Self::StepSettled(settled) => {
                details(&mut settled.reasons, visit);
                shared(&mut settled.outputs, visit);
            }
            Self::UndoStarted { input, call, .. } => {
                shared(input, visit);
                shared(call, visit);
            }
            Self::Resolving(resolution) | Self::Resolved(resolution) => {
                visit(Place::Text(&mut resolution.reason));
                shared(&mut resolution.outputs, visit);
            }
            Self::Previewed { preview, .. } => visit(Place::Shared(&mut preview.file)),
            Self::Resumed { reason, .. } => text(reason, visit),
            Self::Settled(settled) => {
                details(&mut settled.reasons, visit);
                if let Some(outputs) = &mut settled.outputs {
                    visit(Place::Owned(outputs));
                }
            }
            Self::Voided { reasons, .. }
            | Self::Throttled { reasons, .. }
            | Self::ItemStopped { reasons, .. }
            | Self::CallCancelling { reasons, .. }
            | Self::Failing { reasons, .. }
            | Self::Stuck { reasons, .. }
            | Self::Paused { reasons, .. } => details(reasons, visit),
            Self::LockGranted
            | Self::CountersSeen { .. }
            | Self::StepReady { .. }
            | Self::Held { .. }
            | Self::StageOpened { .. }
            | Self::StageExpired { .. }
            | Self::Released { .. }
            | Self::Unthrottled { .. }
            | Self::AttemptStarted(_)
            | Self::StepWaiting { .. }
            | Self::ChildStarted { .. }
            | Self::RollbackStarted
            | Self::Reopened
            | Self::UndoSettled { .. }
            | Self::CleanUpStarted
            | Self::TimedOut
            | Self::ExportApproved { .. }
            | Self::ExportReleased { .. }
            | Self::BudgetNoted { .. } => {}
        }
    }
}

fn prepared(item: &mut Prepared, visit: &mut dyn FnMut(Place<'_>)) {
    visit(Place::Shared(&mut item.input));
    shared(&mut item.call, visit);
    shared(&mut item.value, visit);
}

fn outcome(outcome: &mut Outcome, visit: &mut dyn FnMut(Place<'_>)) {
    match outcome {
        Outcome::Succeeded { output } => visit(Place::Shared(output)),
        Outcome::Refused { detail, .. } | Outcome::Unknown { detail, .. } => text(detail, visit),
    }
}

fn shared(value: &mut Option<Arc<Value>>, visit: &mut dyn FnMut(Place<'_>)) {
    if let Some(value) = value {
        visit(Place::Shared(value));
    }
}

fn text(text: &mut Option<String>, visit: &mut dyn FnMut(Place<'_>)) {
    if let Some(text) = text {
        visit(Place::Text(text));
    }
}

fn details(reasons: &mut [Reason], visit: &mut dyn FnMut(Place<'_>)) {
    reasons.iter_mut().for_each(|reason| text(&mut reason.detail, visit));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use serde_json::json;

    use super::*;
    use crate::reason::Code;
    use crate::run::event::Settled;
    use crate::run::{RollbackState, RunState};

    fn settled(outputs: Value) -> Event {
        Event::Settled(Box::new(Settled {
            state: RunState::Failed,
            rollback: RollbackState::None,
            reasons: vec![Reason::new(Code::ConnectorRefused, "the canary sang"), Code::RunTimeout.reason()],
            outputs: Some(outputs),
            outcome_digest: Digest([1; 32]),
        }))
    }

    #[test]
    fn the_journal_holds_references_and_what_is_kept_puts_the_event_back() {
        let (salt, event) = (Digest([7; 32]), settled(json!({"name": "canary", "n": 1.0})));
        let mut mine = event.clone();
        let (json, payloads) = apart(&mut mine, &salt, &record_salt(&salt));
        assert_eq!(mine, event, "the event is the same afterwards");
        assert!(!json.contains("canary"), "{json}");
        assert_eq!(payloads.len(), 2);
        assert_eq!(references_in(&json).count(), 2);
        let mut read: Event = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json, "what is erased reads and writes the same");
        let mut kept = Kept::default();
        assert!(kept.restore(&mut read.clone()).is_err());
        for payload in payloads {
            assert_eq!(reference(&salt, &payload.text), payload.reference);
            kept.insert(payload.reference, serde_json::from_str(&payload.text).unwrap());
        }
        kept.restore(&mut read).unwrap();
        assert_eq!(read, event);
    }

    #[test]
    fn what_looks_like_a_reference_is_a_payload_like_any_other() {
        let salt = Digest([7; 32]);
        let forged = reference(&salt, "\"other\"");
        let mut event = settled(json!(forged));
        let (json, payloads) = apart(&mut event, &salt, &record_salt(&salt));
        assert!(!json.contains(&forged));
        assert_eq!(payloads.len(), 2);
    }

    #[test]
    fn what_says_nothing_needs_no_payload() {
        for nothing in [json!({}), json!([]), json!("")] {
            let (salt, mut event) = (Digest([7; 32]), settled(nothing));
            let (json, payloads) = apart(&mut event, &salt, &record_salt(&salt));
            assert_eq!(payloads.len(), 1, "{json}");
            let mut kept = Kept::default();
            let detail = payloads.into_iter().next().unwrap();
            kept.insert(detail.reference, serde_json::from_str(&detail.text).unwrap());
            let mut read = serde_json::from_str(&json).unwrap();
            kept.restore(&mut read).unwrap();
            assert_eq!(read, event);
        }
    }

    #[test]
    fn small_values_cannot_be_guessed_without_the_salt_and_records_do_not_give_it_away() {
        let (one, other) = (Digest([1; 32]), Digest([2; 32]));
        assert_ne!(reference(&one, "100"), reference(&other, "100"));
        assert_ne!(record_salt(&one), one);
    }
}
