//! Exemptions through the program: inert until everybody whom they name has agreed, and again once that is taken back
//! or their time is over; each use stands in the decision, each word in the audit log.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;

use engine_tests::{Said, Workspace, root};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const GUARDED: &str = "
apiVersion: ordain/v1
kind: Policy
metadata: {name: frozen, version: 1.0.0, owner: 'group:team', summary: Nothing is put these days.}
spec:
  applies: {capabilities: [c.put]}
  restrictsOnly: true
  rules: [{id: freeze, deny: 'true', reason: freeze}]
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: putting, version: 1.0.0, owner: 'group:team', summary: Puts something.}
spec:
  steps:
    - {id: do, uses: c.put, with: {n: a}}
---
apiVersion: ordain/v1
kind: Exemption
metadata: {name: alice-puts, owner: 'group:team', summary: Alice puts while all others wait.}
spec:
  exempts: {policy: frozen, rule: freeze}
  scope: {capabilities: [c.put], actors: ['user:alice'], environments: [local]}
  reason: The shelf must be filled before the feast.
  requestedBy: user:alice
  approvedBy: ['user:dan', 'user:erin']
  from: FROM
  expires: EXPIRES
";

fn workspace(from: i64, expires: i64) -> Workspace {
    let at =
        |hours: i64| Timestamp::now().checked_add(SignedDuration::from_hours(hours)).unwrap().to_string();
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    workspace.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    let guarded = GUARDED.replace("FROM", &at(from)).replace("EXPIRES", &at(expires));
    workspace.write("specs/guarded.yaml", guarded.trim_start());
    workspace
}

fn put(workspace: &Workspace, by: &str) -> Value {
    workspace.ordain(&["run", "putting", "--as", by, "--json"]).json()["run"].clone()
}

fn asked(workspace: &Workspace, state: &str) -> Option<Value> {
    let queue = workspace.ordain(&["approvals", "--state", state, "--json"]).expect_code(0).json();
    let mut all = queue["approvals"].as_array().unwrap().iter();
    all.find(|one| one["subject"] == "exemption").cloned()
}

fn say(workspace: &Workspace, verb: &str, approval: &Value, by: &str) -> Said {
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    let words = ["--digest", digest, "--rationale", "Talked it over.", "--as", by, "--json"];
    workspace.ordain(&[&[verb, id][..], &words].concat())
}

/// What the decision about the step of a run says of the rule: its value, and the exemption's state.
fn rule(workspace: &Workspace, run: &Value) -> (Value, Value) {
    let why = workspace.ordain(&["why", run["id"].as_str().unwrap(), "--json"]).expect_code(0).json();
    let policies = why["decisions"][0]["policies"].as_array().unwrap().clone();
    let frozen = policies.iter().find(|policy| policy["name"] == "frozen").unwrap();
    (frozen["rules"][0]["value"].clone(), frozen["rules"][0]["exemptions"][0]["state"].clone())
}

fn actions(workspace: &Workspace) -> Vec<String> {
    let tail = workspace.ordain(&["audit", "tail", "--limit", "200", "--json"]).expect_code(0).json();
    let records = tail["records"].as_array().unwrap().clone();
    let about = records.iter().filter(|one| one["subject"] == "alice-puts");
    about
        .map(|one| format!("{} {}", one["action"].as_str().unwrap(), one["actor"]["id"].as_str().unwrap()))
        .collect()
}

#[test]
fn an_exemption_holds_from_the_last_agreement_to_the_first_that_is_taken_back() {
    let workspace = workspace(-1, 24);
    let denied = put(&workspace, "user:alice");
    assert_eq!(denied["state"], "denied", "{denied:#}");
    assert_eq!(rule(&workspace, &denied), (json!("true"), json!("inert")));

    let open = asked(&workspace, "open").expect("it waits for people");
    assert_eq!(open["approval"], "alice-puts");
    assert_eq!(open["needed"], 2);
    assert_eq!(open["eligible"], json!(["user:dan", "user:erin"]));
    assert_eq!(open["show"]["rule"], "freeze");
    say(&workspace, "approve", &open, "user:dan").expect_code(0);
    assert_eq!(put(&workspace, "user:alice")["state"], "denied", "one of two");
    let answer = say(&workspace, "approve", &open, "user:erin").expect_code(0).json();
    assert_eq!(answer["approval"]["state"], "granted", "{answer:#}");
    assert!(asked(&workspace, "open").is_none());

    let allowed = put(&workspace, "user:alice");
    assert_eq!(allowed["state"], "succeeded", "{allowed:#}");
    assert_eq!(rule(&workspace, &allowed), (json!("inert"), json!("held")));
    let told = workspace.ordain(&["why", allowed["id"].as_str().unwrap()]);
    assert!(told.stdout.contains("exempt by alice-puts"), "{}", told.stdout);
    assert_eq!(put(&workspace, "user:bob")["state"], "denied", "it is alice's alone");

    let id = open["id"].as_str().unwrap();
    let withdraw = ["withdraw", id, "--rationale", "Talked it over.", "--as", "user:dan", "--json"];
    workspace.ordain(&withdraw).expect_code(0);
    assert_eq!(put(&workspace, "user:alice")["state"], "denied", "one took it back");
    assert_eq!(
        actions(&workspace),
        ["exemption.approved user:dan", "exemption.approved user:erin", "exemption.withdrawn user:dan"]
    );
    workspace.ordain(&["rebuild"]).expect_code(0);
    assert_eq!(put(&workspace, "user:alice")["state"], "denied", "counted anew from the journal");
    say(&workspace, "approve", &open, "user:dan").expect_code(0);
    assert_eq!(put(&workspace, "user:alice")["state"], "succeeded", "and said again");
    workspace.ordain(&["audit", "verify", "--json"]).expect_code(0);
}

