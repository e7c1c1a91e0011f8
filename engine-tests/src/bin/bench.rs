//! Measures, in one run, beside a raw baseline of the same machine: `just bench`. What each figure means
//! stands in `docs/reference/benchmarks.md`. Says numbers, never verdicts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that fails must be seen"
)]
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "it prints what it measured")]

use std::path::Path;
use std::time::{Duration, Instant};

use engine_tests::bench::{baseline, cpu_time, editing, resident};
use engine_tests::{Workspace, binary, said_by};
use ordain_runtime::api::{Answer, Caller, Request};
use ordain_runtime::engine::Engine;
use ordain_runtime::local::Service as _;
use ordain_runtime::session::Lock;
use ordain_runtime::workspace::Opened;
use serde_json::{Map, Value, json};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::Builder::new().prefix("ordain-bench-").tempdir().expect("a folder");
    let raw = runtime.block_on(baseline::measure(folder.path()));
    println!("raw: sqlite rows, 64 a commit, FULL      {:>12.0} /s", raw.rows_per_second);
    println!("raw: fdatasync, 4 KiB appended           {:>12.0} /s", raw.syncs_per_second);
    for (concurrent, runs) in [(1, 200), (64, 3_200)] {
        runtime.block_on(steps(concurrent, runs, &raw));
    }
    runtime.block_on(items());
    runtime.block_on(waiting());
    program(folder.path());
    editing();
}

fn editing() {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let checks = editing::checks();
    println!("first check of 1,000 specs               {:>12.1} ms", ms(checks.first));
    println!("  after an edit, median                  {:>12.1} ms", ms(checks.again));
    println!("  after an edit, longest                 {:>12.1} ms", ms(checks.longest));
    for (method, middle, longest) in editing::answers() {
        println!("{method:<40} {:>12.1} ms, longest {:.1}", ms(middle), ms(longest));
    }
}

async fn open(space: &Workspace) -> Engine {
    let opened = Opened::find(space.path()).expect("a workspace");
    let lock = Lock::take(&opened.state).expect("the folder").expect("the lock");
    Engine::open(&opened, lock).await.expect("an engine")
}

async fn ask(engine: &Engine, who: &str, request: Request) -> Answer {
    let caller = Caller { login: None, acting_as: Some(who.to_owned()), token: None };
    engine.answer(caller, request).await
}

async fn start(engine: &Engine, runbook: &str, inputs: Map<String, Value>) -> Value {
    let request = Request::Start { runbook: runbook.to_owned(), inputs, live: false };
    ask(engine, "user:ann", request).await.expect("a run")["run"].clone()
}

/// `runs` runs, `concurrent` at a time; every one has its answer after it is stored.
async fn many(engine: &Engine, runbook: &'static str, runs: usize, concurrent: usize) {
    let each = runs / concurrent;
    let load: Vec<_> = (0..concurrent)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    start(&engine, runbook, Map::new()).await;
                }
            })
        })
        .collect();
    for one in load {
        one.await.expect("a load");
    }
}

/// Rows of journal, audit log and views.
async fn rows(space: &Workspace) -> f64 {
    let url = format!("sqlite://{}?mode=ro", space.path().join(".ordain/ordain.db").display());
    let pool = sqlx::sqlite::SqlitePoolOptions::new().connect(&url).await.expect("the store");
    let sql = "select (select count(*) from journal) + (select count(*) from audit) + (select count(*) from runs) \
               + (select count(*) from decisions) + (select count(*) from approvals)";
    let count: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.expect("a count");
    count as f64
}

async fn steps(concurrent: usize, runs: usize, raw: &baseline::Raw) {
    let space = Workspace::copy_of("engine-tests/fixtures/bench");
    let engine = open(&space).await;
    let (wall, cpu) = (Instant::now(), cpu_time());
    many(&engine, "ten", runs, concurrent).await;
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    engine.close().await;
    let (steps, rows) = ((runs * 10) as f64, rows(&space).await);
    println!("durable governed steps, {concurrent:>2} at once          {:>12.0} steps/s", steps / wall);
    println!("  CPU                                    {:>12.3} ms a step", cpu * 1e3 / steps);
    println!("  rows                                   {:>12.2} a step", rows / steps);
    println!("  rows written, of the raw row rate      {:>12.2} ×", rows / wall / raw.rows_per_second);
}

