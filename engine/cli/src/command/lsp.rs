//! `ordain lsp`: the language server, for editors.

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};

/// Serves an editor over standard input and output (Language Server Protocol)
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Accepted because editors say it; there is no other way
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Options {
    /// Serves until the editor says `exit`.
    pub fn run(self, cx: &Context) -> Done {
        match spec_lint::lsp::serve() {
            Ok(()) => Ok(Exit::Done),
            // As the protocol says: 1 where nobody asked for the end.
            Err(spec_lint::lsp::Broken::Abrupt) => Ok(Exit::Found),
            Err(broken) => {
                cx.fail(&Failure::usage(broken.to_string()));
                Ok(Exit::Unable)
            }
        }
    }
}
