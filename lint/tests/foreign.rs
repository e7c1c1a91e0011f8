//! Files of other systems and odd YAML, written here after the shapes that there are: none panics or hangs, none
//! passes, and what is said about each first is said well. The words are kept in `fixtures/foreign.txt`: a
//! change shows, `just update` writes them anew. `just foreign FOLDER` does the same with a folder of somebody
//! else's files, and says how long each took.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ordain_spec::diagnostic::Severity;
use spec_lint::discover::Asked;
use spec_lint::fix::Which;
use spec_lint::fix::report::changes;
use spec_lint::report::Report;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixtures().join("foreign")).unwrap();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().file_name().into()).collect();
    names.sort();
    names
}

fn asked() -> Asked {
    Asked { as_of: "2026-06-01T00:00:00Z".parse().unwrap(), remarks: true, against: None }
}

fn linted(name: &Path) -> Report {
    spec_lint::lint(&fixtures().join("foreign"), &[name.to_path_buf()], &asked()).unwrap()
}

#[test]
fn each_foreign_file_is_refused_in_words_that_say_what_it_is() {
    let mut said = String::new();
    let files = files();
    assert!(files.len() > 70, "only {} files", files.len());
    for name in &files {
        let report = linted(name);
        assert!(report.blocks(&[]), "{}: nothing blocks", name.display());
        let found: Vec<_> =
            report.groups.iter().flat_map(|group| &group.findings).map(|one| &one.diagnostic).collect();
        let laws = found.iter().filter(|one| one.severity == Severity::Law).count();
        assert!(laws > 0, "{}: breaks no law", name.display());
        writeln!(said, "{} ({} in all)", name.display(), found.len()).unwrap();
        for one in found.iter().take(2) {
            assert!(one.help.is_some(), "{}: `{}` without help", name.display(), one.message);
            writeln!(said, "    {}: {}", one.code, one.message).unwrap();
            writeln!(said, "        {}", one.help.as_deref().unwrap_or_default()).unwrap();
        }
    }
    let path = fixtures().join("foreign.txt");
    if std::env::var("INSTA_UPDATE").is_ok_and(|word| word == "always") {
        std::fs::write(&path, &said).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == said, "fixtures/foreign.txt is stale: run `just update`, and read what is said");
}

#[test]
fn nothing_of_another_system_is_repaired_into_a_spec() {
    for name in files() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("near-miss") || name_text.starts_with("odd") || name_text == "no-kind.yaml" {
            continue;
        }
        let changes = changes(&linted(&name), Which::Safe, Severity::Info, &asked());
        assert!(changes.files.is_empty(), "{name_text}: {:?}", changes.files);
    }
}

#[test]
fn all_of_them_in_one_catalogue_are_said_file_by_file() {
    let report = spec_lint::lint(&fixtures(), &["foreign".into()], &asked()).unwrap();
    let named = |name: &PathBuf| {
        report.groups.iter().flat_map(|group| &group.findings).any(|one| {
            let file = one.diagnostic.primary.as_ref().and_then(|label| one.sources.get(label.span.file));
            file.is_some_and(|file| Path::new(&file.path).ends_with(name))
        })
    };
    let empty =
        ["odd-comment-only.yaml", "odd-empty.yaml", "odd-markers-only.yaml", "odd-null-document.yaml"];
    let silent: Vec<PathBuf> = files().into_iter().filter(|name| !named(name)).collect();
    assert_eq!(silent, empty.map(PathBuf::from));
}

/// Every YAML file below a folder.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.is_symlink() {
            below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            found.push(path);
        }
    }
}

#[test]
fn each_file_of_a_folder_is_refused_by_itself() {
    let given = std::env::var("ORDAIN_FOREIGN").map_or_else(|_| fixtures().join("foreign"), PathBuf::from);
    let mut files = Vec::new();
    below(&given, &mut files);
    let mut took: Vec<(Duration, &PathBuf)> = Vec::new();
    let mut first_words: BTreeMap<&str, usize> = BTreeMap::new();
    for path in &files {
        let begun = Instant::now();
        // As `spec-lint FILE` does, without remarks.
        let asked = Asked { remarks: false, ..asked() };
        let report = spec_lint::lint(path.parent().unwrap(), &[path.file_name().unwrap().into()], &asked);
        took.push((begun.elapsed(), path));
        let report = report.unwrap();
        assert!(report.blocks(&[]), "{}: nothing blocks", path.display());
        let first = report.groups.iter().flat_map(|group| &group.findings).next().unwrap();
        *first_words.entry(first.diagnostic.code).or_default() += 1;
    }
    took.sort();
    assert!(took.len() > 70, "only {} files", took.len());
    // How fast depends on the machine: it is told, and judged by whoever asked.
    println!("{} files; the middle one takes {:?}", took.len(), took[took.len() / 2].0);
    println!("{} take more than 10 ms", took.iter().filter(|(time, _)| time.as_millis() >= 10).count());
    took.iter().rev().take(5).for_each(|(time, path)| println!("{time:?} {}", path.display()));
    first_words.iter().for_each(|(code, count)| println!("{count} begin with {code}"));
}
