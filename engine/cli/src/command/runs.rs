//! `ordain runs`: the runs there are.

use ordain_kernel::run::RunState;
use ordain_runtime::api::Request;
use ordain_spec::diagnostic::nearest;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
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
        if let Some(state) = &self.state {
            known(state)?;
        }
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

/// A word that is no state would find nothing and look like an answer.
fn known(state: &str) -> Result<(), Failure> {
    let words = || RunState::ALL.iter().map(|state| state.as_str());
    if words().any(|word| word == state) {
        return Ok(());
    }
    let hint = match nearest(state, words()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the states are: {}", words().collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::usage(format!("`{state}` is no state of a run")).hint(hint))
}
