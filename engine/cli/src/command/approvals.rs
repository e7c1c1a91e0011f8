//! `ordain approvals`: what waits for people.

use ordain_runtime::api::Request;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::{approval, list};
use crate::session::ask;

/// Lists what waits for people; with an id, shows all that will happen
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Show this one approval in full: its id or a unique prefix
    id: Option<String>,
    /// Only those in this state: `open`, `granted`, `rejected`, `expired`, `withdrawn`, `void`, or `all`
    #[arg(long, default_value = "open")]
    state: String,
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let request = match &self.id {
            Some(id) => Request::Approval { id: id.clone() },
            None => Request::Approvals { state: Some(self.state) },
        };
        let document = ask(cx, &request)?;
        cx.show(&document, |look| match (&self.id, list(&document, "approvals")) {
            (Some(_), [one]) => approval::card(one, look),
            _ => approval::queue(&document, look),
        });
        Ok(Exit::Done)
    }
}
