//! JSON Schema (2020-12) of each kind, from the same declarations that the reader follows. For editors
//! and documentation; must never be what decides whether a spec is accepted.

pub use schemars::Schema;
use serde_json::{Map, Value, json};

use crate::check::API_VERSION;
use crate::decode::{FieldShape, RecordShape, Shape, WordShape};
use crate::kind::Kind;

/// The schema of documents of a kind.
#[must_use]
pub fn of(kind: Kind) -> Schema {
    let shape = kind.shape();
    let mut definitions = Map::new();
    let mut properties = Map::new();
    let mut required = vec!["apiVersion", "kind"];
    properties.insert(
        "apiVersion".into(),
        json!({ "const": API_VERSION, "description": "The version of the language." }),
    );
    properties.insert("kind".into(), json!({ "const": kind.as_str() }));
    if let Some(metadata) = shape.metadata {
        properties.insert("metadata".into(), reference(metadata, &mut definitions));
        required.push("metadata");
    }
    properties.insert("spec".into(), reference(shape.spec, &mut definitions));
    required.push("spec");
    let mut schema = Schema::default();
    for (key, value) in [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!(kind.as_str())),
        ("description", json!(shape.spec.doc)),
        ("type", json!("object")),
        ("required", json!(required)),
        ("additionalProperties", json!(false)),
        ("properties", Value::Object(properties)),
        ("$defs", Value::Object(definitions)),
    ] {
        schema.insert(key.into(), value);
    }
    schema
}

/// The schema of whatever a catalogue holds: by its `kind` each document is held against the schema of that
/// kind, which lies beside this one as `KIND.json`.
#[must_use]
pub fn any() -> Schema {
    let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Workspace).collect();
    let named: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "const": kind.as_str(), "description": kind.shape().spec.doc.trim() }))
        .collect();
    let each = |kind: &Kind| {
        json!({
            "if": { "properties": { "kind": { "const": kind.as_str() } }, "required": ["kind"] },
            "then": { "$ref": file(*kind) },
        })
    };
    let mut schema = Schema::default();
    for (key, value) in [
        ("$schema", json!("https://json-schema.org/draft/2020-12/schema")),
        ("title", json!("Spec")),
        ("description", json!("A spec of a catalogue, of any kind.")),
        ("type", json!("object")),
        ("required", json!(["apiVersion", "kind", "metadata", "spec"])),
        (
            "properties",
            json!({
                "apiVersion": { "const": API_VERSION, "description": "The version of the language." },
                "kind": { "description": "What is declared.", "oneOf": named },
            }),
        ),
        ("allOf", json!(kinds.iter().map(each).collect::<Vec<_>>())),
    ] {
        schema.insert(key.into(), value);
    }
    schema
}

/// The name of the file of [`any`].
pub const ANY: &str = "spec.json";

/// The name of the file of a kind.
#[must_use]
pub fn file(kind: Kind) -> String {
    format!("{}.json", kind.as_str())
}

/// Every schema by the name of its file.
#[must_use]
pub fn files() -> Vec<(String, Schema)> {
    let kinds = Kind::ALL.iter().map(|kind| (file(*kind), of(*kind)));
    kinds.chain([(ANY.to_owned(), any())]).collect()
}

/// A reference to a record's definition, which is made at the first one.
fn reference(record: &'static RecordShape, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(record.name) {
        // Stands in while the fields are described: a record may hold itself.
        definitions.insert(record.name.into(), Value::Bool(true));
        let described = described(record, definitions);
        definitions.insert(record.name.into(), described);
    }
    let named = json!({ "$ref": format!("#/$defs/{}", record.name) });
    match record.short {
        Some(short) => {
            json!({ "anyOf": [{ "type": "string", "description": format!("Short for `{short}`.") }, named] })
        }
        None => named,
    }
}

fn described(record: &'static RecordShape, definitions: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for field in &record.fields {
        properties.insert(field.name.clone(), property(field, definitions));
    }
    let required: Vec<&str> =
        record.fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
    json!({
        "type": "object",
        "description": record.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &FieldShape, definitions: &mut Map<String, Value>) -> Value {
    let shape = (field.shape)();
    let mut value = value(&shape, definitions);
    if let Value::Object(map) = &mut value {
        map.insert("description".into(), json!(field.doc));
        if let Some(default) = &field.default
            && is_written(&shape, default)
        {
            map.insert("default".into(), default.clone());
        }
    }
    value
}

/// True for a default whose canonical form is also how it is written: measures are digested as integers
/// and written with a unit.
fn is_written(shape: &Shape, default: &Value) -> bool {
    match shape {
        Shape::Text { .. } => default.is_string(),
        Shape::Record(_) => default.as_object().is_some_and(Map::is_empty),
        _ => true,
    }
}

fn value(shape: &Shape, definitions: &mut Map<String, Value>) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Text { pattern: Some(pattern), .. } => json!({ "type": "string", "pattern": pattern }),
        Shape::Text { pattern: None, .. } => json!({ "type": "string" }),
        Shape::Words(words) => word(words),
        Shape::List(item) => json!({ "type": "array", "items": value(&item(), definitions) }),
        Shape::Map(inner) => {
            json!({ "type": "object", "additionalProperties": value(&inner(), definitions) })
        }
        Shape::Record(record) => reference(record(), definitions),
        Shape::OneOf(shapes) => {
            let alternatives: Vec<Value> = shapes.iter().map(|shape| value(shape, definitions)).collect();
            json!({ "anyOf": alternatives })
        }
        // Anything but null, which is refused everywhere.
        Shape::Data => json!({ "type": ["string", "integer", "number", "boolean", "array", "object"] }),
    }
}

fn word(words: &[WordShape]) -> Value {
    let one = |word: &WordShape| json!({ "const": word.word, "description": word.doc.trim() });
    json!({ "type": "string", "oneOf": words.iter().map(one).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    #[test]
    fn each_kind_has_a_closed_schema_with_its_fields() {
        for kind in Kind::ALL {
            let schema = of(*kind);
            assert_eq!(schema.pointer("/properties/kind/const"), Some(&json!(kind.as_str())));
            let definitions = schema.get("$defs").and_then(Value::as_object).unwrap();
            for (name, definition) in definitions {
                assert_eq!(definition.get("additionalProperties"), Some(&json!(false)), "{name}");
                let fields = definition.get("properties").and_then(Value::as_object).unwrap();
                let described = |(_, field): (&String, &Value)| field.get("description").is_some();
                assert!(fields.iter().all(described), "{name}");
            }
        }
    }

    #[test]
    fn words_defaults_and_recursion_are_there() {
        let schema = of(Kind::Capability);
        assert_eq!(
            schema.pointer("/$defs/CapabilityMetadata/properties/failureMode/oneOf/2/const"),
            Some(&json!("halt"))
        );
        assert_eq!(schema.pointer("/$defs/Field/properties/sensitivity/default"), Some(&json!("internal")));
        assert_eq!(schema.pointer("/$defs/Field/properties/items/$ref"), Some(&json!("#/$defs/Field")));
        assert_eq!(
            schema.pointer("/$defs/CapabilitySpec/required"),
            Some(&json!(["effect", "uses", "operation"]))
        );
        let runbook = of(Kind::Runbook);
        assert_eq!(
            runbook.pointer("/$defs/Step/properties/needs/items/anyOf/1/$ref"),
            Some(&json!("#/$defs/Need"))
        );
        assert_eq!(runbook.pointer("/$defs/Retry/properties/initial/default"), None);
    }
}
