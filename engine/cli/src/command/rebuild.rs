//! `ordain rebuild`: the views anew from the journal.

use ordain_runtime::api::Request;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::done;
use crate::session::ask_long;

/// Builds the views anew from the journal, bit for bit
#[derive(Debug, clap::Args)]
pub struct Options {}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask_long(cx, "building the views", &Request::Rebuild)?;
        cx.show(&document, |look| done(&document, look));
        Ok(Exit::Done)
    }
}
