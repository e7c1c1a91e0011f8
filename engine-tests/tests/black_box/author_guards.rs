//! What keeps an author and a reviewer from harm, from outside: a secret that was written by mistake is told and
//! stands in no format; a setting is held to the laws of what it stands for; no document hides a letter.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use engine_tests::Workspace;
use serde_json::Value;

const FORMATS: [&str; 5] = ["text", "json", "sarif", "github", "junit"];
const TOKEN: &str = "Bearer zyxwvutsrqponmlkjihgfedcba987654";

/// A connector of the web, whole but for what stands in `http` and in `query`.
fn connector(http: &str, operation: &str) -> String {
    format!(
        "apiVersion: ordain/v1\nkind: Connector\nmetadata: {{name: web, version: 1.0.0, owner: 'group:team', summary: The web.}}\nspec:\n  type: http\n  http:\n    {http}\n  operations:\n    look: {{effect: read, timeout: 5s, maxResponse: 4KiB, mock: {{output: {{}}}}, {operation}}}\n"
    )
}

fn workspace(http: &str, operation: &str) -> Workspace {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace.write("specs/connectors/web.yaml", &connector(http, operation));
    workspace
}

fn codes(workspace: &Workspace) -> Vec<String> {
    let document = workspace.ordain(&["lint", "--format", "json"]).json();
    let found = document["diagnostics"].as_array().unwrap().iter();
    found.map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_secret_in_a_wrong_place_is_told_and_stands_in_no_format() {
    let base = "baseUrl: 'https://api.example.org'";
    let cases = [
        (format!("{base}\n    headers: {{Authorization: '{TOKEN}'}}"), "path: /", "zyxwvutsrqpon"),
        (format!("{base}\n    headers: {{X-Api-Key: hunter2hunter2}}"), "path: /", "hunter2"),
        (format!("{base}\n    auth: {{bearer: sk_live_a1b2c3d4e5f6g7h8i9}}"), "path: /", "a1b2c3d4"),
        (format!("{base}\n    auth: {{bearer: '{TOKEN}'}}"), "path: /", "zyxwvutsrqpon"),
        // The word itself is said by another finding.
        (base.to_owned(), "method: ghp_a1b2c3d4e5f6g7h8i9j0", "a1b2c3d4"),
        (base.to_owned(), "headers: {Authorization: letmein77}, method: letmein77", "letmein77"),
    ];
    for (http, operation, secret) in cases {
        let workspace = workspace(&http, operation);
        let found = codes(&workspace);
        assert!(found.iter().any(|code| code == "secret-literal"), "{http} {operation}: {found:?}");
        for format in FORMATS {
            let said = workspace.ordain(&["lint", "--format", format]);
            said.expect_code(1);
            assert!(!said.stdout.contains(secret), "{format}: {}", said.stdout);
            assert!(!said.stderr.contains(secret), "{format}: {}", said.stderr);
        }
    }
}

#[test]
fn plain_http_by_a_setting_is_a_law_and_starts_nothing() {
    let workspace = workspace("baseUrl: {setting: site}", "path: /");
    let operator =
        |url: &str| format!("apiVersion: ordain/v1\nkind: Workspace\nspec:\n  settings: {{site: '{url}'}}\n");
    for good in ["https://api.example.org", "http://127.0.0.1:8080"] {
        workspace.write("ordain.yaml", &operator(good));
        assert!(!codes(&workspace).iter().any(|code| code == "plain-http"), "{good}");
        workspace.ordain(&["specs"]).expect_code(0);
    }
    for (url, law) in [
        ("http://api.example.org", "plain-http"),
        ("ftp://api.example.org", "plain-http"),
        ("https://me:word1@api.example.org", "secret-in-url"),
        ("https://169.254.169.254", "link-local-host"),
    ] {
        workspace.write("ordain.yaml", &operator(url));
        let said = workspace.ordain(&["lint", "--format", "json"]);
        let document = said.expect_code(1).json();
        let found = document["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == law);
        let found = found.unwrap_or(&Value::Null);
        assert_eq!((&found["file"], &found["severity"]), (&"ordain.yaml".into(), &"law".into()), "{url}");
        assert!(!said.stdout.contains("word1"), "{}", said.stdout);
        // The law is one: the engine loads nothing either.
        for live in [&["run", "hello", "--live"][..], &["run", "hello"], &["specs"]] {
            let mut arguments = vec!["--json"];
            arguments.extend(live);
            let refused = workspace.ordain(&arguments).expect_code(2).json();
            assert_eq!(refused["error"]["code"], "catalogue_refused", "{url}");
        }
    }
}

#[test]
fn no_document_hides_a_letter() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    workspace
        .write("specs/policies/evil.yaml", "apiVersion: ordain/v1\nkind: \"Pol\\u202eicy\\U000e0041\"\n");
    for format in ["json", "sarif"] {
        let said = workspace.ordain(&["lint", "--format", format]);
        said.expect_code(1);
        assert!(!said.stdout.contains(['\u{202e}', '\u{e0041}']), "{format}: {:?}", said.stdout);
        let _whole: Value = serde_json::from_str(&said.stdout).unwrap();
    }
    let said = workspace.ordain(&["--json", "explain", "a\u{202e}b"]);
    assert!(!said.stdout.contains('\u{202e}') && said.stdout.contains("\\u202e"), "{:?}", said.stdout);
}
