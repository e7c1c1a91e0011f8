//! `ordain fmt` and `ordain convert` from outside: what is written, what is left alone, and that digests stay.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::{Workspace, root};

const FILE: &str = "specs/runbooks/rests.yaml";
const MESSY: &str = "# a comment\napiVersion: ordain/v1\nkind:    Runbook\nmetadata: { name: rests, version: 1.0.0, owner: group:team, summary: Rests. }\n\n\n\nspec:\n    steps:\n    -   id: rest   # one\n        wait: 1s\n    - {id: more, needs: [rest], when: steps.rest.state == \"succeeded\", wait: 1s}\n";
const NEAT: &str = "# a comment\napiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: rests, version: 1.0.0, owner: group:team, summary: Rests.}\n\nspec:\n  steps:\n    - id: rest     # one\n      wait: 1s\n    - {id: more, needs: [rest], when: 'steps.rest.state == \"succeeded\"', wait: 1s}\n";

fn messy() -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.ordain(&["fmt"]).expect_code(0);
    workspace.write(FILE, MESSY);
    workspace
}

fn text(workspace: &Workspace, path: &str) -> String {
    std::fs::read_to_string(workspace.path().join(path)).unwrap()
}

fn digest(workspace: &Workspace) -> String {
    workspace.ordain(&["specs", "show", "rests", "--json"]).expect_code(0).json()["digest"].to_string()
}

#[test]
fn a_file_is_laid_out_once_with_its_digest() {
    let workspace = messy();
    let before = digest(&workspace);
    workspace.ordain(&["fmt", "--check"]).expect_code(1);
    let said = workspace.ordain(&["fmt", "--diff"]);
    assert!(said.expect_code(1).stdout.contains("\n+    - id: rest     # one\n"), "{}", said.stdout);
    assert_eq!(text(&workspace, FILE), MESSY);
    let document = workspace.ordain(&["fmt", "--json"]).expect_code(0).json();
    assert_eq!(document["changed"], serde_json::json!([FILE]));
    assert_eq!(text(&workspace, FILE), NEAT);
    assert_eq!(digest(&workspace), before);
    workspace.ordain(&["fmt", "--check"]).expect_code(0);
}

#[test]
fn a_file_that_cannot_be_read_is_left_alone_and_said() {
    let workspace = messy();
    let broken = "apiVersion:   ordain/v1\nkind: [Runbook\n";
    workspace.write("specs/runbooks/broken.yaml", broken);
    let said = workspace.ordain(&["fmt"]);
    assert!(
        said.expect_code(1).stderr.contains("specs/runbooks/broken.yaml is left as it is"),
        "{}",
        said.stderr
    );
    assert_eq!(text(&workspace, "specs/runbooks/broken.yaml"), broken);
    assert_eq!(text(&workspace, FILE), NEAT);
}

#[test]
fn a_file_goes_to_the_other_notation_and_back() {
    let workspace = messy();
    let before = digest(&workspace);
    let said = workspace.ordain(&["convert", FILE, "--to", "kdl"]);
    assert!(said.expect_code(0).stdout.contains("// a comment"), "{}", said.stdout);
    assert!(said.stdout.contains("runbook \"rests\" version=\"1.0.0\""), "{}", said.stdout);
    workspace.ordain(&["convert", FILE, "--to", "kdl", "--write"]).expect_code(0);
    assert!(!workspace.path().join(FILE).exists());
    assert_eq!(text(&workspace, "specs/runbooks/rests.kdl"), said.stdout);
    assert_eq!(digest(&workspace), before);
    workspace.ordain(&["convert", "specs", "--to", "yaml", "--write"]).expect_code(0);
    assert!(text(&workspace, FILE).contains("# a comment"));
    assert_eq!(digest(&workspace), before);
    workspace.ordain(&["fmt", "--check"]).expect_code(0);
}

#[test]
fn a_whole_catalogue_goes_to_the_other_notation_with_its_digest() {
    let workspace = Workspace::copy_of("examples/agent-refund");
    let digest = |workspace: &Workspace| {
        let plan = workspace.ordain(&["plan", "refund", "--json"]).expect_code(0).json();
        (plan["catalogueDigest"].to_string(), plan["planDigest"].to_string())
    };
    let before = digest(&workspace);
    workspace.ordain(&["convert", "specs", "--to", "kdl", "--write"]).expect_code(0);
    assert!(!workspace.path().join("specs/runbooks/refund.yaml").exists());
    assert_eq!(digest(&workspace), before);
    workspace.ordain(&["lint"]).expect_code(0);
}

