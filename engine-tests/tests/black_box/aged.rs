//! Facts that age, as people meet them: what was seen too long ago denies, and `show` and `why` say when it was seen.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::Workspace;

const SPECS: &str = "apiVersion: ordain/v1
kind: Connector
metadata: {name: sensor, version: 1.0.0, owner: group:team, summary: What is observed.}
spec:
  type: mock
  operations:
    look: {effect: read, fact: {maxAge: 1ms}, mock: {output: {text: calm}}}
---
apiVersion: ordain/v1
kind: Capability
metadata:
  name: note.look
  version: 1.0.0
  owner: group:team
  summary: Looks.
  risk: low
  failureMode: retry
  rollback: {none: needless, why: It changes nothing.}
  tests: [looks]
spec: {effect: read, output: {text: {type: string, maxLength: 20}}, uses: sensor, operation: look}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: act, version: 1.0.0, owner: group:team, summary: Acts on what it saw.}
spec:
  inputs: {rest: {type: boolean, default: false}}
  steps:
    - {id: look, uses: note.look}
    - {id: rest, needs: [look], when: inputs.rest, wait: 50ms}
    - {id: act, needs: [look, {step: rest, on: ok}], uses: note.read, with: {id: '${ steps.look.outputs.text }'}}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: sees, version: 1.0.0, owner: group:team, summary: Looks for others.}
spec:
  steps: [{id: look, uses: note.look}]
  outputs: {text: steps.look.outputs.text}
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: act-on-others, version: 1.0.0, owner: group:team, summary: Acts on what another run saw.}
spec:
  steps:
    - {id: below, runbook: sees}
    - {id: rest, needs: [below], wait: 50ms}
    - {id: act, needs: [below, rest], uses: note.read, with: {id: '${ steps.below.outputs.text }'}}
---
apiVersion: ordain/v1
kind: Scenario
metadata: {name: looks, owner: group:team, summary: What was just seen holds.}
spec: {run: act, as: 'user:alice', at: 2026-01-05T10:00:00Z, expect: {state: succeeded}}
";

#[test]
fn what_was_seen_too_long_ago_denies_and_is_shown() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.write("specs/act.yaml", SPECS);
    workspace.ordain(&["test", "looks"]).expect_code(0);
    let said = workspace.ordain(&["run", "act", "--input", "rest=true", "--as", "user:alice", "--json"]);
    let run = said.expect_code(3).json()["run"].clone();
    assert_eq!(
        (run["state"].as_str(), run["reasons"][0]["code"].as_str()),
        (Some("denied"), Some("fact_stale"))
    );
    let looked = &run["steps"][0]["observed"];
    assert_eq!((looked["connector"].as_str(), looked["operation"].as_str()), (Some("sensor"), Some("look")));
    assert!(
        looked["digest"].as_str().unwrap().starts_with("sha256:") && looked["at"].is_string(),
        "{looked}"
    );
    let id = run["id"].as_str().unwrap();
    let why = workspace.ordain(&["why", id, "act", "--json"]).expect_code(0).json();
    let decision = &why["decisions"][0];
    assert_eq!(
        (decision["outcome"].as_str(), decision["reasons"][0]["code"].as_str()),
        (Some("deny"), Some("fact_stale"))
    );
    assert_eq!(decision["observed"][0]["at"], looked["at"], "the decision says what it stood on");
    let told = workspace.ordain(&["why", id, "act"]).expect_code(0).stdout.clone();
    assert!(told.contains("was observed at"), "{told}");
    workspace.ordain(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_a_sub_run_saw_is_as_old_above_it() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.write("specs/act.yaml", SPECS);
    let said = workspace.ordain(&["run", "act-on-others", "--as", "user:alice", "--json"]);
    let run = said.expect_code(3).json()["run"].clone();
    assert_eq!(run["reasons"][0]["code"].as_str(), Some("fact_stale"), "{run}");
    let (id, below) = (run["id"].as_str().unwrap(), run["steps"][0]["children"][0].as_str().unwrap());
    let why = workspace.ordain(&["why", id, "act", "--json"]).expect_code(0).json();
    let observed = &why["decisions"][0]["observed"][0];
    assert_eq!((observed["run"].as_str(), observed["step"].as_str()), (Some(below), Some("look")), "{why}");
    let told = workspace.ordain(&["why", id, "act"]).expect_code(0).stdout.clone();
    assert!(told.contains(&format!("steps.look of run {below}, observed")), "{told}");
    workspace.ordain(&["rebuild"]).expect_code(0);
    workspace.ordain(&["runpack", id, "-o", "pack.zip"]).expect_code(0);
    workspace.ordain(&["replay", "pack.zip"]).expect_code(0);
}
