//! No catalogue of the project breaks a law: its own, the examples, and those that other tests use.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use std::path::{Path, PathBuf};

use ordain_spec::check::check;
use ordain_spec::diagnostic::Severity;
use ordain_spec::source::{Notation, SourceFile, Sources};
use ordain_spec::std_set;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "kdl") {
            found.push(path);
        }
    }
}

/// What is wrong with the catalogue in `folders`; `with_std` adds the built-in set.
fn complaints(folders: &[PathBuf], with_std: bool) -> Vec<String> {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| files(folder, &mut found));
    assert!(!found.is_empty(), "there are specs in {folders:?}");
    let mut sources = Sources::default();
    for path in &found {
        let name = path.display().to_string();
        let notation = Notation::of_path(&name).unwrap();
        sources.add(SourceFile::new(name, std::fs::read_to_string(path).unwrap().into(), notation));
    }
    if with_std {
        for file in std_set::files() {
            sources.add(file);
        }
    }
    let checked = check(sources);
    let laws = checked.diagnostics.iter().filter(|problem| problem.severity == Severity::Law);
    let complaints: Vec<String> = laws
        .map(|problem| {
            let place = problem.primary.as_ref().and_then(|label| {
                let file = checked.declarations.sources.get(label.span.file)?;
                let (line, column) = file.line_column(label.span.start);
                Some(format!("{}:{line}:{column}", file.path))
            });
            format!("{place:?}: {}: {} ({:?})", problem.code, problem.message, problem.help)
        })
        .collect();
    assert_eq!(complaints.is_empty(), checked.catalogue.is_some());
    complaints
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_products_own_catalogue_breaks_no_law() {
    let folders =
        ["capabilities", "connectors", "runbooks", "policies"].map(|name| root().join("specs").join(name));
    assert_eq!(complaints(&folders, false), Vec::<String>::new());
}

#[test]
fn no_example_breaks_a_law() {
    for (name, with_std) in
        [("hello", true), ("restore-drill", false), ("rollout", false), ("agent-refund", false)]
    {
        let folder = root().join("examples").join(name).join("specs");
        assert_eq!(complaints(&[folder], with_std), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn no_catalogue_for_tests_breaks_a_law() {
    for name in ["minimal", "payments", "kitchen-sink"] {
        let folder = root().join("engine-tests/fixtures/catalogues").join(name).join("specs");
        assert_eq!(complaints(&[folder], false), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_built_in_set_is_not_empty_and_lies_beside_any_catalogue() {
    assert!(std_set::files().count() > 10);
    let folder = root().join("engine-tests/fixtures/catalogues/minimal/specs");
    assert_eq!(complaints(&[folder], true), Vec::<String>::new());
}
