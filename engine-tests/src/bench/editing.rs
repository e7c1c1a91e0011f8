//! How long checks and answers take over a catalogue of a thousand files.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ordain_spec::check::{Checker, check};
use ordain_spec::source::{Notation, SourceFile, Sources};
use serde_json::json;

use crate::editor::{Editor, place};
use crate::many;

const FILES: usize = 1_000;
const TIMES: usize = 41;
const EDITED: &str = "specs/runbooks/settle-50.yaml";

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// A first check.
    pub first: Duration,
    /// A check after an edit of a runbook, the middle of several.
    pub again: Duration,
    /// The same, the longest.
    pub longest: Duration,
}

fn middle(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort();
    let at = |at: usize| took.get(at).copied().unwrap_or_default();
    (at(took.len() / 2), at(took.len().saturating_sub(1)))
}

/// Checks in this process.
#[must_use]
pub fn checks() -> Checks {
    let mut files = many::files(FILES);
    let sources = |files: &[(String, String)]| {
        let mut sources = Sources::default();
        for (path, text) in files {
            let notation = Notation::of_path(path).unwrap_or(Notation::Yaml);
            sources.add(SourceFile::new(path.clone(), text.as_str().into(), notation));
        }
        sources
    };
    let (first, _) = middle((0..5).map(|_| timed(sources(&files), check)).collect());
    let mut checker = Checker::new();
    let _first = checker.check(&sources(&files));
    let again = (0..TIMES).map(|_| {
        if let Some((_, text)) = files.iter_mut().find(|(path, _)| path == EDITED) {
            text.push_str("# one line more\n");
        }
        timed(sources(&files), |sources| checker.check(&sources))
    });
    let (again, longest) = middle(again.collect());
    Checks { first, again, longest }
}

fn timed<T>(sources: Sources, check: impl FnOnce(Sources) -> T) -> Duration {
    let begun = Instant::now();
    let result = check(sources);
    let took = begun.elapsed();
    drop(result);
    took
}

/// What an author waits for after a save, as under `--watch`: files are read, laws and rules asked. The middle and
/// the longest of several, in this process.
#[must_use]
pub fn rechecks() -> (Duration, Duration) {
    let space = many::workspace(FILES);
    let asked = spec_lint::Asked { as_of: Timestamp::UNIX_EPOCH, remarks: false, against: None };
    let mut known = spec_lint::Known::default();
    let _first = known.lint(space.path(), &[], &asked);
    let edited = space.path().join(EDITED);
    let mut text = std::fs::read_to_string(&edited).unwrap_or_default();
    let took = (0..TIMES).map(|_| {
        text.push_str("# one line more\n");
        space.write(EDITED, &text);
        let begun = Instant::now();
        let report = known.lint(space.path(), &[], &asked);
        let took = begun.elapsed();
        drop(report);
        took
    });
    middle(took.collect())
}

/// The middle and the longest time of each request to `ordain lsp`, each right after a keystroke.
#[must_use]
pub fn answers() -> Vec<(&'static str, Duration, Duration)> {
    let space = many::workspace(FILES);
    let text = std::fs::read_to_string(space.path().join(EDITED)).unwrap_or_default();
    let mut editor = Editor::open_folder(space.path());
    editor.open(EDITED, &text);
    let _known = editor.readings();
    let uses = place(&text, "ledger-50.post@^1").0;
    let fact = place(&text, "steps.look.outputs.open").1;
    let requests = [
        ("textDocument/hover", uses, json!({})),
        ("textDocument/definition", uses, json!({})),
        ("textDocument/references", uses, json!({"context": {"includeDeclaration": true}})),
        ("textDocument/completion", uses, json!({})),
        ("textDocument/completion", fact, json!({})),
        ("textDocument/rename", uses, json!({"newName": "ledger-50.enter"})),
        ("textDocument/documentSymbol", uses, json!({})),
        ("textDocument/semanticTokens/full", uses, json!({})),
    ];
    let end = text.matches('\n').count();
    let measure = |(method, at, more): (&'static str, (usize, usize), serde_json::Value)| {
        let took = (0..TIMES).map(|_| {
            editor.change(EDITED, (end, 0), (end, 0), "#\n");
            let begun = Instant::now();
            let _answer = editor.at(method, EDITED, at, more.clone());
            begun.elapsed()
        });
        let (middle, longest) = middle(took.collect());
        (method, middle, longest)
    };
    requests.into_iter().map(measure).collect()
}
