//! Findings as JUnit XML: a suite a file, a case a finding. What blocks is a failure, what does not is a
//! case that passed with a remark, so that a CI server never fails where the exit code does not.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ordain_plan::render::xml;
use ordain_spec::diagnostic::Severity;

use super::whole;
use crate::report::{Finding, Report};

/// A finding, and whether it blocks.
type Case<'r> = (&'r Finding, bool);

/// The document. `deny` are levels that block beside laws, errors, and what a workspace denies.
#[must_use]
pub fn junit(report: &Report, deny: &[Severity]) -> String {
    let mut suites: BTreeMap<String, Vec<Case<'_>>> = BTreeMap::new();
    for group in &report.groups {
        for finding in &group.findings {
            let file = finding.primary().file;
            suites.entry(file).or_default().push((finding, group.is_blocking(finding, deny)));
        }
    }
    let sum = report.summary();
    let failures = suites.values().flatten().filter(|(_, blocks)| *blocks).count();
    // A report without a case would read as a run that never was.
    let tests = suites.values().map(Vec::len).sum::<usize>() + 1;
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(
        out,
        "<testsuites name=\"spec-lint\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">"
    );
    let _infallible = writeln!(
        out,
        "  <testsuite name=\"spec-lint\" tests=\"1\" failures=\"0\" errors=\"0\">\n    <testcase classname=\"spec-lint\" \
         name=\"{} specs in {} files were read\"/>\n  </testsuite>",
        sum.specs, sum.files
    );
    for (file, cases) in &suites {
        suite(file, cases, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(file: &str, cases: &[Case<'_>], out: &mut String) {
    let failures = cases.iter().filter(|(_, blocks)| *blocks).count();
    let name = xml(file);
    let _infallible = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\">",
        cases.len()
    );
    for (finding, blocks) in cases {
        let diagnostic = &finding.diagnostic;
        let place = finding.primary();
        let _infallible = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{} at {}:{}\" file=\"{name}\" line=\"{}\">",
            xml(diagnostic.code),
            place.line,
            place.column,
            place.line
        );
        let text = lines(&format!("{}:{}:{}: {}", place.file, place.line, place.column, whole(finding)));
        let _infallible = if *blocks {
            let message = xml(&diagnostic.message);
            let severity = diagnostic.severity.as_str();
            write!(out, "<failure type=\"{severity}\" message=\"{message}\">{text}</failure>")
        } else {
            write!(out, "<system-out>{}: {text}</system-out>", diagnostic.severity.as_str())
        };
        out.push_str("</testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}

/// Text of several lines: the line breaks are ours and stay.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}
