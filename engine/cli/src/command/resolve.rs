//! `ordain resolve`: says what became of a stuck step.

use std::path::PathBuf;

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;
use crate::inputs::file;

/// Says what became of a step that nobody knows about, and moves a stuck run on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "`succeeded` and `failed`: the run goes on as after such a step. `undone`: it counts as undone. `again`: a \
    fresh attempt with the same key. Needs an operator who is neither the requester nor a custodian; at risk high and \
    critical the step's own approvals are asked about the word"
)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
    /// The step, by its id in the runbook
    step: String,
    /// What became of it
    #[arg(long, value_parser = ["succeeded", "failed", "undone", "again"])]
    outcome: String,
    /// Why, and how it is known
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A YAML or JSON file with the outputs of a step that succeeded
    #[arg(long, value_name = "FILE")]
    outputs: Option<PathBuf>,
}

impl Options {
    /// Asks, drives the run on, shows it.
    pub fn run(self, cx: &Context) -> Done {
        let outputs = self.outputs.as_deref().map(file).transpose()?.unwrap_or_default();
        let Self { run, step, outcome, reason, .. } = self;
        follow::acted(cx, &Request::Resolve { run, step, outcome, reason, outputs })
    }
}
