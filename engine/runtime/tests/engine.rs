//! The engine over a real store: runs go through, are found again after a restart, and a store that
//! somebody changed is not continued.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain_runtime::api::{ApiError, Caller, Request};
use ordain_runtime::engine::Engine;
use ordain_runtime::local::Service as _;
use ordain_runtime::machine::{Clock, Machine};
use ordain_runtime::ports::Later;
use ordain_runtime::session::Lock;
use ordain_runtime::session::Session;
use ordain_runtime::workspace::Opened;
use serde_json::{Value, json};

struct Space {
    folder: tempfile::TempDir,
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

/// An engine over a workspace that nobody else holds.
async fn engine_over(opened: &Opened, machine: Machine) -> Engine {
    let lock = Lock::take(&opened.state).unwrap().unwrap();
    Engine::open_on(opened, lock, machine).await.unwrap()
}

fn who(name: &str) -> Caller {
    Caller { acting_as: Some(name.into()), ..Caller::default() }
}

impl Space {
    fn of(catalogue: &str) -> Self {
        let fixtures =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../engine-tests/fixtures/catalogues");
        let folder = tempfile::tempdir().unwrap();
        copy(&fixtures.join(catalogue), folder.path());
        Self { folder }
    }

    fn opened(&self) -> Opened {
        Opened::find(self.folder.path()).unwrap()
    }

    async fn ask(&self, request: Request) -> Result<Value, ApiError> {
        let opened = self.opened();
        let mut session = Session::open(&opened).await?;
        let answer = session.ask(&opened, &who("user:alice"), &request).await;
        session.close().await;
        answer
    }

