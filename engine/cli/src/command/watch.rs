//! `ordain watch`: follows a run.

use super::follow;
use crate::context::Context;
use crate::failure::Done;
use crate::session::Conversation;

/// Follows a run, and drives it on, until it is over, paused or waits; ends with its exit code
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
}

impl Options {
    /// Follows and shows where it ended.
    pub fn run(self, cx: &Context) -> Done {
        let mut conversation = Conversation::open(cx)?;
        let done = follow::run(cx, &mut conversation, &self.run, false);
        conversation.close();
        done
    }
}
