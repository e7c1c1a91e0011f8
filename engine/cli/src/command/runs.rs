//! `ordain runs`: the runs there are.

use ordain_runtime::api::Request;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::run;
use crate::session::ask;

/// Lists runs, newest first
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only those in this state: `running`, `waiting`, `paused`, `succeeded`, `failed`, `denied`, `stuck`, …
    #[arg(long)]
    state: Option<String>,
    /// Only those of this runbook
    #[arg(long)]
    runbook: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Go on behind the page before: its `nextCursor` (`--json`)
    #[arg(long)]
    cursor: Option<String>,
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let request = Request::Runs {
            state: self.state,
            runbook: self.runbook,
            limit: self.limit,
            cursor: self.cursor,
        };
        let document = ask(cx, &request)?;
        cx.show(&document, |look| run::runs(&document, look));
        Ok(Exit::Done)
    }
}
