//! Findings as workflow commands of GitHub Actions, and as the Markdown of its job summary. Whatever a
//! spec says is escaped: no text of a spec ends a command, begins another, or becomes markup.

use std::fmt::Write as _;

use ordain_spec::diagnostic::Severity;

use super::excerpt::harmless;
use super::{joined, whole};
use crate::report::{Finding, Report};

/// Rows of the summary: GitHub refuses one over a mebibyte.
const ROWS: usize = 500;
/// Characters of a cell.
const CELL: usize = 400;

/// One command a finding. `below` is the folder that the report's paths are relative to.
#[must_use]
pub fn github(report: &Report, below: &str) -> String {
    let mut out = String::new();
    for finding in report.groups.iter().flat_map(|group| &group.findings) {
        let place = finding.primary();
        let code = finding.diagnostic.code;
        let level = match finding.diagnostic.severity {
            Severity::Law | Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let _infallible = write!(out, "::{level} ");
        if finding.diagnostic.primary.is_some() {
            let file = property(&joined(below, &place.file));
            let _infallible = write!(out, "file={file},line={},endLine={},", place.line, place.end_line);
            // GitHub shows columns of one line only.
            if place.line == place.end_line {
                let _infallible = write!(out, "col={},endColumn={},", place.column, place.end_column);
            }
        }
        let title = property(&format!("{} {code}", finding.diagnostic.severity.as_str()));
        let _infallible = writeln!(out, "title={title}::{}", message(&whole(finding)));
    }
    out
}

/// The text of a command.
fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            other => out.push(other),
        }
    }
    out
}

/// The value of a command's property.
fn property(text: &str) -> String {
    message(&harmless(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The job summary.
#[must_use]
pub fn summary(report: &Report, below: &str) -> String {
    let mut out = format!("### spec-lint\n\n{}\n", cell(&super::text::sentence(report.summary())));
    let findings: Vec<&Finding> = report.groups.iter().flat_map(|group| &group.findings).collect();
    if findings.is_empty() {
        return out;
    }
    out.push_str("\n| | where | what | what to do |\n|---|---|---|---|\n");
    for finding in findings.iter().take(ROWS) {
        let diagnostic = &finding.diagnostic;
        let place = finding.primary();
        let whereabouts = match diagnostic.primary {
            Some(_) => format!("{}:{}:{}", joined(below, &place.file), place.line, place.column),
            None => "the catalogue as a whole".to_owned(),
        };
        let _infallible = writeln!(
            out,
            "| {} {} | {} | {} | {} |",
            diagnostic.severity.as_str(),
            cell(diagnostic.code),
            cell(&whereabouts),
            cell(&diagnostic.message),
            cell(diagnostic.help.as_deref().unwrap_or_default()),
        );
    }
    if findings.len() > ROWS {
        let _infallible = writeln!(out, "\n… and {} more.", findings.len() - ROWS);
    }
    out
}

/// Text in a cell of a table: no character of it is markup, a mention, or the end of the cell.
fn cell(text: &str) -> String {
    let cut: String = text.chars().take(CELL).collect();
    let mut out = String::with_capacity(cut.len());
    for letter in harmless(&cut).chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention would write to somebody, a number would link to an issue.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            ':' => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '|' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(letter);
            }
            other => out.push(other),
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{cell, message, property};

    #[test]
    fn no_text_of_a_spec_ends_a_command_or_begins_one() {
        assert_eq!(message("a\n::stop-commands::x\r% b"), "a%0A::stop-commands::x%0D%25 b");
        assert_eq!(property("a,line=2::x\n"), "a%2Cline=2%3A%3Ax\\u{a}");
    }

    #[test]
    fn no_text_of_a_spec_is_markup() {
        assert_eq!(
            cell("a|b <img src=x> [l](http://x) @team #1 `c`\n\u{202e}"),
            "a\\|b &lt;img src=x&gt; \\[l\\]\\(http&#58;//x\\) &#64;team &#35;1 \\`c\\`\\\\u\\{a\\}\\\\u\\{202e\\}"
        );
    }
}
