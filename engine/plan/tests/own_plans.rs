//! Every runbook of the project has a plan, and what its workspace grants is enough to run it live.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![allow(clippy::disallowed_methods, reason = "the specs of the project are files")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_plan::{Grants, Grounds, compile, missing_connections, render};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::check;
use ordain_spec::decode::{Decode as _, Decoder};
use ordain_spec::digest::Digest;
use ordain_spec::folder;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::std_set;
use ordain_spec::tree::yaml;

fn workspace(folder: &Path) -> WorkspaceSpec {
    let text = std::fs::read_to_string(folder.join("ordain.yaml")).unwrap();
    let documents = yaml::read(FileId(0), &text, &mut Vec::new());
    let mut cx = Decoder::for_text(&text, Notation::Yaml);
    let (_, spec) = documents.first().unwrap().as_map().unwrap().get("spec").unwrap();
    let spec = WorkspaceSpec::decode(spec, &mut cx).unwrap();
    assert_eq!(cx.finish(), Vec::new(), "{}", folder.display());
    spec.located(folder.to_str().unwrap())
}

fn catalogue(folder: &Path, workspace: &WorkspaceSpec) -> Arc<Catalogue> {
    let names: Vec<&str> = workspace.catalogue.iter().map(|name| &*name.value).collect();
    let folders: Vec<&str> = names.iter().copied().filter(|name| *name != "std").collect();
    let mut sources = folder::read(folder, &folders);
    if names.contains(&"std") {
        for file in std_set::files() {
            sources.add(file);
        }
    }
    let checked = check(sources);
    checked.catalogue.unwrap_or_else(|| panic!("{}: {:#?}", folder.display(), checked.diagnostics))
}

fn every_plan_of(folder: &Path, granted: bool) {
    let workspace = workspace(folder);
    let catalogue = catalogue(folder, &workspace);
    let grants = Grants::from(&workspace);
    for runbook in catalogue.runbooks.values().flat_map(|releases| releases.values()) {
        let plan = compile(runbook, &catalogue, &grants).expect("a checked catalogue compiles");
        assert_eq!(render::json(&plan)["runbook"], runbook.metadata.name.value.as_str());
        let live = runbook.spec.modes.iter().any(|mode| mode.value == Mode::Live);
        if granted && live {
            assert_eq!(missing_connections(&plan), Vec::new(), "{}", plan.name());
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn every_runbook_of_the_examples_has_a_plan_that_can_run_live() {
    for name in ["hello", "restore-drill", "rollout", "agent-refund"] {
        every_plan_of(&root().join("examples").join(name), true);
    }
}

#[test]
fn every_other_runbook_has_a_plan() {
    every_plan_of(&root().join("specs"), false);
    for name in ["minimal", "payments", "kitchen-sink"] {
        every_plan_of(&root().join("engine-tests/fixtures/catalogues").join(name), false);
    }
}

/// The digest of the plan of every runbook, and its ground.
fn told(catalogue: &Catalogue, grants: &Grants) -> BTreeMap<String, (Digest, Option<Digest>)> {
    let mut grounds = Grounds::new(catalogue, grants);
    let runbooks = catalogue.runbooks.values().flat_map(|releases| releases.values());
    let told = runbooks.map(|runbook| {
        let plan = compile(runbook, catalogue, grants).unwrap();
        let name = format!("{} {:?}", plan.name(), runbook.metadata.version);
        (name, (plan.digest, grounds.of(runbook)))
    });
    told.collect()
}

#[test]
fn a_ground_is_another_one_exactly_where_the_plan_is() {
    let (mut same, mut other) = (0, 0);
    let folders =
        ["examples/rollout", "examples/agent-refund", "engine-tests/fixtures/catalogues/kitchen-sink"];
    for folder in folders.map(|folder| root().join(folder)) {
        let workspace = workspace(&folder);
        let grants = Grants::from(&workspace);
        let files = folder::read(&folder, &["specs"]);
        let files: Vec<_> = files.iter().map(|(_, file)| file.clone()).collect();
        let mut compare = |files: &[SourceFile], before: &BTreeMap<_, _>, grants: &Grants| {
            let mut sources = Sources::default();
            let with_std = workspace.catalogue.iter().any(|name| &*name.value == "std");
            let built_in = std_set::files().filter(|_| with_std);
            for file in files.iter().cloned().chain(built_in) {
                sources.add(file);
            }
            let Some(catalogue) = check(sources).catalogue else { return BTreeMap::new() };
            let now = told(&catalogue, grants);
            for (name, (plan, ground)) in &now {
                assert!(ground.is_some(), "{name}");
                let Some((plan_before, ground_before)) = before.get(name) else { continue };
                assert_eq!(plan == plan_before, ground == ground_before, "{name}");
                if plan == plan_before { same += 1 } else { other += 1 }
            }
            now
        };
        let before = compare(&files, &BTreeMap::new(), &grants);
        assert!(!before.is_empty(), "{}", folder.display());
        for at in 0..files.len() {
            let mut files = files.clone();
            let file = &files[at];
            let text =
                file.text.replace("summary: ", "summary: Now ").replace("summary=\"", "summary=\"Now ");
            files[at] = SourceFile::new(file.path.clone(), text.into(), file.notation);
            compare(&files, &before, &grants);
        }
        let mut less = grants.clone();
        while less.connections.pop_last().is_some() {
            compare(&files, &before, &less);
        }
    }
    assert!(same > 20 && other > 10, "{same} the same, {other} others");
}
