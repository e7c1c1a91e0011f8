//! A thousand reservations at once on a budget for ten, in a process that is killed (`kill -9`) again and again: ten come
//! through, whenever it died. The process is this test, started once more.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ordain_runtime::api::{Caller, Request};
use ordain_runtime::engine::Engine;
use ordain_runtime::local::Service as _;
use ordain_runtime::session::Lock;
use ordain_runtime::workspace::Opened;
use serde_json::Value;

/// The folder of the one that is killed.
const FOLDER: &str = "ORDAIN_TEST_RESERVED";

const SPECS: &str = "apiVersion: ordain/v1
kind: Roster
metadata: {name: roster, owner: 'group:team', summary: Who.}
spec:
  people: {alice: {type: human, email: alice@example.org}}
  groups: {team: ['user:alice']}
  roles: {operator: ['group:team'], viewer: ['group:team']}
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: may, version: 1.0.0, owner: 'group:team', summary: May.}
spec: {applies: {capabilities: [t.*]}, rules: [{id: may, allow: 'true', to: ['role:operator'], reason: may}]}
---
apiVersion: ordain/v1
kind: Connector
metadata: {name: mint, version: 1.0.0, owner: 'group:team', summary: A test.}
spec: {type: mock, access: write, operations: {take: {effect: write, mock: {output: {}}}}}
---
apiVersion: ordain/v1
kind: Capability
metadata: {name: t.take, version: 1.0.0, owner: 'group:team', summary: Takes a coin., risk: medium, failureMode: retry, rollback: {none: needless, why: A test.}, tests: [takes]}
spec: {effect: write, uses: mint, operation: take, idempotency: step, costs: [{unit: coins, estimate: '1', max: 1}]}
---
apiVersion: ordain/v1
kind: Budget
metadata: {name: ten, version: 1.0.0, owner: 'group:team', summary: Ten and no more.}
spec: {unit: coins, limit: 10, window: month, applies: {capabilities: [t.take]}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: one, version: 1.0.0, owner: 'group:team', summary: Takes one.}
spec: {steps: [{id: rest, wait: 40ms}, {id: do, needs: [rest], uses: t.take}]}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: takes, owner: 'group:team', summary: Takes one.}
spec: {run: one, as: 'user:alice', at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}
";

async fn open(folder: &Path) -> Engine {
    let opened = Opened::find(folder).unwrap();
    assert!(opened.active.is_some(), "{:?}", opened.read.checked.diagnostics);
    let begun = Instant::now();
    loop {
        if let Some(lock) = Lock::take(&opened.state).unwrap() {
            return Engine::open(&opened, lock).await.unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the dead one still holds the store");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn ask(engine: &Engine, request: Request) -> Value {
    let caller = Caller { login: None, acting_as: Some("user:alice".into()), token: None };
    engine.answer(caller, request).await.unwrap()
}

/// Asks a thousand times at once, and lives until it is killed.
async fn ask_a_thousand_times(folder: &Path) {
    let engine = open(folder).await;
    println!("open");
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let engine = engine.clone();
        asked.spawn(async move {
            let inputs = serde_json::Map::new();
            ask(&engine, Request::Start { runbook: "one".into(), inputs, live: false }).await
        });
    }
    while asked.join_next().await.is_some() {}
    // Whoever was quicker than the one who kills waits for it.
    std::future::pending::<()>().await;
}

async fn count(engine: &Engine, state: &str) -> usize {
    let (mut all, mut cursor) = (0, None);
    loop {
        let request =
            Request::Runs { state: Some(state.into()), runbook: Some("one".into()), limit: 200, cursor };
        let page = ask(engine, request).await;
        all += page["runs"].as_array().unwrap().len();
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_of_a_thousand_come_through_however_often_the_process_is_killed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return ask_a_thousand_times(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("specs")).unwrap();
    std::fs::write(folder.path().join("specs/all.yaml"), SPECS).unwrap();
    let workspace = "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n";
    std::fs::write(folder.path().join("ordain.yaml"), workspace).unwrap();
    for after in [60, 150, 300, 600] {
        let name = "ten_of_a_thousand_come_through_however_often_the_process_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("open")), "it opened the store");
        std::thread::sleep(Duration::from_millis(after));
        assert!(child.try_wait().unwrap().is_none(), "it is alive when it is killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let engine = open(folder.path()).await;
    // What was cut off goes on by itself.
    let begun = Instant::now();
    while count(&engine, "running").await + count(&engine, "waiting").await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it comes to an end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (succeeded, denied) = (count(&engine, "succeeded").await, count(&engine, "denied").await);
    assert_eq!(succeeded, 10, "{denied} denied");
    assert!(denied > 100, "most were stored before the process died: {denied}");
    let budgets = ask(&engine, Request::Budgets).await["budgets"].clone();
    assert_eq!((&budgets[0]["spent"], &budgets[0]["reserved"]), (&10.into(), &0.into()), "{budgets}");
    let verified = ask(&engine, Request::AuditVerify { from_checkpoint: false, checkpoint: None }).await;
    assert_eq!(verified["ok"], true, "{verified}");
    ask(&engine, Request::Rebuild).await;
    let again = ask(&engine, Request::Budgets).await["budgets"].clone();
    assert_eq!(again[0]["spent"], 10, "counted anew from the journal");
    engine.close().await;
}
