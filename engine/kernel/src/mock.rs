//! Declared answers: what an operation's `mock` says to a call. No network, no chance; the same call has the same
//! answer, always. Live connectors do not exist where this answers.

use std::sync::Arc;

use ordain_spec::expr::{COST_LIMIT, FactMap, Value};
use ordain_spec::kind::connector::{MockAnswer, MockError};
use serde_json::{Map, Value as Json};

use crate::reason::Code;
use crate::run::{Call, Outcome};

/// The declared answer to a call.
#[must_use]
pub fn answer(call: &Call) -> Outcome {
    let none = |why: String| Outcome::refused(Code::MockNoAnswer, why);
    let name = call.action.call_name();
    let Some(mock) = call.action.declared_operation().and_then(|operation| operation.mock.as_ref()) else {
        return none(format!("`{name}` declares no mock"));
    };
    let facts = facts(call);
    for declared in &mock.0 {
        let applies = match &declared.when {
            None => Ok(true),
            Some(when) => when.is_true(&facts, COST_LIMIT),
        };
        match applies {
            Ok(true) => return said(declared, &facts, &name),
            Ok(false) => {}
            Err(error) => return none(format!("mock of `{name}`: {}", error.message)),
        }
    }
    none(format!("no declared answer of `{name}` fits"))
}

fn said(declared: &MockAnswer, facts: &FactMap, name: &str) -> Outcome {
    if let Some(error) = &declared.error {
        return failing(error.value);
    }
    let mut output = Map::new();
    for (field, arg) in declared.output.iter().flat_map(|output| output.iter()) {
        match arg.render(facts) {
            Ok(value) => {
                output.insert(field.to_string(), value.to_json());
            }
            Err(error) => {
                return Outcome::refused(Code::MockNoAnswer, format!("mock of `{name}`: {}", error.message));
            }
        }
    }
    Outcome::Succeeded { output: Arc::new(Json::Object(output)) }
}

/// How a declared failure looks.
#[must_use]
pub fn failing(error: MockError) -> Outcome {
    let refused = |retryable| Outcome::Refused {
        code: Code::ConnectorRefused,
        detail: Some("a declared answer".to_owned()),
        retryable,
        retry_after_ms: None,
    };
    match error {
        MockError::Retryable => refused(true),
        MockError::Permanent => refused(false),
        MockError::Timeout => Outcome::unknown(Code::ConnectorTimeout, "a declared answer"),
    }
}

/// `input` and `call`.
fn facts(call: &Call) -> FactMap {
    let mut facts = FactMap::default();
    facts.facts.insert("input".into(), Value::from_json(&call.arguments).unwrap_or(Value::Null));
    let known = [
        ("idempotencyKey", Value::Text(Arc::clone(&call.idempotency_key))),
        ("attempt", Value::Int(i64::from(call.id.attempt))),
    ];
    facts.facts.insert("call".into(), Value::map(known));
    facts
}