#[test]
fn a_new_file_never_takes_the_place_of_another() {
    let workspace = messy();
    workspace.write("specs/runbooks/rests.kdl", "ordain \"v1\"\n");
    workspace.ordain(&["convert", FILE, "--to", "kdl", "--write"]).expect_code(2);
    assert_eq!(text(&workspace, FILE), MESSY);
    assert_eq!(text(&workspace, "specs/runbooks/rests.kdl"), "ordain \"v1\"\n");
}

#[test]
fn the_specs_of_the_house_and_of_every_example_are_laid_out_as_fmt_does() {
    let mut folders = vec![root().join("specs")];
    let examples = std::fs::read_dir(root().join("examples")).unwrap();
    folders.extend(
        examples.map(|entry| entry.unwrap().path()).filter(|path| path.join("ordain.yaml").is_file()),
    );
    assert!(folders.len() > 5, "the examples are there");
    for folder in &folders {
        let workspace = Workspace::copy_of(folder);
        let said = workspace.ordain(&["fmt", "--check"]);
        assert_eq!(said.code, 0, "{}: {}", folder.display(), said.stdout);
        let remarks = workspace.ordain(&["lint", "--pedantic"]);
        assert!(!remarks.stdout.contains("not-formatted"), "{}: {}", folder.display(), remarks.stdout);
    }
}

#[test]
fn the_example_in_kdl_means_the_same_in_yaml() {
    let workspace = Workspace::copy_of("examples/rollout");
    let specs = |workspace: &Workspace| {
        let document = workspace.ordain(&["specs", "--json"]).expect_code(0).json();
        let specs = document["specs"].as_array().unwrap().iter();
        let mut specs: Vec<String> =
            specs.map(|spec| format!("{} {} {}", spec["kind"], spec["name"], spec["digest"])).collect();
        specs.sort();
        specs
    };
    let before = specs(&workspace);
    assert!(workspace.path().join("specs/runbooks/wave.kdl").exists() && before.len() > 10);
    workspace.ordain(&["convert", "specs", "--to", "yaml", "--write"]).expect_code(0);
    assert!(!workspace.path().join("specs/runbooks/wave.kdl").exists());
    assert_eq!(specs(&workspace), before);
}

const ALLOW: &str = "lint-allow: single-person-owner until=2099-12-31 by=user:bob reason=\"for a month\"";

/// What lint says, without what it says of how files are laid out, and what it let pass.
fn found(workspace: &Workspace) -> (Vec<String>, usize) {
    let document = workspace.ordain(&["lint", "--format", "sarif", "--pedantic"]).json();
    let results = document["runs"][0]["results"].as_array().unwrap().clone();
    let (passed, open): (Vec<_>, Vec<_>) = results.iter().partition(|one| one.get("suppressions").is_some());
    let code = |one: &&serde_json::Value| one["ruleId"].as_str().unwrap().to_owned();
    let mut open: Vec<String> = open.iter().map(code).filter(|code| code != "not-formatted").collect();
    open.sort();
    (open, passed.len())
}

#[test]
fn what_a_comment_lets_pass_it_lets_pass_in_every_layout_and_notation() {
    let workspace = messy();
    let long =
        "Rests for a while, and says so in a sentence that is much too long for the line that it begins on.";
    let allowed = MESSY
        .replace("group:team", "'user:alice'")
        .replace("Rests.", &format!("'{long}'"))
        .replace("metadata:", &format!("# {ALLOW}\nmetadata:"));
    workspace.write(FILE, &allowed);
    let before = found(&workspace);
    assert_eq!(before.1, 1, "{before:?}");
    workspace.ordain(&["fmt"]).expect_code(0);
    assert_eq!(found(&workspace), before, "{}", text(&workspace, FILE));
    workspace.ordain(&["fmt", "--check"]).expect_code(0);
    workspace.ordain(&["convert", FILE, "--to", "kdl", "--write"]).expect_code(0);
    assert_eq!(found(&workspace), before, "{}", text(&workspace, "specs/runbooks/rests.kdl"));
    workspace.ordain(&["fmt", "--check"]).expect_code(0);
    workspace.ordain(&["convert", "specs/runbooks/rests.kdl", "--to", "yaml", "--write"]).expect_code(0);
    assert_eq!(found(&workspace), before, "{}", text(&workspace, FILE));
    workspace.ordain(&["fmt", "--check"]).expect_code(0);
}

#[test]
fn a_suppression_that_no_layout_keeps_on_its_words_is_said() {
    let workspace = messy();
    let text_before =
        MESSY.replace("        wait: 1s\n", &format!("        wait:\n          # {ALLOW}\n          1s\n"));
    workspace.write(FILE, &text_before);
    let said = workspace.ordain(&["fmt"]);
    let due =
        "specs/runbooks/rests.yaml is left as it is: the suppression on line 12 would be about other words";
    assert!(said.expect_code(1).stderr.contains(due), "{}", said.stderr);
    assert_eq!(text(&workspace, FILE), text_before);
}
