//! `ordain specs`, `plan`, `test`, `schema`, `explain`, `init`, `keys`, `doctor`, `completions`, seen from outside.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use engine_tests::Workspace;
use serde_json::{Value, json};

fn payments() -> Workspace {
    Workspace::copy_of("engine-tests/fixtures/catalogues/payments")
}

fn names<'d>(document: &'d Value, list: &str, field: &str) -> Vec<&'d str> {
    document[list].as_array().unwrap().iter().map(|row| row[field].as_str().unwrap()).collect()
}

#[test]
fn specs_lists_everything_by_kind_and_owner() {
    let workspace = payments();
    let all = workspace.ordain(&["specs", "--json"]).expect_code(0).json();
    for row in all["specs"].as_array().unwrap() {
        assert!(row["digest"].as_str().unwrap().starts_with("sha256:"));
        assert!(row["file"].as_str().unwrap().starts_with("specs/"));
        assert!(row["owner"].as_str().unwrap().contains(':'));
    }
    let capabilities = workspace.ordain(&["specs", "capabilities", "--json"]).expect_code(0).json();
    assert_eq!(
        names(&capabilities, "specs", "name"),
        ["mail.receipt", "payments.lookup", "payments.refund", "payments.reverse-refund"]
    );
    let owned = workspace.ordain(&["specs", "--owner", "group:nobody", "--json"]).expect_code(2).json();
    assert_eq!(owned["error"]["code"], "not_found", "an empty list would look like an answer");
    let owned = workspace.ordain(&["specs", "--owner", all["specs"][0]["owner"].as_str().unwrap(), "--json"]);
    assert!(!owned.expect_code(0).json()["specs"].as_array().unwrap().is_empty());
    workspace.ordain(&["specs", "nonsense"]).expect_code(2);
}

/// Kind, name and role of each user.
fn used_by(workspace: &Workspace, name: &str) -> Value {
    let shown = workspace.ordain(&["specs", "show", name, "--json"]).expect_code(0).json();
    let users = shown["usedBy"].as_array().unwrap().iter();
    users.map(|user| json!([user["kind"], user["name"], user["as"]])).collect()
}

#[test]
fn a_spec_is_shown_with_what_uses_it() {
    let workspace = payments();
    let shown = workspace.ordain(&["specs", "show", "payments.refund", "--json"]).expect_code(0).json();
    assert_eq!(shown["kind"], "Capability");
    assert_eq!(shown["metadata"]["name"], "payments.refund");
    assert!(shown["spec"]["operation"].is_string());
    let users = [
        ("payments.refund", json!([["Runbook", "refund", "step refund"]])),
        ("payments.reverse-refund", json!([["Capability", "payments.refund", "rollback"]])),
        (
            "stripe",
            json!([
                ["Capability", "payments.lookup", "operation get-payment"],
                ["Capability", "payments.refund", "operation create-refund"],
                ["Capability", "payments.reverse-refund", "operation reverse-refund"],
            ]),
        ),
        (
            "refund-undone",
            json!([
                ["Capability", "mail.receipt", "test"],
                ["Capability", "payments.refund", "test"],
                ["Capability", "payments.reverse-refund", "test"],
            ]),
        ),
        ("mails", json!([])),
    ];
    for (name, users) in users {
        assert_eq!(used_by(&workspace, name), users, "{name}");
    }
    let text = workspace.ordain(&["specs", "show", "payments.refund"]);
    text.expect_code(0);
    assert!(text.stdout.contains("risk") && text.stdout.contains("undone by"), "{}", text.stdout);
    let unknown = workspace.ordain(&["specs", "show", "payments.refnd", "--json"]).expect_code(2).json();
    assert_eq!(unknown["error"]["code"], "not_found");
    assert!(unknown["error"]["hint"].as_str().unwrap().contains("payments.refund"));
}

