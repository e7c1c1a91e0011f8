//! Every scenario of the project's own catalogues and examples, on the real kernel.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop where something is not as said"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_kernel::rehearsal::{coverage, rehearse};
use ordain_plan::Grants;
use ordain_spec::workspace;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Plays what the workspace at `folder` declares, and says how many scenarios that were, and how many failed.
fn play(folder: &Path) -> (usize, usize) {
    let read = workspace::Workspace::read(folder);
    let spec = read.spec.unwrap_or_else(|| panic!("{}: {:?}", folder.display(), read.diagnostics));
    let catalogue = read.checked.catalogue.unwrap_or_else(|| {
        let first = read.checked.diagnostics.iter().take(3);
        let first: Vec<String> = first.map(|found| format!("{}: {}", found.code, found.message)).collect();
        panic!("{}: {}", folder.display(), first.join("\n"))
    });
    let grants = Arc::new(Grants::from(&spec));
    let results: Vec<_> =
        catalogue.scenarios.values().map(|scenario| rehearse(scenario, &catalogue, &grants)).collect();
    for result in results.iter().filter(|result| !result.passed) {
        let failures = serde_json::to_string(&result.failures).unwrap();
        println!("{} in {}: {failures}\n{}", result.name, folder.display(), result.run);
    }
    let covered = coverage(results.iter().map(|result| &result.seen), &catalogue);
    let missed = covered.rules.total - covered.rules.hit + covered.guards.total - covered.guards.hit;
    assert_eq!(missed, covered.missed.len());
    (results.len(), results.iter().filter(|result| !result.passed).count())
}

fn examples() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("ordain.yaml").exists())
        .collect();
    folders.sort();
    folders
}

#[test]
fn the_scenarios_of_every_example_hold() {
    let played: Vec<(usize, usize)> = examples().iter().map(|folder| play(folder)).collect();
    assert!(played.iter().map(|(all, _)| all).sum::<usize>() > 5);
    assert_eq!(played.iter().map(|(_, failed)| failed).sum::<usize>(), 0);
}

#[test]
fn the_scenarios_of_the_products_own_catalogue_hold() {
    let (played, failed) = play(&root().join("specs"));
    assert!(played > 5);
    assert_eq!(failed, 0);
}

#[test]
fn the_scenarios_of_the_tests_catalogues_hold() {
    for folder in
        ["engine-tests/fixtures/catalogues/payments", "engine-tests/fixtures/catalogues/kitchen-sink"]
    {
        let (played, failed) = play(&root().join(folder));
        assert!(played > 0, "{folder}");
        assert_eq!(failed, 0, "{folder}");
    }
}

/// Each scenario of this catalogue is one sentence of the language about runs.
#[test]
fn the_sentences_of_the_language_about_runs_hold() {
    let (played, failed) = play(&root().join("engine/kernel/tests/sentences"));
    assert!(played > 30, "{played}");
    assert_eq!(failed, 0);
}
