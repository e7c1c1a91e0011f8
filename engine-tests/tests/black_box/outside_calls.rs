//! Live calls to a service that misbehaves in every way there is and to programs that do, through the program:
//! every one ends in bounded time in a named state, reads are never unknown, writes are never taken for refused,
//! and nothing goes where it was not meant to. The service is the test's own, on loopback.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use engine_tests::{Workspace, root, said_by};
use serde_json::Value;

/// Longer than three attempts of two seconds with their pauses, on a busy machine; far below endless.
const BOUND: Duration = Duration::from_secs(40);

/// What was asked of the service: request lines, in order.
type Hits = Arc<Mutex<Vec<String>>>;

/// A service whose behaviour is the last part of the path. Its threads end with the test's process.
fn service() -> (u16, Hits) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let hits = Hits::default();
    let seen = Arc::clone(&hits);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            // A client that hangs up is no fault of the service.
            std::thread::spawn(move || drop(answer(stream, &seen)));
        }
    });
    (port, hits)
}

fn answer(mut stream: TcpStream, hits: &Hits) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let nth = {
        let mut hits = hits.lock().unwrap();
        hits.push(line);
        hits.iter().filter(|hit| hit.contains(&path)).count()
    };
    let mut say = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let fine = "{\"n\":1}";
    match path.rsplit('/').next().unwrap_or_default() {
        "metadata" => say("302 Found", "Location: http://169.254.169.254/latest\r\n", ""),
        "packed" => say("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}\u{8b}"),
        "twice" => say("200 OK", "Content-Type: application/json\r\n", "{\"n\":1,\"n\":2}"),
        "redirect" => say("302 Found", "Location: /v1/elsewhere\r\n", ""),
        "busy" if nth < 3 => say("503 Busy", "", "no"),
        "later" if nth < 2 => say("429 Later", "Retry-After: 99999999999\r\n", "no"),
        "down" => say("500 Oops", "", "no"),
        "gone" => say("404 Gone", "", "no"),
        "misfit" => say("200 OK", "", "{\"n\":\"x\"}"),
        "short" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{fine}"),
        "long" => write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{fine}"),
        "garbage" => stream.write_all(b"\0\x01\x02garbage\r\n\r\n"),
        "hangs-up" => Ok(()),
        "silent" => {
            let _ = stream.read(&mut byte)?;
            Ok(())
        }
        "endless" => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(&[b' '; 4096])?;
            }
        }
        "heads" => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            loop {
                write!(stream, "X-A: {}\r\n", "b".repeat(4000))?;
            }
        }
        "slow" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
            loop {
                stream.write_all(b" ")?;
                stream.set_read_timeout(Some(Duration::from_millis(200)))?;
                let _ = stream.read(&mut byte);
            }
        }
        _ => say("200 OK", "", fine),
    }
}

fn workspace(port: u16) -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/outside");
    let text = fs::read_to_string(root().join("engine-tests/fixtures/outside/ordain.yaml")).unwrap();
    workspace.write("ordain.yaml", &text.replace("PORT", &port.to_string()));
    workspace.write("data/in.txt", "hello\n");
    workspace
}

/// How a live run of one step ended.
#[derive(Debug, PartialEq)]
struct Ended {
    state: String,
    step: String,
    attempts: u64,
    code: String,
}

