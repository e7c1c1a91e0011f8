//! `ordain reject`: see `decide`.

use ordain_runtime::api::Decision;

use super::decide::{self, Words};
use crate::context::Context;
use crate::failure::Done;

/// Refuses a step, finally, after showing everything that would happen
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    words: Words,
}

impl Options {
    /// Shows, asks, decides.
    pub fn run(self, cx: &Context) -> Done {
        decide::decide(cx, Decision::Reject, self.words)
    }
}