async fn items() {
    let space = Workspace::copy_of("engine-tests/fixtures/bench");
    let engine = open(&space).await;
    let inputs: Map<String, Value> =
        [("items".to_owned(), json!((0..1_000).collect::<Vec<u32>>()))].into_iter().collect();
    let begun = Instant::now();
    let run = start(&engine, "thousand", inputs).await;
    let took = begun.elapsed();
    assert_eq!(run["state"], "succeeded");
    engine.close().await;
    println!("one run with 1,000 parallel items        {:>12.1} ms", took.as_secs_f64() * 1e3);
}

async fn waiting() {
    const WAITING: usize = 10_000;
    let space = Workspace::copy_of("engine-tests/fixtures/bench");
    let engine = open(&space).await;
    many(&engine, "asks", 256, 64).await;
    let before = resident();
    let runs = WAITING / 64 * 64;
    many(&engine, "asks", runs, 64).await;
    let each = resident().saturating_sub(before) as f64 / runs as f64;
    println!("10,000 waiting approvals                 {:>12.2} KiB each", each / 1024.0);
    let listed = ask(&engine, "user:ben", Request::Approvals { state: None }).await.expect("a list");
    let mut latencies: Vec<Duration> = Vec::new();
    for approval in listed["approvals"].as_array().expect("a list").iter().take(50) {
        let text = |field: &str| approval[field].as_str().unwrap_or_default().to_owned();
        let request = json!({"verb": "decide", "id": text("id"), "digest": text("digest"), "decision": "approve",
                             "rationale": "measured and found right", "form": {}});
        let request: Request = serde_json::from_value(request).expect("a request");
        let begun = Instant::now();
        ask(&engine, "user:ben", request).await.expect("a decision");
        latencies.push(begun.elapsed());
    }
    latencies.sort();
    engine.close().await;
    if let Some(median) = latencies.get(latencies.len() / 2) {
        println!("  decision to settled run, median        {:>12.2} ms", median.as_secs_f64() * 1e3);
    }
}

/// The middle of several runs of a program.
fn median(mut once: impl FnMut(), times: usize) -> f64 {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            once();
            begun.elapsed()
        })
        .collect();
    took.sort();
    took[times / 2].as_secs_f64() * 1e3
}

fn program(folder: &Path) {
    let space = Workspace::copy_of("engine-tests/fixtures/bench");
    let first = median(
        || {
            let said = said_by(&mut space.command(&["run", "ten", "--json", "--as", "user:ann"]));
            assert_eq!(said.code, 0, "{}", said.stderr);
        },
        15,
    );
    println!("start of the process to settled run      {first:>12.1} ms");
    let text = std::fs::read_to_string(space.path().join("specs/all.yaml")).expect("specs");
    let many = folder.join("many");
    std::fs::create_dir_all(many.join("specs")).expect("a folder");
    std::fs::write(
        many.join("ordain.yaml"),
        "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n",
    )
    .expect("a file");
    std::fs::write(many.join("specs/all.yaml"), &text).expect("a file");
    let runbook = text.split("---\n").find(|one| one.contains("name: ten")).expect("the runbook");
    for number in 0..999 {
        let text = runbook.replace("name: ten", &format!("name: ten-{number}"));
        std::fs::write(many.join(format!("specs/ten-{number}.yaml")), text).expect("a file");
    }
    let lint = median(
        || {
            let said = said_by(std::process::Command::new(binary("spec-lint")).arg(&many));
            assert_eq!(said.code, 0, "{}", said.stdout);
        },
        5,
    );
    println!("lint of 1,000 files                      {lint:>12.1} ms");
    for name in ["ordain", "spec-lint"] {
        let size = std::fs::metadata(binary(name)).map(|file| file.len() as f64 / 1e6).unwrap_or(0.0);
        println!("size of `{name}`{:<width$}{size:>12.1} MB", "", width = 31 - name.len());
    }
}
