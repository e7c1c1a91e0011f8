//! Defaults that depend on other fields. What is written although it is implied has the same digest as
//! what is left out; defaults that depend on nothing are left out by the records themselves.

use serde_json::{Map, Value, json};

use super::Kind;

/// Leaves out of a spec's canonical form what its other fields imply. `name` is `metadata.name`.
pub fn leave_out(kind: Kind, name: &str, spec: &mut Value) {
    let Value::Object(spec) = spec else { return };
    match kind {
        Kind::Capability => {
            let implied = if spec.get("effect") == Some(&json!("read")) { "natural" } else { "none" };
            drop_if(spec, "idempotency", &json!(implied));
        }
        Kind::Connector => connector(spec),
        Kind::Runbook => runbook(name, spec),
        Kind::Scenario => each(spec.get_mut("act"), |act| drop_if(act, "assurance", &json!("signed"))),
        // What was signed is the digest: it cannot be in it.
        Kind::Exemption => {
            spec.remove("signatures");
        }
        Kind::Policy
        | Kind::Approval
        | Kind::Budget
        | Kind::Roster
        | Kind::Export
        | Kind::MetaSchema
        | Kind::Notice
        | Kind::Ingress
        | Kind::Retention
        | Kind::Trigger
        | Kind::Workspace => {}
    }
}

fn drop_if(map: &mut Map<String, Value>, field: &str, implied: &Value) {
    if map.get(field) == Some(implied) {
        map.remove(field);
    }
}

/// Every map of a list or of a map.
fn each(values: Option<&mut Value>, mut visit: impl FnMut(&mut Map<String, Value>)) {
    let maps: Vec<&mut Value> = match values {
        Some(Value::Array(items)) => items.iter_mut().collect(),
        Some(Value::Object(entries)) => entries.values_mut().collect(),
        _ => Vec::new(),
    };
    maps.into_iter().filter_map(Value::as_object_mut).for_each(&mut visit);
}

fn connector(spec: &mut Map<String, Value>) {
    let success = match spec.get("type").and_then(Value::as_str) {
        Some("http") => json!([200]),
        Some("exec") => json!([0]),
        _ => Value::Null,
    };
    each(spec.get_mut("operations"), |operation| {
        drop_if(operation, "method", &json!("GET"));
        drop_if(operation, "stdout", &json!("none"));
        drop_if(operation, "success", &success);
    });
}

fn runbook(name: &str, spec: &mut Map<String, Value>) {
    if let Some(roles) = spec.get_mut("roles").and_then(Value::as_object_mut) {
        let run = roles.get("run").cloned().unwrap_or_else(|| json!(["role:operator"]));
        drop_if(roles, "cancel", &run);
        drop_if(roles, "run", &json!(["role:operator"]));
        drop_if(roles, "view", &json!(["role:viewer"]));
    }
    drop_if(spec, "roles", &json!({}));
    if let Some(concurrency) = spec.get_mut("concurrency").and_then(Value::as_object_mut) {
        drop_if(concurrency, "lock", &json!(name));
    }
    each(spec.get_mut("steps"), |step| {
        drop_if(step, "retry", &json!({}));
        if let Some(for_each) = step.get_mut("forEach").and_then(Value::as_object_mut) {
            drop_if(for_each, "as", &json!("item"));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_implied_is_left_out_and_nothing_else() {
        for (kind, mut written, left) in [
            (
                Kind::Capability,
                json!({"effect": "read", "idempotency": "natural"}),
                json!({"effect": "read"}),
            ),
            (Kind::Capability, json!({"effect": "write", "idempotency": "none"}), json!({"effect": "write"})),
            (
                Kind::Capability,
                json!({"effect": "write", "idempotency": "natural"}),
                json!({"effect": "write", "idempotency": "natural"}),
            ),
            (
                Kind::Connector,
                json!({"type": "http", "operations": {"a": {"method": "GET", "success": [200]}, "b": {"success": [0]}}}),
                json!({"type": "http", "operations": {"a": {}, "b": {"success": [0]}}}),
            ),
            (
                Kind::Connector,
                json!({"type": "exec", "operations": {"a": {"stdout": "none", "success": [0]}}}),
                json!({"type": "exec", "operations": {"a": {}}}),
            ),
            (
                Kind::Runbook,
                json!({"roles": {"run": ["role:operator"], "cancel": ["role:operator"], "view": ["role:viewer"]},
                    "concurrency": {"lock": "x"}, "steps": [{"retry": {}, "forEach": {"as": "item"}}, {"retry": {"attempts": 2}}]}),
                json!({"concurrency": {}, "steps": [{"forEach": {}}, {"retry": {"attempts": 2}}]}),
            ),
            (
                Kind::Runbook,
                json!({"roles": {"run": ["role:a"], "cancel": ["role:operator"]}, "concurrency": {"lock": "y"}}),
                json!({"roles": {"run": ["role:a"], "cancel": ["role:operator"]}, "concurrency": {"lock": "y"}}),
            ),
            (
                Kind::Scenario,
                json!({"act": [{"approve": "a", "assurance": "signed"}, {"approve": "a", "assurance": "session"}]}),
                json!({"act": [{"approve": "a"}, {"approve": "a", "assurance": "session"}]}),
            ),
            (
                Kind::Exemption,
                json!({"reason": "x", "signatures": [{"by": "user:a"}]}),
                json!({"reason": "x"}),
            ),
        ] {
            leave_out(kind, "x", &mut written);
            assert_eq!(written, left);
        }
    }
}
