//! What a stranger can put into a folder that is linted: pipes, names, sizes. Nothing hangs, nothing is passed over, and
//! no text of a file is a command to whoever shows it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests")]

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use spec_lint::render::{self, Look};
use spec_lint::{Asked, Report, Unlintable, lint};

const SPEC: &str = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: good, version: 1.0.0, owner: group:team, \
                    summary: Waits.}\nspec: {steps: [{id: rest, wait: 1s}]}\n";

fn linted(folder: &Path, path: &str) -> Result<Report, Unlintable> {
    let asked = Asked { as_of: Timestamp::UNIX_EPOCH, remarks: true, against: None };
    lint(folder, &[PathBuf::from(path)], &asked)
}

fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn messages(report: &Report) -> Vec<&str> {
    report
        .groups
        .iter()
        .flat_map(|group| &group.findings)
        .map(|one| one.diagnostic.message.as_str())
        .collect()
}

#[test]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("good.yaml"), SPEC).unwrap();
    pipe(&folder.path().join("pipe.yaml"));
    for path in ["pipe.yaml", "-"] {
        let due = format!(
            "`{path}` is no file: lint reads files, as the engine does; editors speak with `ordain lsp`"
        );
        assert_eq!(linted(folder.path(), path).unwrap_err().to_string(), due);
    }
    let report = linted(folder.path(), ".").unwrap();
    let due = "`pipe.yaml` cannot be read: it is no regular file";
    assert!(messages(&report).contains(&due), "{:?}", messages(&report));
}

#[test]
fn a_name_ends_no_line_and_sends_nothing_to_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a\n::error file=x::y.yaml", "e\u{1b}[31mred.yaml", "r\u{202e}lm.yaml"] {
        std::fs::write(folder.path().join(name), SPEC).unwrap();
    }
    let report = linted(folder.path(), ".").unwrap();
    let plain = Look { colour: false, width: 100 };
    for text in [
        render::text(&report, plain),
        render::github(&report, ""),
        render::summary(&report, ""),
        render::junit(&report, &[]),
        format!("{:#}", render::sarif(&report, "")),
        ordain_plan::render::document(&render::json(&report)),
    ] {
        let hides = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert_eq!(text.find(hides), None, "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::error file=x")), "{text}");
    }
}

#[test]
fn however_deep_a_file_lies_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let deep: PathBuf = folder.path().join(["d"; 60].join("/"));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("good.yaml"), SPEC).unwrap();
    assert_eq!(linted(folder.path(), ".").unwrap().summary().files, 1);
}

#[test]
fn no_more_files_are_read_than_a_catalogue_may_hold() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..5_010 {
        std::fs::write(folder.path().join(format!("{number}.yaml")), "").unwrap();
    }
    let report = linted(folder.path(), ".").unwrap();
    assert_eq!(report.summary().files, 5_001);
    assert_eq!(messages(&report), ["the catalogue has 5001 files, more than 5000"]);
}

#[test]
fn of_thousands_of_findings_some_are_drawn_and_the_rest_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let fields: String = (0..8_000).map(|number| format!(", odd{number}: é")).collect();
    std::fs::write(folder.path().join("a.yaml"), SPEC.replace("1s}]", &format!("1s}}]{fields}"))).unwrap();
    let report = linted(folder.path(), ".").unwrap();
    let text = render::text(&report, Look { colour: false, width: 100 });
    assert_eq!(text.matches("law unknown-field").count(), 50);
    assert!(text.contains("\n… 7950 more of unknown-field in a.yaml\n"), "{}", text.lines().last().unwrap());
    assert_eq!(messages(&report).iter().filter(|said| said.contains("unknown field")).count(), 8_000);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    for name in [&b"a\xff.yaml"[..], b"a\xfe.yaml"] {
        std::fs::write(folder.path().join(std::ffi::OsStr::from_bytes(name)), SPEC).unwrap();
    }
    let report = linted(folder.path(), ".").unwrap();
    assert_eq!(messages(&report).iter().filter(|said| said.ends_with("is no UTF-8")).count(), 2);
}
