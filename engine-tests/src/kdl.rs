//! Specs written in YAML, said in KDL: the same tree by the rules of the language page. For tests that must hold
//! in both notations; it keeps no comments and no layout, and is no part of the product.

use std::fmt::Write as _;

use serde::Deserialize as _;
use serde_json::{Map, Value};

/// Lists whose items may be nodes of their own: plural, singular, the field that is the node's argument. Written
/// down here once more, from the page: what is compared with the reader must not be the reader's own.
const ITEMS: [(&str, &str, &str); 9] = [
    ("steps", "step", "id"),
    ("needs", "need", "step"),
    ("guards", "guard", "id"),
    ("ensures", "ensure", "id"),
    ("rules", "rule", "id"),
    ("stages", "stage", "id"),
    ("costs", "cost", "unit"),
    ("quotas", "quota", "per"),
    ("triggers", "trigger", "id"),
];
/// Maps whose keys their author chose.
const NAMED: [&str; 19] = [
    "inputs",
    "input",
    "output",
    "form",
    "fields",
    "tags",
    "constants",
    "outputs",
    "operations",
    "headers",
    "query",
    "env",
    "people",
    "groups",
    "roles",
    "settings",
    "connections",
    "programs",
    "budgets",
];
/// Data without a schema.
const DATA: [&str; 5] = ["with", "show", "json", "default", "constants"];

/// How the keys of a map are written, and whether there is a schema below.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    /// Fields: kebab-case.
    Fields,
    /// Chosen names over fields.
    Names,
    /// Data: as they stand, lists and empty maps with their annotation.
    Data,
}

/// The documents of a YAML text as one KDL text; `None` where the text is no list of specs.
#[must_use]
pub fn of_yaml(text: &str) -> Option<String> {
    let mut kdl = "ordain \"v1\"\n".to_owned();
    for document in serde_yaml::Deserializer::from_str(text) {
        let document = Value::deserialize(document).ok()?;
        spec(document.as_object()?, &mut kdl)?;
    }
    Some(kdl)
}

fn spec(document: &Map<String, Value>, kdl: &mut String) -> Option<()> {
    let kind = document.get("kind")?.as_str()?;
    let metadata = document.get("metadata")?.as_object()?;
    let first = kind.get(..1)?.to_lowercase();
    let _ =
        writeln!(kdl, "{} {} {{", kebab(&(first + kind.get(1..)?)), quoted(metadata.get("name")?.as_str()?));
    let rest: Map<String, Value> = metadata
        .iter()
        .filter(|(key, _)| *key != "name")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut writer = Writer { kdl, is_scenario: kind == "Scenario", path: Vec::new() };
    writer.node("metadata", &Value::Object(rest), Keys::Fields);
    for (key, value) in document.get("spec")?.as_object()? {
        writer.node(key, value, Keys::Fields);
    }
    kdl.push_str("}\n");
    Some(())
}

struct Writer<'k> {
    kdl: &'k mut String,
    is_scenario: bool,
    path: Vec<String>,
}

impl Writer<'_> {
    /// How the keys below a field are written.
    fn below(&self, key: &str, keys: Keys) -> Keys {
        let parent = self.path.last().map(String::as_str);
        let declared_answer =
            key == "output" && (parent == Some("mock") || self.path.iter().any(|up| up == "given"));
        let expected = parent == Some("expect") && ["steps", "calls", "spent"].contains(&key);
        let given = parent == Some("given") && ["operations", "budgets"].contains(&key);
        match keys {
            Keys::Data => Keys::Data,
            Keys::Names => {
                if key == "default" {
                    Keys::Data
                } else {
                    Keys::Fields
                }
            }
            Keys::Fields if DATA.contains(&key) || declared_answer => Keys::Data,
            Keys::Fields if self.is_scenario && ["inputs", "outputs", "fields", "form"].contains(&key) => {
                Keys::Data
            }
            Keys::Fields if NAMED.contains(&key) || expected || given => Keys::Names,
            Keys::Fields => Keys::Fields,
        }
    }

    fn node(&mut self, key: &str, value: &Value, keys: Keys) {
        let name = if keys == Keys::Fields { kebab(key) } else { quoted(key) };
        let below = self.below(key, keys);
        match value {
            Value::Object(map) if map.is_empty() => {
                let annotation = if below == Keys::Data { "(map)" } else { "" };
                let _ = writeln!(self.kdl, "{annotation}{name}");
            }
            Value::Object(map) => {
                let _ = writeln!(self.kdl, "{name} {{");
                self.inside(key, map, below);
                self.kdl.push_str("}\n");
            }
            Value::Array(items) if below == Keys::Data => {
                let _ = writeln!(self.kdl, "(list){name} {{");
                items.iter().for_each(|item| self.item(item, Keys::Data));
                self.kdl.push_str("}\n");
            }
            Value::Array(items) => self.list(key, &name, items),
            value => {
                let _ = writeln!(self.kdl, "{name} {}", scalar(value));
            }
        }
    }

    fn inside(&mut self, key: &str, map: &Map<String, Value>, keys: Keys) {
        self.path.push(key.to_owned());
        map.iter().for_each(|(key, value)| self.node(key, value, keys));
        self.path.pop();
    }

    fn list(&mut self, key: &str, name: &str, items: &[Value]) {
        let known = ITEMS.iter().find(|(plural, ..)| *plural == key);
        match known {
            Some((_, singular, argument)) if !items.is_empty() => {
                items.iter().for_each(|item| self.named_item(key, singular, argument, item));
            }
            _ if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
                let items: Vec<String> = items.iter().map(scalar).collect();
                let _ = writeln!(self.kdl, "{name} {}", items.join(" "));
            }
            _ => {
                let _ = writeln!(self.kdl, "{name} {{");
                items.iter().for_each(|item| self.item(item, Keys::Fields));
                self.kdl.push_str("}\n");
            }
        }
    }

    fn named_item(&mut self, list: &str, singular: &str, argument: &str, item: &Value) {
        let Value::Object(map) = item else {
            let _ = writeln!(self.kdl, "{singular} {}", scalar(item));
            return;
        };
        let mut map = map.clone();
        let id = map.remove(argument).map(|id| scalar(&id)).unwrap_or_default();
        let _ = writeln!(self.kdl, "{singular} {id} {{");
        self.inside(list, &map, Keys::Fields);
        self.kdl.push_str("}\n");
    }

    fn item(&mut self, item: &Value, keys: Keys) {
        match item {
            Value::Object(map) => {
                self.kdl.push_str("- {\n");
                self.inside("-", map, keys);
                self.kdl.push_str("}\n");
            }
            Value::Array(items) => {
                self.kdl.push_str("(list)- {\n");
                items.iter().for_each(|item| self.item(item, keys));
                self.kdl.push_str("}\n");
            }
            value => {
                let _ = writeln!(self.kdl, "- {}", scalar(value));
            }
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => "#null".to_owned(),
        Value::Bool(value) => format!("#{value}"),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// `carryOver` as `carry-over`.
fn kebab(key: &str) -> String {
    let mut kebab = String::new();
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}
