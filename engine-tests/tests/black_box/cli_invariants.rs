//! What an author's own rules and scenarios are worth to lint: invariants of `ordain.yaml`, `lint.deny`, and rules
//! that play scenarios.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace};
use serde_json::Value;

/// The payments with something added to their `ordain.yaml`.
fn payments(more: &str) -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/payments");
    let file = workspace.path().join("ordain.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}{more}")).unwrap();
    workspace
}

/// The findings of that slug.
fn found(said: &Said, code: &str) -> Vec<Value> {
    let document = said.json();
    let all = document["diagnostics"].as_array().unwrap();
    all.iter().filter(|one| one["code"] == code).cloned().collect()
}

fn invariant(expr: &str) -> String {
    format!("  invariants:\n    - {{id: house, expr: '{expr}', message: Ask the platform team.}}\n")
}

#[test]
fn an_invariant_that_does_not_hold_is_an_error_that_names_who_breaks_it() {
    let workspace = payments(&invariant(
        "catalogue.capabilities.all(c, c.risk != \"high\" || c.owner == \"group:finance\")",
    ));
    let said = workspace.ordain(&["lint", "--format", "json"]);
    let problems = found(said.expect_code(1), "x-house");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let problem = &problems[0];
    assert_eq!((&problem["severity"], &problem["file"]), (&"error".into(), &"ordain.yaml".into()));
    let text = fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    let line = text.lines().position(|line| line.contains("id: house")).unwrap() + 1;
    assert_eq!(problem["line"], line);
    let message = problem["message"].as_str().unwrap();
    assert!(message.contains("capability `payments.refund` breaks it"), "{message}");
    assert_eq!(problem["help"], "Ask the platform team.");
    assert_eq!(problem["related"][0]["file"], "specs/capabilities/payments.refund.yaml");
    // The engine loads it all the same: invariants are lint's.
    workspace.ordain(&["test"]).expect_code(0);
    for format in ["text", "sarif", "github", "junit"] {
        let said = workspace.ordain(&["lint", "--format", format]);
        assert!(said.expect_code(1).stdout.contains("x-house"), "{format}: {}", said.stdout);
    }
}

#[test]
fn an_invariant_that_holds_says_nothing_and_one_without_a_value_is_a_finding() {
    let count = |expr: &str| {
        let workspace = payments(&invariant(expr));
        found(&workspace.ordain(&["lint", "--format", "json"]), "x-house").len()
    };
    assert_eq!(count("catalogue.capabilities.all(c, c.owner.startsWith(\"group:\"))"), 0);
    assert_eq!(count("catalogue.runbooks.exists(r, r.name == \"refund\")"), 0);
    assert_eq!(count("catalogue.runbooks.exists(r, r.name == \"payout\")"), 1);
    let workspace = payments(&invariant("catalogue.runbooks[7].name == \"refund\""));
    let problems = found(workspace.ordain(&["lint", "--format", "json"]).expect_code(1), "x-house");
    assert!(problems[0]["message"].as_str().unwrap().contains("has no value"), "{problems:#?}");
}

#[test]
fn a_misspelt_word_in_deny_is_said_with_the_nearest() {
    let workspace = payments("  lint: {deny: [warnin, file-name-difers]}\n");
    let problems = found(workspace.ordain(&["lint", "--format", "json"]).expect_code(1), "unknown-value");
    let helps: Vec<_> = problems.iter().map(|one| one["help"].as_str().unwrap()).collect();
    assert_eq!(helps, ["did you mean `warning`?", "did you mean `file-name-differs`?"]);
    let workspace = payments("  lint: {deny: [warning, file-name-differs, missing-owner, x-house]}\n");
    let problems = found(&workspace.ordain(&["lint", "--format", "json"]), "unknown-value");
    assert_eq!(problems.len(), 1, "an invariant that there is not: {problems:#?}");
}

#[test]
fn tests_that_do_not_reach_and_guards_with_one_branch_are_errors_of_lint_only() {
    let workspace = payments("");
    let guards = |workspace: &Workspace| {
        found(&workspace.ordain(&["lint", "--format", "json"]), "guard-branch-untested")
    };
    assert_eq!(guards(&workspace), Vec::<Value>::new());
    fs::remove_file(workspace.path().join("specs/runbooks/refund-budget-low.yaml")).unwrap();
    let problems = guards(&workspace);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let message = problems[0]["message"].as_str().unwrap();
    assert!(
        message.contains("guard `budget-open` of capability `payments.refund` is never false"),
        "{message}"
    );
    for capability in ["payments.lookup", "mail.receipt"] {
        let file = workspace.path().join(format!("specs/capabilities/{capability}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once("tests: [").unwrap();
        let (_, after) = rest.split_once(']').unwrap();
        fs::write(&file, format!("{before}tests: [refund-denied]{after}")).unwrap();
    }
    let said = workspace.ordain(&["lint", "--format", "json"]);
    let problems = found(said.expect_code(1), "tests-do-not-reach");
    assert_eq!(problems.len(), 1, "the look-up is reached before the denial: {problems:#?}");
    assert_eq!(problems[0]["file"], "specs/capabilities/mail.receipt.yaml");
    workspace.ordain(&["test"]).expect_code(0);
}