#[test]
fn a_plan_has_the_documented_shape_and_every_format_is_deterministic() {
    let workspace = payments();
    let plan = workspace.ordain(&["plan", "refund", "--json"]).expect_code(0).json();
    assert_eq!(plan["runbook"], "refund");
    for field in ["version", "planDigest", "catalogueDigest"] {
        assert!(plan[field].is_string(), "{field}");
    }
    for step in plan["steps"].as_array().unwrap() {
        assert!(
            step["id"].is_string()
                && step["kind"].is_string()
                && step["needs"].is_array()
                && step["approvals"].is_array()
        );
    }
    let worst = &plan["worstCase"];
    assert!(worst["cost"].is_object() && worst["approvals"].is_u64() && worst["steps"].is_u64());
    for format in ["text", "json", "dot", "mermaid", "svg"] {
        let (one, two) = (
            workspace.ordain(&["plan", "refund", "--format", format]),
            workspace.ordain(&["plan", "refund", "--format", format]),
        );
        one.expect_code(0);
        assert!(!one.stdout.is_empty(), "{format}");
        assert_eq!(one.stdout, two.stdout, "{format}");
    }
}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let workspace = payments();
    let unknown = workspace.ordain(&["plan", "refnd", "--json"]).expect_code(2).json();
    assert_eq!(unknown["error"]["code"], "not_found");
    assert!(unknown["error"]["hint"].as_str().unwrap().contains("`refund`"));
    workspace.ordain(&["plan", "refund@^9"]).expect_code(2);
    workspace.ordain(&["plan", "refund@>=1"]).expect_code(2);
    let misfit =
        workspace.ordain(&["plan", "refund", "--input", "amount=many", "--json"]).expect_code(2).json();
    assert_eq!(misfit["error"]["code"], "input_invalid");
    workspace.ordain(&["plan", "refund", "--input", "nothing=1"]).expect_code(2);
    workspace.write("specs/runbooks/bad.yaml", "kind: Runbook\n");
    let refused = workspace.ordain(&["plan", "refund", "--json"]).expect_code(2).json();
    assert_eq!(refused["error"]["code"], "catalogue_refused");
    assert!(
        refused["error"]["reasons"][0]["detail"].as_str().unwrap().contains('-'),
        "the slugs of the laws"
    );
}

