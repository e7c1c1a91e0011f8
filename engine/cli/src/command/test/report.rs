//! What `ordain test` shows: a document, text for people, JUnit for CI.

use std::time::Duration;

use ordain_kernel::rehearsal::{Coverage, Failure as Difference, ScenarioResult, Unreached};
use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::diagnostic::counted;
use serde_json::{Value, json};
use spec_lint::render::junit::{Case, Suite, Verdict};

use super::play::Played;
use super::snapshot::{self, Snapshots};
use crate::render::value;

/// More places than that are for the document.
const SHOWN: usize = 30;

/// All that came of it.
pub struct Report<'a> {
    /// The scenarios, by name.
    pub played: &'a [Played],
    /// What they reach.
    pub covered: &'a Coverage,
    /// What became of the kept decisions, where that was asked for.
    pub snapshots: Option<Snapshots>,
    /// How long it took in all.
    pub took: Duration,
}

impl Report<'_> {
    /// True where nothing differs.
    pub fn passed(&self) -> bool {
        self.failed() == 0 && self.snapshots.as_ref().is_none_or(|snapshots| snapshots.stale.is_empty())
    }

    fn failed(&self) -> usize {
        self.played.iter().filter(|one| one.failed()).count()
    }

    fn skipped(&self) -> usize {
        self.played.iter().filter(|one| one.result.is_none()).count()
    }

    /// `{scenarios, coverage}`
    pub fn document(&self) -> Value {
        let scenario = |one: &Played| {
            let mut scenario = match &one.result {
                Some(result) => json!(result),
                None => {
                    json!({"name": one.scenario.metadata.name.as_str(), "passed": false, "failures": [], "skipped": true})
                }
            };
            if let Some(object) = scenario.as_object_mut() {
                object.insert("durationMs".into(), json!(one.took.as_millis()));
            }
            scenario
        };
        let scenarios: Vec<Value> = self.played.iter().map(scenario).collect();
        let mut document = json!({"scenarios": scenarios, "coverage": self.covered});
        if let (Some(fields), Some(snapshots)) = (document.as_object_mut(), &self.snapshots) {
            fields.insert("snapshots".into(), snapshot::document(snapshots));
        }
        document
    }

    /// JUnit XML: a suite a runbook, a case a scenario.
    pub fn junit(&self, catalogue: &Catalogue) -> String {
        let mut suites: Vec<Suite> = Vec::new();
        let mut of_runbook: Vec<(&str, &Played)> =
            self.played.iter().map(|one| (one.scenario.spec.run.value.name.as_str(), one)).collect();
        of_runbook.sort_by_key(|(runbook, _)| *runbook);
        for (runbook, one) in of_runbook {
            let span = one.scenario.metadata.name.span;
            let file = catalogue.sources.get(span.file);
            let case = Case {
                name: one.scenario.metadata.name.as_str().to_owned(),
                place: file.map(|file| (file.path.clone(), file.line_column(span.start).0)),
                took: one.result.as_ref().map(|_| one.took),
                verdict: verdict(one.result.as_ref()),
            };
            match suites.last_mut().filter(|suite| suite.name == runbook) {
                Some(suite) => suite.cases.push(case),
                None => suites.push(Suite { name: runbook.to_owned(), cases: vec![case] }),
            }
        }
        suites.extend(self.snapshots.as_ref().and_then(stale));
        spec_lint::render::junit::document("ordain test", &suites)
    }

    /// For people.
    pub fn text(&self, look: Look) -> String {
        let mut out = String::new();
        for one in self.played {
            scenario(one, look, &mut out);
        }
        out.push('\n');
        self.verdict().write(look, &mut out);
        if let Some(snapshots) = &self.snapshots {
            self::snapshots(snapshots, look, &mut out);
        }
        unreached(&self.covered.unreached, look, &mut out);
        out
    }

    fn verdict(&self) -> Line {
        let (failed, skipped, count) = (self.failed(), self.skipped(), self.played.len());
        let (mark, ink) = if failed == 0 { ("✓ ", Ink::Good) } else { ("✗ ", Ink::Alarm) };
        let mut verdict = match failed {
            0 => format!("{} passed", counted(count, "scenario")),
            _ => format!("{failed} of {} failed", counted(count, "scenario")),
        };
        if skipped > 0 {
            verdict.push_str(&format!(", {skipped} not played"));
        }
        let Coverage { rules, guards, branches, approvals, .. } = self.covered;
        let mut line = Line::default().with(ink, mark).with(Ink::Strong, &verdict);
        line.add(
            Ink::Dim,
            &format!(
                " in {}ms; rules {} of {}, guards {} of {}",
                self.took.as_millis(),
                rules.hit,
                rules.total,
                guards.hit,
                guards.total
            ),
        );
        for (what, count) in [("branches", branches), ("approvals", approvals)] {
            if count.total > 0 {
                line.add(Ink::Dim, &format!(", {what} {} of {}", count.hit, count.total));
            }
        }
        line
    }
}

