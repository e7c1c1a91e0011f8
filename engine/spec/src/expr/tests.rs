//! Tests of expressions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests may fail"
)]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "tests measure how long hostile texts take"
)]

use std::sync::Arc;

use super::*;
use crate::kind::scalar::Sensitivity;
use crate::source::FileId;
use crate::tree::Way;

mod arguments;
mod checking;
mod culprits;
mod evaluation;
mod hostile;
mod pages;
mod places;
mod properties;

/// A string that stands at the beginning of a file, without escapes.
fn text(source: &str) -> (Text, Span) {
    let span = Span::new(FileId(0), 0, u32::try_from(source.len()).unwrap());
    (Text { value: source.into(), way: Way::Straight(0) }, span)
}

fn parse(source: &str) -> Result<Expr, Vec<Diagnostic>> {
    let (text, span) = text(source);
    Expr::parse(&text, span)
}

fn json(value: serde_json::Value) -> Value {
    Value::from_json(&value).unwrap()
}

/// The facts that most tests read.
fn facts() -> FactMap {
    let input = json(serde_json::json!({
        "amount": 50, "currency": "EUR", "rate": 1.5, "live": true,
        "list": [{"name": "a", "size": 3}, {"name": "b"}], "tags": ["x", "y"], "numbers": [1, 2, 3],
    }));
    let now: jiff::Timestamp = "2026-11-21T10:30:00Z".parse().unwrap();
    FactMap {
        facts: [
            ("input".into(), input),
            ("now".into(), Value::Timestamp(now)),
            ("actor".into(), json(serde_json::json!({"id": "alice", "type": "human"}))),
            ("budget".into(), json(serde_json::json!({"refunds": {"remaining": 100}}))),
        ]
        .into(),
        principals: ["role:sre".into()].into(),
    }
}

/// What those facts are declared as.
fn scope() -> Scope {
    let public = |ty| Field::always(ty, Sensitivity::Public);
    let item = Type::record([
        ("name", public(Type::Text { domain: None, max_len: Some(40) })),
        ("size", Field::optional(Type::Int, Sensitivity::Public, "it is declared `optional`")),
    ]);
    let input = Type::record([
        ("amount", public(Type::Int)),
        ("currency", public(Type::one_of(["EUR", "USD"]))),
        ("rate", public(Type::Double)),
        ("live", public(Type::Bool)),
        ("list", public(Type::list(item, Some(10)))),
        ("tags", public(Type::list(Type::Text { domain: None, max_len: Some(32) }, Some(10)))),
        ("numbers", public(Type::list(Type::Int, Some(1000)))),
        ("endless", public(Type::list(Type::Int, None))),
        (
            "note",
            Field::optional(
                Type::Text { domain: None, max_len: Some(200) },
                Sensitivity::Personal,
                "it is declared `optional`",
            ),
        ),
        ("blob", Field::always(Type::text(), Sensitivity::Raw)),
        (
            "both",
            Field {
                presence: Presence::Mixed("an integer in `a`, a string in `b`".into()),
                ..Field::always(Type::Any, Sensitivity::Public)
            },
        ),
    ]);
    let actor = Type::record([
        ("id", public(Type::text())),
        ("type", public(Type::one_of(["human", "agent", "service", "system"]))),
    ]);
    let budget = Type::record([("refunds", public(Type::record([("remaining", public(Type::Int))])))]);
    Scope::new([
        ("input", public(Type::clone(&input))),
        ("now", public(Type::Timestamp)),
        ("actor", public(actor)),
        ("budget", public(budget)),
    ])
}
