//! `ordain watch`: follows a run.

use super::follow;
use crate::context::Context;
use crate::failure::Done;
use crate::session::Conversation;

/// Follows a run until it is settled, paused or waits, and ends with its exit code
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Id or unique prefix
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
