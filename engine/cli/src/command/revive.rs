//! `ordain revive`: lifts a kill switch.

use ordain_runtime::api::Request;

use super::kill::switches;
use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::session::ask;

/// Lifts a kill switch (role `admin`)
#[derive(Debug, clap::Args)]
pub struct Options {
    /// As it was set
    selector: String,
    /// Why
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
