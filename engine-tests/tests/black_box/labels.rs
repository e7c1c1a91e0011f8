//! Values that are too sensitive for records, sent on every way that a value can take: outputs, arguments, sub-runs,
//! locks, remembered keys, conditions, guards and policies that err, what does not fit, what programs complain about,
//! signals, refused starts. Then everything that is cleared up to `meta` is searched for them: the audit log, its
//! export, what exports let out, lists, reports, explanations, notices, packs without payloads. What the run's own page
//! shows is payload, and gone with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::path::Path;

use engine_tests::{Said, Workspace};

use crate::store_tools::{rows, store};

const CODE: &str = "k4n4ry5up3rs3ns1t1v3";

const RUNBOOKS: [(&str, i32); 8] = [
    ("outputs", 0),
    ("below", 0),
    ("complains", 5),
    ("judged", 3),
    ("guarded", 3),
    ("errs", 3),
    ("narrow", 3),
    ("misfit", 5),
];

fn space() -> Workspace {
    let space = Workspace::empty();
    space.write("specs/all.yaml", include_str!("../../fixtures/labels.yaml"));
    space.write(
        "ordain.yaml",
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  connections:\n    ls: {programs: {/usr/bin/ls: any}}\n",
    );
    space
}

fn shows(text: &str) -> bool {
    text.to_lowercase().contains(CODE) || text.contains(&CODE.to_uppercase())
}

/// A workspace in which the value went every way of some runbooks, and the ids of the runs.
fn travelled(runbooks: &[(&str, i32)]) -> (Workspace, Vec<String>) {
    let space = space();
    let input = format!("code={CODE}");
    let mut runs = Vec::new();
    for (runbook, code) in runbooks.iter().copied() {
        let live: &[&str] = if runbook == "complains" { &["--live"] } else { &[] };
        let start = ["run", runbook, "--input", &input, "--as", "user:alice", "--json"];
        let said = space.ordain(&[&start[..], live].concat());
        let run = said.json()["run"].clone();
        assert_eq!(said.code, code, "{runbook}: {said:?}");
        runs.push(run["id"].as_str().unwrap().to_owned());
        runs.extend(run["steps"][0]["children"][0].as_str().map(str::to_owned));
    }
    // A write that answered with what it may not holds its run until a person says what came of it.
    if let Some(stuck) = runs.last().cloned() {
        let words = [
            "resolve",
            &stuck,
            "a",
            "--outcome",
            "failed",
            "--reason",
            "Nobody needs it.",
            "--as",
            "user:bob",
        ];
        space.ordain(&words).expect_code(0);
    }
    let start = ["run", "signalled", "--as", "user:alice", "--json"];
    let waits = space.ordain(&start).expect_code(4).json()["run"]["id"].as_str().unwrap().to_owned();
    let signal = ["signal", &waits, "code", "--field", &input, "--as", "user:bob", "--json"];
    space.ordain(&signal).expect_code(0);
    runs.push(waits);
    // A start that is refused is on record too.
    let bad = format!("code={CODE}!");
    let refused = space.ordain(&["run", "outputs", "--input", &bad, "--as", "user:alice", "--json"]);
    assert_ne!(refused.code, 0);
    assert!(!shows(&refused.stderr) && !shows(&refused.stdout), "a refusal repeats no value: {refused:?}");
    (space, runs)
}