#[test]
fn several_releases_are_told_apart() {
    let workspace = payments();
    let path = workspace.path().join("specs/runbooks/refund.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let version =
        workspace.ordain(&["plan", "refund", "--json"]).json()["version"].as_str().unwrap().to_owned();
    workspace.write(
        "specs/runbooks/refund-nine.yaml",
        &text.replace(&format!("version: {version}"), "version: 9.0.0"),
    );
    let ambiguous = workspace.ordain(&["plan", "refund", "--json"]).expect_code(2).json();
    assert_eq!(ambiguous["error"]["code"], "version_ambiguous");
    assert_eq!(workspace.ordain(&["plan", "refund@^9", "--json"]).expect_code(0).json()["version"], "9.0.0");
    assert_eq!(
        workspace.ordain(&["plan", &format!("refund@{version}"), "--json"]).expect_code(0).json()["version"],
        version.as_str()
    );
}

#[test]
fn scenarios_are_played_and_a_wrong_expectation_is_named() {
    let workspace = payments();
    let good = workspace.ordain(&["test", "--json"]).expect_code(0).json();
    assert!(
        good["scenarios"]
            .as_array()
            .unwrap()
            .iter()
            .all(|played| played["passed"] == true && played["durationMs"].is_u64())
    );
    assert!(
        good["coverage"]["rules"]["total"].as_u64().unwrap()
            >= good["coverage"]["rules"]["hit"].as_u64().unwrap()
    );
    assert!(good["coverage"]["missed"].is_array());
    let one = workspace.ordain(&["test", "refund-denied", "--json"]).expect_code(0).json();
    assert_eq!(names(&one, "scenarios", "name"), ["refund-denied"]);
    let path = workspace.path().join("specs/runbooks/refund-denied.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("state: denied"));
    std::fs::write(path, text.replacen("state: denied", "state: succeeded", 1)).unwrap();
    let wrong = workspace.ordain(&["test", "refund-denied", "--json"]).expect_code(1).json();
    let failure = &wrong["scenarios"][0]["failures"][0];
    assert_eq!(
        (failure["expected"].as_str(), failure["actual"].as_str()),
        (Some("succeeded"), Some("denied"))
    );
    assert!(failure["path"].as_str().unwrap().starts_with("expect"));
    workspace.ordain(&["test", "no-such-scenario"]).expect_code(2);
}

#[test]
fn init_makes_a_workspace_that_works_and_never_overwrites() {
    let folder = Workspace::empty();
    let made = folder.ordain(&["init", "hello", "--json"]).expect_code(0).json();
    assert_eq!(made["ok"], true);
    for path in made["created"].as_array().unwrap() {
        assert!(folder.path().join(path.as_str().unwrap()).exists(), "{path}");
    }
    folder.ordain(&["-C", "hello", "lint", "--deny-warnings"]).expect_code(0);
    folder.ordain(&["-C", "hello", "test"]).expect_code(0);
    folder.ordain(&["-C", "hello", "plan", "hello"]).expect_code(0);
    let roster = std::fs::read_to_string(folder.path().join("hello/specs/policies/roster.yaml")).unwrap();
    assert_eq!(roster.matches("key: 'ed25519:").count(), 2, "{roster}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode =
        std::fs::metadata(folder.path().join("hello/.ordain/keys/you.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    folder.ordain(&["init", "hello"]).expect_code(2);
    assert_eq!(
        std::fs::read_to_string(folder.path().join("hello/specs/policies/roster.yaml")).unwrap(),
        roster
    );
    folder.ordain(&["init", "other", "--template", "nothing"]).expect_code(2);
    assert!(!folder.path().join("other").exists());
}

#[test]
fn every_listed_code_has_a_page() {
    let folder = Workspace::empty();
    let listed = folder.ordain(&["explain", "--json"]).expect_code(0).json();
    let codes = names(&listed, "codes", "code");
    for code in ["unknown-fact", "unconventional-place", "approval_expired", "no_rule_allows"] {
        assert!(codes.contains(&code), "{code}");
        let page = folder.ordain(&["explain", code, "--json"]).expect_code(0).json();
        assert_eq!(page["code"], code);
        assert!(
            page["title"].as_str().unwrap().len() > 2 && page["text"].as_str().unwrap().len() > 40,
            "{page}"
        );
    }
    assert_eq!(folder.ordain(&["explain", "unknown-fact", "--json"]).json()["level"], "law");
    let unknown = folder.ordain(&["explain", "unknown-fct", "--json"]).expect_code(2).json();
    assert!(unknown["error"]["hint"].as_str().unwrap().contains("unknown-fact"));
}

#[test]
fn schemas_doctor_completions_and_keys() {
    let workspace = payments();
    let schema = workspace.ordain(&["schema", "capability"]).expect_code(0).json();
    assert_eq!(schema["title"], "Capability");
    assert_eq!(workspace.ordain(&["schema", "--json"]).expect_code(0).json()["Runbook"]["title"], "Runbook");
    workspace.ordain(&["schema", "nothing"]).expect_code(2);
    let said = workspace.ordain(&["doctor", "--json"]);
    for check in said.json()["checks"].as_array().unwrap() {
        assert!(check["id"].is_string() && check["ok"].is_boolean() && check["detail"].is_string());
    }
    assert!(workspace.ordain(&["completions", "bash"]).expect_code(0).stdout.contains("_ordain"));
    let made = workspace.ordain(&["keys", "init", "user:bob", "--json"]).expect_code(0).json();
    assert_eq!(made["created"][0], ".ordain/keys/bob.key");
    assert!(made["detail"].as_str().unwrap().contains("ed25519:"));
    workspace.ordain(&["keys", "init", "user:bob"]).expect_code(2);
    workspace.ordain(&["keys", "init", "group:data"]).expect_code(2);
}

#[test]
fn a_command_line_that_means_nothing_is_exit_2_and_a_document_where_one_is_due() {
    let folder = Workspace::empty();
    folder.ordain(&["dance"]).expect_code(2);
    let said = folder.ordain(&["plan", "--json"]);
    assert_eq!(said.expect_code(2).json()["error"]["code"], "usage");
    folder.ordain(&["--help"]).expect_code(0);
    folder.ordain(&["--version"]).expect_code(0);
    folder.ordain(&["plan", "--help"]).expect_code(0);
}
