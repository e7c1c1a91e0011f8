//! `ordain convert`: spec files in the other notation, with the same digest.

use std::path::PathBuf;

use ordain_spec::source::Notation;
use serde_json::json;
use spec_lint::layout::files::{Conversion, conversions};

use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};

/// Writes spec files in the other notation: the digest and the comments stay
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Files and folders
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The notation to write
    #[arg(long, value_enum)]
    to: To,
    /// Put the new files in the place of the old ones; without it they are only shown
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// YAML, `*.yaml`
    Yaml,
    /// KDL, `*.kdl`
    Kdl,
}

impl Options {
    /// Converts, and shows or writes what came of it.
    pub fn run(self, cx: &Context) -> Done {
        let to = if self.to == To::Kdl { Notation::Kdl } else { Notation::Yaml };
        let (files, left) =
            conversions(&cx.directory, &self.paths, to).map_err(|error| Failure::usage(error.to_string()))?;
        if self.write {
            self.free(cx, &files)?;
            files.iter().try_for_each(|file| moved(cx, file))?;
        }
        if cx.json {
            let all: Vec<_> = files
                .iter()
                .map(|file| json!({"from": file.from, "to": file.to, "text": file.text}))
                .collect();
            let left: Vec<_> = left.iter().map(|left| json!({"file": left.path, "why": left.why})).collect();
            cx.document(&json!({"converted": all, "left": left, "written": self.write}));
        } else {
            self.show(&files);
            for left in &left {
                cx.remark(&format!("{} is left as it is: {}", left.path, left.why));
            }
            if files.is_empty() && left.is_empty() {
                cx.remark("nothing to convert");
            }
        }
        Ok(if left.is_empty() { Exit::Done } else { Exit::Found })
    }

    fn show(&self, files: &[Conversion]) {
        let visible = ordain_plan::render::visible;
        match files {
            _ if self.write => {
                files
                    .iter()
                    .for_each(|file| print(&format!("{} → {}\n", visible(&file.from), visible(&file.to))));
            }
            [one] => print(&one.text),
            many => {
                let mark = if self.to == To::Kdl { "//" } else { "#" };
                for (at, file) in many.iter().enumerate() {
                    let gap = if at > 0 { "\n" } else { "" };
                    print(&format!("{gap}{mark} {}\n{}", visible(&file.to), file.text));
                }
            }
        }
    }

    /// Nothing is written where a file of that name is there already.
    fn free(&self, cx: &Context, files: &[Conversion]) -> Result<(), Failure> {
        let taken = files.iter().find(|file| cx.directory.join(&file.to).symlink_metadata().is_ok());
        taken.map_or(Ok(()), |file| {
            Err(Failure::usage(format!("`{}` is there already", file.to))
                .hint("move it away, or convert one file"))
        })
    }
}

/// The new file is written whole before the old one goes.
fn moved(cx: &Context, file: &Conversion) -> Result<(), Failure> {
    let fail =
        |path: &str, error: std::io::Error| Failure::usage(format!("`{path}` cannot be written: {error}"));
    let (from, to) = (cx.directory.join(&file.from), cx.directory.join(&file.to));
    spec_lint::write::whole(&to, file.text.as_bytes()).map_err(|error| fail(&file.to, error))?;
    std::fs::remove_file(&from).map_err(|error| fail(&file.from, error))
}
