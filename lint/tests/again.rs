//! Who looks again and again says what who looks for the first time says, byte for byte, whatever was edited between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use spec_lint::{Asked, Known, lint, render};

const EDITS: u64 = 20;

/// Everything that is said: what is wrong, where, and how it is mended.
fn said(known: Option<&mut Known>, root: &Path) -> String {
    let asked = Asked { as_of: Timestamp::UNIX_EPOCH, remarks: true, against: None };
    let paths = [PathBuf::from(".")];
    let report = match known {
        Some(known) => known.lint(root, &paths, &asked),
        None => lint(root, &paths, &asked),
    };
    report.map_or_else(|why| why.to_string(), |report| render::json(&report).to_string())
}

/// The spec files of a workspace and the operator's, in the order of their paths.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "kdl") {
            into.push(path);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { std::fs::copy(&from, &to).map(drop).unwrap() }
    }
}

/// A number from a seed, the same on every machine.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize
}

/// One edit of one file: something is gone, moved, doubled, misspelt, called or written otherwise, or as it was.
fn edit(seed: &mut u64, root: &Path, first: &Path) {
    let mut all = Vec::new();
    files(first, &mut all);
    let from = &all[next(seed) % all.len()];
    let path = root.join(from.strip_prefix(first).unwrap());
    let original = std::fs::read_to_string(from).unwrap();
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = next(seed) % lines.len().max(1);
    let other = |line: &str, from: &str, to: &str| line.replace(from, to);
    match next(seed) % 12 {
        0 => return std::fs::remove_file(&path).unwrap_or_default(),
        1 | 2 => return std::fs::write(&path, original).unwrap(),
        3 if !lines.is_empty() => drop(lines.remove(at)),
        4 => lines
            .insert(at, if path.extension().is_some_and(|one| one == "kdl") { "//" } else { "#" }.to_owned()),
        5 if !lines.is_empty() => lines[at] = other(&lines[at], "low", "high").replace("e: ", "e: x"),
        // Another number: often as lawful as before, and another meaning.
        6 | 7 => {
            let from = next(seed) % lines.len().max(1);
            let number = lines.iter().skip(from).position(|line| line.contains(['1', '2', '3', '5']));
            if let Some(line) = number.and_then(|found| lines.get_mut(from + found)) {
                *line = other(line, "5", "7").replace('3', "5").replace('2', "3").replace('1', "2");
            }
        }
        8 if !lines.is_empty() => lines[at].push('\r'),
        9 if !lines.is_empty() => lines[at] = other(&lines[at], "true", "yes").replace(": 1", ": 01"),
        10 => {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let named = path.with_file_name(if next(seed).is_multiple_of(2) {
                format!("0{name}")
            } else {
                format!("z{name}")
            });
            return std::fs::rename(&path, named).unwrap_or_default();
        }
        _ => lines.push("# one line more".to_owned()),
    }
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn whatever_was_edited_a_look_again_says_what_a_first_look_says() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    let mut compared = 0;
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    for (mut seed, first) in (1..).zip(all) {
        if !first.join("ordain.yaml").is_file() {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        copy(&first, folder.path());
        let mut known = Known::default();
        for _ in 0..EDITS {
            assert_eq!(
                said(Some(&mut known), folder.path()),
                said(None, folder.path()),
                "{}, seed {seed}",
                first.display()
            );
            edit(&mut seed, folder.path(), &first);
            compared += 1;
        }
    }
    assert!(compared >= EDITS, "there are examples");
}