    async fn start(&self, runbook: &str, inputs: Value) -> Value {
        let inputs = inputs.as_object().unwrap().clone();
        self.ask(Request::Start { runbook: runbook.into(), inputs, live: false }).await.unwrap()
    }
}

#[tokio::test]
async fn a_mock_run_goes_through_and_is_found_again_after_a_restart() {
    let space = Space::of("minimal");
    let started = space.start("read-note", json!({"id": "second"})).await;
    assert_eq!(started["run"]["state"], "succeeded", "{started:#}");
    assert_eq!(started["run"]["outputs"]["text"], "note second");
    let id = started["run"]["id"].as_str().unwrap().to_owned();
    let shown = space.ask(Request::Show { run: id.clone() }).await.unwrap();
    assert_eq!(shown, started);
    let runs =
        space.ask(Request::Runs { state: None, runbook: None, limit: 10, cursor: None }).await.unwrap();
    assert_eq!(runs["runs"][0]["id"], id.as_str());
    let why = space.ask(Request::Why { target: id.clone(), step: None }).await.unwrap();
    assert_eq!(why["decisions"][0]["outcome"], "allow", "{why:#}");
    let verified =
        space.ask(Request::AuditVerify { from_checkpoint: false, checkpoint: None }).await.unwrap();
    assert_eq!(verified["ok"], true, "{verified:#}");
    let complete = space.ask(Request::AuditCompleteness).await.unwrap();
    assert_eq!(complete["ok"], true, "{complete:#}");
}

#[tokio::test]
async fn views_built_from_the_journal_are_those_that_were_there() {
    let space = Space::of("minimal");
    for id in ["a", "b", "c"] {
        space.start("read-note", json!({"id": id})).await;
    }
    let before = tables(&space).await;
    space.ask(Request::Rebuild).await.unwrap();
    assert_eq!(tables(&space).await, before);
}

/// Both are decided in one turn: who asks sends before the writer wakes, for they share one thread.
#[tokio::test(flavor = "current_thread")]
async fn a_run_that_starts_in_the_turn_of_a_rebuild_is_stored_and_goes_on() {
    let space = Space::of("minimal");
    space.start("read-note", json!({"id": "before"})).await;
    let opened = space.opened();
    let engine = engine_over(&opened, Machine::default()).await;
    let caller = who("user:alice");
    let start = |id: &str| {
        let inputs = json!({"id": id}).as_object().unwrap().clone();
        engine.answer(caller.clone(), Request::Start { runbook: "read-note".into(), inputs, live: false })
    };
    let rebuild = || engine.answer(caller.clone(), Request::Rebuild);
    let (first, rebuilt, second, again) = tokio::join!(start("a"), rebuild(), start("b"), rebuild());
    let rows = |answer: Result<Value, ApiError>| {
        let detail = answer.unwrap()["detail"].as_str().unwrap().to_owned();
        detail.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(rows(rebuilt) < rows(again), "what was decided before it is in the journal that is read");
    for started in [first, second] {
        let id = started.unwrap()["run"]["id"].as_str().unwrap().to_owned();
        let shown = engine.answer(caller.clone(), Request::Show { run: id }).await.unwrap();
        assert_eq!(shown["run"]["state"], "succeeded", "{shown}");
    }
    engine.close().await;
    let before = tables(&space).await;
    assert!(before.len() > 3);
    space.ask(Request::Rebuild).await.unwrap();
    assert_eq!(tables(&space).await, before);
    let verified = space.ask(Request::AuditVerify { from_checkpoint: false, checkpoint: None }).await;
    assert_eq!(verified.unwrap()["ok"], true);
}

/// What was decided before an act of care is stored before it. Where that fails, and the runs cannot be read again, the
/// rest of the turn is refused: an engine that holds no run would decide it over nothing.
#[tokio::test(flavor = "current_thread")]
async fn nothing_is_decided_in_the_rest_of_a_turn_that_lost_the_runs() {
    let space = Space::of("minimal");
    space.start("read-note", json!({"id": "before"})).await;
    let opened = space.opened();
    let engine = engine_over(&opened, Machine::default()).await;
    let caller = who("user:alice");
    let ask = |request| engine.answer(caller.clone(), request);
    let start = |id: &str| {
        let inputs = json!({"id": id}).as_object().unwrap().clone();
        ask(Request::Start { runbook: "read-note".into(), inputs, live: false })
    };
    // No run can be stored and none be read again; a record of a refusal could.
    change(&space, "create trigger full before insert on runs begin select raise(abort, 'full'); end").await;
    change(&space, "insert into world (kind, key, value) values ('budget', 'x', 'nonsense')").await;
    let (first, rebuilt, second) = tokio::join!(start("a"), ask(Request::Rebuild), start("b"));
    for (what, answer) in [("start", first), ("rebuild", rebuilt), ("start after it", second)] {
        assert_eq!(answer.unwrap_err().code, "audit_unavailable", "{what}");
    }
    let still = start("c").await.unwrap_err();
    assert_eq!(still.code, "audit_unavailable", "nor later, as long as they cannot be read");
    change(&space, "delete from world where value = 'nonsense'").await;
    change(&space, "drop trigger full").await;
    let started = start("d").await.unwrap();
    assert_eq!(started["run"]["state"], "succeeded", "{started}");
    let runs = ask(Request::Runs { state: None, runbook: None, limit: 10, cursor: None }).await.unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2, "the one from before, and the one after: {runs}");
    let verified = ask(Request::AuditVerify { from_checkpoint: false, checkpoint: None }).await;
    assert_eq!(verified.unwrap()["ok"], true);
    engine.close().await;
}

async fn tables(space: &Space) -> Vec<String> {
    use sqlx::{ConnectOptions as _, Row as _};
    let path = space.opened().state.join("ordain.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let mut found = Vec::new();
    for query in [
        "select id || runbook || state || requester || mode || created_at || settled_at || specs as line from runs order by id",
        "select id || run || state as line from approvals order by id",
        "select id || run as line from decisions order by id",
        "select kind || key || value as line from world order by kind, key",
    ] {
        for row in sqlx::query(query).fetch_all(&mut connection).await.unwrap() {
            found.push(row.get::<String, _>("line"));
        }
    }
    found
}

async fn change(space: &Space, statement: &'static str) {
    use sqlx::{ConnectOptions as _, Executor as _};
    let path = space.opened().state.join("ordain.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    for trigger in [
        "journal_is_append_only_update",
        "journal_is_append_only_delete",
        "audit_is_append_only_update",
        "audit_is_append_only_delete",
    ] {
        connection.execute(sqlx::AssertSqlSafe(format!("drop trigger if exists {trigger}"))).await.unwrap();
    }
    connection.execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_changed_record_refuses_the_store_and_is_named() {
    for statement in [
        "update audit set record = replace(record, '\"system\"', '\"nobody\"') where seq = 3",
        "delete from audit where seq = 3",
        "update audit set seq = 1000 where seq = 3",
    ] {
        let space = Space::of("minimal");
        space.start("read-note", json!({})).await;
        change(&space, statement).await;
        let refused = space
            .ask(Request::Runs { state: None, runbook: None, limit: 1, cursor: None })
            .await
            .unwrap_err();
        assert_eq!(refused.code, "audit_unavailable", "{statement}");
        let verified = Session::audit_verify(&space.opened(), &Caller::default(), false, None).await.unwrap();
        assert_eq!(verified["ok"], false, "{statement}");
        assert_eq!(verified["firstBad"]["seq"], 3, "{statement}: {verified:#}");
    }
}

#[tokio::test]
async fn a_cut_tail_is_found_by_the_journal() {
    let space = Space::of("minimal");
    space.start("read-note", json!({})).await;
    change(&space, "delete from audit where seq = (select max(seq) from audit)").await;
    let verified = Session::audit_verify(&space.opened(), &Caller::default(), false, None).await.unwrap();
    assert_eq!(verified["ok"], false);
}

#[tokio::test]
async fn journal_and_audit_cannot_be_changed_by_a_plain_statement() {
    use sqlx::{ConnectOptions as _, Executor as _};
    let space = Space::of("minimal");
    space.start("read-note", json!({})).await;
    let path = space.opened().state.join("ordain.db");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    for statement in [
        "update journal set event = ''",
        "delete from journal",
        "update audit set record = ''",
        "delete from audit",
    ] {
        let refused = connection.execute(statement).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn nobody_in_particular_changes_nothing() {
    let space = Space::of("minimal");
    let opened = space.opened();
    let mut session = Session::open(&opened).await.unwrap();
    let caller = Caller { login: Some("nobody-here".into()), ..Caller::default() };
    let start = Request::Start { runbook: "read-note".into(), inputs: serde_json::Map::new(), live: false };
    let refused = session.ask(&opened, &caller, &start).await.unwrap_err();
    assert_eq!(refused.code, "unauthenticated");
    session.close().await;
}

#[tokio::test]
async fn a_second_session_speaks_to_the_first() {
    let space = Space::of("minimal");
    let opened = space.opened();
    let first = Session::open(&opened).await.unwrap();
    let mut second = Session::open(&opened).await.unwrap();
    assert!(matches!(second, Session::Remote(_)));
    let caller = who("user:alice");
    let start = Request::Start { runbook: "read-note".into(), inputs: serde_json::Map::new(), live: false };
    let started = second.ask(&opened, &caller, &start).await.unwrap();
    assert_eq!(started["run"]["state"], "succeeded");
    let id = started["run"]["id"].as_str().unwrap().to_owned();
    let watched = second.ask(&opened, &caller, &Request::Watch { run: id, after: 0 }).await.unwrap();
    assert_eq!(watched["parked"], true);
    second.close().await;
    first.close().await;
}

/// A clock that stands until it is set.
struct Hand {
    now: Mutex<jiff::Timestamp>,
    moved: tokio::sync::Notify,
}

impl Hand {
    fn pass(&self, seconds: i64) {
        *self.now.lock().unwrap() += jiff::SignedDuration::from_secs(seconds);
        self.moved.notify_waiters();
    }
}

impl Clock for Hand {
    fn now(&self) -> jiff::Timestamp {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, at: Option<jiff::Timestamp>) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let moved = self.moved.notified();
                if at.is_some_and(|at| at <= self.now()) {
                    return;
                }
                moved.await;
            }
        })
    }
}

const PROBED: &str = "apiVersion: ordain/v1
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

/// A service that says yes, and says when it was asked.
async fn service() -> (u16, tokio::task::JoinHandle<()>, tokio::sync::mpsc::UnboundedReceiver<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, hits) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            let _ = asked.send(());
        }
    });
    (port, task, hits)
}

