//! The house is in order: arrows between crates, a first line on every file, no file past reading.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use engine_tests::root;

/// Who may see whom, directly. What is not here is not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("ordain-spec", &[]),
    ("ordain-plan", &["ordain-spec"]),
    ("ordain-kernel", &["ordain-plan", "ordain-spec"]),
    ("ordain-runtime", &["ordain-kernel", "ordain-plan", "ordain-spec"]),
    ("spec-lint", &["ordain-kernel", "ordain-plan", "ordain-spec"]),
    ("ordain", &["ordain-kernel", "ordain-plan", "ordain-runtime", "ordain-spec", "spec-lint"]),
];

/// What the pure crates may never name.
const IMPURE: &[&str] = &["tokio", "sqlx", "axum", "reqwest", "notify", "rand", "getrandom", "hyper"];

fn manifest(folder: &str) -> (String, BTreeSet<String>) {
    let text = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap();
    let dependencies = text.split_once("[dependencies]").unwrap().1;
    let dependencies = dependencies.split("\n[").next().unwrap();
    let names = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect();
    (name.trim_end_matches('"').to_owned(), names)
}

#[test]
fn dependencies_run_one_way() {
    let folders = ["engine/spec", "engine/plan", "engine/kernel", "engine/runtime", "engine/cli", "lint"];
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(name, sees)| (*name, sees.iter().copied().collect())).collect();
    let ours: BTreeSet<&str> = allowed.keys().copied().collect();
    for folder in folders {
        let (name, sees) = manifest(folder);
        for seen in sees.iter().filter(|seen| ours.contains(seen.as_str())) {
            assert!(allowed[name.as_str()].contains(seen.as_str()), "{name} may not see {seen}");
        }
    }
}

#[test]
fn the_pure_crates_name_nothing_impure() {
    for folder in ["engine/spec", "engine/plan", "engine/kernel"] {
        let (name, sees) = manifest(folder);
        for impure in IMPURE {
            assert!(!sees.contains(*impure), "{name} is pure and may not see {impure}");
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["engine", "lint", "engine-tests"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(found.len() > 20, "the walk finds the code");
    found
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<PathBuf> = rust_files()
        .into_iter()
        .filter(|path| !std::fs::read_to_string(path).unwrap().starts_with("//!"))
        .collect();
    assert!(silent.is_empty(), "no `//!` at the top of {silent:?}");
}

#[test]
fn no_file_grows_past_reading() {
    let long: Vec<(PathBuf, usize)> = rust_files()
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .map(|path| {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            (path, lines)
        })
        .filter(|(_, lines)| *lines > 800)
        .collect();
    assert!(long.is_empty(), "over 800 lines: {long:?}");
}

/// Files that look at control characters, or write to standard error, and do not show text of others: they refuse,
/// write notations, look for secrets, or are for tests.
const NOT_SHOWING: [&str; 7] = [
    "engine/runtime/src/secrets.rs",
    "engine/kernel/src/log/note.rs",
    "engine/runtime/src/evidence/bundles.rs",
    "engine/runtime/src/aside.rs",
    "engine/runtime/src/fault.rs",
    "lint/src/layout/convert/to_kdl.rs",
    "lint/src/layout/convert/to_yaml.rs",
];

#[test]
fn text_is_made_safe_for_a_terminal_in_one_place() {
    let folders = ["engine", "lint"].map(|folder| root().join(folder));
    let mut found: Vec<String> = Vec::new();
    for path in rust_files().into_iter().filter(|path| folders.iter().any(|folder| path.starts_with(folder)))
    {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let marks = [".is_control()", "escape_unicode", "escape_default", "eprintln!", "println!"];
        if name.contains("/src/") && !name.contains("/tests/") && marks.iter().any(|mark| code.contains(mark))
        {
            found.push(name);
        }
    }
    found.retain(|name| !NOT_SHOWING.contains(&name.as_str()));
    assert!(found.is_empty(), "`ordain_spec::shown` does that: {found:?}");
}

#[test]
fn the_files_hold_no_paths_of_one_machine() {
    let needles = [concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    for path in rust_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        for needle in needles {
            assert!(!text.contains(needle), "{} names {needle}", path.display());
        }
    }
}
