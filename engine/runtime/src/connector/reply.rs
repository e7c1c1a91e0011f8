//! From bytes of the other side to a raw reply, and from a raw reply to an outcome.
//!
//! Bytes are data: nothing here panics, guesses or repairs. The table in [`judge`] is `language.md`, "Outcome of an
//! attempt", and stands nowhere else.

use std::collections::BTreeMap;
use std::fmt;

use ordain_spec::kind::connector::Operation;
use ordain_spec::kind::scalar;
use ordain_spec::shown::beginning;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::ports::{Effect, Fault, FaultKind, Outcome, RawReply, Repeat, Terms, code};
use crate::secrets::Masker;

/// The longest wait that the other side can ask for; the step's `retry.max` cuts it further.
pub const LONGEST_RETRY_AFTER_MS: u64 = 24 * 60 * 60 * 1000;

/// What is known of an answer while it is read.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) sent: bool,
    pub(super) bodiless: bool,
    pub(super) status: Option<u16>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    pub(super) json: Option<Value>,
    pub(super) no_json: Option<String>,
    pub(super) retry_after_ms: Option<u64>,
}

impl Answer {
    /// From here on something may have reached the other side.
    pub(super) fn sent() -> Self {
        Self { sent: true, ..Self::default() }
    }

    pub(super) fn into_reply(self, ended: Option<(FaultKind, String)>) -> RawReply {
        let complete = ended.is_none();
        RawReply {
            sent: self.sent,
            status: self.status,
            headers: self.headers,
            text: if complete { String::from_utf8(self.body).ok() } else { None },
            json: if complete { self.json } else { None },
            no_json: if complete { self.no_json } else { None },
            retry_after_ms: self.retry_after_ms,
            fault: ended.map(|(kind, detail)| Fault { kind, detail }),
            ..RawReply::default()
        }
    }
}

impl RawReply {
    /// Without any secret's value, in whatever encoding.
    #[must_use]
    pub fn masked(mut self, masker: &Masker) -> Self {
        self.headers = masker.headers(self.headers);
        self.text = self.text.map(|text| masker.text(&text));
        self.json = self.json.map(|json| masker.value(json));
        self.no_json = self.no_json.map(|why| masker.text(&why));
        self.said = masker.text(&self.said);
        self.warnings = self.warnings.iter().map(|warning| masker.text(warning)).collect();
        self.fault = self.fault.map(|fault| Fault { detail: masker.text(&fault.detail), ..fault });
        self
    }
}

/// What a reply means before its output is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// A complete answer that says success: its output is to be read.
    Answered,
    /// Over, with this outcome.
    Over(Outcome),
}

/// How the reply of an operation is judged where no capability says more: a read may be repeated.
#[must_use]
pub fn terms_of(operation: &Operation, usual: i64) -> Terms {
    let read = operation.effect.value == scalar::Effect::Read;
    Terms {
        effect: if read { Effect::Read } else { Effect::Write },
        repeat: if read { Repeat::Safe } else { Repeat::Never },
        success: match &operation.success {
            Some(codes) => codes.iter().map(|code| code.value).collect(),
            None => vec![usual],
        },
        retryable: operation.retryable.iter().map(|code| code.value).collect(),
    }
}

/// Did the other side answer as the operation declares success? What the answer says is not read.
///
/// # Errors
/// What came of it otherwise.
pub fn answered(reply: &RawReply, terms: &Terms) -> Result<(), Outcome> {
    match judge(reply, terms) {
        Judgement::Answered => Ok(()),
        Judgement::Over(outcome) => Err(outcome),
    }
}

/// What a reply means under the terms of its capability and operation.
#[must_use]
pub fn judge(reply: &RawReply, terms: &Terms) -> Judgement {
    if !reply.sent {
        return Judgement::Over(unsent(reply));
    }
    let answer = reply.status.map(i64::from).or(reply.exit_code.map(i64::from));
    let listed = |codes: &[i64]| answer.is_some_and(|answer| codes.contains(&answer));
    let plain_no = reply.status.is_some_and(|status| (400..500).contains(&status));
    if plain_no && !listed(&terms.success) {
        return Judgement::Over(no(reply, listed(&terms.retryable)));
    }
    if let Some(fault) = &reply.fault {
        let (code, detail) = (fault_code(fault.kind), fault.detail.clone());
        return Judgement::Over(uncertain(terms, code, with_status(reply, &detail)));
    }
    if listed(&terms.success) {
        return Judgement::Answered;
    }
    let repeatable = terms.effect == Effect::Read || terms.repeat == Repeat::Safe;
    if listed(&terms.retryable) && repeatable {
        return Judgement::Over(no(reply, true));
    }
    // A program that ended by itself has answered; what may not be repeated stays uncertain all the same.
    if reply.exit_code.is_some() && repeatable {
        return Judgement::Over(no(reply, false));
    }
    Judgement::Over(uncertain(terms, code::OUTCOME_UNKNOWN, said(reply)))
}

