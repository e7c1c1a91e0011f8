//! An editing session with `ordain lsp` over a catalogue of a thousand files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "tests")]

use engine_tests::Workspace;
use engine_tests::editor::{Editor, place};
use engine_tests::many;
use serde_json::{Value, json};

const RUNBOOK: &str = "specs/runbooks/settle-7.yaml";
const KDL: &str = "specs/runbooks/review-7.kdl";
const POST: &str = "specs/capabilities/ledger-7.post.yaml";

fn text(space: &Workspace, path: &str) -> String {
    std::fs::read_to_string(space.path().join(path)).unwrap()
}

fn labels(answer: &Value) -> Vec<String> {
    answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["label"].as_str().unwrap().to_owned())
        .collect()
}

fn files(locations: &Value) -> Vec<String> {
    let mut found: Vec<String> = locations
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["uri"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn an_author_breaks_asks_completes_mends_renames_and_leaves() {
    let space = many::workspace(1_000);
    let runbook = text(&space, RUNBOOK);
    let mut editor = Editor::open_folder(space.path());
    editor.open(RUNBOOK, &runbook);
    let read = editor.readings();
    assert_eq!(read, 1_000);

    // A keystroke breaks a reference: told at the place, with the nearest name, and no other file is read.
    let (start, _) = place(&runbook, "ledger-7.post@^1");
    editor.change(RUNBOOK, (start.0, start.1 + 9), (start.0, start.1 + 13), "psot");
    editor.wait_for(RUNBOOK, |found| found.iter().any(|one| one["code"] == "unresolved-reference"));
    assert_eq!(editor.readings(), read + 1);
    let problem =
        editor.problems[RUNBOOK].iter().find(|one| one["code"] == "unresolved-reference").unwrap().clone();
    assert_eq!(problem["range"]["start"]["line"], start.0);
    assert_eq!(problem["severity"], 1);
    assert!(problem["codeDescription"]["href"].as_str().unwrap().ends_with("/unresolved-reference.md"));
    assert!(problem["message"].as_str().unwrap().contains("ledger-7.post"), "{problem}");

    // The repair of the diagnostic is an action; applied, nothing is wrong any more.
    let range = problem["range"].clone();
    let asked = json!({"range": range, "context": {"diagnostics": [problem]}});
    let actions = editor.at("textDocument/codeAction", RUNBOOK, start, asked).unwrap();
    let edit = actions[0]["edit"]["changes"][editor.uri(RUNBOOK)][0].clone();
    let at = |key: &str| {
        let place = &edit["range"][key];
        (place["line"].as_u64().unwrap() as usize, place["character"].as_u64().unwrap() as usize)
    };
    editor.change(RUNBOOK, at("start"), at("end"), edit["newText"].as_str().unwrap());
    editor.wait_for(RUNBOOK, |found| found.iter().all(|one| one["severity"] != 1));

    // What a capability needs, a field means, a fact is.
    let hover = |editor: &mut Editor, path: &str, place: (usize, usize)| {
        let said = editor.at("textDocument/hover", path, place, json!({})).unwrap();
        said["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    let said = hover(&mut editor, RUNBOOK, (start.0, start.1 + 3));
    for part in ["capability `ledger-7.post`", "group:team-7", "risk: medium", "50 in 1h per actor", "500000"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let said = hover(&mut editor, RUNBOOK, place(&runbook, "maxItems: 20, maxParallel").0);
    assert!(said.contains("maxItems"), "{said}");
    let said = hover(&mut editor, RUNBOOK, place(&runbook, "onFailure: rollback").1);
    assert!(said.contains("rollback"), "{said}");
    let open = place(&runbook, "steps.look.outputs.open");
    let said = hover(&mut editor, RUNBOOK, (open.1.0, open.1.1 - 1));
    assert!(said.contains("a boolean"), "{said}");
    let said = hover(&mut editor, RUNBOOK, place(&runbook, "index } of").0);
    assert!(said.contains("an integer"), "{said}");

    // Definitions and references over both notations.
    let look = place(&runbook, "ledger-7.read@^1").0;
    let found = editor.at("textDocument/definition", RUNBOOK, (look.0, look.1 + 2), json!({})).unwrap();
    assert_eq!(files(&found), ["ledger-7.read.yaml"]);
    let asked = json!({"context": {"includeDeclaration": false}});
    let found = editor.at("textDocument/references", RUNBOOK, (look.0, look.1 + 2), asked).unwrap();
    assert_eq!(files(&found), ["review-7.kdl", "settle-7.yaml"]);
    let found = editor.at("textDocument/definition", RUNBOOK, (open.0.0, open.0.1 + 7), json!({})).unwrap();
    assert_eq!(found[0]["range"]["start"]["line"], place(&runbook, "id: look").0.0);

    // An expression that is being written.
    let when = place(&runbook, "'steps.look.outputs.open &&");
    editor.change(RUNBOOK, when.0, (when.0.0, usize::MAX >> 1), "'steps.look.outputs.'");
    let cursor = (when.0.0, when.0.1 + "'steps.look.outputs.".len());
    let found = editor.at("textDocument/completion", RUNBOOK, cursor, json!({})).unwrap();
    assert_eq!(labels(&found), ["amount", "currency", "open"]);
    editor.change(RUNBOOK, when.0, (when.0.0, usize::MAX >> 1), "'steps.'");
    let found = editor.at("textDocument/completion", RUNBOOK, (when.0.0, when.0.1 + 7), json!({})).unwrap();
    assert_eq!(labels(&found), ["look"], "only what comes before");
    editor.change(RUNBOOK, when.0, (when.0.0, usize::MAX >> 1), "''");
    let found = editor.at("textDocument/completion", RUNBOOK, (when.0.0, when.0.1 + 1), json!({})).unwrap();
    for name in ["inputs", "actor", "steps", "has"] {
        assert!(labels(&found).contains(&name.to_owned()), "{name}: {found}");
    }
    editor.change(RUNBOOK, when.0, (when.0.0, usize::MAX >> 1), "steps.look.outputs.open");

    // Names, fields and words, in both notations.
    let needs = place(&runbook, "needs: [agreed]").0;
    editor.change(RUNBOOK, (needs.0, needs.1 + 8), (needs.0, needs.1 + 14), "");
    let found = editor.at("textDocument/completion", RUNBOOK, (needs.0, needs.1 + 8), json!({})).unwrap();
    assert_eq!(labels(&found), ["agreed", "check", "look", "post"]);
    editor.change(RUNBOOK, (needs.0, needs.1 + 8), (needs.0, needs.1 + 8), "agreed");
    let mode = place(&runbook, "onLimit: queue");
    let found = editor.at("textDocument/completion", RUNBOOK, mode.1, json!({})).unwrap();
    assert_eq!(labels(&found), ["queue", "refuse"]);
    let line = place(&runbook, "      retry: {attempts").0;
    editor.change(RUNBOOK, line, line, "      tim\n");
    let found = editor.at("textDocument/completion", RUNBOOK, (line.0, 9), json!({})).unwrap();
    assert!(
        labels(&found).contains(&"timeout".to_owned()) && !labels(&found).contains(&"uses".to_owned()),
        "{found}"
    );
    editor.change(RUNBOOK, line, (line.0 + 1, 0), "");
    let kdl = text(&space, KDL);
    editor.open(KDL, &kdl);
    let step = place(&kdl, "uses=\"ledger-7.read@^1\"");
    let found = editor.at("textDocument/completion", KDL, (step.0.0, step.0.1 + 8), json!({})).unwrap();
    assert!(labels(&found).contains(&"ledger-7.post".to_owned()), "{found}");

    // Another name, everywhere; nothing where it would change what somebody may do.
    let id = place(&runbook, "id: look").1;
    let edits = editor.at("textDocument/rename", RUNBOOK, id, json!({"newName": "first_look"})).unwrap();
    let edits = edits["changes"][editor.uri(RUNBOOK)].as_array().unwrap().len();
    assert_eq!(edits, 8, "the id, the needs and every expression");
    let refused = editor.at("textDocument/rename", RUNBOOK, id, json!({"newName": "post"})).unwrap_err();
    assert!(refused.contains("there already"), "{refused}");
    let name = (start.0, start.1 + 3);
    let refused =
        editor.at("textDocument/rename", RUNBOOK, name, json!({"newName": "other.post"})).unwrap_err();
    assert!(refused.contains("ledger-7.*"), "{refused}");
    let edits =
        editor.at("textDocument/rename", RUNBOOK, name, json!({"newName": "ledger-7.enter"})).unwrap();
    assert_eq!(edits["changes"].as_object().unwrap().keys().count(), 2, "{edits}");

    // An outline, the whole workspace's names, and the colours of expressions.
    let outline = editor.at("textDocument/documentSymbol", RUNBOOK, (0, 0), json!({})).unwrap();
    let steps: Vec<_> =
        outline[0]["children"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert!(steps.contains(&json!("agreed")), "{outline}");
    let found = editor.ask("workspace/symbol", json!({"query": "ledger-99"})).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 5, "{found}");
    let colours = editor.at("textDocument/semanticTokens/full", RUNBOOK, (0, 0), json!({})).unwrap();
    assert!(colours["data"].as_array().unwrap().len() > 50);

    // Closed without saving: what lies on disk holds.
    let uri = editor.uri(RUNBOOK);
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    editor.wait_for(RUNBOOK, |found| found.iter().all(|one| one["severity"] != 1));
    let _read = text(&space, POST);
    assert!(editor.readings() < read + 60, "only the file that was edited was read again");
    assert_eq!(editor.leave(), Some(0));
}

#[test]
fn every_keystroke_is_taken_and_positions_count_utf16() {
    let space = many::workspace(11);
    let path = "specs/capabilities/ledger-0.read.yaml";
    let mut editor = Editor::open_folder(space.path());
    let first = text(&space, path);
    editor.open(path, &first);
    // After a letter of two units: the place of what is wrong is counted in units.
    let whole =
        "apiVersion: ordain/v1\nkind: Budget\nmetadata: {name: b, summary: '😀', owners: group:team-0}\n";
    let uri = editor.uri(path);
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)).chain([whole.len()]) {
        let change = json!({"textDocument": {"uri": uri, "version": end + 2}, "contentChanges": [{"text": &whole[..end]}]});
        editor.tell("textDocument/didChange", change);
    }
    editor.wait_for(path, |found| found.iter().any(|one| one["code"] == "unknown-field"));
    let problem = editor.problems[path].iter().find(|one| one["code"] == "unknown-field").unwrap();
    assert_eq!(
        problem["range"]["start"],
        json!({"line": 2, "character": place("metadata: {name: b, summary: '😀', owners", "owners").0.1})
    );
    assert_eq!(editor.leave(), Some(0));
}

/// A catalogue of a few files, with one more beside them.
fn minimal() -> (Workspace, &'static str, String) {
    let space = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let budget = "specs/policies/calls.yaml";
    let whole = "apiVersion: ordain/v1\nkind: Budget\nmetadata: {name: calls, version: 1.0.0, owner: group:team, summary: '😀'}\nspec: {unit: calls, limit: 10, window: month, applies: {capabilities: [note.read]}}\n";
    (space, budget, whole.to_owned())
}

#[test]
fn a_message_that_cannot_be_read_ends_nothing_and_a_request_can_be_taken_back() {
    let (space, path, whole) = minimal();
    let mut editor = Editor::open_folder(space.path());
    editor.open(path, &whole);
    for wrong in [
        "Content-Length: 5\r\n\r\n{nope",
        "Content-Length: 2\r\n\r\n[]",
        "Content-Length: x\r\n\r\n",
        "no head\r\n\r\n",
    ] {
        editor.raw(wrong.as_bytes());
        let found = editor.ask("workspace/symbol", json!({"query": "calls"})).unwrap();
        assert_eq!(found[0]["name"], "calls", "after {wrong:?}: {found}");
    }
    editor.tell("$/cancelRequest", json!({"id": 999_999}));
    editor.tell("$/cancelRequest", json!({"id": []}));
    editor.tell("textDocument/didChange", json!({"textDocument": {"uri": editor.uri(path)}, "contentChanges": [{}, {"range": {}, "text": "lost"}]}));
    let hover = editor.at("textDocument/hover", path, place(&whole, "window").0, json!({})).unwrap();
    assert!(hover["contents"]["value"].as_str().unwrap().contains("window"), "{hover}");
    assert_eq!(editor.leave(), Some(0));
}

#[test]
fn what_is_closed_unsaved_or_deleted_outside_is_gone() {
    let (space, path, whole) = minimal();
    let mut editor = Editor::open_folder(space.path());
    let unresolved = |found: &[Value]| found.iter().any(|one| one["code"] == "unresolved-reference");
    let misspelt = |found: &[Value]| found.iter().any(|one| one["code"] == "unknown-field");
    editor.open(path, &whole.replace("unit:", "unt:"));
    editor.wait_for(path, misspelt);
    let uri = editor.uri(path);
    editor.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    editor.wait_for(path, <[Value]>::is_empty);
    let runbook = "specs/runbooks/read-note.yaml";
    std::fs::remove_file(space.path().join("specs/capabilities/note.read.yaml")).unwrap();
    let gone = json!([{"uri": editor.uri("specs/capabilities/note.read.yaml"), "type": 3}]);
    editor.tell("workspace/didChangeWatchedFiles", json!({"changes": gone}));
    editor.wait_for(runbook, unresolved);
    assert_eq!(editor.leave(), Some(0));
}

#[test]
fn a_folder_behind_a_link_is_called_as_the_editor_calls_it() {
    let (space, path, whole) = minimal();
    let beside = Workspace::empty();
    let link = beside.path().join("link");
    std::os::unix::fs::symlink(space.path(), &link).unwrap();
    let mut editor = Editor::open_folder_called(link);
    // The file is not saved yet: only its folder is there.
    editor.open(path, &whole.replace("unit:", "unt:"));
    editor.wait_for(path, |found| found.iter().any(|one| one["code"] == "unknown-field"));
    assert_eq!(editor.leave(), Some(0));
}

#[test]
fn a_person_has_the_new_name_in_suppressions_too() {
    let (space, path, whole) = minimal();
    let whole = whole.replace(
        "spec:",
        "# lint-allow: missing-budget until=2099-12-31 by=user:bob reason=\"for now\"\nspec:",
    );
    let mut editor = Editor::open_folder(space.path());
    editor.open(path, &whole);
    let (line, character) = place(&whole, "bob").0;
    let renamed =
        editor.at("textDocument/rename", path, (line, character), json!({"newName": "robert"})).unwrap();
    let changed = |path: &str| renamed["changes"][editor.uri(path)].as_array().map_or(0, Vec::len);
    assert_eq!((changed(path), changed("specs/policies/roster.yaml")), (1, 2), "{renamed}");
    let start = json!({"line": line, "character": character});
    assert_eq!(renamed["changes"][editor.uri(path)][0]["range"]["start"], start);
    assert_eq!(editor.leave(), Some(0));
}