fn run(workspace: &Workspace, runbook: &str, inputs: &[&str]) -> (Ended, Value) {
    let mut arguments = vec!["run", runbook, "--live", "--as", "user:alice", "--json"];
    inputs.iter().for_each(|input| arguments.extend(["--input", input]));
    let started = Instant::now();
    let document = workspace.ordain(&arguments).json();
    assert!(started.elapsed() < BOUND, "{runbook} {inputs:?} took {:?}", started.elapsed());
    let run = document["run"].clone();
    let step = &run["steps"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ended = Ended {
        state: text(&run["state"]),
        step: text(&step["state"]),
        attempts: step["attempts"].as_u64().unwrap_or(0),
        code: text(&step["reasons"][0]["code"]),
    };
    (ended, document)
}

fn ended(state: &str, step: &str, attempts: u64, code: &str) -> Ended {
    Ended { state: state.into(), step: step.into(), attempts, code: code.into() }
}

/// Behaviour; attempts and code of a read; state, attempts and code of a write that is never repeated and of one
/// with a key.
const BEHAVIOURS: &[(&str, u64, &str, &str, &str)] = &[
    ("redirect", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("metadata", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("packed", 3, "output_invalid", "unknown", "output_invalid"),
    ("twice", 3, "output_invalid", "unknown", "output_invalid"),
    ("short", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("long", 3, "output_invalid", "unknown", "output_invalid"),
    ("endless", 3, "output_invalid", "unknown", "output_invalid"),
    ("heads", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("hangs-up", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("garbage", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("misfit", 3, "output_invalid", "unknown", "output_invalid"),
    ("down", 3, "connector_refused", "unknown", "outcome_unknown"),
    ("gone", 1, "connector_refused", "failed", "connector_refused"),
];

#[test]
fn a_service_that_misbehaves_never_makes_a_read_unknown_nor_a_write_refused() {
    let (port, hits) = service();
    let space = workspace(port);
    for (path, attempts, code, step, write_code) in BEHAVIOURS {
        let input = format!("path={path}");
        let (read, document) = run(&space, "get", &[&input]);
        assert_eq!(read, ended("failed", "failed", *attempts, code), "get {path}: {document}");
        let state = if *step == "unknown" { "stuck" } else { "failed" };
        let (once, document) = run(&space, "post", &[&input]);
        assert_eq!(once, ended(state, step, 1, write_code), "post {path}: {document}");
        let (keyed, document) = run(&space, "put", &[&input]);
        assert_eq!(keyed, ended(state, step, *attempts, write_code), "put {path}: {document}");
    }
    let hits = hits.lock().unwrap();
    assert!(hits.iter().all(|hit| !hit.contains("elsewhere")), "a redirect was followed: {hits:?}");
    let mut posts: BTreeMap<&str, usize> = BTreeMap::new();
    for hit in hits.iter().filter(|hit| hit.starts_with("post")) {
        *posts.entry(hit.as_str()).or_default() += 1;
    }
    for (path, attempts, ..) in BEHAVIOURS {
        let line = format!("post /v1/{path} http/1.1");
        let due = 1 + usize::try_from(*attempts).unwrap();
        assert_eq!(posts.get(line.as_str()), Some(&due), "{path}: what may not be repeated was");
    }
}

#[test]
fn an_answer_that_is_no_json_is_said_to_be_none_and_why() {
    let (port, _) = service();
    let space = workspace(port);
    for (path, why) in [
        ("packed", "the answer is no JSON: it is encoded as `gzip`, which was not asked for"),
        ("twice", "the answer is no JSON: a repeated field"),
    ] {
        let (_, document) = run(&space, "get", &[&format!("path={path}")]);
        let detail = document["run"]["steps"][0]["reasons"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{path}: {detail}");
    }
}

#[test]
fn a_service_that_takes_its_time_is_left_alone_after_the_timeout() {
    let (port, _) = service();
    let space = workspace(port);
    for path in ["path=slow", "path=silent"] {
        let (once, document) = run(&space, "post", &[path]);
        assert_eq!(once, ended("stuck", "unknown", 1, "connector_timeout"), "{path}: {document}");
    }
    let (read, document) = run(&space, "get", &["path=slow"]);
    assert_eq!(read, ended("failed", "failed", 3, "connector_timeout"), "{document}");
}

#[test]
fn refusals_that_are_declared_are_repeated_and_an_absurd_retry_after_only_up_to_max() {
    let (port, hits) = service();
    let space = workspace(port);
    let (busy, document) = run(&space, "get", &["path=busy"]);
    assert_eq!(busy, ended("succeeded", "succeeded", 3, ""), "{document}");
    assert_eq!(document["run"]["outputs"]["n"], 1);
    let (later, document) = run(&space, "get", &["path=later"]);
    assert_eq!(later, ended("succeeded", "succeeded", 2, ""), "{document}");
    let (once, document) = run(&space, "post", &["path=later/later"]);
    assert_eq!(once.state, "succeeded", "its path is one segment, another one: {document}");
    assert_eq!(hits.lock().unwrap().len(), 6);
}

#[test]
fn what_a_value_holds_stays_in_its_place() {
    let (port, hits) = service();
    let space = workspace(port);
    for path in ["../../etc/passwd", "a/b?c=1#d", "%2e%2e", "..", "é"] {
        let (ended, document) = run(&space, "get", &[&format!("path={path}")]);
        assert!(["succeeded", "failed"].contains(&ended.state.as_str()), "{path}: {document}");
    }
    for hit in hits.lock().unwrap().iter() {
        let path = hit.split(' ').nth(1).unwrap();
        let segment = path.strip_prefix("/v1/").unwrap_or("/");
        assert!(!segment.is_empty() && !segment.contains(['/', '?', '#']), "{hit}");
        assert!(segment != "..", "{hit}");
    }
    let before = hits.lock().unwrap().len();
    let said = space.ordain(&[
        "run",
        "get",
        "--live",
        "--as",
        "user:alice",
        "--json",
        "--input",
        "note=a\r\nX-Evil: 1",
    ]);
    let document = said.expect_code(2).json();
    assert_eq!(document["refused"]["reasons"][0]["code"], "input_invalid", "{document}");
    assert_eq!(hits.lock().unwrap().len(), before);
}

#[test]
fn a_private_address_is_reached_only_where_the_operator_said_so() {
    let (port, hits) = service();
    let space = workspace(port);
    let (far, document) = run(&space, "far", &[]);
    assert_eq!((far.state.as_str(), far.code.as_str()), ("failed", "connector_refused"), "{document}");
    assert_eq!(*hits.lock().unwrap(), Vec::<String>::new());
    // Nor a host that the connection does not name: refused before anything starts.
    let text = fs::read_to_string(space.path().join("ordain.yaml")).unwrap();
    space.write("ordain.yaml", &text.replace("web: {hosts: ['127.0.0.1:", "web: {hosts: ['localhost:"));
    let said = space.ordain(&["run", "get", "--live", "--as", "user:alice", "--json"]);
    let reasons = said.expect_code(3).json()["refused"]["reasons"].clone();
    assert_eq!(reasons[0]["code"], "connection_missing", "{reasons}");
    assert_eq!(*hits.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_program_that_was_not_granted_never_starts() {
    let space = workspace(9);
    let text = fs::read_to_string(space.path().join("ordain.yaml")).unwrap();
    let other = "0".repeat(64);
    for (old, new) in [
        ("sums: {programs: {/usr/bin/sha256sum: any}", "sums: {programs: {/usr/bin/md5sum: any}"),
        ("read: [./data]}\n    bare", "read: [./tools]}\n    bare"),
    ] {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        space.write("ordain.yaml", &text.replace(old, new));
        let said = space.ordain(&["run", "sums", "--live", "--as", "user:alice", "--json"]);
        let reasons = said.expect_code(3).json()["refused"]["reasons"].clone();
        assert_eq!(reasons[0]["code"], "connection_missing", "{new}: {reasons}");
    }
    let pinned = format!("sums: {{programs: {{/usr/bin/sha256sum: '{other}'}}");
    space.write("ordain.yaml", &text.replace("sums: {programs: {/usr/bin/sha256sum: any}", &pinned));
    let said =
        space.ordain(&["run", "sums", "--live", "--as", "user:alice", "--json", "--input", "n=in.txt"]);
    assert!([3, 5].contains(&said.code), "another program than the one that was granted: {said:?}");
}

#[test]
fn a_computed_argument_that_looks_like_an_option_is_refused_or_a_value() {
    let space = workspace(9);
    let (bare, document) = run(&space, "bare", &["n=--help"]);
    assert_eq!(bare.code, "argument_refused", "{document}");
    assert!(!document.to_string().contains("Usage"), "{document}");
    space.write("data/--help", "hello\n");
    let (behind, document) = run(&space, "sums", &["n=--help"]);
    assert_eq!(behind.state, "succeeded", "{document}");
    assert!(document["run"]["outputs"]["text"].as_str().unwrap().contains("--help"), "{document}");
}

#[test]
fn a_program_that_prints_without_end_is_ended() {
    let space = workspace(9);
    let (loud, document) = run(&space, "loud", &[]);
    assert_eq!(loud, ended("failed", "failed", 1, "output_invalid"), "{document}");
    assert!(document.to_string().len() < 10_000, "its output is kept nowhere");
}

#[test]
fn a_program_that_hears_no_signal_is_ended_when_its_time_is_up() {
    let space = workspace(9);
    let (deaf, document) = run(&space, "deaf", &[]);
    assert_eq!(deaf, ended("failed", "failed", 1, "connector_timeout"), "{document}");
}

/// The child is of a session of its own and holds a pipe open: nobody else does, so a writer that does not wait
/// finds a reader exactly as long as the child lives.
#[test]
fn a_child_that_a_program_leaves_behind_ends_with_the_step() {
    let space = workspace(9);
    let pipe = space.path().join("data/alive");
    said_by(Command::new("mkfifo").arg(&pipe)).expect_code(0);
    let (fork, document) = run(&space, "fork", &[]);
    assert_eq!(fork.state, "succeeded", "{document}");
    let text = document["run"]["outputs"]["text"].as_str().unwrap();
    assert!(text.contains("started") && text.contains("ended"), "the child was there: {text}");
    const O_NONBLOCK: i32 = 0o4000;
    let opened = fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(&pipe);
    assert_eq!(opened.unwrap_err().raw_os_error(), Some(6), "no reader: the child is gone");
}

/// What runs is ended, what is left does not start, and what cleans up has the time once more.
#[test]
fn a_run_whose_time_is_up_stops_and_tidies_up() {
    let space = workspace(9);
    let (hasty, document) = run(&space, "hasty", &[]);
    assert_eq!(hasty.state, "failed", "{document}");
    assert_eq!(document["run"]["reasons"][0]["code"], "run_timeout", "{document}");
    let states: Vec<&Value> =
        document["run"]["steps"].as_array().unwrap().iter().map(|step| &step["state"]).collect();
    assert_eq!(states[1..], ["cancelled", "succeeded"], "{document}");
    assert!((1..=4).contains(&hasty.attempts), "no new attempt past the time: {document}");
}
