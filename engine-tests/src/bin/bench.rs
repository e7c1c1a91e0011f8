//! Measures, in one run, beside a raw baseline of the same machine: `just bench`, or `just bench PART…`. What each
//! figure means stands in `docs/reference/benchmarks.md`. Says numbers, never verdicts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that fails must be seen"
)]
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "it prints what it measured")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use engine_tests::bench::evidence::proofs;
use engine_tests::bench::{Syncs, baseline, cpu_time, editing, resident, ruled, say};
use engine_tests::{Workspace, binary, said_by};
use ordain_runtime::api::{Answer, Caller, Request};
use ordain_runtime::engine::Engine;
use ordain_runtime::evidence::{self, pack::Wish};
use ordain_runtime::local::Service as _;
use ordain_runtime::session::{Lock, Session};
use ordain_runtime::workspace::Opened;
use serde_json::{Map, Value, json};

const FIXTURE: &str = "engine-tests/fixtures/bench";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|one| one == part);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if wants("steps") {
        for (concurrent, runs) in [(1, 200), (64, 3_200)] {
            runtime.block_on(steps(concurrent, runs));
        }
    }
    // For profiles: the load alone, nothing beside it.
    if wanted.iter().any(|one| one == "load") {
        runtime.block_on(load());
    }
    if wants("items") {
        runtime.block_on(items());
    }
    if wants("waiting") {
        runtime.block_on(waiting());
    }
    if wants("decision") {
        decision();
    }
    if wants("program") {
        start();
        idle();
        lint();
        scenarios();
        size();
    }
    if wants("editing") {
        editing();
    }
    if wants("evidence") {
        runtime.block_on(evidence());
    }
}

/// A log of many records verified, whole and from its checkpoint; a run of a hundred steps packed.
async fn evidence() {
    let space = Workspace::copy_of(FIXTURE);
    let steps =
        (1..100).map(|step| format!("    - {{id: s{step}, needs: [s{}], uses: bench.nothing}}\n", step - 1));
    let runbook = format!(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: hundred, version: 1.0.0, owner: group:team, summary: A hundred steps in a row.}}\nspec:\n  steps:\n    - {{id: s0, uses: bench.nothing}}\n{}",
        steps.collect::<String>()
    );
    space.write("specs/hundred.yaml", &runbook);
    let engine = open(&space).await;
    many(&engine, "ten", 1_600, 64).await;
    let run = started(&engine, "hundred", Map::new()).await["id"].as_str().expect("an id").to_owned();
    engine.close().await;
    let opened = Opened::find(space.path()).expect("a workspace");
    for (what, from_checkpoint) in [("audit verify", false), ("audit verify from the checkpoint", true)] {
        let mut rounds = Vec::new();
        for _ in 0..5 {
            let verifying = Verifying::begun();
            let found = Session::audit_verify(&opened, &Caller::default(), from_checkpoint, None).await;
            rounds.push(verifying.ended(&found.expect("a log")));
        }
        Verifying::say(what, &rounds);
    }
    let file = space.path().join("log.zip");
    evidence::export(&opened, &file, 1).await.expect("an export");
    let keys = evidence::trusted(&opened);
    let exported = (0..5).map(|_| {
        let verifying = Verifying::begun();
        verifying.ended(&evidence::verify_file(&file, &keys).expect("a file"))
    });
    Verifying::say("verify of an export of all", &exported.collect::<Vec<_>>());
    let packed = (0..9).map(|round| {
        let file = space.path().join(format!("{round}.zip"));
        (file.clone(), Wish { file: Some(file), without_payloads: false })
    });
    let mut times = Vec::new();
    for (_, wish) in packed {
        let begun = Instant::now();
        let made = evidence::pack(&opened, &run, &wish, space.path()).await;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        made.expect("a pack");
    }
    say("runpack of a hundred steps", 1, "ms", times, "");
    let micros = proofs(10_000_000, 200).into_iter().map(|time| time.as_secs_f64() * 1e6);
    say("checkpoint and proof, 10,000,000 records", 0, "us", micros, "tiles at hand");
}

/// A log that is being verified, whole and good.
struct Verifying {
    begun: Instant,
    cpu: Duration,
}