fn search(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(CODE.len()).any(|window| window.eq_ignore_ascii_case(CODE.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
}

/// What is cleared up to `meta`, whoever reads it.
fn records(space: &Workspace, runs: &[String]) -> Vec<(String, Said)> {
    let mut asked: Vec<Vec<&str>> = vec![
        vec!["audit", "tail", "-n", "1000", "--json"],
        vec!["audit", "tail", "-n", "1000"],
        vec!["runs", "--json"],
        vec!["runs"],
        vec!["report", "--format", "json"],
        vec!["report", "--format", "md"],
        vec!["report", "--format", "html"],
        vec!["doctor", "--json"],
        vec!["budgets", "--json"],
        vec!["quotas", "--json"],
        vec!["approvals", "--state", "all", "--json"],
        vec!["audit", "completeness", "--json"],
        vec!["audit", "verify", "--json"],
    ];
    for run in runs {
        asked.push(vec!["why", run]);
        asked.push(vec!["why", run, "--json"]);
    }
    asked.into_iter().map(|words| (words.join(" "), space.ordain(&words))).collect()
}

#[test]
fn nothing_that_is_cleared_up_to_meta_shows_what_is_above_it() {
    let (space, runs) = travelled(&RUNBOOKS);
    let shown = space.ordain(&["show", &runs[0], "--json"]);
    assert!(shows(&shown.stdout), "the search finds it where it may stand");
    let mut quoting: Vec<String> = Vec::new();
    for (words, said) in records(&space, &runs) {
        if shows(&said.stdout) || shows(&said.stderr) {
            let line = said.stdout.lines().chain(said.stderr.lines()).find(|line| shows(line));
            quoting.push(format!("{words}: {}", line.unwrap_or_default()));
        }
    }
    assert_eq!(quoting, Vec::<String>::new());
    let out = Workspace::empty();
    let at = |name: &str| out.path().join(name).display().to_string();
    space.ordain(&["audit", "export", &at("log.zip")]).expect_code(0);
    for run in &runs {
        let pack = at(&format!("{run}.zip"));
        space.ordain(&["runpack", run, "-o", &pack, "--without-payloads"]).expect_code(0);
    }
    for flow in ["all", "steps"] {
        let made = space.ordain(&["export", flow, "preview", "--as", "user:alice", "--json"]);
        let preview = made.expect_code(0).json()["preview"].clone();
        let (id, digest) = (preview["id"].as_str().unwrap(), preview["digest"].as_str().unwrap());
        let why = ["--digest", digest, "--rationale", "looked at every row", "--as", "user:bob"];
        space.ordain(&[&["export", flow, "approve", id][..], &why].concat()).expect_code(0);
        let file = at(&format!("{flow}.jsonl"));
        space.ordain(&["export", flow, "fetch", id, "--as", "user:alice", "--out", &file]).expect_code(0);
    }
    let mut found = Vec::new();
    search(out.path(), &mut found);
    assert_eq!(found, Vec::<String>::new(), "in a file that may leave");
}

/// Reasons are made of what a run carried: they go with it. Locks and remembered keys never held it.
#[test]
fn what_a_run_carried_is_gone_from_every_file_once_it_is_erased() {
    // What a key remembers keeps its payloads until the key is forgotten: those stay, and nothing else does.
    for (runbooks, kept) in [(&RUNBOOKS[2..], 0), (&RUNBOOKS[..], 3)] {
        let (space, runs) = travelled(runbooks);
        let mut found = Vec::new();
        search(&space.path().join(".ordain"), &mut found);
        assert!(!found.is_empty(), "it was there");
        // What still tells of the last run when a process leaves goes on in the next.
        for _ in 0..2 {
            let erased = space.ordain(&["prune", "--older-than", "0ms", "--as", "user:bob", "--json"]);
            let erased = erased.expect_code(0).json();
            assert_eq!(erased["kept"], kept, "{erased}");
        }
        let there = rows(&store(&space), "select distinct run from payload");
        assert_eq!(there.len(), kept, "{there:?}");
        if kept == 0 {
            let mut found = Vec::new();
            search(&space.path().join(".ordain"), &mut found);
            assert_eq!(found, Vec::<String>::new());
        }
        let world = "world where kind <> 'key'";
        for table in ["journal", "audit", world, "runs", "approvals", "decisions", "meta"] {
            let all = rows(&store(&space), &format!("select * from {table}"));
            assert!(!all.iter().any(|row| shows(row)), "{table}");
        }
        for run in runs.iter().filter(|run| !there.contains(run)) {
            for words in [["show", run.as_str(), "--json"], ["why", run.as_str(), "--json"]] {
                assert!(!shows(&space.ordain(&words).stdout), "{words:?}");
            }
        }
        space.ordain(&["audit", "verify"]).expect_code(0);
    }
}
