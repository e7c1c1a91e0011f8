//! `ordain test` from outside: which scenarios are played, what none of them shows and where that stands, what is
//! kept of decisions, and what CI gets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::path::Path;

use engine_tests::Workspace;
use serde_json::Value;

fn payments() -> Workspace {
    Workspace::copy_of("engine-tests/fixtures/catalogues/payments")
}

/// The names of the scenarios that are played.
fn played(workspace: &Workspace, arguments: &[&str]) -> Vec<String> {
    let said = workspace.ordain(&[&["test", "--json"], arguments].concat());
    let document = said.expect_code(0).json();
    let scenarios = document["scenarios"].as_array().unwrap();
    scenarios.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// `kind name never file:line` of all that no scenario shows.
fn unreached(workspace: &Workspace) -> Vec<String> {
    let document = workspace.ordain(&["test", "--json"]).expect_code(0).json();
    let all = document["coverage"]["unreached"].as_array().unwrap();
    let shown = |one: &Value| {
        let word = |field: &str| one[field].as_str().unwrap().to_owned();
        format!("{} {} {} {}:{}", word("kind"), word("name"), word("never"), word("file"), one["line"])
    };
    all.iter().map(shown).collect()
}

#[test]
fn scenarios_are_chosen_by_name_runbook_owner_and_what_they_reach() {
    let workspace = payments();
    let all = played(&workspace, &[]);
    assert_eq!(played(&workspace, &["refund-*"]), all);
    assert_eq!(
        played(&workspace, &["*-happy", "refund-too-*"]),
        ["refund-happy", "refund-too-late", "refund-too-much"]
    );
    assert_eq!(played(&workspace, &["--runbook", "refund", "--owner", "group:payments"]), all);
    // The way back is reached where it is taken, and only there.
    assert_eq!(played(&workspace, &["--reaches", "payments.reverse-refund"]), ["refund-undone"]);
    assert_eq!(played(&workspace, &["--reaches", "mail.*"]), ["refund-happy", "refund-undone"]);
}

#[test]
fn what_fits_nothing_is_an_error_with_the_nearest_name() {
    let workspace = payments();
    for (arguments, near) in [
        (vec!["refund-hapy"], "refund-happy"),
        (vec!["--runbook", "refnd"], "refund"),
        (vec!["--reaches", "payments.lokup"], "payments.lookup"),
        (vec!["--owner", "group:paymnts"], "group:payments"),
    ] {
        let said = workspace.ordain(&[&["test", "--json"], &*arguments].concat());
        let hint = said.expect_code(2).json()["error"]["hint"].clone();
        assert!(hint.as_str().unwrap().contains(&format!("`{near}`")), "{arguments:?}: {hint}");
    }
    let said = workspace.ordain(&["test", "refund-denied", "--reaches", "mail.receipt"]);
    assert!(said.expect_code(2).stderr.contains("no scenario reaches `mail.receipt`"), "{}", said.stderr);
    workspace.ordain(&["test", "no-*"]).expect_code(2);
}

#[test]
fn what_no_scenario_shows_is_listed_with_its_place_until_one_does() {
    let workspace = payments();
    assert_eq!(unreached(&workspace), Vec::<String>::new());
    let folder = workspace.path().join("specs/runbooks");
    for name in ["refund-budget-low", "refund-rejected"] {
        fs::remove_file(folder.join(format!("{name}.yaml"))).unwrap();
    }
    let due = [
        "guard payments.refund/budget-open false specs/capabilities/payments.refund.yaml:27",
        "approval four-eyes/peer rejected specs/policies/four-eyes.yaml:6",
    ];
    assert_eq!(unreached(&workspace), due);
    let document = workspace.ordain(&["test", "--json"]).json();
    assert_eq!(document["coverage"]["guards"], serde_json::json!({"hit": 2, "total": 2}));
    assert_eq!(document["coverage"]["branches"], serde_json::json!({"hit": 3, "total": 4}));
    assert_eq!(document["coverage"]["approvals"], serde_json::json!({"hit": 2, "total": 3}));
    assert_eq!(document["coverage"]["missed"], serde_json::json!([]));
    let said = workspace.ordain(&["test"]);
    assert!(said.expect_code(0).stdout.contains("payments.refund.yaml:27"), "{}", said.stdout);
}

#[test]
fn when_is_seen_in_both_ways_and_rules_that_are_never_true_are_missed() {
    let workspace = payments();
    let file = workspace.path().join("specs/runbooks/refund.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace(
            "      uses: mail.receipt@^1",
            "      when: inputs.amount > 100\n      uses: mail.receipt@^1",
        ),
    )
    .unwrap();
    let file = workspace.path().join("specs/policies/payments.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("input.amount > 10000", "input.amount > 100000")).unwrap();
    let said = workspace.ordain(&["test", "--json"]);
    let coverage = said.expect_code(1).json()["coverage"].clone();
    assert_eq!(coverage["missed"], serde_json::json!(["payments/agents-small"]));
    let whens: Vec<&Value> =
        coverage["unreached"].as_array().unwrap().iter().filter(|one| one["kind"] == "when").collect();
    assert_eq!(
        (whens.len(), &whens[0]["name"], &whens[0]["never"]),
        (1, &"refund/receipt".into(), &"false".into())
    );
}

fn kept(workspace: &Workspace, scenario: &str) -> String {
    fs::read_to_string(workspace.path().join(format!("specs/runbooks/.decisions/{scenario}.json"))).unwrap()
}

#[test]
fn decisions_are_kept_beside_scenarios_and_a_turned_one_is_a_failure() {
    let workspace = payments();
    let said = workspace.ordain(&["test", "--snapshot", "--json"]);
    let failures = said.expect_code(1).json()["scenarios"][0]["failures"].clone();
    assert_eq!(failures[0]["actual"], "nothing yet");
    let said = workspace.ordain(&["test", "--update", "--json"]);
    let document = said.expect_code(0).json();
    assert_eq!(
        document["snapshots"]["written"].as_array().unwrap().len(),
        document["scenarios"].as_array().unwrap().len()
    );
    let text = kept(&workspace, "refund-denied");
    let first: Value = serde_json::from_str(&text).unwrap();
    let decision = &first["steps"]["refund/refund"][0];
    assert_eq!(
        (&decision["outcome"], &decision["reasons"][0]["reason"]),
        (&"deny".into(), &"agent_limit".into())
    );
    assert_eq!(decision["policies"]["payments"]["rules"]["agents-small"]["value"], "true");
    for word in ["sha256", "2026", "dec-", "pay_12345678", "20000"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    workspace.ordain(&["test", "--snapshot"]).expect_code(0);
    let said = workspace.ordain(&["test", "--update", "--json"]);
    assert_eq!(said.expect_code(0).json()["snapshots"]["written"], serde_json::json!([]), "nothing changed");

    // A further rule decides nothing and shows all the same; without snapshots nobody sees it.
    let file = workspace.path().join("specs/policies/payments.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}    - {{id: never, deny: 'run.mode == \"live\" && input.amount < 0', applies: {{capabilities: [payments.refund]}}, reason: never}}\n"))
        .unwrap();
    workspace.ordain(&["test"]).expect_code(0);
    let said = workspace.ordain(&["test", "--snapshot", "--json"]);
    let document = said.expect_code(1).json();
    let scenarios = document["scenarios"].as_array().unwrap();
    let happy = scenarios.iter().find(|one| one["name"] == "refund-happy").unwrap();
    let failures = happy["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 4, "each decision of the run shows it: {failures:#?}");
    assert!(
        failures.iter().all(|one| one["path"].as_str().unwrap().ends_with(".policies.payments.rules.never"))
    );
    let said = workspace.ordain(&["test", "--snapshot"]);
    assert!(said.expect_code(1).stdout.contains("rules.never should be null, is {"), "{}", said.stdout);
}

#[test]
fn what_fails_is_not_kept_and_what_is_kept_for_nobody_is_a_failure() {
    let workspace = payments();
    workspace.ordain(&["test", "--update"]).expect_code(0);
    let before = kept(&workspace, "refund-happy");
    let file = workspace.path().join("specs/policies/payments.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("role:operator", "role:auditor")).unwrap();
    workspace.ordain(&["test", "--update"]).expect_code(1);
    assert_eq!(kept(&workspace, "refund-happy"), before, "a failing scenario is not written down");
    fs::write(&file, text).unwrap();
    let folder = workspace.path().join("specs/runbooks/.decisions");
    fs::write(folder.join("gone.json"), "{}").unwrap();
    workspace.ordain(&["test", "--snapshot", "refund-happy"]).expect_code(0);
    let said = workspace.ordain(&["test", "--snapshot", "--json"]);
    assert_eq!(
        said.expect_code(1).json()["snapshots"]["stale"],
        serde_json::json!(["specs/runbooks/.decisions/gone.json"])
    );
    workspace.ordain(&["test", "--update"]).expect_code(0);
    assert!(!Path::new(&folder.join("gone.json")).exists());
    fs::write(folder.join("refund-happy.json"), "{").unwrap();
    let said = workspace.ordain(&["test", "--snapshot"]);
    assert!(said.expect_code(1).stdout.contains("no JSON"), "{}", said.stdout);
}

#[test]
fn ci_gets_junit_and_the_first_failure_can_end_it() {
    let workspace = payments();
    let file = workspace.path().join("specs/runbooks/refund-happy.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let hostile = "re_<x y='z'>&]]>";
    fs::write(&file, text.replace("re_pay_12345678", &format!("\"{hostile}\""))).unwrap();
    let said = workspace.ordain(&["test", "--junit", "out.xml", "--json"]);
    let _ = said.expect_code(1).json();
    let xml = fs::read_to_string(workspace.path().join("out.xml")).unwrap();
    assert!(
        xml.contains("<testsuite name=\"refund\" tests=\"7\" failures=\"1\" errors=\"0\" time=\""),
        "{xml}"
    );
    assert!(
        xml.contains("name=\"refund-happy\" file=\"specs/runbooks/refund-happy.yaml\" line=\"3\""),
        "{xml}"
    );
    assert!(
        !xml.contains("<x ") && xml.chars().all(|letter| letter == '\n' || !letter.is_control()),
        "{xml}"
    );
    workspace.ordain(&["test", "--junit", "no/such/folder/out.xml"]).expect_code(2);

    let file = workspace.path().join("specs/runbooks/refund-denied.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("state: denied\n    reasons", "state: failed\n    reasons")).unwrap();
    let said = workspace.ordain(&["test", "--fail-fast", "--json", "refund-denied", "refund-happy"]);
    let document = said.expect_code(1).json();
    assert_eq!(document["scenarios"][0]["passed"], false);
}
