//! `ordain signal`: a message from outside.

use ordain_runtime::api::Request;
use ordain_spec::catalogue::every;
use ordain_spec::kind::field::FieldType;
use serde_json::{Map, Value};

use super::follow;
use crate::context::Context;
use crate::failure::Done;
use crate::inputs::untyped;

/// Sends a signal that a run waits for
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
    /// The signal, by its name in the runbook
    name: String,
    /// A field of the signal, read by its type; may stand several times
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<String>,
}

impl Options {
    /// Asks, drives the run on, shows it.
    pub fn run(self, cx: &Context) -> Done {
        let mut fields = untyped(&self.fields)?;
        fit(cx, &self.name, &mut fields);
        follow::acted(cx, &Request::Signal { run: self.run, name: self.name, fields })
    }
}

/// Fields that a runbook declares as text stay text, whatever they look like.
fn fit(cx: &Context, name: &str, fields: &mut Map<String, Value>) {
    let Ok(loaded) = cx.load() else { return };
    let steps = every(&loaded.catalogue.runbooks).flat_map(|runbook| &runbook.spec.steps);
    for signal in
        steps.filter_map(|step| step.signal.as_ref()).filter(|signal| signal.name.value.as_str() == name)
    {
        for (field, value) in fields.iter_mut() {
            let due = signal.fields.get(field).map(|field| field.type_.value);
            if matches!(due, Some(FieldType::String | FieldType::Timestamp | FieldType::Duration))
                && !value.is_string()
            {
                *value = Value::from(value.to_string());
            }
        }
    }
}
