//! Suites and cases as JUnit XML. Whatever a text says, the document is well-formed and its markup is ours: no
//! character of a spec reaches it unescaped.

use std::fmt::Write as _;
use std::time::Duration;

use ordain_plan::render::xml;

/// Cases that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suite {
    /// What they are about.
    pub name: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What it says.
    pub name: String,
    /// Where it stands: a file and a line from 1.
    pub place: Option<(String, u32)>,
    /// How long it took, where that is known.
    pub took: Option<Duration>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to say.
    Passed,
    /// It passed, with a remark.
    Remark(String),
    /// It failed.
    Failed {
        /// Of what kind.
        kind: String,
        /// In one line.
        message: String,
        /// In full.
        text: String,
    },
    /// It was not tried.
    Skipped,
}

impl Suite {
    fn count(&self, fits: fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|case| fits(&case.verdict)).count()
    }

    fn failures(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    fn skipped(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Skipped)
    }

    fn took(&self) -> Option<Duration> {
        self.cases.iter().filter_map(|case| case.took).reduce(|one, other| one + other)
    }
}

/// The document of a report called `name`.
#[must_use]
pub fn document(name: &str, suites: &[Suite]) -> String {
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _infallible = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">",
        xml(name)
    );
    for suite in suites {
        write_suite(suite, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn write_suite(suite: &Suite, out: &mut String) {
    let name = xml(&suite.name);
    let (tests, failures) = (suite.cases.len(), suite.failures());
    let _infallible =
        write!(out, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    if suite.skipped() > 0 {
        let _infallible = write!(out, " skipped=\"{}\"", suite.skipped());
    }
    write_time(suite.took(), out);
    out.push_str(">\n");
    for case in &suite.cases {
        write_case(&name, case, out);
    }
    out.push_str("  </testsuite>\n");
}

fn write_case(suite: &str, case: &Case, out: &mut String) {
    let _infallible = write!(out, "    <testcase classname=\"{suite}\" name=\"{}\"", xml(&case.name));
    if let Some((file, line)) = &case.place {
        let _infallible = write!(out, " file=\"{}\" line=\"{line}\"", xml(file));
    }
    write_time(case.took, out);
    let _infallible = match &case.verdict {
        Verdict::Passed => {
            out.push_str("/>\n");
            return;
        }
        Verdict::Remark(text) => write!(out, "><system-out>{}</system-out>", lines(text)),
        Verdict::Failed { kind, message, text } => write!(
            out,
            "><failure type=\"{}\" message=\"{}\">{}</failure>",
            xml(kind),
            xml(message),
            lines(text)
        ),
        Verdict::Skipped => write!(out, "><skipped/>"),
    };
    out.push_str("</testcase>\n");
}

fn write_time(took: Option<Duration>, out: &mut String) {
    if let Some(took) = took {
        let _infallible = write!(out, " time=\"{}.{:03}\"", took.as_secs(), took.subsec_millis());
    }
}

/// Text of several lines: the line breaks are ours and stay.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_says_stays_text() {
        let hostile = "a\u{1b}[2J]]></failure><b x=\"&'\u{0}\u{fffe}";
        let case = Case {
            name: hostile.into(),
            place: Some((hostile.into(), 3)),
            took: Some(Duration::from_millis(1_002)),
            verdict: Verdict::Failed {
                kind: "scenario".into(),
                message: hostile.into(),
                text: format!("{hostile}\nsecond line"),
            },
        };
        let skipped = Case { name: "b".into(), place: None, took: None, verdict: Verdict::Skipped };
        let text = document("ordain test", &[Suite { name: hostile.into(), cases: vec![case, skipped] }]);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
        assert_eq!(text.matches("</failure>").count(), 1, "{text}");
        assert!(!text.contains("<b ") && !text.contains('\u{fffe}'), "{text}");
        assert!(
            text.contains("tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.002\">"),
            "{text}"
        );
        assert!(text.contains("line=\"3\" time=\"1.002\"><failure type=\"scenario\""), "{text}");
        assert!(text.contains("\nsecond line</failure>"), "{text}");
    }
}