#[test]
fn who_asks_and_who_is_not_named_agrees_to_nothing_and_an_edited_exemption_starts_anew() {
    let workspace = workspace(-1, 24);
    let open = asked(&workspace, "open").unwrap();
    for (by, code) in [("user:alice", "self_approval"), ("user:carol", "not_eligible")] {
        let refused = say(&workspace, "approve", &open, by);
        assert_eq!(refused.json()["error"]["code"], code, "{by}");
    }
    for by in ["user:dan", "user:erin"] {
        say(&workspace, "approve", &open, by).expect_code(0);
    }
    assert_eq!(put(&workspace, "user:alice")["state"], "succeeded");
    let path = workspace.path().join("specs/guarded.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("actors: ['user:alice']", "actors: ['user:alice', 'user:bob']")).unwrap();
    assert_eq!(put(&workspace, "user:alice")["state"], "denied", "agreed on another digest");
    let stale = say(&workspace, "approve", &open, "user:dan");
    assert_eq!(stale.json()["error"]["code"], "not_found", "{}", stale.stdout);
    let again = asked(&workspace, "open").expect("it is asked anew");
    say(&workspace, "reject", &again, "user:erin").expect_code(0);
    let refused = say(&workspace, "approve", &again, "user:dan");
    assert_eq!(refused.json()["error"]["code"], "already_decided");
    assert_eq!(asked(&workspace, "rejected").unwrap()["rejections"][0]["by"], "user:erin");
}

#[test]
fn one_that_is_over_or_has_not_begun_is_inert_whatever_people_said() {
    let over = workspace(-48, -1);
    let expired = asked(&over, "expired").expect("it is over");
    let refused = say(&over, "approve", &expired, "user:dan");
    assert_eq!(refused.json()["error"]["code"], "already_decided");
    assert_eq!(put(&over, "user:alice")["state"], "denied");
    let early = workspace(1, 24);
    let open = asked(&early, "open").unwrap();
    for by in ["user:dan", "user:erin"] {
        say(&early, "approve", &open, by).expect_code(0);
    }
    let denied = put(&early, "user:alice");
    assert_eq!(denied["state"], "denied");
    assert_eq!(rule(&early, &denied), (json!("true"), json!("inert")));
}

#[test]
fn a_scenario_is_given_exemptions_and_sees_them_end() {
    let workspace = workspace(-1, 24);
    let from = Timestamp::now();
    let scenario = |name: &str, at: &str, given: &str, state: &str| {
        format!(
            "apiVersion: ordain/v1\nkind: Scenario\nmetadata: {{name: {name}, owner: 'group:team', summary: Puts under an exemption.}}\nspec:\n  run: putting@^1\n  as: user:alice\n  at: {at}\n{given}  expect: {{state: {state}}}\n"
        )
    };
    let given = "  given: {exemptions: [alice-puts]}\n";
    let after = from.checked_add(SignedDuration::from_hours(25)).unwrap().to_string();
    workspace.write("specs/s1.yaml", &scenario("held", &from.to_string(), given, "succeeded"));
    workspace.write("specs/s2.yaml", &scenario("ended", &after, given, "denied"));
    workspace.write("specs/s3.yaml", &scenario("unasked", &from.to_string(), "", "denied"));
    let tested = workspace.ordain(&["test", "held", "ended", "unasked", "--json"]);
    tested.expect_code(0);
    let unknown = scenario("held", &from.to_string(), "  given: {exemptions: [alice-put]}\n", "succeeded");
    workspace.write("specs/s1.yaml", &unknown);
    let refused = workspace.ordain(&["lint", "--json"]).json();
    let said = refused["diagnostics"].as_array().unwrap();
    assert!(said.iter().any(|one| one["code"] == "unresolved-reference"), "{said:#?}");
}
