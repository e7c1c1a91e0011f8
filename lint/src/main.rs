//! `spec-lint`: the linter alone, for CI and editors. `ordain lint` is the same.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use spec_lint::command::misread;
use spec_lint::{Desk, Format, Options, render};

/// Checks spec files: laws, which the engine holds too, and matters of taste
#[derive(Debug, Parser)]
#[command(name = "spec-lint", version)]
#[command(after_help = "Exit codes: 0 nothing found · 1 problems found · 2 could not check")]
struct App {
    #[command(flatten)]
    options: Options,
    /// Print one JSON document on standard output, whatever happens
    #[arg(long)]
    json: bool,
    /// Work in the workspace around this folder: the nearest one upwards with an `ordain.yaml`
    #[arg(short = 'C', value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let wants_json = arguments.iter().any(|argument| argument == "--json");
    let App { options, json, directory } = match App::try_parse_from(arguments) {
        Ok(app) => app,
        Err(error) => return unparsed(&error, wants_json),
    };
    let stdout = std::io::stdout();
    let desk = Desk { directory, look: look(stdout.is_terminal()), json, out, aside, now: Timestamp::now };
    match options.run(&desk) {
        Ok(blocked) => ExitCode::from(u8::from(blocked)),
        Err(why) => unable(&why, json || options.format == Format::Json),
    }
}

/// Help and version are answers; everything else could not be understood.
fn unparsed(error: &clap::Error, wants_json: bool) -> ExitCode {
    if wants_json && error.use_stderr() {
        return unable(&misread(error), true);
    }
    let _closed = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

/// Why nothing could be checked.
fn unable(why: &str, wants_json: bool) -> ExitCode {
    if wants_json {
        out(&ordain_plan::render::document(&render::failure("usage", why, None)));
    } else {
        aside(why);
    }
    ExitCode::from(2)
}

/// Writes to standard output. Nobody reads on: that is the reader's business.
fn out(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a line to standard error.
fn aside(text: &str) {
    let _closed = writeln!(std::io::stderr(), "spec-lint: {}", ordain_plan::render::visible(text));
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
