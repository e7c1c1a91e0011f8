//! `ordain lint` and `spec-lint`, seen from outside: which files make a catalogue, exit codes, documents.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::process::Command;

use engine_tests::{Said, Workspace, binary, said_by};
use serde_json::Value;

const BROKEN: &str = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: bad, version: 1.0.0, owner: group:data, sumary: x}\nspec: {steps: [{id: rest, wait: 1s}]}\n";

fn minimal() -> Workspace {
    Workspace::copy_of("engine-tests/fixtures/catalogues/minimal")
}

fn spec_lint(workspace: &Workspace, arguments: &[&str]) -> Said {
    said_by(
        Command::new(binary("spec-lint")).args(arguments).current_dir(workspace.path()).env("NO_COLOR", "1"),
    )
}

fn codes(document: &Value) -> Vec<&str> {
    document["diagnostics"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect()
}

#[test]
fn a_good_workspace_has_no_problem_in_either_program_and_format() {
    let workspace = minimal();
    for said in [workspace.ordain(&["lint"]), spec_lint(&workspace, &["."])] {
        said.expect_code(0);
        assert!(said.stdout.contains("no problem"), "{}", said.stdout);
    }
    for said in [
        workspace.ordain(&["lint", "--json"]),
        spec_lint(&workspace, &["--format", "json"]),
        spec_lint(&workspace, &["--json"]),
    ] {
        let document = said.expect_code(0).json();
        assert_eq!(codes(&document), Vec::<&str>::new());
        assert_eq!(document["summary"]["laws"], 0);
        assert_eq!(document["summary"]["specs"], 6);
        assert_eq!(document["summary"]["files"], 7, "six specs and the operator's file");
    }
}

#[test]
fn a_broken_law_is_found_with_its_place_and_exit_1_in_every_format() {
    let workspace = minimal();
    workspace.write("specs/runbooks/bad.yaml", BROKEN);
    let said = workspace.ordain(&["lint"]);
    said.expect_code(1);
    assert!(said.stdout.contains("unknown field `sumary`"), "{}", said.stdout);
    assert!(said.stdout.contains("did you mean `summary`?"), "{}", said.stdout);
    assert!(said.stdout.contains("the engine refuses"), "{}", said.stdout);
    let document = workspace.ordain(&["lint", "--json"]).expect_code(1).json();
    let found = document["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|found| found["code"] == "unknown-field")
        .unwrap();
    assert_eq!(found["file"], "specs/runbooks/bad.yaml");
    assert_eq!((found["line"].as_u64(), found["column"].as_u64()), (Some(3), Some(58)));
    assert_eq!((found["endLine"].as_u64(), found["endColumn"].as_u64()), (Some(3), Some(64)));
    assert_eq!(found["severity"], "law");
    assert!(found["related"].is_array());
    assert_eq!(found["fix"]["safe"], true);
}

#[test]
fn a_path_inside_a_workspace_checks_all_of_it_and_reports_what_lies_under_the_path() {
    let workspace = minimal();
    workspace.write("specs/runbooks/bad.yaml", BROKEN);
    let document = workspace.ordain(&["lint", "specs/capabilities", "--json"]).expect_code(0).json();
    assert_eq!(codes(&document), Vec::<&str>::new());
    assert_eq!(document["summary"]["files"], 1);
    let document = workspace.ordain(&["lint", "specs/runbooks", "--json"]).expect_code(1).json();
    assert!(codes(&document).contains(&"unknown-field"));
    let document = workspace.ordain(&["lint", "specs/runbooks/bad.yaml", "--json"]).expect_code(1).json();
    assert!(codes(&document).contains(&"unknown-field"));
}

#[test]
fn each_workspace_below_a_path_is_its_own_catalogue() {
    let both = Workspace::empty();
    let minimal = minimal();
    for (from, to) in [(minimal.path(), "one"), (minimal.path(), "two")] {
        let copied = Command::new("cp").arg("-r").arg(from).arg(both.path().join(to)).status().unwrap();
        assert!(copied.success());
    }
    let document = both.ordain(&["lint", ".", "--json"]).expect_code(0).json();
    assert_eq!(document["summary"]["specs"], 12, "the same names in two catalogues are no duplicates");
    both.write("two/specs/runbooks/bad.yaml", BROKEN);
    let document = both.ordain(&["lint", ".", "--json"]).expect_code(1).json();
    let files: Vec<&str> = document["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["file"].as_str().unwrap())
        .collect();
    assert!(files.iter().all(|file| file.starts_with("two/")), "{files:?}");
}

#[test]
fn files_outside_of_workspaces_are_one_catalogue_together() {
    let loose = Workspace::empty();
    loose.write("a.yaml", BROKEN).write("b/c.yaml", &BROKEN.replace("sumary: x", "summary: One."));
    let document = loose.ordain(&["lint", "a.yaml", "b/c.yaml", "--json"]).expect_code(1).json();
    assert_eq!(document["summary"]["files"], 2);
    assert!(codes(&document).contains(&"unknown-field"));
    let remark = "belong to no workspace: they are judged together";
    assert!(loose.ordain(&["lint", "a.yaml"]).stderr.contains(remark));
    assert!(!minimal().ordain(&["lint"]).stderr.contains(remark));
}

#[test]
fn what_cannot_be_checked_is_exit_2_never_silence() {
    let workspace = minimal();
    workspace.write("notes.txt", "x").write("other/thing.yaml", BROKEN);
    for path in ["nowhere", "notes.txt", "other/thing.yaml"] {
        for said in
            [workspace.ordain(&["lint", path, "--json"]), spec_lint(&workspace, &[path, "--format", "json"])]
        {
            let document = said.expect_code(2).json();
            assert_eq!(document["error"]["code"], "usage", "{path}");
        }
    }
    let empty = Workspace::empty();
    empty.ordain(&["lint", "--json"]).expect_code(2);
    assert!(empty.ordain(&["lint"]).stderr.contains("nothing to check"));
}

#[test]
fn both_programs_take_the_same_words_for_one_document() {
    let workspace = minimal();
    for arguments in
        [&["--json", "nowhere"][..], &["--json", "--fromat", "text"], &["--json", "--format", "sarif"]]
    {
        let (alone, within) = (spec_lint(&workspace, arguments), [&["lint"], arguments].concat());
        let within = workspace.ordain(&within);
        assert_eq!(alone.code, within.code, "{arguments:?}");
        let (alone, within) = (alone.json(), within.json());
        assert_eq!(alone["error"]["code"], within["error"]["code"], "{arguments:?}: {alone} {within}");
        assert_eq!(alone["error"]["message"], within["error"]["message"], "{arguments:?}");
        assert_eq!(alone["summary"], within["summary"], "{arguments:?}");
    }
}

#[test]
fn no_file_that_looks_like_a_spec_is_passed_over_in_silence() {
    let deny = "apiVersion: ordain/v1\nkind: Policy\nmetadata: {name: no-agents, version: 1.0.0, owner: group:data, summary: No agents.}\nspec: {applies: {}, restrictsOnly: true, rules: [{id: none, deny: 'actor.type == \"agent\"', reason: no_agents}]}\n";
    for name in ["specs/policies/.deny.yaml", "specs/policies/deny.YAML", "specs/policies/.Deny.Yml"] {
        let workspace = minimal();
        workspace.write(name, deny);
        for said in [workspace.ordain(&["lint", "--json"]), spec_lint(&workspace, &["--json"])] {
            let document = said.expect_code(1).json();
            assert_eq!(codes(&document), ["file-not-read"], "{name}");
            assert_eq!(document["diagnostics"][0]["file"], name);
        }
        let refused = workspace.ordain(&["specs", "--json"]).expect_code(2).json();
        assert_eq!(refused["error"]["code"], "catalogue_refused", "the engine says the same: {refused}");
    }
    // The operator's file likewise: without it another profile would hold.
    let workspace = minimal();
    std::fs::rename(workspace.path().join("ordain.yaml"), workspace.path().join("ordain.yml")).unwrap();
    let refused = workspace.ordain(&["specs", "--json"]).expect_code(2).json();
    assert!(refused.to_string().contains("file-not-read"), "{refused}");
    workspace.ordain(&["lint"]).expect_code(1);
    // Other programs' files and hidden folders are nobody's business here.
    let workspace = minimal();
    workspace.write("specs/.yamllint.yaml", "rules: {}\n").write("specs/.git/deny.yaml", deny);
    workspace.ordain(&["lint"]).expect_code(0);
    workspace.ordain(&["specs"]).expect_code(0);
    // A folder that is no workspace is looked through in the same way; what is named is read.
    let loose = Workspace::empty();
    loose.write("a/deny.yaml", deny).write("a/.deny.yaml", deny).write("a/Deny.KDL", "x");
    let document = spec_lint(&loose, &["--json", "a"]).expect_code(1).json();
    assert_eq!(codes(&document).iter().filter(|code| **code == "file-not-read").count(), 2, "{document}");
    let document = spec_lint(&loose, &["--json", "a/.deny.yaml"]).expect_code(1).json();
    assert!(!codes(&document).contains(&"file-not-read"), "{document}");
}

#[test]
fn warnings_alone_pass_unless_they_are_denied() {
    let workspace = minimal();
    std::fs::rename(
        workspace.path().join("specs/capabilities/note.read.yaml"),
        workspace.path().join("specs/odd.yaml"),
    )
    .unwrap();
    let document = workspace.ordain(&["lint", "--json"]).expect_code(0).json();
    assert_eq!(codes(&document), ["file-name-differs", "unconventional-place"]);
    assert_eq!(document["summary"]["warnings"], 2);
    workspace.ordain(&["lint", "--deny-warnings"]).expect_code(1);
    spec_lint(&workspace, &["--deny-warnings"]).expect_code(1);
    let operator = std::fs::read_to_string(workspace.path().join("ordain.yaml")).unwrap();
    for deny in ["warning", "unconventional-place"] {
        workspace.write(
            "ordain.yaml",
            &operator.replace("catalogue: [specs]", &format!("catalogue: [specs], lint: {{deny: [{deny}]}}")),
        );
        workspace.ordain(&["lint"]).expect_code(1);
    }
}

#[test]
fn a_file_that_hides_text_does_not_hide_it_in_the_terminal_either() {
    let workspace = minimal();
    workspace.write("specs/policies/evil.yaml", "kind: Policy\nname: \"a\u{1b}[2Jb\u{202e}c\"\n");
    let said = workspace.ordain(&["lint"]);
    said.expect_code(1);
    assert!(!said.stdout.contains('\u{1b}') && !said.stdout.contains('\u{202e}'), "{:?}", said.stdout);
    assert!(said.stdout.contains("hidden-characters"));
}

#[test]
fn the_nearest_workspace_upwards_is_meant_and_another_folder_can_be_named() {
    let workspace = minimal();
    let deep = workspace.path().join("specs/runbooks");
    let said = said_by(Command::new(binary("ordain")).args(["lint", "--json"]).current_dir(&deep));
    assert_eq!(said.expect_code(0).json()["summary"]["specs"], 6);
    let elsewhere = Workspace::empty();
    let path = workspace.path().to_str().unwrap();
    assert_eq!(
        elsewhere.ordain(&["-C", path, "lint", "--json"]).expect_code(0).json()["summary"]["specs"],
        6
    );
}
