//! `ordain backup`: a verified copy of the store.

use std::path::PathBuf;

use ordain_runtime::backup;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::done;
use crate::session::at_the_store;

/// Copies the store into a new file, verified; whatever runs goes on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The copy is one file and holds everything but signing keys: keep it elsewhere. `ordain restore` puts it back"
)]
pub struct Options {
    /// The new file for the copy
    file: PathBuf,
}

impl Options {
    /// Copies.
    pub fn run(self, cx: &Context) -> Done {
        let document = at_the_store(cx, "copying and verifying the store", |workspace, _| async move {
            backup::backup(&workspace, &self.file).await
        })?;
        cx.show(&document, |look| done(&document, look));
        Ok(Exit::Done)
    }
}
