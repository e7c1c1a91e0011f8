//! The health of connectors as `ordain doctor` shows it, against a service of the test's own on loopback that goes
//! away and comes back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "tests"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use engine_tests::Workspace;
use serde_json::Value;

const SPECS: &str = "apiVersion: ordain/v1
kind: Roster
metadata: {name: roster, owner: group:team, summary: Who.}
spec:
  people: {alice: {type: human, email: alice@example.org}, bob: {type: human, email: bob@example.org}}
  groups: {team: ['user:alice', 'user:bob']}
  roles: {operator: ['group:team'], viewer: ['group:team'], admin: ['user:bob']}
---
apiVersion: ordain/v1
kind: Connector
metadata: {name: api, version: 1.0.0, owner: group:team, summary: A service.}
spec:
  type: http
  http: {baseUrl: {setting: api}}
  health: {operation: ping, every: 30s}
  operations:
    ping: {effect: read, path: /ping, output: {}, timeout: 2s, maxResponse: 1KiB, mock: {output: {}}}
";

/// A service that says yes until it is told to stop.
struct Service {
    port: u16,
    hits: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Service {
    fn on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let hits = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&hits);
        let thread = std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = [0; 1024];
                let read = stream.read(&mut head).unwrap_or(0);
                if head[..read].starts_with(b"STOP") {
                    return;
                }
                seen.fetch_add(1, Ordering::SeqCst);
                let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                // Who asked may be gone.
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, hits, thread }
    }

    fn stop(self) {
        std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap().write_all(b"STOP").unwrap();
        self.thread.join().unwrap();
    }

    fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

fn workspace(spec: &str) -> Workspace {
    let workspace = Workspace::empty();
    workspace.write("specs/all.yaml", SPECS);
    workspace.write("ordain.yaml", &format!("apiVersion: ordain/v1\nkind: Workspace\nspec: {spec}\n"));
    workspace
}

/// `{ok, detail}` of the one connector.
fn health(workspace: &Workspace) -> (bool, String) {
    let document = workspace.ordain(&["doctor", "--json"]).json();
    let checks = document["checks"].as_array().unwrap();
    let mut rows = checks.iter().filter(|check| check["id"] == "health");
    let row = rows.next().unwrap_or_else(|| panic!("no row of health: {document:#}"));
    assert!(rows.next().is_none(), "one connector, one row");
    (row["ok"].as_bool().unwrap(), row["detail"].as_str().unwrap().to_owned())
}

fn recorded(workspace: &Workspace) -> Vec<Value> {
    let tail = workspace.ordain(&["audit", "tail", "--json"]).expect_code(0).json();
    let records = tail["records"].as_array().unwrap().iter();
    records.filter(|record| record["action"] == "health.changed").cloned().collect()
}

#[test]
fn a_service_that_goes_away_is_degraded_until_it_is_back_and_each_change_is_recorded_once() {
    let service = Service::on(0);
    let port = service.port;
    let workspace = workspace(&format!(
        "{{settings: {{api: 'http://127.0.0.1:{port}'}}, connections: {{api: {{hosts: ['127.0.0.1:{port}'], allowPrivate: [127.0.0.0/8]}}}}}}"
    ));
    let (ok, detail) = health(&workspace);
    assert!(ok && detail.contains("not probed yet"), "there is no store to keep it in: {detail}");
    assert_eq!(service.hits(), 0);
    workspace.ordain(&["runs", "--json"]).expect_code(0);
    assert_eq!(service.hits(), 0, "nobody is probed at once");

    let (ok, first) = health(&workspace);
    assert!(ok && first.starts_with("`api` is healthy since "), "{first}");
    assert_eq!(health(&workspace), (true, first), "since then, however often it is asked");
    assert_eq!(service.hits(), 2);
    service.stop();
    let (ok, gone) = health(&workspace);
    assert!(!ok && gone.starts_with("`api` is degraded since "), "{gone}");
    assert_eq!(health(&workspace), (false, gone));
    workspace.ordain(&["doctor"]).expect_code(1);
    let back = Service::on(port);
    assert!(health(&workspace).0);

    let records = recorded(&workspace);
    let faults: Vec<usize> =
        records.iter().map(|record| record["reasons"].as_array().unwrap().len()).collect();
    assert_eq!(faults, [0, 1, 0], "{records:#?}");
    assert!(records.iter().all(|record| record["actor"]["id"] == "system" && record["subject"] == "api"));
    workspace.ordain(&["audit", "verify", "--json"]).expect_code(0);

    let kill = ["kill", "connector:api", "--reason", "drill", "--as", "user:alice", "--json"];
    workspace.ordain(&kill).expect_code(0);
    let before = back.hits();
    let (ok, held) = health(&workspace);
    assert!(ok && held.contains("not probed now: ") && held.contains("kill_switch"), "{held}");
    assert_eq!(back.hits(), before, "a kill switch stops probes too");
}

#[test]
fn without_a_connection_nothing_is_asked_and_nothing_is_degraded() {
    let workspace = workspace("{settings: {api: 'http://127.0.0.1:1'}}");
    workspace.ordain(&["runs", "--json"]).expect_code(0);
    let (ok, detail) = health(&workspace);
    assert!(ok && detail.contains("is not probed: the workspace grants it nothing"), "{detail}");
    assert!(recorded(&workspace).is_empty());
}

#[test]
fn a_sealed_catalogue_of_profile_prod_is_probed_too() {
    let service = Service::on(0);
    let port = service.port;
    let workspace = workspace("{}");
    let made = workspace.ordain(&["keys", "init", "release", "--json"]).expect_code(0).json();
    let key = made["publicKey"].as_str().unwrap();
    workspace.write(
        "ordain.yaml",
        &format!(
            "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  profile: prod\n  settings: {{api: 'http://127.0.0.1:{port}'}}\n  connections: {{api: {{hosts: ['127.0.0.1:{port}'], allowPrivate: [127.0.0.0/8]}}}}\n  trust: [{{id: release, key: '{key}'}}]\n"
        ),
    );
    workspace.ordain(&["runs", "--json"]).expect_code(0);
    workspace.ordain(&["doctor", "--json"]).expect_code(1);
    assert_eq!(service.hits(), 0, "nobody signed what would be probed");
    workspace.ordain(&["bundle", "build"]).expect_code(0);
    workspace.ordain(&["bundle", "sign", "--key", ".ordain/keys/release.key"]).expect_code(0);
    let (ok, detail) = health(&workspace);
    assert!(ok && detail.starts_with("`api` is healthy since "), "{detail}");
    assert_eq!(service.hits(), 1);
}
