//! The formats of `lint` from outside: whatever is asked for, the exit code is the same; files are written
//! whole; no text of a spec becomes a command or markup.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::Workspace;
use serde_json::Value;

/// A runbook whose summary field is called as an attacker likes.
fn hostile(name: &str) -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.write(
        "specs/runbooks/bad.yaml",
        &format!("apiVersion: ordain/v1\nkind: Runbook\nmetadata:\n  name: bad\n  version: 1.0.0\n  owner: group:team\n  summary: A runbook.\n  {name}: 1\nspec: {{steps: [{{id: rest, wait: 1s}}]}}\n"),
    );
    workspace
}

#[test]
fn the_exit_code_never_depends_on_the_format() {
    let formats = ["text", "json", "sarif", "github", "junit"];
    let good = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let bad = hostile("sumary");
    let empty = Workspace::empty();
    for format in formats {
        good.ordain(&["lint", "--format", format]).expect_code(0);
        bad.ordain(&["lint", "--format", format]).expect_code(1);
        empty.ordain(&["lint", "--format", format]).expect_code(2);
        bad.ordain(&["lint", "--format", format, "--output", "out"]).expect_code(1);
        bad.ordain(&["lint", "--format", format, "--output", "no/such/folder/out"]).expect_code(2);
    }
}

#[test]
fn output_goes_to_the_file_and_text_to_the_terminal() {
    let workspace = hostile("sumary");
    let said = workspace.ordain(&["lint", "--format", "sarif", "--output", "lint.sarif"]);
    assert!(said.expect_code(1).stdout.contains("unknown field `sumary`"), "{}", said.stdout);
    let written = std::fs::read_to_string(workspace.path().join("lint.sarif")).unwrap();
    let document: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(document["runs"][0]["results"][0]["ruleId"], "unknown-field");
    let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "specs/runbooks/bad.yaml");
    assert_eq!((&place["region"]["startLine"], &place["region"]["startColumn"]), (&8.into(), &3.into()));
    let said = workspace.ordain(&["--json", "lint", "--format", "junit", "--output", "lint.xml"]);
    assert_eq!(said.expect_code(1).json()["summary"]["laws"], 1);
    assert!(std::fs::read_to_string(workspace.path().join("lint.xml")).unwrap().starts_with("<?xml"));
}

#[test]
fn a_spec_cannot_write_workflow_commands() {
    let workspace = hostile("\"x\\n::stop-commands::y\\n::warning file=z::%0A\"");
    let mut workspace = workspace;
    let summary = workspace.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    workspace.environment.push(("GITHUB_STEP_SUMMARY".into(), summary.to_string_lossy().into_owned()));
    let said = workspace.ordain(&["lint", "--format", "github"]);
    let lines: Vec<&str> = said.expect_code(1).stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{}", said.stdout);
    assert!(
        lines[0].starts_with("::error file=specs/runbooks/bad.yaml,line=8,endLine=8,col=3,"),
        "{}",
        lines[0]
    );
    assert!(!lines[0].contains("\n") && lines[0].contains("%25"), "{}", lines[0]);
    let said = std::fs::read_to_string(&summary).unwrap();
    assert!(said.starts_with("before\n### spec-lint\n"), "{said}");
    assert!(said.lines().all(|line| !line.starts_with("::")), "{said}");
}

#[test]
fn no_server_takes_a_command_from_what_a_spec_says_in_any_format() {
    for server in ["GITHUB_ACTIONS", "TF_BUILD"] {
        let mut workspace = hostile("\"##[stop-commands]x ###vso[task.setvariable]y\"");
        let plain = workspace.ordain(&["lint", "--json"]).expect_code(1).json();
        assert!(
            plain["diagnostics"][0]["message"].as_str().unwrap().contains("##[stop-commands]x"),
            "{plain}"
        );
        workspace.environment.push((server.into(), "true".into()));
        for format in ["text", "json", "sarif", "junit"] {
            let said = workspace.ordain(&["lint", "--format", format]).expect_code(1).stdout.clone();
            assert!(said.contains("stop-commands]x"), "{said}");
            assert!(!said.contains("##[") && !said.contains("##vso["), "{format}: {said}");
        }
        assert_eq!(workspace.ordain(&["lint", "--json"]).expect_code(1).json(), plain);
    }
}

#[test]
fn junit_is_well_formed_whatever_a_spec_says() {
    let workspace = hostile("\"<x y='z'>&]]>\\u0001\"");
    let said = workspace.ordain(&["lint", "--format", "junit"]);
    let text = &said.expect_code(1).stdout;
    assert!(!text.contains("<x "), "{text}");
    assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text}");
    let opened = text.matches("<testcase").count();
    assert_eq!(opened, text.matches("</testcase>").count() + text.matches("\"/>").count());
    assert!(text.contains("failures=\"1\"") || text.contains("failures=\"2\""), "{text}");
}

#[test]
fn a_report_is_written_over_no_spec() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    for path in ["specs/runbooks/read-note.yaml", "specs/new.kdl", "ordain.yaml"] {
        let before = std::fs::read(workspace.path().join(path)).ok();
        let said = workspace.ordain(&["lint", "--output", path]);
        assert!(said.expect_code(2).stderr.contains("is the name of a spec file"), "{}", said.stderr);
        assert_eq!(std::fs::read(workspace.path().join(path)).ok(), before);
    }
}
