//! `ordain pause`: holds a run.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;

/// Holds a run: no further step starts
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
        follow::acted(cx, &Request::Pause { run: self.run, reason: self.reason })
    }
}
