//! The facts that the language itself gives, as they are declared: one place for the table of
//! `language.md` ("Expressions"). Which of them a place has is said by whoever checks that place.

use std::sync::Arc;

use super::types::{Field, Type};
use crate::kind::scalar::{Effect, Mode, Sensitivity};

/// The states of a step, as expressions see them.
pub const STEP_STATES: &[&str] = &[
    "blocked",
    "ready",
    "held",
    "throttled",
    "running",
    "retrying",
    "waiting",
    "succeeded",
    "failed",
    "skipped",
    "denied",
    "rejected",
    "expired",
    "cancelled",
    "unknown",
    "undoing",
    "undone",
];

/// What kinds of actors there are.
pub const ACTOR_TYPES: &[&str] = &["human", "service", "agent", "system"];

const RISKS: &[&str] = &["low", "medium", "high", "critical"];

/// Names, versions and ids are at most so long.
const NAME: u64 = 64;

fn meta(ty: Type) -> Field {
    Field::always(ty, Sensitivity::Meta)
}

const fn name() -> Type {
    Type::Text { domain: None, max_len: Some(NAME) }
}

/// `actor`: who asks.
#[must_use]
pub fn actor() -> Field {
    let only = "only services and agents act on behalf of somebody";
    meta(Type::record([
        ("id", meta(name())),
        ("type", meta(Type::one_of(ACTOR_TYPES.iter().copied()))),
        ("onBehalfOf", Field::optional(name(), Sensitivity::Meta, only)),
    ]))
}

/// `run`: what runs, where and since when.
#[must_use]
pub fn run() -> Field {
    meta(Type::record([
        ("id", meta(name())),
        ("runbook", meta(name())),
        ("version", meta(name())),
        ("mode", meta(Type::one_of(Mode::ALL.iter().map(|mode| mode.as_str())))),
        ("environment", meta(name())),
        ("tenant", meta(name())),
        ("startedAt", meta(Type::Timestamp)),
    ]))
}

/// `now`: the recorded instant, the same on replay.
#[must_use]
pub fn now() -> Field {
    meta(Type::Timestamp)
}

/// `budget`: the counters on which this step would be booked, by name.
#[must_use]
pub fn budget<T: Into<Arc<str>>>(names: impl IntoIterator<Item = T>) -> Field {
    let amount = || Field::always(Type::Int, Sensitivity::Meta);
    let counter = || {
        Type::record([
            ("limit", amount()),
            ("spent", amount()),
            ("reserved", amount()),
            ("remaining", amount()),
        ])
    };
    meta(Type::record(names.into_iter().map(|name| (name.into(), meta(counter())))))
}

/// `capability`: what a policy decides about.
#[must_use]
pub fn capability() -> Field {
    meta(Type::record([
        ("name", meta(name())),
        ("version", meta(name())),
        ("risk", meta(Type::one_of(RISKS.iter().copied()))),
        ("effect", meta(Type::one_of(Effect::ALL.iter().map(|effect| effect.as_str())))),
        ("owner", meta(Type::Text { domain: None, max_len: Some(NAME + 6) })),
        ("tags", meta(Type::Map(Arc::new(Type::Text { domain: None, max_len: Some(256) })))),
    ]))
}

/// `step`, as policies see it: which step, which attempt, forwards or back.
#[must_use]
pub fn step() -> Field {
    meta(Type::record([
        ("id", meta(name())),
        ("attempt", meta(Type::Int)),
        ("phase", meta(Type::one_of(["do", "undo"]))),
    ]))
}

/// One entry of `steps`: an ancestor with its outputs and the forms of its approvals.
#[must_use]
pub fn ancestor(outputs: Type, approval: Type) -> Field {
    meta(Type::record([
        ("state", meta(Type::one_of(STEP_STATES.iter().copied()))),
        ("attempts", meta(Type::Int)),
        ("outputs", Field::always(outputs, Sensitivity::Public)),
        ("approval", Field::always(approval, Sensitivity::Public)),
    ]))
}

/// `call`: what an operation knows of its attempt.
#[must_use]
pub fn call() -> Field {
    meta(Type::record([
        ("idempotencyKey", meta(Type::Text { domain: None, max_len: Some(128) })),
        ("attempt", meta(Type::Int)),
    ]))
}

/// `response` of an http operation. The body is others' data: untyped, of sensitivity `raw`.
#[must_use]
pub fn http_response() -> Field {
    let raw = |ty| Field::always(ty, Sensitivity::Raw);
    raw(Type::record([
        ("status", raw(Type::Int)),
        ("headers", raw(Type::Map(Arc::new(Type::text())))),
        ("json", raw(Type::Any)),
        ("text", raw(Type::text())),
    ]))
}

/// `response` of a program.
#[must_use]
pub fn exec_response() -> Field {
    let raw = |ty| Field::always(ty, Sensitivity::Raw);
    raw(Type::record([("exitCode", raw(Type::Int)), ("json", raw(Type::Any)), ("text", raw(Type::text()))]))
}
