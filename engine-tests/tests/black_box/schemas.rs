//! What an editor finds that knows JSON Schema and nothing of Ordain: the first line of each file of a new
//! workspace names a schema that is there, takes the file, and refuses what the language refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use boon::{Compiler, Schemas};
use engine_tests::{Workspace, root};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// The schema that the first line of a file names, as a path.
fn named(path: &Path, text: &str) -> PathBuf {
    let line = text.lines().next().unwrap_or_default();
    let named = line.strip_prefix("# yaml-language-server: $schema=");
    let named = named.unwrap_or_else(|| panic!("{}: {line}", path.display()));
    path.parent().unwrap().join(named).canonicalize().unwrap()
}

/// What a schema has against each document of a text.
fn wrong(schema: &Path, text: &str) -> Vec<String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let index = compiler.compile(schema.to_str().unwrap(), &mut schemas).unwrap();
    let documents =
        serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap());
    let found = documents
        .filter_map(|document| schemas.validate(&document, index).err().map(|error| format!("{error:#}")));
    found.collect()
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            into.push(path);
        }
    }
}

fn specs(workspace: &Workspace) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(workspace.path(), &mut found);
    found.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn each_file_of_a_new_workspace_names_a_schema_that_takes_it() {
    let workspace = Workspace::empty();
    workspace.ordain(&["init"]).expect_code(0);
    let specs = specs(&workspace);
    assert!(specs.len() >= 5, "{specs:?}");
    for (path, text) in &specs {
        assert_eq!(wrong(&named(path, text), text), [""; 0], "{}", path.display());
    }
    // Who clones the workspace has them too.
    let ignored = std::fs::read_to_string(workspace.path().join(".gitignore")).unwrap();
    assert_eq!(ignored.lines().collect::<Vec<_>>(), [".ordain/"]);
    workspace.ordain(&["lint"]).expect_code(0);
}

#[test]
fn the_schemas_refuse_what_the_language_refuses() {
    let workspace = Workspace::empty();
    workspace.ordain(&["init"]).expect_code(0);
    let one = |kind: &str| {
        let holds = |(_, text): &(PathBuf, String)| text.contains(&format!("kind: {kind}\n"));
        specs(&workspace).into_iter().find(holds).unwrap()
    };
    for (kind, right, mistake) in [
        ("Policy", "rules:", "ruels:"),
        ("Policy", "kind: Policy", "kind: Polcy"),
        ("Scenario", "state: succeeded", "state: suceeded"),
        ("Runbook", "uses: ", "use: "),
        ("Workspace", "catalogue: [specs, std]", "catalogue: 7"),
    ] {
        let (path, text) = one(kind);
        assert!(text.contains(right), "{kind}: {right}");
        let mistaken = text.replacen(right, mistake, 1);
        assert_eq!(wrong(&named(&path, &text), &mistaken).len(), 1, "{kind}: {mistake}");
    }
}

#[test]
fn the_schemas_can_be_written_anew_and_are_those_of_the_reference() {
    let workspace = Workspace::empty();
    let written =
        workspace.ordain(&["schema", "--all", "--output", "schema", "--json"]).expect_code(0).json();
    let created = written["created"].as_array().unwrap();
    for path in created {
        let name = Path::new(path.as_str().unwrap()).file_name().unwrap();
        let there = std::fs::read_to_string(workspace.path().join("schema").join(name)).unwrap();
        let reference = std::fs::read_to_string(root().join("docs/reference/schema").join(name)).unwrap();
        assert!(there == reference, "{path} is not the schema of the reference");
    }
    assert_eq!(created.len(), std::fs::read_dir(root().join("docs/reference/schema")).unwrap().count());
    // A second time they are replaced, and one can be had alone.
    workspace.ordain(&["schema", "--all", "-o", "schema"]).expect_code(0);
    workspace.ordain(&["schema", "policy", "-o", "alone"]).expect_code(0);
    assert!(workspace.path().join("alone/Policy.json").is_file());
    workspace.ordain(&["schema", "policy", "--all"]).expect_code(2);
    assert_eq!(workspace.ordain(&["schema", "--all"]).expect_code(0).json()["Policy"]["title"], "Policy");
}

#[test]
fn a_new_workspace_is_laid_out_as_fmt_does_and_lint_has_no_remark() {
    let workspace = Workspace::empty();
    workspace.ordain(&["init", "hello"]).expect_code(0);
    let said = workspace.ordain(&["-C", "hello", "lint", "--pedantic", "--json"]).expect_code(0).json();
    assert_eq!(said["diagnostics"], json!([]));
}