impl Verifying {
    fn begun() -> Self {
        Self { begun: Instant::now(), cpu: cpu_time() }
    }

    /// Records, seconds, seconds of processor time.
    fn ended(&self, found: &Value) -> [f64; 3] {
        let (took, cpu) = (self.begun.elapsed(), cpu_time().saturating_sub(self.cpu));
        assert_eq!(found["ok"], true, "{found}");
        [found["records"].as_f64().expect("records"), took.as_secs_f64(), cpu.as_secs_f64().max(0.001)]
    }

    fn say(what: &str, rounds: &[[f64; 3]]) {
        say(what, 1, "ms", rounds.iter().map(|[_, took, _]| took * 1e3), "");
        if rounds.iter().all(|[records, ..]| *records > 10_000.0) {
            say(
                "  records a second",
                0,
                "/s",
                rounds.iter().map(|[records, took, _]| records / took),
                "goal 300,000",
            );
            say("  of processor time", 0, "/CPU-s", rounds.iter().map(|[records, _, cpu]| records / cpu), "");
        }
    }
}

fn editing() {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let checks = editing::checks();
    say("first check of 1,000 specs", 1, "ms", [ms(checks.first)], "");
    say("  after an edit", 1, "ms", [ms(checks.again)], &format!("longest {:.1}", ms(checks.longest)));
    let (again, longest) = editing::rechecks();
    say("  a whole re-check after an edit", 1, "ms", [ms(again)], &format!("longest {:.1}", ms(longest)));
    for (method, middle, longest) in editing::answers() {
        say(method, 1, "ms", [ms(middle)], &format!("longest {:.1}", ms(longest)));
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

async fn started(engine: &Engine, runbook: &str, inputs: Map<String, Value>) -> Value {
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
                    started(&engine, runbook, Map::new()).await;
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

/// What one round of runs of ten steps came to.
struct Round {
    raw: baseline::Raw,
    steps_per_second: f64,
    cpu_ms: f64,
    rows: f64,
}

impl Round {
    async fn play(concurrent: usize, runs: usize) -> Self {
        let space = Workspace::copy_of(FIXTURE);
        let raw = baseline::measure(space.path()).await;
        let engine = open(&space).await;
        let (wall, cpu) = (Instant::now(), cpu_time());
        many(&engine, "ten", runs, concurrent).await;
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
        engine.close().await;
        let (steps, rows) = ((runs * 10) as f64, rows(&space).await);
        Self { raw, steps_per_second: steps / wall, cpu_ms: cpu * 1e3 / steps, rows: rows / steps }
    }
}

async fn steps(concurrent: usize, runs: usize) {
    let mut rounds = Vec::new();
    for _ in 0..5 {
        rounds.push(Round::play(concurrent, runs).await);
    }
    let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure);
    say("raw: sqlite rows, 64 a commit, FULL", 0, "/s", of(|round| round.raw.rows_per_second), "");
    say("raw: CPU a row", 4, "ms", of(|round| round.raw.cpu_ms), "");
    say("raw: fdatasync, 4 KiB appended", 0, "/s", of(|round| round.raw.syncs_per_second), "");
    let what = format!("durable governed steps, {concurrent} at once");
    say(&what, 0, "steps/s", of(|round| round.steps_per_second), "");
    say("  CPU", 3, "ms/step", of(|round| round.cpu_ms), "goal 0.1");
    let ratio = |round: &Round| round.cpu_ms / (round.rows * round.raw.cpu_ms);
    say("  CPU, of that of as many raw rows", 2, "×", of(ratio), "");
    say("  rows", 2, "/step", of(|round| round.rows), "");
    let ratio = |round: &Round| round.steps_per_second * round.rows / round.raw.rows_per_second;
    say("  rows written, of the raw row rate", 2, "×", of(ratio), "goal 0.4");
    syncs(concurrent, runs / 8).await;
}

async fn load() {
    let space = Workspace::copy_of(FIXTURE);
    let engine = open(&space).await;
    let cpu = cpu_time();
    many(&engine, "ten", 6_400, 64).await;
    say("load of 64,000 steps: CPU", 3, "ms/step", [(cpu_time() - cpu).as_secs_f64() / 64.0], "");
    engine.close().await;
}

/// Syncs of the process while runs are asked for, and of the same number of raw commits.
async fn syncs(concurrent: usize, runs: usize) {
    let space = Workspace::copy_of(FIXTURE);
    let engine = open(&space).await;
    let Some(counting) = Syncs::count() else {
        println!("  syncs                                    not counted: no strace here");
        return;
    };
    many(&engine, "ten", runs, concurrent).await;
    let syncs = counting.counted();
    engine.close().await;
    say("  syncs", 4, "/step", [syncs as f64 / (runs * 10) as f64], "goal 0.2");
}

async fn items() {
    let space = Workspace::copy_of(FIXTURE);
    let engine = open(&space).await;
    let inputs: Map<String, Value> =
        [("items".to_owned(), json!((0..1_000).collect::<Vec<u32>>()))].into_iter().collect();
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let (begun, cpu) = (Instant::now(), cpu_time());
        let run = started(&engine, "thousand", inputs.clone()).await;
        walls.push(begun.elapsed().as_secs_f64() * 1e3);
        cpus.push((cpu_time() - cpu).as_secs_f64() * 1e3);
        assert_eq!(run["state"], "succeeded");
    }
    engine.close().await;
    say("one run with 1,000 parallel items", 1, "ms", walls, "goal 100");
    say("  CPU", 0, "ms", cpus, "");
}

async fn waiting() {
    const WAITING: usize = 10_000;
    let space = Workspace::copy_of(FIXTURE);
    let engine = open(&space).await;
    many(&engine, "asks", 256, 64).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (before, alive) = (resident("self"), tasks());
    let runs = WAITING / 64 * 64;
    many(&engine, "asks", runs, 64).await;
    let each = resident("self").saturating_sub(before) as f64 / runs as f64;
    say("10,000 waiting approvals, memory of each", 2, "KiB", [each / 1024.0], "goal 5");
    say("  tasks for all of them", 0, "", [tasks().saturating_sub(alive) as f64], "goal 0");
    let begun = Instant::now();
    let listed = ask(&engine, "user:ben", Request::Approvals { state: None }).await.expect("a list");
    let listing = begun.elapsed().as_secs_f64() * 1e3;
    let mut latencies = Vec::new();
    for approval in listed["approvals"].as_array().expect("a list").iter().take(200) {
        let text = |field: &str| approval[field].as_str().unwrap_or_default().to_owned();
        let request = json!({"verb": "decide", "id": text("id"), "digest": text("digest"), "decision": "approve",
                             "rationale": "measured and found right", "form": {}});
        let request: Request = serde_json::from_value(request).expect("a request");
        let begun = Instant::now();
        let answer = ask(&engine, "user:ben", request).await.expect("a decision");
        latencies.push(begun.elapsed().as_secs_f64() * 1e3);
        assert_eq!(answer["run"]["state"], "succeeded");
    }
    engine.close().await;
    say("  decision to settled run", 2, "ms", latencies, "goal 5");
    say("  list of all of them", 0, "ms", [listing], "");
}

fn decision() {
    let space = Workspace::copy_of(FIXTURE);
    let opened = Opened::find(space.path()).expect("a workspace");
    let active = opened.active.expect("a catalogue that loads");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        bare.push(ruled::bare());
        ours.push(ruled::decision(&active.catalogue));
    }
    say("raw: ten expressions, bare library", 2, "µs", bare, "");
    say("decision with its explanation, ten rules", 2, "µs", ours, "goal 10");
}

