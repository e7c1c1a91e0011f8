//! Findings as JUnit XML: a suite a file, a case a finding. What blocks is a failure, what does not is a
//! case that passed with a remark, so that a CI server never fails where the exit code does not.

mod document;

use std::collections::BTreeMap;

use ordain_spec::diagnostic::Severity;

pub use document::{Case, Suite, Verdict, document};

use super::{harmless, whole};
use crate::report::{Finding, Report};

/// The document. `deny` are levels that block beside laws, errors, and what a workspace denies.
#[must_use]
pub fn junit(report: &Report, deny: &[Severity]) -> String {
    let mut files: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for group in &report.groups {
        for finding in &group.findings {
            let case = case(finding, group.is_blocking(finding, deny));
            files.entry(finding.primary().file).or_default().push(case);
        }
    }
    let sum = report.summary();
    let name = format!("{} specs in {} files were read", sum.specs, sum.files);
    // A report without a case would read as a run that never was.
    let read = Case { name, place: None, took: None, verdict: Verdict::Passed };
    let mut suites = vec![Suite { name: "spec-lint".to_owned(), cases: vec![read] }];
    suites.extend(files.into_iter().map(|(name, cases)| Suite { name, cases }));
    document("spec-lint", &suites)
}

fn case(finding: &Finding, blocks: bool) -> Case {
    let diagnostic = &finding.diagnostic;
    let (place, severity) = (finding.primary(), diagnostic.severity.as_str());
    let text = format!("{}:{}:{}: {}", harmless(&place.file), place.line, place.column, whole(finding));
    let verdict = if blocks {
        Verdict::Failed { kind: severity.to_owned(), message: diagnostic.message.clone(), text }
    } else {
        Verdict::Remark(format!("{severity}: {text}"))
    };
    Case {
        name: format!("{} at {}:{}", diagnostic.code, place.line, place.column),
        place: Some((place.file, place.line)),
        took: None,
        verdict,
    }
}
