//! What people are shown before and after they decide: who may, what a budget would lose, and why something holds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;

use engine_tests::{Workspace, root};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const MORE: &str = "apiVersion: ordain/v1
kind: Runbook
metadata: {name: asks, version: 1.0.0, owner: 'group:team', summary: Does two things that somebody must agree to.}
spec:
  steps:
    - {id: put, uses: c.put, with: {n: a}, approval: ok}
    - {id: note, needs: [put], uses: c.note, with: {n: b}}
---
apiVersion: ordain/v1
kind: Budget
metadata: {name: puts, version: 1.0.0, owner: 'group:team', summary: Puts a day.}
spec: {unit: calls, limit: 1, window: day, applies: {capabilities: [c.put]}, onBreach: {approval: breach}}
---
apiVersion: ordain/v1
kind: Approval
metadata: {name: breach, version: 1.0.0, owner: 'group:team', summary: Somebody who watches the budget.}
spec: {stages: [{id: watch, anyOf: ['group:risk'], expires: 4h}]}
---
apiVersion: ordain/v1
kind: Policy
metadata: {name: notes, version: 1.0.0, owner: 'group:team', summary: Somebody else looks at notes.}
spec:
  applies: {capabilities: [c.note]}
  restrictsOnly: true
  rules:
    - {id: people, require: ok, reason: notes_are_read}
    - {id: strangers, deny: '!actor.is(\"group:team\") && actor.type == \"human\"', reason: strangers_do_not_write}
---
apiVersion: ordain/v1
kind: Exemption
metadata: {name: alone, owner: 'group:team', summary: Notes without a second person for a while.}
spec:
  exempts: {policy: notes, rule: people}
  scope: {capabilities: [c.note], actors: ['user:alice'], environments: [local]}
  reason: The second person starts next week; notes cannot wait.
  requestedBy: user:alice
  approvedBy: ['user:carol']
  from: FROM
  expires: UNTIL
";

fn workspace() -> Workspace {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    let common = root().join("engine-tests/fixtures/conformance/common/specs/common.yaml");
    workspace.write("specs/common.yaml", &fs::read_to_string(common).unwrap());
    let (now, days) = (Timestamp::now(), |days: i64| SignedDuration::from_hours(24 * days));
    let more = MORE.replace("FROM", &(now - days(1)).to_string());
    workspace.write("specs/asks.yaml", &more.replace("UNTIL", &(now + days(5)).to_string()));
    workspace
}

fn json_of(workspace: &Workspace, who: &str, code: i32, arguments: &[&str]) -> Value {
    workspace.ordain(&[arguments, &["--as", who, "--json"]].concat()).expect_code(code).json()
}

/// The approvals of steps that wait; the exemption of these specs waits for somebody all the time.
fn open(workspace: &Workspace) -> Vec<Value> {
    let mut open = json_of(workspace, "user:bob", 0, &["approvals"])["approvals"].as_array().unwrap().clone();
    open.retain(|approval| approval["subject"] == "step");
    assert!(open.iter().all(|approval| approval["state"] == "open"), "{open:#?}");
    open
}

fn approve(workspace: &Workspace, who: &str, approval: &Value) {
    let (id, digest) = (approval["id"].as_str().unwrap(), approval["digest"].as_str().unwrap());
    let said = ["approve", id, "--digest", digest, "--rationale", "looked at all of it"];
    json_of(workspace, who, 0, &said);
}

#[test]
fn an_approval_shows_who_may_decide_and_what_each_budget_would_lose() {
    let workspace = workspace();
    json_of(&workspace, "user:alice", 4, &["run", "asks"]);
    let first = open(&workspace);
    let asked: Vec<&Value> = first.iter().map(|approval| &approval["approval"]).collect();
    assert_eq!(asked, ["ok"]);
    assert_eq!(first[0]["eligible"], json!(["user:bob", "user:carol", "user:dan"]), "without the requester");
    assert_eq!(first[0]["needed"], 1);
    assert_eq!(
        first[0]["budget"],
        json!([{"name": "puts", "unit": "calls", "amount": 1, "remaining": 1}]),
        "what is left is shown before it is taken"
    );
    approve(&workspace, "user:bob", &first[0]);
    let notes = open(&workspace);
    assert_eq!(
        (&notes[0]["step"], &notes[0]["budget"]),
        (&json!("note"), &Value::Null),
        "no budget is about notes"
    );
    approve(&workspace, "user:bob", &notes[0]);

    // The day's one call is gone: the next asks those who watch the budget too, and says what it would break.
    json_of(&workspace, "user:bot", 4, &["run", "asks"]);
    let mut both = open(&workspace);
    both.sort_by_key(|approval| approval["approval"].to_string());
    let spent = |breach: bool| {
        let mut row = json!({"name": "puts", "unit": "calls", "amount": 1, "remaining": 0});
        if breach {
            row["breach"] = json!(true);
        }
        json!([row])
    };
    let shown: Vec<Value> =
        both.iter().map(|one| json!([one["approval"], one["eligible"], one["budget"]])).collect();
    assert_eq!(
        shown,
        [
            json!(["breach", ["user:dan", "user:erin", "user:frank"], spent(true)]),
            json!(["ok", ["user:alice", "user:carol", "user:dan"], spent(false)]),
        ],
        "without the custodian of the bot"
    );
    approve(&workspace, "user:dan", &both[1]);
    assert_eq!(open(&workspace)[0]["approval"], "breach", "both are needed");
    approve(&workspace, "user:erin", &both[0]);
    assert_eq!(open(&workspace)[0]["step"], "note");
}

#[test]
fn an_exemption_that_nobody_approved_stands_beside_the_rule_that_holds_all_the_same() {
    for (who, exempt) in [("user:alice", true), ("user:dan", false)] {
        let workspace = workspace();
        let run = json_of(&workspace, who, 4, &["run", "asks"])["run"].clone();
        let put = open(&workspace).into_iter().find(|one| one["run"] == run["id"]).unwrap();
        approve(&workspace, "user:bob", &put);
        let why = json_of(&workspace, who, 0, &["why", run["id"].as_str().unwrap(), "note"]);
        let decision = &why["decisions"][0];
        assert_eq!(
            (&decision["outcome"], &decision["reasons"][0]["reason"]),
            (&json!("hold"), &json!("notes_are_read"))
        );
        let policies = decision["policies"].as_array().unwrap();
        let notes = policies.iter().find(|policy| policy["name"] == "notes").unwrap();
        let rules: Vec<Value> = notes["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| json!([rule["id"], rule["value"], rule["exemptions"]]))
            .collect();
        assert_eq!((&rules[0][1], &rules[1][1]), (&json!("true"), &json!("false")), "{who}");
        let beside = &rules[0][2][0];
        if exempt {
            assert_eq!((&beside["name"], &beside["state"]), (&json!("alone"), &json!("inert")), "{beside}");
            assert_eq!(beside["detail"], "not everybody has agreed who must");
        } else {
            assert_eq!(rules[0][2], Value::Null, "{who}");
        }
        assert_eq!(rules[1][2], Value::Null, "{who}");
        let text = workspace.ordain(&["why", run["id"].as_str().unwrap(), "note", "--as", who]);
        assert_eq!(text.expect_code(0).stdout.contains("alone"), exempt, "{}", text.stdout);
    }
}