fn verdict(result: Option<&ScenarioResult>) -> Verdict {
    let Some(result) = result else { return Verdict::Skipped };
    if result.passed {
        return Verdict::Passed;
    }
    let texts: Vec<String> = result.failures.iter().map(difference).collect();
    Verdict::Failed {
        kind: "scenario".to_owned(),
        message: texts.first().cloned().unwrap_or_default(),
        text: texts.join("\n"),
    }
}

fn difference(failure: &Difference) -> String {
    format!("{} should be {}, is {}", failure.path, value(&failure.expected), value(&failure.actual))
}

/// What is kept for no scenario, as a suite of its own.
fn stale(snapshots: &Snapshots) -> Option<Suite> {
    let case = |path: &String| Case {
        name: path.clone(),
        place: None,
        took: None,
        verdict: Verdict::Failed {
            kind: "snapshot".to_owned(),
            message: "no scenario of that name".to_owned(),
            text: "`ordain test --update` removes it".to_owned(),
        },
    };
    let cases: Vec<Case> = snapshots.stale.iter().map(case).collect();
    (!cases.is_empty()).then(|| Suite { name: "snapshots".to_owned(), cases })
}

fn scenario(one: &Played, look: Look, out: &mut String) {
    let name = one.scenario.metadata.name.as_str();
    let Some(result) = &one.result else {
        Line::default()
            .with(Ink::Dim, "- ")
            .with(Ink::Dim, name)
            .with(Ink::Dim, "  not played")
            .write(look, out);
        return;
    };
    let (mark, ink) = if result.passed { ("✓ ", Ink::Good) } else { ("✗ ", Ink::Alarm) };
    let mut line = Line::default().with(ink, mark).with(Ink::Strong, name);
    line.add(Ink::Dim, &format!("  {}ms", one.took.as_millis())).write(look, out);
    for failure in &result.failures {
        let mut line = Line::default().with(Ink::Plain, "    ").with(Ink::Name, &failure.path);
        line.add(Ink::Dim, " should be ").add(Ink::Good, &value(&failure.expected));
        line.add(Ink::Dim, ", is ").add(Ink::Alarm, &value(&failure.actual));
        line.write(look, out);
    }
}

fn snapshots(snapshots: &Snapshots, look: Look, out: &mut String) {
    for path in &snapshots.stale {
        let mut line = Line::default().with(Ink::Alarm, "✗ ").with(Ink::Name, path);
        line.add(Ink::Plain, " is kept for no scenario").write(look, out);
    }
    for (word, paths) in [("written", &snapshots.written), ("removed", &snapshots.removed)] {
        for path in paths {
            Line::default().with(Ink::Dim, &format!("  {word} ")).with(Ink::Name, path).write(look, out);
        }
    }
    if !snapshots.stale.is_empty() {
        Line::default().with(Ink::Dim, "  `ordain test --update` removes them").write(look, out);
    }
}

/// Places that no scenario reaches, and what never came to pass there.
fn unreached(all: &[Unreached], look: Look, out: &mut String) {
    if all.is_empty() {
        return;
    }
    Line::default().with(Ink::Dim, "  no scenario shows").write(look, out);
    for one in all.iter().take(SHOWN) {
        let mut line =
            Line::default().with(Ink::Dim, &format!("    {} ", one.kind)).with(Ink::Plain, &one.name);
        line.add(Ink::Dim, &format!(" {}  ", one.never));
        line.add(Ink::Name, &format!("{}:{}", one.file, one.line)).write(look, out);
    }
    if all.len() > SHOWN {
        let more = format!("    and {} more: `ordain test --json` lists them all", all.len() - SHOWN);
        Line::default().with(Ink::Dim, &more).write(look, out);
    }
}
