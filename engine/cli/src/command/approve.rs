//! `ordain approve`: see `decide`.

use ordain_runtime::api::Decision;

use super::decide::{self, Words};
use crate::context::Context;
use crate::failure::Done;

/// Agrees to a step, after showing everything that will happen
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    words: Words,
}

impl Options {
    /// Shows, asks, decides.
    pub fn run(self, cx: &Context) -> Done {
        decide::decide(cx, Decision::Approve, self.words)
    }
}
