//! Every sentence of the language page about runs, as a scenario that `ordain test` plays: each folder of
//! `fixtures/conformance` laid over the common one is a workspace. What is expected there stands in the documents.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::process::Command;

use engine_tests::{Workspace, binary, root, said_by};

const FOLDER: &str = "engine-tests/fixtures/conformance";

/// The workspace of a theme, and how many scenarios stand in it.
fn workspace(theme: &str) -> (Workspace, usize) {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let mut scenarios = 0;
    for folder in ["common", theme] {
        let name = format!("{folder}.yaml");
        let text = fs::read_to_string(root().join(FOLDER).join(folder).join("specs").join(&name)).unwrap();
        scenarios += text.matches("\nkind: Scenario\n").count();
        workspace.write(&format!("specs/{name}"), &text);
    }
    (workspace, scenarios)
}

fn themes() -> Vec<String> {
    let folders = fs::read_dir(root().join(FOLDER)).unwrap();
    let mut names: Vec<String> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "common" && !name.starts_with('.'));
    names.sort();
    assert!(names.len() >= 12, "{names:?}");
    names
}

#[test]
fn every_sentence_holds() {
    let mut wrong = Vec::new();
    for theme in themes() {
        let (workspace, due) = workspace(&theme);
        let said = workspace.ordain(&["test", "--json"]);
        let document = said.json();
        let Some(scenarios) = document["scenarios"].as_array() else {
            wrong.push(format!("{theme}: {document:#}"));
            continue;
        };
        assert_eq!(scenarios.len(), due, "{theme}: each scenario is played once");
        let failed = scenarios.iter().filter(|scenario| scenario["passed"] != true);
        let failed: Vec<String> =
            failed.map(|one| format!("{theme}: {}: {:#}", one["name"], one["failures"])).collect();
        assert_eq!(said.code, i32::from(!failed.is_empty()), "{theme}: exit code");
        wrong.extend(failed);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_theme_breaks_a_law() {
    for theme in themes() {
        let (workspace, _) = workspace(&theme);
        let said = said_by(
            Command::new(binary("spec-lint")).args(["--format", "json", "."]).current_dir(workspace.path()),
        );
        // What rules of lint say about them is beside the point: a theme shows what the engine does.
        assert_eq!(said.json()["summary"]["laws"], 0, "{theme}");
    }
}

#[test]
fn an_expectation_that_does_not_hold_fails_with_what_was_expected_and_what_was_there() {
    let (workspace, _) = workspace("needs");
    let file = workspace.path().join("specs/needs.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("outputs: {id: id-a}", "outputs: {id: id-z}");
    fs::write(&file, text.replace("calls: {box.put: 1, box.note: 1, box.look: 3}", "calls: {box.put: 2}"))
        .unwrap();
    let said = workspace.ordain(&["test", "--json"]);
    let document = said.expect_code(1).json();
    let scenarios = document["scenarios"].as_array().unwrap();
    let failed: Vec<_> = scenarios.iter().filter(|scenario| scenario["passed"] == false).collect();
    let names: Vec<_> = failed.iter().map(|scenario| scenario["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["needs-in-order", "when-true-runs"]);
    let failure = &failed[0]["failures"][0];
    assert_eq!((failure["expected"].as_str(), failure["actual"].as_str()), (Some("id-z"), Some("id-a")));
    assert!(failed[1]["failures"][0]["path"].as_str().unwrap().contains("box.put"));
    workspace.ordain(&["test", "needs-in-order", "--json"]).expect_code(1);
    workspace.ordain(&["test", "when-errs", "--json"]).expect_code(0);
    workspace.ordain(&["test", "no-such-scenario", "--json"]).expect_code(2);
}
