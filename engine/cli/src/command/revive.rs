//! `ordain revive`: lifts a kill switch.

use ordain_runtime::api::Request;

use super::kill::switches;
use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::session::ask;

/// Lifts a kill switch (role `admin`)
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The kill switch, as it was set: `ordain kill --list` shows them
    selector: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Options {
    /// Asks and shows what is left.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Revive { selector: self.selector, reason: self.reason })?;
        cx.show(&document, |look| switches(&document, look));
        Ok(Exit::Done)
    }
}
