//! A planted secret appears nowhere: a service answers with the token it was called with, as it is and in seven other
//! spellings, well and badly, and then everything that the program wrote or says is searched for all of them: the
//! store with its WAL, documents, texts, errors, the audit log and its export, runpacks, what an export lets out,
//! backups. With payloads in the clear, and encrypted.
//!
//! The eight spellings: as it is; base64; base64 for URLs; base64 of a longer text around it; hexadecimal in small
//! letters and in capitals; percent-encoded; as JSON inside JSON.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use engine_tests::{Workspace, said_by};
use serde_json::json;

const CANARY: &str = "canary/5ecre7+\"value\"=";

/// The spellings by their names.
fn spellings() -> [(&'static str, String); 8] {
    let bytes = CANARY.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent = |byte: &u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let around = STANDARD.encode(format!("ab{CANARY}, and more text"));
    [
        ("plain", CANARY.to_owned()),
        ("base64", STANDARD.encode(bytes)),
        ("base64 for URLs", URL_SAFE_NO_PAD.encode(bytes)),
        // The part in the middle does not depend on what stands around it.
        ("base64 inside", around.chars().skip(4).take(24).collect()),
        ("hex", hex.clone()),
        ("hex in capitals", hex.to_uppercase()),
        ("percent", bytes.iter().map(percent).collect()),
        ("JSON", json!(CANARY).to_string().trim_matches('"').to_owned()),
    ]
}

/// What the service says: all spellings, the third in its whole length.
fn said() -> String {
    let mut words: Vec<String> = spellings().into_iter().map(|(_, text)| text).collect();
    words[3] = STANDARD.encode(format!("ab{CANARY}, and more text"));
    words.join(" ")
}

/// A service that repeats the token; which tokens it saw. Its threads end with the test's process.
fn service() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tokens = Arc::clone(&seen);
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| drop(answer(stream, &tokens)))
    });
    (port, seen)
}

fn answer(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let token = head.lines().find_map(|line| line.split_once("earer ")).map(|(_, token)| token.to_owned());
    seen.lock().unwrap().extend(token);
    let status = match head.split(' ').nth(1).unwrap_or_default() {
        "/refuse" => "400 Bad Request",
        "/break" => "500 Oops",
        _ => "200 OK",
    };
    let body = json!({"said": said()}).to_string();
    let header = format!("X-Said: {}", spellings()[1].1);
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

const SPECS: &str = include_str!("../../fixtures/canary.yaml");

/// The secret lies outside of what is searched.
fn workspace(port: u16, secrets: &Path, encrypted: bool) -> Workspace {
    let workspace = Workspace::empty();
    let secrets = secrets.display();
    let payloads = if encrypted { "\n  payloads: {encrypt: {secret: payloads}}" } else { "" };
    workspace.write("specs/all.yaml", SPECS);
    workspace.write(
        "ordain.yaml",
        &format!(
            "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  settings: {{echo-url: 'http://127.0.0.1:{port}'}}\n  connections:\n    echo: {{hosts: ['127.0.0.1:{port}'], secrets: [echo-key], allowPrivate: [127.0.0.0/8]}}\n  secrets: {{provider: file, dir: '{secrets}'}}{payloads}\n"
        ),
    );
    workspace
}

/// Where a spelling stands in bytes, by its name.
fn found(bytes: &[u8]) -> Vec<&'static str> {
    let stands = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    spellings().into_iter().filter(|(_, text)| stands(text)).map(|(name, _)| name).collect()
}

fn search_folder(folder: &Path, files: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search_folder(&path, files);
        } else if let Ok(bytes) = fs::read(&path) {
            *files += 1;
            assert_eq!(found(&bytes), Vec::<&str>::new(), "in {}", path.display());
        }
    }
}

