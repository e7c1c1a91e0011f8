//! `ordain rerun`: a new run like an old one.

use ordain_runtime::api::Request;

use super::follow;
use crate::context::Context;
use crate::failure::Done;
use crate::session::Conversation;

/// Starts a new run with the runbook, inputs and mode of an old one, under the active catalogue
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The old run: id or unique prefix
    run: String,
    /// Touch the outside again; needed where the old run did
    #[arg(long)]
    live: bool,
}

impl Options {
    /// Starts and follows.
    pub fn run(self, cx: &Context) -> Done {
        let mut conversation = Conversation::open(cx)?;
        let started = conversation.ask(&Request::Rerun { run: self.run, live: self.live });
        let done = started.and_then(|document| follow::started(cx, &mut conversation, document, false));
        conversation.close();
        done
    }
}
