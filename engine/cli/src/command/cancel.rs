//! `ordain cancel`: ends a run early.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;

/// Cancels a run: no further step starts, and what runs is finished
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
    /// Also undo what was done, newest first, whatever the runbook's `onFailure` says
    #[arg(long)]
    rollback: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Options {
    /// Asks, drives the run on, shows it.
    pub fn run(self, cx: &Context) -> Done {
        follow::acted(cx, &Request::Cancel { run: self.run, rollback: self.rollback, reason: self.reason })
    }
}
