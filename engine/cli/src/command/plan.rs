//! `ordain plan`: what a run would do, before anything runs.

use ordain_kernel::value::validate;
use ordain_plan::{Plan, compile, render};
use ordain_spec::kind::field::FieldMap;
use serde_json::{Map, Value, json};

use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};
use crate::inputs::Inputs;
use crate::render::resolve;

/// Shows what a runbook would do: steps, gates, worst-case cost and approvals; runs nothing
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The runbook: `name` or `name@requirement`
    runbook: String,
    #[command(flatten)]
    inputs: Inputs,
    /// How the plan is written; `--json` is `--format json`
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lanes and gates, for a terminal
    Text,
    /// One JSON document
    Json,
    /// For Graphviz
    Dot,
    /// A flowchart for Mermaid
    Mermaid,
    /// A picture for a browser
    Svg,
}

impl Options {
    /// Compiles and shows.
    pub fn run(self, cx: &Context) -> Done {
        let loaded = cx.load()?;
        let runbook = resolve::runbook(&loaded.catalogue, &self.runbook)?;
        let inputs = self.inputs.read(&runbook.spec.inputs)?;
        let given = self.inputs.inputs.is_some() || !self.inputs.input.is_empty();
        let inputs = if given { Some(checked(&runbook.spec.inputs, inputs)?) } else { None };
        let plan = compile(runbook, &loaded.catalogue, &loaded.grants)
            .map_err(|error| Failure::new("system_fault", error.to_string()))?;
        if cx.json || self.format == Format::Json {
            cx.document(&document(&plan, inputs));
            return Ok(Exit::Done);
        }
        print(&match self.format {
            Format::Text | Format::Json => render::text(&plan, cx.look()),
            Format::Dot => render::dot(&plan),
            Format::Mermaid => render::mermaid(&plan),
            Format::Svg => render::svg(&plan),
        });
        Ok(Exit::Done)
    }
}

/// Inputs as a run would start with them: defaults filled in, everything fitting.
fn checked(fields: &FieldMap, inputs: Map<String, Value>) -> Result<Value, Failure> {
    validate(fields, &Value::Object(inputs))
        .map_err(|reason| Failure::new("input_invalid", "the inputs do not fit").reasons(vec![json!(reason)]))
}

fn document(plan: &Plan, inputs: Option<Value>) -> Value {
    let mut document = render::json(plan);
    if let (Some(inputs), Some(object)) = (inputs, document.as_object_mut()) {
        object.insert("inputs".into(), json!(inputs));
    }
    document
}
