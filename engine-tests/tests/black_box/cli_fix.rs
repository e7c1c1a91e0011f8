//! Repairs from outside: what is written, what is not, and what stays byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;

use engine_tests::Workspace;

const FILE: &str = "specs/runbooks/bad.yaml";
const BROKEN: &str = "# kept\napiVersion: ordain/v1\nkind: Runbok   # what\nmetadata: {name: bad, version: 1.0.0, owner: group:team, sumary: x y.}\n\n\nspec:   {steps: [{id: rest,   wait: 1s}]}\n";

fn broken() -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.write(FILE, BROKEN);
    workspace
}

fn text(workspace: &Workspace, path: &str) -> String {
    std::fs::read_to_string(workspace.path().join(path)).unwrap()
}

#[test]
fn a_safe_repair_changes_nothing_but_the_repair_and_is_made_once() {
    let workspace = broken();
    let path = workspace.path().join(FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let document = workspace.ordain(&["lint", "--fix", "--json"]).expect_code(0).json();
    assert_eq!(document["fixed"].as_array().unwrap().len(), 2, "{document}");
    let due = BROKEN.replace("Runbok", "Runbook").replace("sumary", "summary");
    assert_eq!(text(&workspace, FILE), due);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let document = workspace.ordain(&["lint", "--fix", "--json"]).expect_code(0).json();
    assert_eq!(document["fixed"].as_array().unwrap().len(), 0);
    assert_eq!(text(&workspace, FILE), due);
}

#[test]
fn a_diff_writes_nothing_and_ends_with_1_where_something_would_change() {
    let workspace = broken();
    let said = workspace.ordain(&["lint", "--diff"]);
    let diff = &said.expect_code(1).stdout;
    assert!(diff.contains("--- a/specs/runbooks/bad.yaml\n+++ b/specs/runbooks/bad.yaml\n"), "{diff}");
    assert!(
        diff.contains("\n-kind: Runbok   # what\n") && diff.contains("\n+kind: Runbook   # what\n"),
        "{diff}"
    );
    assert_eq!(text(&workspace, FILE), BROKEN);
    workspace.ordain(&["lint", "--fix"]).expect_code(0);
    let said = workspace.ordain(&["lint", "--diff"]);
    assert_eq!(said.expect_code(0).stdout, "");
}

#[test]
fn what_only_the_author_knows_is_a_todo_that_still_fails() {
    let workspace = Workspace::copy_of("examples/agent-refund");
    let file = "specs/policies/people.yaml";
    let whole = text(&workspace, file);
    workspace.write(file, &whole.replace(", expires: 8h", ""));
    workspace.ordain(&["lint", "--fix"]).expect_code(1);
    assert_eq!(text(&workspace, file), whole.replace(", expires: 8h", ""));
    workspace.ordain(&["lint", "--unsafe-fixes"]).expect_code(1);
    assert_eq!(
        text(&workspace, file),
        whole.replace(", expires: 8h", "").replace("{id: team", "{expires: TODO, id: team")
    );
}

#[test]
fn a_missing_need_is_added_in_either_layout() {
    for (before, after) in
        [("      needs: [look]\n", "needs: [look]"), ("      needs:\n        - look\n", "needs:")]
    {
        let workspace = Workspace::copy_of("examples/agent-refund");
        let file = "specs/runbooks/refund.yaml";
        let whole = text(&workspace, file).replace("      needs: [look]\n", before);
        assert!(whole.contains(after));
        workspace.write(file, &whole.replace(before, ""));
        workspace.ordain(&["lint"]).expect_code(1);
        workspace.ordain(&["lint", "--unsafe-fixes"]).expect_code(0);
        assert!(text(&workspace, file).contains("needs: [look]"), "{}", text(&workspace, file));
    }
}

#[test]
fn only_what_was_asked_for_is_repaired_and_no_link_is_followed() {
    let workspace = broken();
    workspace.ordain(&["lint", "--fix", "specs/capabilities"]).expect_code(0);
    assert_eq!(text(&workspace, FILE), BROKEN);
    let outside = Workspace::empty();
    outside.write("outside.yaml", BROKEN);
    std::fs::remove_file(workspace.path().join(FILE)).unwrap();
    std::os::unix::fs::symlink(outside.path().join("outside.yaml"), workspace.path().join(FILE)).unwrap();
    let said = workspace.ordain(&["lint", "--fix"]);
    assert_ne!(said.code, 0, "{}", said.stdout);
    assert_eq!(text(&outside, "outside.yaml"), BROKEN);
}

#[test]
fn no_repair_names_a_reviewer_an_actor_or_an_owner() {
    for (file, whole, broken) in [
        ("specs/policies/people.yaml", "anyOf: ['group:care']", "anyOf: ['group:caer']"),
        ("specs/policies/people.yaml", "owner: group:care", "owner: group:caer"),
    ] {
        let workspace = Workspace::copy_of("examples/agent-refund");
        let text_before = text(&workspace, file).replace(whole, broken);
        assert!(text_before.contains(broken));
        workspace.write(file, &text_before);
        let said = workspace.ordain(&["lint", "--unsafe-fixes"]);
        assert!(said.expect_code(1).stdout.contains("did you mean `group:care`?"), "{}", said.stdout);
        assert_eq!(text(&workspace, file), text_before);
    }
}

fn git(workspace: &Workspace, arguments: &[&str]) {
    let done = std::process::Command::new("git")
        .arg("-C")
        .arg(workspace.path())
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn beside_the_version_before_a_changed_spec_gets_its_new_version() {
    let workspace = Workspace::copy_of("examples/agent-refund");
    git(&workspace, &["init", "-q"]);
    git(&workspace, &["add", "."]);
    git(&workspace, &["commit", "-q", "-m", "as it was"]);
    let path = "specs/capabilities/till.refund.yaml";
    let before = std::fs::read_to_string(workspace.path().join(path)).unwrap();
    assert!(before.contains("version: 1.0.0") && before.contains("timeout: 10s"));
    workspace.write(path, &before.replace("timeout: 10s", "timeout: 20s"));
    let said = workspace.ordain(&["lint", "--against", "HEAD", "--json"]).expect_code(1).json();
    assert_eq!(said["diagnostics"][0]["code"], "changed-without-bump", "{said}");
    // Without the other side there is nothing to compare with, and nothing to repair.
    workspace.ordain(&["lint", "--fix"]).expect_code(0);
    assert!(std::fs::read_to_string(workspace.path().join(path)).unwrap().contains("version: 1.0.0"));
    let said = workspace.ordain(&["lint", "--against", "HEAD", "--fix", "--json"]).expect_code(0).json();
    assert_eq!(said["fixed"][0]["code"], "changed-without-bump", "{said}");
    let after = std::fs::read_to_string(workspace.path().join(path)).unwrap();
    assert_eq!(
        after,
        before.replace("timeout: 10s", "timeout: 20s").replace("version: 1.0.0", "version: 1.0.1")
    );
    let said = workspace.ordain(&["lint", "--against", "HEAD", "--fix", "--json"]).expect_code(0).json();
    assert_eq!(said["fixed"], serde_json::json!([]), "once is enough");
}

#[test]
fn no_diff_shows_a_secret() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    let file = "specs/connectors/mail.yaml";
    let token = "correct-horse-battery-staple";
    let spec = "apiVersion: ordain/v1\nkind: Connector\nmetadata: { name: mail,  version: 1.0.0, owner: group:team, summary: Sends mail. }\nspec:\n  type: http\n  http: {baseUrl: 'https://mail.example.org'}\n  operations:\n    look:\n      effect: read\n      path: /x\n";
    let rest = format!(
        "      headers:   {{Authorization: \"{token}\"}}\n      timout: 1s\n      # {token} is in use\n      maxResponse: 1KiB\n      mock: {{output: {{}}}}\n"
    );
    workspace.write(file, &format!("{spec}{rest}"));
    for arguments in [&["lint", "--diff"][..], &["fmt", "--diff"], &["lint", "--fix", "--diff", "--pedantic"]]
    {
        for json in [&[][..], &["--json"]] {
            let said = workspace.ordain(&[arguments, json].concat());
            assert!(said.expect_code(1).stdout.contains("headers"), "{arguments:?}: {}", said.stdout);
            let shown = format!("{}{}", said.stdout, said.stderr);
            assert!(!shown.contains(token), "{arguments:?} {json:?}: {shown}");
            assert!(shown.contains(&"*".repeat(token.len())), "{shown}");
        }
    }
    // What is written is what was there.
    workspace.ordain(&["fmt"]).expect_code(0);
    let after = std::fs::read_to_string(workspace.path().join(file)).unwrap();
    assert!(after.contains(&format!("{{Authorization: '{token}'}}")), "{after}");
}

#[test]
fn a_change_does_not_escape_by_what_was_broken_before_it() {
    let workspace = Workspace::copy_of("examples/agent-refund");
    let path = "specs/capabilities/till.refund.yaml";
    let (budget, whole) =
        ("specs/policies/refund-money.yaml", text(&workspace, "specs/policies/refund-money.yaml"));
    let medium = text(&workspace, path);
    workspace.write(path, &medium.replace("risk: medium", "risk: high"));
    workspace.write(budget, &whole.replace("kind: Budget", "kind: Budgt"));
    git(&workspace, &["init", "-q"]);
    git(&workspace, &["add", "."]);
    git(&workspace, &["commit", "-q", "-m", "broken"]);
    workspace.write(path, &medium).write(budget, &whole);
    let said = workspace.ordain(&["lint", "--against", "HEAD", "--json"]);
    let codes = said.expect_code(1).json()["diagnostics"].clone();
    assert_eq!(
        (codes.as_array().unwrap().len(), &codes[0]["code"]),
        (1, &"changed-without-bump".into()),
        "{codes}"
    );
    let remark = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(remark.contains("`HEAD` breaks laws") && remark.contains("is compared with nothing"), "{remark}");
}

#[test]
fn what_runs_in_flight_ask_for_is_not_taken_away_and_a_new_name_is_recognized() {
    let workspace = Workspace::copy_of("examples/agent-refund");
    git(&workspace, &["init", "-q"]);
    git(&workspace, &["add", "."]);
    git(&workspace, &["commit", "-q", "-m", "as it was"]);
    for path in ["capabilities/till.refund", "capabilities/till.stop-refund", "policies/refund-money"] {
        let path = &format!("specs/{path}.yaml");
        let renamed = text(&workspace, path).replace("till.stop-refund", "till.take-back");
        workspace.write(path, &renamed.replace("version: 1.0.0", "version: 1.1.0"));
    }
    let said = workspace.ordain(&["lint", "--against", "HEAD", "--json"]).expect_code(1).json();
    let gone: Vec<_> = said["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["code"] == "capability-removed-in-use")
        .collect();
    assert_eq!(gone.len(), 1, "{said}");
    assert!(
        gone[0]["message"].as_str().unwrap().contains("step `refund` of runbook `refund` was undone by it"),
        "{said}"
    );
    assert!(gone[0]["help"].as_str().unwrap().contains("`till.take-back` asks the same operation"), "{said}");
}
