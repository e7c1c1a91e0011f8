//! `ordain lint`: the same as `spec-lint`.

use std::path::PathBuf;

use jiff::Timestamp;
use ordain_spec::diagnostic::Severity;
use spec_lint::{Asked, render};

use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};

/// Checks spec files: laws, which the engine holds too, and matters of taste
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Folders and files; without any, the workspace around the current folder
    paths: Vec<PathBuf>,
    /// How findings are written (`--json` is `--format json`)
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Warnings count as problems (exit 1)
    #[arg(long)]
    deny_warnings: bool,
    /// Shows remarks too
    #[arg(long)]
    pedantic: bool,
    /// Judges expiries at this instant instead of now
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

impl Options {
    /// Checks, and shows what is wrong.
    pub fn run(self, cx: &Context) -> Done {
        let cx = &Context { json: cx.json || self.format == Format::Json, ..cx.clone() };
        let asked = Asked { as_of: self.as_of.unwrap_or_else(Timestamp::now) };
        let report = match spec_lint::lint(&cx.directory, &self.paths, &asked) {
            Ok(report) => report,
            Err(error) => {
                cx.fail(&Failure::usage(error.to_string()));
                return Ok(Exit::Unable);
            }
        };
        let report = if self.pedantic { report } else { report.without_infos() };
        let deny: &[Severity] = if self.deny_warnings { &[Severity::Warning] } else { &[] };
        if cx.json {
            cx.document(&render::json(&report));
        } else {
            let look = cx.look();
            print(&render::text(&report, render::Look { colour: look.colour, width: look.width }));
        }
        Ok(if report.blocks(deny) { Exit::Found } else { Exit::Done })
    }
}