/// The records of health, once there are so many: `[codes of the fault]` each.
async fn health_records(engine: &Engine, count: usize) -> Vec<Vec<String>> {
    let found = async {
        loop {
            let tail = Request::AuditTail { run: None, limit: 100 };
            let answer = engine.answer(Caller::default(), tail).await.unwrap();
            let records = answer["records"].as_array().unwrap().clone();
            let of_health = records.iter().filter(|record| record["action"] == "health.changed");
            let faults = of_health.map(|record| {
                let reasons = record["reasons"].as_array().unwrap();
                reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
            });
            let faults: Vec<Vec<String>> = faults.collect();
            if faults.len() >= count {
                return faults;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_is_probed_in_its_turn_and_only_a_change_is_recorded() {
    let (port, served, mut hits) = service().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("specs")).unwrap();
    std::fs::write(folder.path().join("specs/all.yaml"), PROBED).unwrap();
    let workspace = format!(
        "apiVersion: ordain/v1\nkind: Workspace\nspec:\n  settings: {{api: 'http://127.0.0.1:{port}'}}\n  connections: {{api: {{hosts: ['127.0.0.1:{port}'], allowPrivate: [127.0.0.0/8]}}}}\n"
    );
    std::fs::write(folder.path().join("ordain.yaml"), workspace).unwrap();
    let opened = Opened::find(folder.path()).unwrap();
    assert!(opened.active.is_some(), "{:?}", opened.read.checked.diagnostics);
    let hand = Arc::new(Hand {
        now: Mutex::new("2026-01-05T10:00:00Z".parse().unwrap()),
        moved: tokio::sync::Notify::new(),
    });
    let clock: Arc<dyn Clock> = Arc::clone(&hand) as Arc<dyn Clock>;
    let machine = Machine { clock, ..Machine::default() };
    let engine = engine_over(&opened, machine).await;

    hand.pass(29);
    assert!(health_records(&engine, 0).await.is_empty(), "nobody is probed before their turn");
    hand.pass(1);
    assert_eq!(health_records(&engine, 1).await, [Vec::<String>::new()], "healthy");
    hits.recv().await.unwrap();
    hand.pass(30);
    hits.recv().await.unwrap();
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    hand.pass(30);
    let records = health_records(&engine, 2).await;
    assert_eq!((records.len(), records[1].len()), (2, 1), "healthy twice is told once: {records:?}");
    let seen = engine.answer(Caller::default(), Request::Probe).await.unwrap();
    assert_eq!(seen["health"][0]["state"], "degraded", "{seen:#}");
    assert_eq!(seen["health"][0]["since"], "2026-01-05T10:01:30Z");
    assert_eq!(health_records(&engine, 2).await.len(), 2, "degraded twice is told once");
    engine.close().await;

    let engine = engine_over(&opened, Machine::default()).await;
    assert!(!engine.rebuilt());
    engine.answer(who("user:bob"), Request::Rebuild).await.unwrap();
    let seen = engine.answer(Caller::default(), Request::Probe).await.unwrap();
    assert_eq!(seen["health"][0]["since"], "2026-01-05T10:01:30Z", "it is remembered: {seen:#}");
    assert!(hits.try_recv().is_err(), "nobody was asked more often than that");
    engine.close().await;
}

/// A workspace whose runs wait for people.
fn asking(folder: &Path) {
    let common = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../engine-tests/fixtures/conformance/common/specs/common.yaml");
    std::fs::create_dir_all(folder.join("specs")).unwrap();
    std::fs::copy(common, folder.join("specs/common.yaml")).unwrap();
    let workspace = "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n";
    std::fs::write(folder.join("ordain.yaml"), workspace).unwrap();
    let held = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: held, version: 1.0.0, owner: 'group:team', summary: Waits.}\nspec: {steps: [{id: do, uses: c.put, with: {n: a}, approval: ok}]}\n";
    std::fs::write(folder.join("specs/held.yaml"), held).unwrap();
}

#[tokio::test]
async fn a_look_at_the_queue_reads_as_many_journals_however_long_the_queue_is() {
    let folder = tempfile::tempdir().unwrap();
    asking(folder.path());
    let opened = Opened::find(folder.path()).unwrap();
    let engine = engine_over(&opened, Machine::default()).await;
    let queue = || engine.answer(who("user:alice"), Request::Approvals { state: None });
    let start = || {
        let inputs = serde_json::Map::new();
        engine.answer(who("user:alice"), Request::Start { runbook: "held".into(), inputs, live: false })
    };
    for _ in 0..4 {
        start().await.unwrap();
    }
    for approval in queue().await.unwrap()["approvals"].as_array().unwrap().iter().take(3) {
        let text = |field: &str| approval[field].as_str().unwrap().to_owned();
        let reject = Request::Decide {
            id: text("id"),
            decision: ordain_runtime::api::Decision::Reject,
            rationale: "not in this way".into(),
            form: serde_json::Map::new(),
            digest: text("digest"),
            signature: None,
        };
        engine.answer(who("user:bob"), reject).await.unwrap();
    }
    let mut read = Vec::new();
    for more in [1, 30] {
        for _ in 0..more {
            start().await.unwrap();
        }
        let before = engine.journals_read();
        let shown = queue().await.unwrap();
        read.push((shown["approvals"].as_array().unwrap().len(), engine.journals_read() - before));
        let rejections = shown["approvals"][0]["rejections"].as_array().unwrap();
        assert_eq!(rejections.len(), 3, "what people said before is shown with each");
    }
    assert_eq!(read, [(2, 3), (32, 3)]);
    engine.close().await;
}

const TEN: &str = "
apiVersion: ordain/v1
kind: Budget
metadata: {name: ten, version: 1.0.0, owner: 'group:team', summary: Ten and no more.}
spec: {unit: calls, limit: 10, window: month, applies: {capabilities: [c.put]}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: one, version: 1.0.0, owner: 'group:team', summary: Takes one.}
spec: {steps: [{id: do, uses: c.put, with: {n: a}}]}
";

/// Starts so many runs at once, and says how many succeeded and how many were denied for the budget.
async fn at_once(engine: &Engine, runs: usize) -> (usize, usize) {
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..runs {
        let engine = engine.clone();
        asked.spawn(async move {
            let inputs = serde_json::Map::new();
            engine
                .answer(who("user:alice"), Request::Start { runbook: "one".into(), inputs, live: false })
                .await
        });
    }
    let (mut succeeded, mut denied) = (0, 0);
    while let Some(answer) = asked.join_next().await {
        let Ok(Ok(answer)) = answer else { continue };
        match answer["run"]["state"].as_str() {
            Some("succeeded") => succeeded += 1,
            Some("denied") => {
                assert_eq!(answer["run"]["reasons"][0]["code"], "budget_exceeded", "{answer:#}");
                denied += 1;
            }
            other => panic!("{other:?}: {answer:#}"),
        }
    }
    (succeeded, denied)
}

async fn counted(engine: &Engine) -> Value {
    engine.answer(who("user:alice"), Request::Budgets).await.unwrap()["budgets"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_on_a_budget_for_ten_are_exactly_ten() {
    let folder = tempfile::tempdir().unwrap();
    asking(folder.path());
    std::fs::write(folder.path().join("specs/ten.yaml"), TEN.trim_start()).unwrap();
    let opened = Opened::find(folder.path()).unwrap();
    let engine = engine_over(&opened, Machine::default()).await;
    assert_eq!(at_once(&engine, 1_000).await, (10, 990));
    let before = counted(&engine).await;
    assert_eq!((&before[0]["spent"], &before[0]["reserved"]), (&json!(10), &json!(0)), "{before:#}");
    engine.answer(who("user:alice"), Request::Rebuild).await.unwrap();
    let again = counted(&engine).await;
    assert_eq!(again[0]["spent"], before[0]["spent"], "counted anew from the journal");
    assert_eq!(at_once(&engine, 5).await, (0, 5));
    engine.close().await;
}

const KEPT: &str = "apiVersion: ordain/v1
kind: Retention
metadata: {name: kept, owner: group:grc, summary: How long what is kept.}
spec: {keep: {raw: 7d, personal: 30d, internal: 400d, exports: 3d}}
";

/// Makes a preview of the example's export and lets somebody of governance say that.
async fn previewed(engine: &Engine, decision: ordain_runtime::api::Decision) -> String {
    let ask = Request::Preview { export: "weekly-evidence".into(), live: false };
    let run = engine.answer(who("user:alice"), ask).await.unwrap()["run"]["id"].as_str().unwrap().to_owned();
    // Rows are gathered beside the writer.
    let watch = Request::Watch { run: run.clone(), after: 0 };
    let gathered = async {
        while engine.answer(who("user:alice"), watch.clone()).await.unwrap()["parked"] != true {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gathered).await.unwrap();
    let queue = engine.answer(who("user:carol"), Request::Approvals { state: None }).await.unwrap();
    let open = queue["approvals"].as_array().unwrap().iter().find(|one| one["run"] == *run).unwrap();
    let text = |field: &str| open[field].as_str().unwrap().to_owned();
    let decide = Request::Decide {
        id: text("id"),
        decision,
        rationale: "looked at every row".into(),
        form: serde_json::Map::new(),
        digest: text("digest"),
        signature: None,
    };
    engine.answer(who("user:carol"), decide).await.unwrap();
    run
}

#[tokio::test]
async fn files_of_exports_go_as_the_retention_says_and_everything_else_stays() {
    use ordain_runtime::api::Decision;
    let folder = tempfile::tempdir().unwrap();
    copy(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/evidence-export"), folder.path());
    std::fs::write(folder.path().join("specs/policies/kept.yaml"), KEPT).unwrap();
    let opened = Opened::find(folder.path()).unwrap();
    assert!(opened.active.is_some(), "{:?}", opened.read.checked.diagnostics);
    let hand = Arc::new(Hand {
        now: Mutex::new("2026-01-05T10:00:00Z".parse().unwrap()),
        moved: tokio::sync::Notify::new(),
    });
    let machine = Machine { clock: Arc::clone(&hand) as Arc<dyn Clock>, ..Machine::default() };
    let engine = engine_over(&opened, machine).await;

    let inputs = serde_json::Map::from_iter([("ticket".to_owned(), json!("T-1"))]);
    let start = Request::Start { runbook: "close-ticket".into(), inputs, live: false };
    let closed = engine.answer(who("user:alice"), start).await.unwrap()["run"]["id"].clone();
    let left = previewed(&engine, Decision::Approve).await;
    hand.pass(24 * 3_600);
    let refused = previewed(&engine, Decision::Reject).await;

    let prune = || engine.answer(who("user:bob"), Request::Prune { older_than: None, dry_run: false });
    let erased = |run: String| async {
        engine.answer(who("user:alice"), Request::Show { run }).await.unwrap()["run"]["erased"] == true
    };
    hand.pass(2 * 24 * 3_600 - 1);
    assert_eq!(prune().await.unwrap()["runs"], 0, "nothing is three days old");
    hand.pass(2);
    assert_eq!(prune().await.unwrap()["runs"], 1, "the file that left first goes first");
    assert_eq!((erased(left).await, erased(refused.clone()).await), (true, false));
    hand.pass(24 * 3_600);
    assert_eq!(prune().await.unwrap()["runs"], 1, "what did not leave is kept no longer than what did");
    assert!(erased(refused).await);
    assert!(!erased(closed.as_str().unwrap().to_owned()).await, "what is internal stays for 400 days");
    let verify = Request::AuditVerify { from_checkpoint: false, checkpoint: None };
    assert_eq!(engine.answer(who("user:alice"), verify).await.unwrap()["ok"], true);
    engine.close().await;
}
