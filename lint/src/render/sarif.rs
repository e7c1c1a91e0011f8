//! Findings as SARIF 2.1.0, for code scanning: rules with their pages, regions, related places, fixes,
//! and a fingerprint that stays when lines move.

use std::collections::BTreeMap;

use ordain_spec::check::masked;
use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};
use ordain_spec::digest::Digest;
use ordain_spec::source::{FileId, Sources, Span};
use serde_json::{Map, Value, json};

use super::excerpt::harmless;
use super::{Secrets, joined, page, whole};
use crate::branch::Branches;
use crate::report::{Finding, Report};

/// Where the schema of the document stands.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What fingerprints are of: another number when they are computed in another way.
const FINGERPRINT: &str = "ordain/v2";

/// The document. `below` is the folder that the report's paths are relative to.
#[must_use]
pub fn sarif(report: &Report, below: &str) -> Value {
    let open = report.groups.iter().flat_map(|group| &group.findings).map(|finding| (finding, None));
    let passed = report.groups.iter().flat_map(|group| &group.passed);
    let findings: Vec<(&Finding, Option<&str>)> =
        open.chain(passed.map(|one| (&one.finding, Some(one.reason.as_str())))).collect();
    let mut rules: BTreeMap<&str, Severity> = BTreeMap::new();
    for (finding, _) in &findings {
        rules.insert(finding.diagnostic.code, finding.diagnostic.severity);
    }
    let numbers: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let mut prints = Prints::new(report);
    let results: Vec<Value> = findings
        .iter()
        .map(|(finding, passed)| {
            let number = numbers.get(finding.diagnostic.code).copied().unwrap_or_default();
            let mut result = result(finding, number, below, prints.of(finding));
            // What a comment let pass is shown as that, not left out: whoever reads the file sees it too.
            if let (Some(reason), Some(result)) = (passed, result.as_object_mut()) {
                let justification = harmless(reason);
                result.insert(
                    "suppressions".into(),
                    json!([{"kind": "inSource", "justification": justification}]),
                );
            }
            result
        })
        .collect();
    let rules: Vec<Value> = rules.iter().map(|(code, severity)| rule(code, *severity)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "spec-lint",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": true}],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Law | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A law or rule: its page is its help.
fn rule(code: &str, severity: Severity) -> Value {
    let text = page(code).unwrap_or_default();
    let why = text.split("\n\n").nth(1).unwrap_or(code).trim();
    let short = why.split_inclusive(". ").next().unwrap_or(why).trim();
    let kind = match severity {
        Severity::Law => "A law: the engine refuses the catalogue too, and nothing suppresses it.",
        Severity::Error => "An error: it blocks, and can be exempted in the file.",
        Severity::Warning => "A warning: worth a look.",
        Severity::Info => "A remark.",
    };
    json!({
        "id": code,
        "shortDescription": {"text": short},
        "fullDescription": {"text": format!("{why} {kind}")},
        "help": {"text": format!("{why}\n\n{kind}\n\n`ordain explain {code}` shows what is refused and accepted."), "markdown": text},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"severity": severity.as_str(), "tags": ["governance"]},
    })
}

fn result(finding: &Finding, number: usize, below: &str, fingerprint: String) -> Value {
    let diagnostic = &finding.diagnostic;
    let mut out = Map::new();
    out.insert("ruleId".into(), diagnostic.code.into());
    out.insert("ruleIndex".into(), number.into());
    out.insert("level".into(), level(diagnostic.severity).into());
    out.insert("message".into(), json!({"text": whole(finding)}));
    if let Some(label) = &diagnostic.primary {
        out.insert("locations".into(), json!([{"physicalLocation": physical(finding, label.span, below)}]));
    }
    let related = diagnostic.related.iter().enumerate().map(|(at, label)| {
        json!({
            "id": at + 1,
            "message": {"text": harmless(&label.text)},
            "physicalLocation": physical(finding, label.span, below),
        })
    });
    out.insert("relatedLocations".into(), related.collect());
    out.insert("partialFingerprints".into(), json!({FINGERPRINT: fingerprint}));
    if let Some(fix) = &diagnostic.fix {
        out.insert("fixes".into(), json!([fixed(finding, diagnostic, &fix.edits, below)]));
    }
    out.insert("properties".into(), json!({"severity": diagnostic.severity.as_str()}));
    Value::Object(out)
}

fn artifact(file: &str, below: &str) -> Value {
    json!({"uri": uri(&joined(below, file))})
}

fn physical(finding: &Finding, span: Span, below: &str) -> Value {
    let place = finding.place(Some(span));
    json!({"artifactLocation": artifact(&place.file, below), "region": region(finding, span)})
}

fn region(finding: &Finding, span: Span) -> Value {
    let place = finding.place(Some(span));
    json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    })
}

/// A repair: its edits, file by file.
fn fixed(finding: &Finding, diagnostic: &Diagnostic, edits: &[Edit], below: &str) -> Value {
    let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for edit in edits {
        files.entry(finding.place(Some(edit.span)).file).or_default().push(json!({
            "deletedRegion": region(finding, edit.span),
            "insertedContent": {"text": edit.text},
        }));
    }
    let changes: Vec<Value> = files
        .into_iter()
        .map(|(file, replacements)| {
            json!({"artifactLocation": artifact(&file, below), "replacements": replacements})
        })
        .collect();
    let what = diagnostic.help.as_deref().unwrap_or(diagnostic.code);
    json!({"description": {"text": harmless(what)}, "artifactChanges": changes})
}

/// What fingerprints are made of.
struct Prints {
    /// What is a secret in any file.
    secrets: Vec<Secrets>,
    /// The ways to the places of a file, read once; by the files of its catalogue and its number there.
    branches: BTreeMap<(*const Sources, FileId), Branches>,
    /// How many had the same before.
    seen: BTreeMap<String, usize>,
}

impl Prints {
    fn new(report: &Report) -> Self {
        let secrets = report.groups.iter().map(|group| Secrets::of(&group.subject)).collect();
        Self { secrets, branches: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// What stays the same when lines above are added, the file is laid out anew, or the text of the place is another:
    /// the rule, the file, the way through its tree to the place, and which of several alike it is. Nothing that
    /// stands in a file as a secret goes into it: from a hash a short one could be guessed.
    fn of(&mut self, finding: &Finding) -> String {
        let diagnostic = &finding.diagnostic;
        let place = diagnostic.primary.as_ref().map(|label| label.span);
        let way: Vec<String> = place
            .and_then(|place| Some((place, finding.file(place)?)))
            .map(|(place, file)| {
                let files = std::sync::Arc::as_ptr(&finding.sources);
                let branches = self.branches.entry((files, place.file));
                let branches = branches.or_insert_with(|| Branches::of(place.file, file));
                let is_secret = |name: &str| self.secrets.iter().any(|all| all.is_one(name));
                let shown = |name: &str| if is_secret(name) { "*".into() } else { masked(name) };
                branches.to(place.start).map(shown).collect()
            })
            .unwrap_or_default();
        let about = json!([diagnostic.code, finding.primary().file, way]).to_string();
        let count = self.seen.entry(about.clone()).or_default();
        *count += 1;
        let digest = Digest::of(format!("{about} {count}").as_bytes()).to_string();
        digest.trim_start_matches("sha256:").chars().take(32).collect()
    }
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    if out.starts_with('/') { format!("file://{out}") } else { out }
}
