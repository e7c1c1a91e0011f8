//! `ordain cancel`: ends a run early.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;

/// Cancels a run
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
    /// Undoes what was done
    #[arg(long)]
    rollback: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Options {
    /// Asks, drives the run on, shows it.
    pub fn run(self, cx: &Context) -> Done {
        follow::acted(cx, &Request::Cancel { run: self.run, rollback: self.rollback, reason: self.reason })
    }
}
