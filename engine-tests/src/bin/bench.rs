//! Measures, in one run, as ratios to a raw baseline measured beside it: `just bench`. What each figure
//! means stands in `docs/reference/benchmarks.md`. Says numbers, never verdicts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement that fails must be seen")]

use std::path::Path;
use std::time::{Duration, Instant};

use engine_tests::bench::{Figure, baseline, cpu_time, print, workspace};
use engine_tests::{binary, root, said_by};

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::Builder::new().prefix("ordain-bench-").tempdir().expect("a folder");
    let raw = runtime.block_on(baseline::measure(folder.path()));
    print("raw", &[
        Figure::new("sqlite rows per second, 64 rows per commit, FULL", raw.rows_per_second, "rows/s"),
        Figure::new("fdatasync per second, 4 KiB appended", raw.syncs_per_second, "/s"),
    ]);
    for concurrent in [1, 64] {
        let figures = runtime.block_on(steps(concurrent, &raw));
        print(&format!("durable governed steps, 10-step no-op runs, {concurrent} at once"), &figures);
    }
    print("one run with 1,000 parallel items", &runtime.block_on(items()));
    print("10,000 waiting approvals", &runtime.block_on(waiting()));
    print("decision with its explanation, ten rules", &engine_tests::bench::decision::measure());
    print("the program", &program(folder.path()));
}

async fn steps(concurrent: usize, raw: &baseline::Raw) -> Vec<Figure> {
    let space = workspace::noop();
    let engine = workspace::open(space.path()).await;
    let runs = if concurrent == 1 { 100 } else { 1_280 };
    let (wall, cpu) = (Instant::now(), cpu_time());
    workspace::start_many(&engine, "ten", runs, concurrent).await;
    let (wall, cpu) = (wall.elapsed(), cpu_time() - cpu);
    let steps = (runs * 10) as f64;
    let written = workspace::written(space.path());
    engine.close().await;
    vec![
        Figure::new("steps per second", steps / wall.as_secs_f64(), "steps/s"),
        Figure::new("CPU a step", cpu.as_secs_f64() * 1e3 / steps, "ms"),
        Figure::new("rows a step", written.rows / steps, "rows"),
        Figure::new("rows written, of the raw row rate", written.rows / wall.as_secs_f64() / raw.rows_per_second, "×"),
        Figure::new("transactions a step (an fsync each)", written.commits / steps, "/step"),
    ]
}

async fn items() -> Vec<Figure> {
    let space = workspace::noop();
    let engine = workspace::open(space.path()).await;
    let begun = Instant::now();
    workspace::start_many(&engine, "thousand", 1, 1).await;
    let took = begun.elapsed();
    engine.close().await;
    vec![Figure::new("from start to settled", took.as_secs_f64() * 1e3, "ms")]
}

async fn waiting() -> Vec<Figure> {
    const WAITING: usize = 10_000;
    let space = workspace::noop();
    let engine = workspace::open(space.path()).await;
    let before = workspace::resident();
    workspace::start_many(&engine, "asks", WAITING, 256).await;
    let each = (workspace::resident().saturating_sub(before)) as f64 / WAITING as f64;
    let mut latencies: Vec<Duration> = Vec::new();
    for _ in 0..50 {
        latencies.push(workspace::approve_one(&engine).await);
    }
    latencies.sort();
    engine.close().await;
    vec![
        Figure::new("memory each", each / 1024.0, "KiB"),
        Figure::new("decision to settled run, median", latencies[latencies.len() / 2].as_secs_f64() * 1e3, "ms"),
    ]
}

fn program(folder: &Path) -> Vec<Figure> {
    let space = workspace::noop();
    let mut starts: Vec<Duration> = (0..15)
        .map(|_| {
            let begun = Instant::now();
            let said = said_by(space.command(&["run", "ten", "--json", "--as", "user:alice"]).stdin(std::process::Stdio::null()));
            assert_eq!(said.code, 0, "{}", said.stderr);
            begun.elapsed()
        })
        .collect();
    starts.sort();
    let many = workspace::many_files(folder, 1_000);
    let mut lints: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            let said = said_by(std::process::Command::new(binary("spec-lint")).arg(&many));
            assert_eq!(said.code, 0, "{}", said.stdout);
            begun.elapsed()
        })
        .collect();
    lints.sort();
    let size = |name: &str| std::fs::metadata(binary(name)).map(|file| file.len() as f64 / 1e6).unwrap_or(0.0);
    assert!(root().join("Cargo.toml").is_file());
    vec![
        Figure::new("start of the process to first settled run, median of 15", starts[7].as_secs_f64() * 1e3, "ms"),
        Figure::new("idle memory of a process that holds the store", workspace::idle_memory(&space), "MB"),
        Figure::new("lint of 1,000 files, median of 5", lints[2].as_secs_f64() * 1e3, "ms"),
        Figure::new("size of `ordain`", size("ordain"), "MB"),
        Figure::new("size of `spec-lint`", size("spec-lint"), "MB"),
    ]
}
