//! `ordain fmt`: spec files in their canonical layout.

use std::path::PathBuf;

use serde_json::json;
use spec_lint::command::all_written;
use spec_lint::fix::diff::unified;
use spec_lint::layout::files::layouts;

use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};

/// Lays spec files out anew: comments, blank lines and the order of fields stay, and so does the digest
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folders and files; without any, the workspace around the current folder
    paths: Vec<PathBuf>,
    /// Write nothing, and end with 1 where a file would change
    #[arg(long)]
    check: bool,
    /// Show what would change and write nothing; ends with 1 if anything would
    #[arg(long)]
    diff: bool,
}

impl Options {
    /// Writes the files anew, or says which ones would change.
    pub fn run(self, cx: &Context) -> Done {
        let (changes, left) =
            layouts(&cx.directory, &self.paths).map_err(|error| Failure::usage(error.to_string()))?;
        let writes = !self.check && !self.diff;
        if writes {
            all_written(&changes, &cx.directory).map_err(Failure::usage)?;
        }
        let colour = cx.look().colour && !cx.json;
        let diff = || -> String { changes.iter().map(|change| unified(change, colour)).collect() };
        if cx.json {
            let paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
            let left: Vec<_> = left.iter().map(|left| json!({"file": left.path, "why": left.why})).collect();
            let mut document = json!({"changed": paths, "left": left, "written": writes});
            if let Some(object) = document.as_object_mut().filter(|_| self.diff) {
                object.insert("diff".into(), diff().into());
            }
            cx.document(&document);
        } else {
            if self.diff {
                print(&diff());
            } else {
                changes
                    .iter()
                    .for_each(|change| print(&format!("{}\n", ordain_plan::render::visible(&change.path))));
            }
            for left in &left {
                cx.remark(&format!("{} is left as it is: {}", left.path, left.why));
            }
        }
        let found = !left.is_empty() || (!writes && !changes.is_empty());
        Ok(if found { Exit::Found } else { Exit::Done })
    }
}
