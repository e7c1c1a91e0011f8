//! `ordain run`: starts a run and follows it as far as it goes by itself.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::{Context, refused};
use crate::failure::Done;
use crate::inputs::Inputs;
use crate::render::resolve;
use crate::session::{Conversation, workspace};

/// Starts a run and follows it until it is over or waits; nothing outside is touched without `--live`
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The runbook: `name` or `name@requirement`
    runbook: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Call the connectors for real; without it the answers that they declare (`mock`) stand in
    #[arg(long)]
    live: bool,
    /// Stay while it waits for people or time, until it is over
    #[arg(long)]
    watch: bool,
}

impl Options {
    /// Starts and follows.
    pub fn run(self, cx: &Context) -> Done {
        let workspace = workspace(cx)?;
        let active = workspace.active.as_ref().ok_or_else(|| refused(&workspace.root, &workspace.read))?;
        let runbook = resolve::runbook(&active.catalogue, &self.runbook)?;
        let inputs = self.inputs.read(&runbook.spec.inputs)?;
        let mut conversation = Conversation::of(cx, workspace)?;
        let started = conversation.ask(&Request::Start { runbook: self.runbook, inputs, live: self.live });
        let done = started.and_then(|document| follow::started(cx, &mut conversation, document, self.watch));
        conversation.close();
        done
    }
}
