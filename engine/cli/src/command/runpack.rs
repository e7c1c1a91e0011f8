//! `ordain runpack`: all that one run stands on, as a file.

use std::path::PathBuf;

use ordain_plan::render::{Ink, Line};
use ordain_runtime::evidence::{self, pack::Wish};

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::{done, text};
use crate::session::at_the_store;

/// Writes all that a run stands on into a new file that anyone can verify
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The same run makes the same bytes. The file holds what the run carried (inputs, arguments, outputs), \
    what policies mask among it: with `--without-payloads` references stand in its place, and the run cannot be replayed from the file"
)]
pub struct Options {
    /// The run: id or unique prefix; a sub-run is packed with the run that started it
    run: String,
    /// The new file; `runpack-RUN.zip` when left out
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out what the run carried (inputs, arguments, outputs)
    #[arg(long)]
    without_payloads: bool,
}

impl Options {
    /// Writes the file. Never overwrites one.
    pub fn run(self, cx: &Context) -> Done {
        let wish = Wish { file: self.output, without_payloads: self.without_payloads };
        let folder = cx.directory.clone();
        let document = at_the_store(cx, "packing the run", |workspace, _| async move {
            evidence::pack(&workspace, &self.run, &wish, &folder).await
        })?;
        cx.show(&document, |look| {
            let mut out = done(&document, look);
            let key = text(&document, "publicKey");
            Line::default().with(Ink::Dim, "  key  ").with(Ink::Plain, key).write(look, &mut out);
            out
        });
        Ok(Exit::Done)
    }
}
