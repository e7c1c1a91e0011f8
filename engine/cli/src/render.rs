//! Documents as text for people. Everything from specs, inputs and outputs is made visible on the way.

pub mod approval;
pub mod card;
pub mod csv;
pub mod export;
pub mod live;
pub mod report;
pub mod resolve;
pub mod run;
pub mod table;
pub mod working;

use ordain_plan::render::{Ink, Line, Look};
use serde_json::Value;

/// A string of a document, empty where there is none.
pub fn text<'d>(document: &'d Value, field: &str) -> &'d str {
    document.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A list of a document, empty where there is none.
pub fn list<'d>(document: &'d Value, field: &str) -> &'d [Value] {
    document.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// `policy_denied agent_limit (policy payments, rule no-agents) at step refund: …`
pub fn reason(reason: &Value) -> String {
    let mut out = text(reason, "code").to_owned();
    let own = text(reason, "reason");
    if !own.is_empty() {
        out = format!("{own} ({out})");
    }
    if let Some(source) = reason.get("source") {
        let rule = text(source, "rule");
        let part = if rule.is_empty() { String::new() } else { format!(", {rule}") };
        out.push_str(&format!(" by {} {}{part}", text(source, "kind").to_lowercase(), text(source, "name")));
    }
    let step = text(reason, "step");
    if !step.is_empty() {
        out.push_str(&format!(" at step {step}"));
    }
    let detail = text(reason, "detail");
    if !detail.is_empty() {
        out.push_str(&format!(": {detail}"));
    }
    out
}

/// A value for people: text as it is, everything else as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `{ok, created, detail}`: what was done, and what is there now.
pub fn done(document: &Value, look: Look) -> String {
    let mut out = String::new();
    Line::default().with(Ink::Good, "✓ ").with(Ink::Plain, text(document, "detail")).write(look, &mut out);
    for path in list(document, "created") {
        Line::default().with(Ink::Dim, "  ").with(Ink::Name, &value(path)).write(look, &mut out);
    }
    out
}
