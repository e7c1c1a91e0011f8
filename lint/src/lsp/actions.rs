//! What an editor can do about a problem: the repair that the diagnostic carries, and, for what is no law, a
//! suppression that says who, why and until when.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{Notation, SourceFile, Span};
use serde_json::{Value, json};

use super::place::{position, range};
use super::space::Space;

/// The actions for the problems that touch a range of a file.
#[must_use]
pub fn actions(space: &Space, path: &str, from: u32, to: u32) -> Vec<Value> {
    let mut found = Vec::new();
    for (about, problem) in space.problems() {
        let Some(span) = problem.primary.as_ref().map(|label| label.span) else { continue };
        let Some(file) = space.subject.sources.get(span.file).filter(|_| about == path) else { continue };
        if span.end < from || to < span.start {
            continue;
        }
        found.extend(repair(space, &problem));
        found.extend(suppression(space, file, &problem, span));
    }
    found
}

/// A diagnostic as the editor was told it, by code and place.
fn about(file: &SourceFile, problem: &Diagnostic, span: Span) -> Value {
    json!([{"range": range(file, span), "code": problem.code, "source": "ordain", "message": problem.message}])
}

fn repair(space: &Space, problem: &Diagnostic) -> Option<Value> {
    let fix = problem.fix.as_ref()?;
    let span = problem.primary.as_ref()?.span;
    let file = space.subject.sources.get(span.file)?;
    let mut changes = serde_json::Map::new();
    for edit in &fix.edits {
        let file = space.subject.sources.get(edit.span.file)?;
        let uri = super::place::uri_of(&space.absolute(&file.path));
        let edits = changes.entry(uri).or_insert_with(|| json!([]));
        edits.as_array_mut()?.push(json!({"range": range(file, edit.span), "newText": edit.text}));
    }
    let help = problem.help.clone().unwrap_or_else(|| format!("mend {}", problem.code));
    let title = if fix.safe { help } else { format!("{help} (look at the result)") };
    Some(json!({"title": title, "kind": "quickfix", "isPreferred": fix.safe,
                "diagnostics": about(file, problem, span), "edit": {"changes": changes}}))
}

/// A comment above the line. Reason, person and expiry are left for the author: without them it is an error.
fn suppression(space: &Space, file: &SourceFile, problem: &Diagnostic, span: Span) -> Option<Value> {
    if matches!(problem.severity, Severity::Law) || problem.code.starts_with("suppression-") {
        return None;
    }
    let line = position(&file.text, span.start as usize).line;
    let text = file.text.lines().nth(line).unwrap_or_default();
    let indent: String = text.chars().take_while(|letter| *letter == ' ').collect();
    let mark = if file.notation == Notation::Kdl { "//" } else { "#" };
    let comment = format!("{indent}{mark} lint-allow: {} until=TODO by=TODO reason=\"TODO\"\n", problem.code);
    let place = json!({"line": line, "character": 0});
    let uri = super::place::uri_of(&space.absolute(&file.path));
    let edits = json!([{"range": {"start": place, "end": place}, "newText": comment}]);
    let mut changes = serde_json::Map::new();
    changes.insert(uri, edits);
    Some(
        json!({"title": format!("allow {} here, with a reason and an expiry", problem.code), "kind": "quickfix",
                "diagnostics": about(file, problem, span), "edit": {"changes": changes}}),
    )
}
