//! `spec-lint`: the linter alone, for CI and editors. `ordain lint` is the same.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use ordain_spec::diagnostic::Severity;
use spec_lint::{Asked, render};

/// Checks spec files: laws (which the engine holds too) and matters of taste
#[derive(Debug, Parser)]
#[command(name = "spec-lint", version)]
struct Options {
    /// Folders and files; without any, the workspace around the current folder
    paths: Vec<PathBuf>,
    /// How findings are written
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
    /// Start in this folder
    #[arg(short = 'C', value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON document
    Json,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let stdout = std::io::stdout();
    let asked = Asked { as_of: options.as_of.unwrap_or_else(Timestamp::now) };
    let (text, code) = match spec_lint::lint(&options.directory, &options.paths, &asked) {
        Err(error) => {
            if options.format == Format::Text {
                let _closed = writeln!(std::io::stderr(), "spec-lint: {error}");
                return ExitCode::from(2);
            }
            (format!("{}\n", render::failure("usage", &error.to_string(), None)), 2)
        }
        Ok(report) => {
            let report = if options.pedantic { report } else { report.without_infos() };
            let deny: &[Severity] = if options.deny_warnings { &[Severity::Warning] } else { &[] };
            let code = u8::from(report.blocks(deny));
            let text = match options.format {
                Format::Json => format!("{:#}\n", render::json(&report)),
                Format::Text => render::text(&report, look(stdout.is_terminal())),
            };
            (text, code)
        }
    };
    // Nobody reads on: that is the reader's business.
    let _closed = stdout.lock().write_all(text.as_bytes());
    ExitCode::from(code)
}

/// Colours in a terminal, unless `NO_COLOR` says otherwise.
fn look(terminal: bool) -> render::Look {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = width
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .unwrap_or(100);
    render::Look { colour: terminal && !forbidden, width }
}
