//! Findings for a terminal, file by file, with the lines they are about.

use ordain_spec::diagnostic::counted;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};

use super::Secrets;
use super::excerpt::{CONTEXT_LINES, Drawn};
use crate::report::{Report, Summary};

/// So many findings of one rule in one file are drawn; more say no more, and a file can hold thousands.
const DRAWN: usize = 50;

/// How the text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// With ANSI colours.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// All findings and a line that counts them.
#[must_use]
pub fn text(report: &Report, look: Look) -> String {
    let styles = if look.colour { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme { characters: ThemeCharacters::unicode(), styles })
            .with_width(look.width.clamp(40, 120))
            .with_links(false)
            .with_context_lines(CONTEXT_LINES as usize);
    let mut out = String::new();
    let mut file = None;
    let mut drawn_of: BTreeMap<(String, &str), usize> = BTreeMap::new();
    let secrets: Vec<Secrets> = report.groups.iter().map(|group| Secrets::of(&group.subject)).collect();
    let all = report.groups.iter().zip(&secrets);
    for (finding, secrets) in
        all.flat_map(|(group, secrets)| group.findings.iter().map(move |one| (one, secrets)))
    {
        let place = match finding.diagnostic.primary {
            Some(_) => finding.primary().file,
            None => "the catalogue as a whole".to_owned(),
        };
        let count = drawn_of.entry((place.clone(), finding.diagnostic.code)).or_default();
        *count += 1;
        if *count > DRAWN {
            continue;
        }
        if file.as_ref() != Some(&place) {
            let head =
                format!("{}{}", if file.is_some() { "\n" } else { "" }, super::excerpt::harmless(&place));
            let _infallible = writeln!(out, "{}\n", bold(&head, look.colour));
            file = Some(place);
        }
        let mut drawn = String::new();
        // Drawing fails only where a place lies outside of its text; then the words must do.
        if handler.render_report(&mut drawn, &Drawn::of(finding, secrets, look.width.clamp(40, 120))).is_err()
        {
            drawn = format!(
                "{}: {}\n",
                finding.diagnostic.code,
                super::excerpt::harmless(&finding.diagnostic.message)
            );
        }
        // A place in another file comes under a word of its own, which says nothing.
        let lines = drawn.trim_start_matches('\n').split_inclusive('\n');
        lines.filter(|line| line.trim() != "Advice:").for_each(|line| out.push_str(line));
        out.push('\n');
    }
    for ((file, code), count) in drawn_of.into_iter().filter(|(_, count)| *count > DRAWN) {
        let (more, file) = (count - DRAWN, super::excerpt::harmless(&file));
        let _infallible = writeln!(out, "… {more} more of {code} in {file}\n");
    }
    let _infallible = writeln!(out, "{}", summed(report.summary(), look.colour));
    if let Some(line) = repairable(report) {
        let _infallible = writeln!(out, "  {line}");
    }
    out
}

/// How much of it a tool can repair.
fn repairable(report: &Report) -> Option<String> {
    let fixes = report.groups.iter().flat_map(|group| &group.findings);
    let fixes = fixes.filter_map(|finding| finding.diagnostic.fix.as_ref());
    let (safe, others): (Vec<_>, Vec<_>) = fixes.partition(|fix| fix.safe);
    let said = |count: usize, option: &str| format!("{count} can be repaired with `{option}`");
    match (safe.len(), others.len()) {
        (0, 0) => None,
        (safe, 0) => Some(said(safe, "--fix")),
        (0, others) => Some(said(others, "--unsafe-fixes")),
        (safe, others) => Some(format!("{}, {others} more with `--unsafe-fixes`", said(safe, "--fix"))),
    }
}

fn bold(text: &str, colour: bool) -> String {
    if colour { format!("\u{1b}[1;4m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn summed(sum: Summary, colour: bool) -> String {
    let (mark, ink) = match sum {
        _ if sum.laws > 0 => ("✗", "31"),
        _ if sum.errors > 0 => ("✗", "31"),
        _ if sum.warnings > 0 => ("!", "33"),
        _ => ("✓", "32"),
    };
    let mark = if colour { format!("\u{1b}[{ink}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    format!("{mark} {}", sentence(sum))
}

/// What was looked at and what was found, in one sentence.
pub fn sentence(sum: Summary) -> String {
    let looked = format!("{} in {}", counted(sum.specs, "spec"), counted(sum.files, "file"));
    let parts: Vec<String> =
        [(sum.laws, "broken law"), (sum.errors, "error"), (sum.warnings, "warning"), (sum.infos, "remark")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(count, noun))
            .collect();
    let verdict = if parts.is_empty() { "no problem".to_owned() } else { parts.join(", ") };
    let engine = if sum.laws > 0 { "; the engine refuses this catalogue" } else { "" };
    format!("{looked}: {verdict}{engine}")
}
