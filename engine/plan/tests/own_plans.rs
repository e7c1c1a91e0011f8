//! Every runbook of the project has a plan, and what its workspace grants is enough to run it live.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]
#![allow(clippy::disallowed_methods, reason = "the specs of the project are files")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_plan::{Grants, compile, missing_connections, render};
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::check;
use ordain_spec::decode::{Decode as _, Decoder};
use ordain_spec::folder;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{FileId, Notation};
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