#[test]
fn the_search_finds_every_spelling_where_it_stands() {
    assert_eq!(found(said().as_bytes()).len(), 8);
    assert!(found(b"nothing").is_empty());
    // Also deep in a folder, among bytes that are no text.
    for (name, text) in spellings() {
        let planted = Workspace::empty();
        planted.write("a/sound", "nothing");
        let mut bytes = vec![0, 255, 128];
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        fs::write(planted.path().join("a/leak"), bytes).unwrap();
        let searched = std::panic::catch_unwind(|| search_folder(planted.path(), &mut 0));
        assert!(searched.is_err(), "{name}");
    }
}

#[test]
fn a_planted_secret_appears_nowhere_in_eight_spellings() {
    appears_nowhere(false);
}

#[test]
fn nor_does_it_where_payloads_are_encrypted() {
    appears_nowhere(true);
}

fn appears_nowhere(encrypted: bool) {
    let (port, seen) = service();
    let secrets = Workspace::empty();
    secrets.write("echo-key", CANARY);
    secrets.write("payloads", &STANDARD.encode([7; 32]));
    let workspace = workspace(port, secrets.path(), encrypted);
    let mut texts = Vec::new();
    let mut say = |arguments: &[&str]| {
        let said = workspace.ordain(arguments);
        texts.push((arguments.join(" "), format!("{}{}", said.stdout, said.stderr)));
        said
    };
    let mut runs = Vec::new();
    for runbook in ["echo", "refuse", "break"] {
        let run = say(&["run", runbook, "--live", "--as", "user:alice", "--json"]).json()["run"].clone();
        runs.push(run["id"].as_str().unwrap().to_owned());
        say(&["run", runbook, "--live", "--as", "user:alice"]);
    }
    let echoed = say(&["show", &runs[0], "--json"]).json();
    let output = echoed["run"]["steps"][0]["outputs"]["said"].as_str().unwrap().to_owned();
    assert!(output.contains("[secret]"), "the answer came, without the secret: {output}");
    assert!(seen.lock().unwrap().iter().filter(|token| *token == CANARY).count() >= 6, "the service saw it");
    for run in &runs {
        for verb in ["show", "why"] {
            say(&[verb, run]);
            say(&[verb, run, "--json"]);
        }
    }
    say(&["audit", "tail", "-n", "500", "--json"]);
    say(&["audit", "export", "log.zip"]).expect_code(0);
    for run in &runs {
        let pack = format!("{run}.zip");
        say(&["runpack", run, "-o", &pack]).expect_code(0);
        say(&["verify", &pack]).expect_code(0);
        say(&["verify", &pack, "--key", "ed25519:AAAA"]).expect_code(2);
    }
    say(&["report", "--format", "json"]).expect_code(0);
    say(&["connector", "test", "echo", "--json"]);
    say(&["doctor", "--json"]);
    let made = say(&["export", "all", "preview", "--as", "user:alice", "--json"]).json()["preview"].clone();
    let (id, digest) = (made["id"].as_str().unwrap(), made["digest"].as_str().unwrap());
    let why = "looked at every row";
    say(&["export", "all", "approve", id, "--digest", digest, "--rationale", why, "--as", "user:bob"])
        .expect_code(0);
    say(&["export", "all", "fetch", id, "--as", "user:alice", "--out", "all.jsonl"]).expect_code(0);
    say(&["backup", "copy.db", "--as", "user:bob"]);
    for (arguments, text) in &texts {
        assert_eq!(found(text.as_bytes()), Vec::<&str>::new(), "ordain {arguments}");
    }
    let mut files = 0;
    search_folder(workspace.path(), &mut files);
    assert!(files >= 8, "store, log, packs, export, backup: {files}");
    // A process that dies leaves behind what stands in the WAL.
    let mut dies = workspace.command(&["run", "echo", "--live", "--as", "user:alice"]);
    let died = said_by(dies.env("ORDAIN_FAULT", "after-outcome"));
    assert!(died.stderr.contains("fault fired"), "{died:?}");
    let wal = fs::read(workspace.path().join(".ordain/ordain.db-wal")).unwrap();
    assert!(!wal.is_empty());
    search_folder(workspace.path(), &mut files);
    let masked = wal.windows(8).any(|window| window == b"[secret]");
    assert_eq!(masked, !encrypted, "what stands in its place is a payload like any other");
}