/// Milliseconds of each of several runs of a program.
fn timed(times: usize, mut once: impl FnMut()) -> Vec<f64> {
    let mut took = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        once();
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took
}

fn start() {
    let space = Workspace::copy_of(FIXTURE);
    let nothing = timed(15, || {
        assert!(Command::new("/bin/true").status().expect("a program").success());
    });
    say("raw: exec to exit of `true`", 1, "ms", nothing, "");
    let version = timed(15, || assert_eq!(said_by(&mut space.command(&["--version"])).code, 0));
    say("  exec to exit of `ordain --version`", 1, "ms", version, "");
    let fresh = timed(15, || {
        let _ = std::fs::remove_dir_all(space.path().join(".ordain"));
        ran(&space);
    });
    say("start to settled run, no store yet", 1, "ms", fresh, "");
    say("start to settled run", 1, "ms", timed(31, || ran(&space)), "goal 60");
}

fn ran(space: &Workspace) {
    let said = said_by(&mut space.command(&["run", "ten", "--json", "--as", "user:ann"]));
    assert_eq!(said.code, 0, "{}", said.stderr);
}

/// A process that holds the store and waits for a person.
fn idle() {
    let space = Workspace::copy_of(FIXTURE);
    let mut holder = space
        .command(&["run", "asks", "--watch", "--json", "--as", "user:ann"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let waits = || {
        let listed = said_by(&mut space.command(&["approvals", "--json", "--as", "user:ben"]));
        listed.code == 0 && listed.json()["approvals"].as_array().is_some_and(|all| !all.is_empty())
    };
    while !waits() {
        std::thread::sleep(Duration::from_millis(20));
    }
    // What it needed to begin is given back after a while, or never.
    std::thread::sleep(Duration::from_secs(2));
    let idle = resident(&holder.id().to_string()) as f64 / 1e6;
    let _ = holder.kill();
    let _ = holder.wait();
    say("idle memory of the process with the store", 1, "MB", [idle], "goal 25");
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn lint() {
    let space = Workspace::empty();
    let text =
        std::fs::read_to_string(Workspace::copy_of(FIXTURE).path().join("specs/all.yaml")).expect("specs");
    space.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    space.write("specs/all.yaml", &text);
    let runbook = text.split("---\n").find(|one| one.contains("name: ten")).expect("the runbook");
    for number in 0..999 {
        let text = runbook.replace("name: ten", &format!("name: ten-{number}"));
        write(&space.path().join(format!("specs/ten-{number}.yaml")), &text);
    }
    let read = timed(9, || {
        let files = std::fs::read_dir(space.path().join("specs")).expect("a folder");
        let texts: Vec<Vec<u8>> = files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        assert_eq!(texts.len(), 1_000);
    });
    say("raw: reading 1,000 files", 1, "ms", read, "");
    let lint = timed(9, || {
        let said = said_by(Command::new(binary("spec-lint")).arg(space.path()));
        assert_eq!(said.code, 0, "{}", said.stdout);
    });
    say("lint of 1,000 files", 0, "ms", lint, "goal 300");
}

fn scenarios() {
    const SCENARIOS: usize = 2_000;
    let space = Workspace::copy_of(FIXTURE);
    let one = timed(9, || assert_eq!(said_by(&mut space.command(&["test", "--json"])).code, 0));
    let text: Vec<String> = (0..SCENARIOS)
        .map(|number| {
            format!(
                "apiVersion: ordain/v1\nkind: Scenario\nmetadata: {{name: more-{number}, owner: group:team, summary: \
                 Ten steps.}}\nspec: {{run: ten, as: user:ann, at: 2026-01-05T10:00:00Z, expect: {{state: succeeded}}}}\n"
            )
        })
        .collect();
    for (part, chunk) in text.chunks(500).enumerate() {
        space.write(&format!("specs/more-{part}.yaml"), &chunk.join("---\n"));
    }
    let all = timed(5, || {
        let said = said_by(&mut space.command(&["test", "--json"]));
        assert_eq!(said.json()["scenarios"].as_array().map(Vec::len), Some(SCENARIOS + 2), "{}", said.stderr);
    });
    say("`ordain test` with two scenarios", 0, "ms", one, "");
    let rate = all.iter().map(|ms| (SCENARIOS + 2) as f64 * 1e3 / ms);
    say("scenarios of ten steps, exec to exit", 0, "/s", rate, "");
}

fn size() {
    for name in ["ordain", "spec-lint"] {
        let size = std::fs::metadata(binary(name)).map(|file| file.len() as f64 / 1e6).unwrap_or(0.0);
        say(&format!("size of `{name}`"), 1, "MB", [size], "");
    }
}
