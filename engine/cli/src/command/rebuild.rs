//! `ordain rebuild`: the views anew from the journal.

use ordain_plan::render::{Ink, Line};
use ordain_runtime::api::Request;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::text;
use crate::session::ask;

/// Builds the views anew from the journal, bit for bit
#[derive(Debug, clap::Args)]
pub struct Options {}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Rebuild)?;
        cx.show(&document, |look| {
            let mut out = String::new();
            Line::default()
                .with(Ink::Good, "✓ ")
                .with(Ink::Plain, text(&document, "detail"))
                .write(look, &mut out);
            out
        });
        Ok(Exit::Done)
    }
}
