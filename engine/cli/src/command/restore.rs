//! `ordain restore`: a copy of the store in its place.

use std::path::PathBuf;

use ordain_runtime::{backup, restore_drill};

use crate::command::decide::read_key;
use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::done;
use crate::session::at_the_store;

/// Puts a copy made by `ordain backup` in the store's place; the store is kept beside
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The copy is verified before it replaces anything, by its own digest and by its records. Nobody may hold \
    the store meanwhile. `--discard-newer` needs `role:admin`; in profile `prod` every restore needs it, and the key of that person"
)]
pub struct Options {
    /// The copy that `ordain backup` made
    file: PathBuf,
    /// Go on also where the store has records that the copy has not: they are lost to the log
    #[arg(long)]
    discard_newer: bool,
    /// Sign with this key file, as profile `prod` asks; `ordain keys init` makes one
    #[arg(long, value_name = "FILE", conflicts_with = "drill")]
    key: Option<PathBuf>,
    /// Only shows that it can be put back: aside, everything is recovered from it, and nothing is replaced
    #[arg(long, conflicts_with = "discard_newer")]
    drill: bool,
}

impl Options {
    /// Puts it back.
    pub fn run(self, cx: &Context) -> Done {
        if self.drill {
            let document = at_the_store(cx, "recovering from the copy", |workspace, _| async move {
                restore_drill::drill(&workspace, &self.file).await
            })?;
            cx.show(&document, |look| done(&document, look));
            return Ok(Exit::Done);
        }
        let key = self.key.as_deref().map(read_key).transpose()?;
        let document = at_the_store(cx, "verifying the copy", |workspace, caller| async move {
            backup::restore(&workspace, &self.file, self.discard_newer, &caller, key.as_ref()).await
        })?;
        cx.show(&document, |look| done(&document, look));
        Ok(Exit::Done)
    }
}
