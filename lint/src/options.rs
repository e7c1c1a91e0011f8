//! What `spec-lint` and `ordain lint` take: one set of options, so that the two never differ.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What is checked, and how it is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Folders and files; without any, the workspace around the current folder
    pub paths: Vec<PathBuf>,
    /// How findings are written on standard output
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write the findings in this format to a file; the terminal shows them as text
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Let warnings count as problems: end with 1
    #[arg(long)]
    pub deny_warnings: bool,
    /// Show remarks too (level `info`)
    #[arg(long)]
    pub pedantic: bool,
    /// Judge expiries at this instant instead of now, like `2026-12-31T00:00:00Z`; a date alone is its beginning in UTC
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub as_of: Option<Timestamp>,
    /// Compare with this revision of git: a change of a spec needs a new version, and cannot bring its own suppression
    #[arg(long, value_name = "REV")]
    pub against: Option<String>,
    /// Repair what can be repaired without a change of meaning, then check
    #[arg(long)]
    pub fix: bool,
    /// Repair also what somebody has to look at, and add `TODO` where a value is missing
    #[arg(long)]
    pub unsafe_fixes: bool,
    /// Show what the repairs would change and write nothing; ends with 1 if anything would
    #[arg(long)]
    pub diff: bool,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["fix", "unsafe_fixes", "diff", "output"])]
    pub watch: bool,
}

/// An instant, or the beginning of a day.
fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let is_day = text.len() == "2026-12-31".len();
    let found = if is_day { day() } else { text.parse().ok() };
    found.ok_or_else(|| format!("`{text}` is neither an instant, like `2026-12-31T00:00:00Z`, nor a date"))
}

/// How findings are written. The exit code never depends on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions, and a job summary
    Github,
    /// JUnit XML, for CI servers
    Junit,
}
