//! `ordain report`: what happened, for people who were not there.

use ordain_runtime::api::Request;

use crate::context::{Context, print};
use crate::failure::{Done, Exit};
use crate::render::report;
use crate::session::ask_long;

/// Reports runs and how they ended, decisions, approvals and how long they took, and budgets
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The same store and the same bounds give the same bytes. Names, codes and numbers only: no values"
)]
pub struct Options {
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Md)]
    format: Format,
    /// Only what happened from this instant on, like `2026-01-01T00:00:00Z`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened before this instant
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Write it into this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown
    Md,
    /// One HTML page
    Html,
    /// One JSON document
    Json,
    /// For a spreadsheet
    Csv,
}

impl Options {
    /// Asks and writes.
    pub fn run(self, cx: &Context) -> Done {
        let request = Request::Report { since: self.since, until: self.until };
        let document = ask_long(cx, "reading journals", &request)?;
        let text = match self.format {
            _ if cx.json => ordain_plan::render::document(&document),
            Format::Json => ordain_plan::render::document(&document),
            Format::Md => report::markdown(&document),
            Format::Html => report::html(&document),
            Format::Csv => report::csv(&document),
        };
        match &self.output {
            Some(path) => std::fs::write(path, text).map_err(|error| {
                crate::failure::Failure::new(
                    "usage",
                    format!("`{}` cannot be written: {error}", path.display()),
                )
            })?,
            None => print(&text),
        }
        Ok(Exit::Done)
    }
}
