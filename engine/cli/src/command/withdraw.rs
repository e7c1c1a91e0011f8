//! `ordain withdraw`: see `decide`.

use ordain_runtime::api::Decision;

use super::decide::{self, Words};
use crate::context::Context;
use crate::failure::Done;

/// Takes back what you agreed to, before the step starts
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    words: Words,
}

impl Options {
    /// Shows, asks, decides.
    pub fn run(self, cx: &Context) -> Done {
        decide::decide(cx, Decision::Withdraw, self.words)
    }
}