/// The outcome of a reply. `output` reads the operation's output and fits it to the capability's schema; it is asked
/// only where the answer says success, and its error becomes `output_invalid`.
pub fn settle<F>(reply: &RawReply, terms: &Terms, output: F) -> Outcome
where
    F: FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, String>,
{
    match judge(reply, terms) {
        Judgement::Over(outcome) => outcome,
        Judgement::Answered => match output(&reply.facts()) {
            Ok(output) => Outcome::Succeeded { output, warnings: reply.warnings.clone() },
            Err(detail) => uncertain(terms, code::OUTPUT_INVALID, beginning(&detail, 500)),
        },
    }
}

/// Nothing left this machine, so it is a no.
fn unsent(reply: &RawReply) -> Outcome {
    let (kind, detail) = match &reply.fault {
        Some(fault) => (fault.kind, fault.detail.clone()),
        None => (FaultKind::System, "no call was made".to_owned()),
    };
    let retryable = matches!(kind, FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Breaker);
    let code = match kind {
        FaultKind::Cancelled => code::CANCELLED,
        other => unsent_code(other),
    };
    Outcome::Refused { code: code.into(), detail, retryable, retry_after_ms: reply.retry_after_ms }
}

fn unsent_code(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Argument => code::ARGUMENT_REFUSED,
        FaultKind::Missing => code::CONNECTION_MISSING,
        FaultKind::Timeout => code::CONNECTOR_TIMEOUT,
        FaultKind::Mode => code::MODE_NOT_ALLOWED,
        FaultKind::Breaker => code::BREAKER_OPEN,
        FaultKind::System => code::SYSTEM_FAULT,
        _ => code::CONNECTOR_REFUSED,
    }
}

fn fault_code(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Timeout => code::CONNECTOR_TIMEOUT,
        FaultKind::TooLarge => code::OUTPUT_INVALID,
        _ => code::OUTCOME_UNKNOWN,
    }
}

fn no(reply: &RawReply, retryable: bool) -> Outcome {
    Outcome::Refused {
        code: code::CONNECTOR_REFUSED.into(),
        detail: said(reply),
        retryable,
        retry_after_ms: if retryable { reply.retry_after_ms } else { None },
    }
}

/// No complete valid answer: of a read a refusal that may be repeated, of anything else unknown.
fn uncertain(terms: &Terms, code: &str, detail: String) -> Outcome {
    if terms.effect == Effect::Read {
        let code = if code == code::OUTCOME_UNKNOWN { code::CONNECTOR_REFUSED } else { code };
        return Outcome::Refused { code: code.into(), detail, retryable: true, retry_after_ms: None };
    }
    Outcome::Unknown { code: code.into(), detail }
}

fn with_status(reply: &RawReply, detail: &str) -> String {
    match reply.status {
        Some(status) => format!("status {status}, {detail}"),
        None => detail.to_owned(),
    }
}

fn said(reply: &RawReply) -> String {
    let mut text = match (reply.status, reply.exit_code) {
        (Some(status), _) => format!("the answer was status {status}"),
        (None, Some(code)) => format!("the program ended with {code}"),
        (None, None) => "there was no answer".to_owned(),
    };
    if !reply.said.is_empty() {
        text.push_str(": ");
        text.push_str(&beginning(&reply.said, 500));
    }
    text
}

/// Seconds or an HTTP date, cut to [`LONGEST_RETRY_AFTER_MS`]; what is neither says nothing.
pub(super) fn retry_after(value: &str) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse::<u64>().unwrap_or(u64::MAX);
        return Some(seconds.saturating_mul(1000).min(LONGEST_RETRY_AFTER_MS));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value).ok()?;
    let wait = at.as_millisecond().saturating_sub(jiff::Timestamp::now().as_millisecond());
    Some(u64::try_from(wait).unwrap_or(0).min(LONGEST_RETRY_AFTER_MS))
}

/// Reads JSON strictly: UTF-8, one value, no repeated field, integers within ±(2^53−1), depth within serde's 128.
///
/// # Errors
/// What is wrong, without the text itself.
pub fn decode_json(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = reader.deserialize_any(Strict).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

const LARGEST: i64 = (1 << 53) - 1;

struct Strict;

impl<'de> serde::de::DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if (-LARGEST..=LARGEST).contains(&value) {
            Ok(value.into())
        } else {
            Err(E::custom("an integer beyond 2^53-1"))
        }
    }
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        let value = i64::try_from(value).map_err(|_| E::custom("an integer beyond 2^53-1"))?;
        self.visit_i64(value)
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(Strict)?;
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a repeated field"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
