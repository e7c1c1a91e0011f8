//! `ordain schema`: JSON Schema of the kinds, for editors.

use ordain_spec::kind::Kind;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};

/// Prints the JSON Schema (2020-12) of a kind, or of all kinds by name
#[derive(Debug, clap::Args)]
pub struct Options {
    /// `Capability`, `runbook`, …
    kind: Option<String>,
}

impl Options {
    /// Always a JSON document.
    pub fn run(self, cx: &Context) -> Done {
        match &self.kind {
            Some(word) => cx.document(&schema(kind(word)?)),
            None => {
                let all: Map<String, Value> =
                    Kind::ALL.iter().map(|kind| (kind.as_str().to_owned(), schema(*kind))).collect();
                cx.document(&Value::Object(all));
            }
        }
        Ok(Exit::Done)
    }
}

fn schema(kind: Kind) -> Value {
    json!(ordain_spec::schema::of(kind))
}

/// A kind as people write it: any case, singular or plural.
pub fn kind(word: &str) -> Result<Kind, Failure> {
    let low = word.to_ascii_lowercase();
    let names = |kind: &Kind| {
        let name = kind.as_str().to_ascii_lowercase();
        let plural = match name.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{name}s"),
        };
        low == name || low == plural
    };
    Kind::ALL.iter().copied().find(names).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        Failure::not_found("kind", word).hint(format!("the kinds are {}", known.join(", ")))
    })
}
