//! What `spec-lint` and `ordain lint` take: one set of options, so that the two never differ.

use std::path::PathBuf;

use jiff::Timestamp;

/// What is checked, and how it is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Folders and files; without any, the workspace around the current folder
    pub paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Writes the findings in this format to a file; the terminal shows them as text
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Warnings count as problems (exit 1)
    #[arg(long)]
    pub deny_warnings: bool,
    /// Shows remarks too
    #[arg(long)]
    pub pedantic: bool,
    /// Judges expiries at this instant instead of now
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<Timestamp>,
    /// Compares with this revision of git: versions, and what suppressions stood there already
    #[arg(long, value_name = "REV")]
    pub against: Option<String>,
    /// Repairs what can be repaired without a change of meaning, then checks
    #[arg(long)]
    pub fix: bool,
    /// Repairs also what somebody has to look at, and adds `TODO` where a value is missing
    #[arg(long)]
    pub unsafe_fixes: bool,
    /// Shows what the repairs would change and writes nothing (exit 1 if anything)
    #[arg(long)]
    pub diff: bool,
    /// Checks again whenever a file changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["fix", "unsafe_fixes", "diff", "output"])]
    pub watch: bool,
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
