//! `ordain show`: one run.

use ordain_runtime::api::Request;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::run;
use crate::session::ask;

/// Shows a run: its state, its steps, why it stands where it stands
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The run: id or unique prefix
    run: String,
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Show { run: self.run })?;
        cx.show(&document, |look| run::document(&document, look));
        Ok(Exit::Done)
    }
}
