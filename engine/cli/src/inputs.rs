//! `--input k=v` and `--inputs FILE`: values read by the type of their field.

use std::path::PathBuf;

use ordain_spec::diagnostic::nearest;
use ordain_spec::kind::field::{Field, FieldMap, FieldType};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Inputs on the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Inputs {
    /// An input, read by its field's type, arrays and objects as JSON; may stand several times
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub input: Vec<String>,
    /// A YAML or JSON file with inputs by name; `--input` wins over it
    #[arg(long, value_name = "FILE")]
    pub inputs: Option<PathBuf>,
}

impl Inputs {
    /// The values, by name.
    pub fn read(&self, fields: &FieldMap) -> Result<Map<String, Value>, Failure> {
        let mut values = match &self.inputs {
            Some(path) => file(path)?,
            None => Map::new(),
        };
        values.extend(typed(&self.input, fields, "input")?);
        Ok(values)
    }
}

/// An object out of a YAML or JSON file.
pub fn file(path: &std::path::Path) -> Result<Map<String, Value>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new("input_invalid", format!("`{shown}` cannot be read: {error}")))?;
    let unread = |error: &dyn std::fmt::Display| {
        Failure::new("input_invalid", format!("`{shown}` is neither YAML nor JSON: {error}"))
    };
    // By way of YAML's own values, which refuse a key that stands twice.
    let value: serde_yaml::Value = serde_yaml::from_str(&text).map_err(|error| unread(&error))?;
    let value = serde_json::to_value(value).map_err(|error| unread(&error))?;
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(Failure::new("input_invalid", format!("`{shown}` holds no map of values by name"))),
    }
}

/// `k=v` pairs, each read by the type of its field.
pub fn typed(pairs: &[String], fields: &FieldMap, what: &str) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{pair}` is not of the form NAME=VALUE")))?;
        let field = fields.get(name).ok_or_else(|| unknown(name, fields, what))?;
        if values.insert(name.to_owned(), value(name, text, field)?).is_some() {
            return Err(Failure::usage(format!("{what} `{name}` is given twice")));
        }
    }
    Ok(values)
}

fn unknown(name: &str, fields: &FieldMap, what: &str) -> Failure {
    let failure = Failure::new("input_invalid", format!("there is no {what} `{name}`"));
    let known: Vec<&str> = fields.keys().map(|name| &**name).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => failure.hint(format!("it takes no {what}")),
        None => failure.hint(format!("there are: {}", known.join(", "))),
    }
}

/// One value by the type of its field.
pub fn value(name: &str, text: &str, field: &Field) -> Result<Value, Failure> {
    let due = field.type_.value;
    let misfit = || Failure::new("input_invalid", format!("`{name}` must be of type {due}: `{text}` is not"));
    match due {
        FieldType::String | FieldType::Timestamp | FieldType::Duration => Ok(text.into()),
        FieldType::Integer => serde_json::from_str::<i64>(text).map(Value::from).map_err(|_| misfit()),
        FieldType::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| misfit()),
        FieldType::Number => {
            serde_json::from_str::<serde_json::Number>(text).map(Value::from).map_err(|_| misfit())
        }
        FieldType::Array | FieldType::Object => {
            let value: Value = serde_json::from_str(text)
                .map_err(|_| misfit().hint("arrays and objects are written as JSON"))?;
            if value.is_array() == (due == FieldType::Array) && (value.is_array() || value.is_object()) {
                Ok(value)
            } else {
                Err(misfit())
            }
        }
    }
}

/// `k=v` pairs of what has no schema at hand: JSON where it is JSON of its own kind, else text.
pub fn untyped(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut values = Map::new();
    for pair in pairs {
        let (name, text) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{pair}` is not of the form NAME=VALUE")))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        if values.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("`{name}` is given twice")));
        }
    }
    Ok(values)
}
