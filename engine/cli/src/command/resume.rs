//! `ordain resume`: lets a paused run go on.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;

/// Lets a paused run go on
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Options {
    /// Asks, drives the run on, shows it.
    pub fn run(self, cx: &Context) -> Done {
        follow::acted(cx, &Request::Resume { run: self.run, reason: self.reason })
    }
}
