//! One broken catalogue for each law: the law is named, at its line, and nothing else is but what follows from
//! it. The catalogue that is broken stands in `fixtures/laws/base.yaml` and breaks no law itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;

use engine_tests::{Workspace, binary, kdl, said_by};
use serde_json::Value;

const BASE: &str = include_str!("../../fixtures/laws/base.yaml");

/// The law, laws that follow from the same fault, what is replaced by what, and a part of the line at fault
/// (empty: the fault is something that is not there).
type Case = (&'static str, &'static [&'static str], &'static str, &'static str, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("expression-cut", &[], "when: 'inputs.go'", "when: !inputs.go", "when: !inputs.go"),
    ("unparsable-file", &[], "  onFailure: rollback\n", "  onFailure: [rollback\n", ""),
    ("duplicate-key", &[], "  onFailure: rollback\n", "  onFailure: rollback\n  onFailure: stop\n", "onFailure: stop"),
    ("hidden-characters", &[], "summary: Reads a thing.", "summary: Reads\u{202e} a thing.", "Reads"),
    ("alias-or-tag", &[], "summary: Reads a thing.", "summary: &a Reads a thing.", "&a"),
    ("alias-or-tag", &[], "failureMode: retry # read", "failureMode: !!str retry", "!!str"),
    ("unknown-field", &[], "  onFailure: rollback\n", "  onFailur: rollback\n", "onFailur:"),
    ("missing-field", &[], "  operation: look\n", "", ""),
    ("wrong-type", &[], "uses: n.read@^1,", "uses: 5,", "uses: 5"),
    ("out-of-range", &[], "quorum: 1,", "quorum: 0,", "quorum: 0"),
    ("unknown-value", &[], "  onFailure: rollback\n", "  onFailure: rolback\n", "rolback"),
    ("bad-duration", &[], "  timeout: 2h\n", "  timeout: 2\n", "timeout: 2"),
    ("bad-duration", &[], "  timeout: 2h\n", "  timeout: 2y\n", "timeout: 2y"),
    ("unsupported-api-version", &[], "apiVersion: ordain/v1 # budget", "apiVersion: ordain/v2", "ordain/v2"),
    ("unknown-kind", &[], "kind: Budget", "kind: Budgit", "Budgit"),
    ("placeholder-value", &[], "summary: Reads a thing.", "summary: TODO", "TODO"),
    ("bad-name", &[], "{id: first, uses", "{id: First, uses", "First"),
    ("integer-too-large", &[], "estimate: '5', max: 10", "estimate: '5', max: 9007199254740992", "9007199254740992"),
    ("bad-requirement", &[], "uses: n.read@^1", "uses: n.read@>=1", ">=1"),
    ("unresolved-reference", &[], "uses: n.read@^1", "uses: n.reed@^1", "n.reed"),
    ("version-unsatisfied", &[], "uses: n.read@^1", "uses: n.read@^2", "n.read@^2"),
    ("undeclared-input", &[], "with: {n: b, c: 5}", "with: {n: b, c: 5, z: 1}", "z: 1"),
    ("missing-argument", &[], "with: {n: b, c: 5}", "with: {c: 5}", "with: {c: 5}"),
    ("argument-type-mismatch", &[], "with: {n: b, c: 5}", "with: {n: b, c: five}", "c: five"),
    ("undeclared-output", &[], "steps.first.outputs.level }'}", "steps.first.outputs.lvel }'}", "lvel"),
    ("cycle", &[], "{id: first, uses", "{id: first, needs: [third], uses", ""),
    ("duplicate-step", &["unresolved-reference"], "{id: second,", "{id: first,", "{id: first, needs"),
    ("unbounded-fan-out", &[], "forEach: {in: inputs.list, maxItems: 3}", "forEach: {in: inputs.list}", "forEach: {in: inputs.list}"),
    ("repeat-on-write", &[], "onFailure: continue}", "onFailure: continue, repeat: {until: 'true', every: 1s, max: 2}}", "repeat:"),
    ("continue-on-high-risk", &[], "{id: danger,", "{id: danger, onFailure: continue,", "id: danger"),
    ("retry-not-idempotent", &[], "{id: danger,", "{id: danger, retry: {attempts: 2},", "id: danger"),
    ("expression-syntax", &[], "when: 'inputs.go'", "when: 'inputs.go &&'", "inputs.go &&"),
    ("unknown-fact", &[], "actor.type == \"agent\"", "actor.kind == \"agent\"", "actor.kind"),
    ("unknown-function", &[], "when: 'inputs.go'", "when: 'inputs.list.reverse() == []'", "reverse"),
    ("type-mismatch", &[], "when: 'inputs.go'", "when: 'inputs.who == 5'", "inputs.who == 5"),
    ("non-boolean-guard", &[], "when: 'inputs.go'", "when: 'inputs.who'", "when: 'inputs.who'"),
    ("value-outside-domain", &[], "when: 'inputs.go'", "when: 'inputs.who == \"z\"'", "\"z\""),
    ("unguarded-optional", &[], "when: 'inputs.go'", "when: 'inputs.maybe == 1'", "inputs.maybe"),
    ("bad-literal", &[], "when: 'inputs.go'", "when: 'inputs.who.matches(\"(\")'", "matches"),
    ("comprehension-too-deep", &[], "when: 'inputs.go'", "when: 'inputs.list.all(a, inputs.list.all(b, inputs.list.all(c, a == b && b == c)))'", "inputs.list.all"),
    ("certain-arithmetic-error", &[], "when: 'inputs.go'", "when: '1 / 0 == 1'", "1 / 0"),
    ("missing-owner", &[], "  owner: group:team # read\n", "", ""),
    ("missing-risk", &[], "  risk: low # read\n", "", ""),
    ("missing-failure-mode", &[], "  failureMode: retry # read\n", "", ""),
    ("missing-rollback", &[], "  rollback: {none: needless, why: It changes nothing.} # read\n", "", ""),
    ("missing-tests", &[], "  tests: [works] # read\n", "", ""),
    ("unknown-owner", &[], "  owner: group:team # read\n", "  owner: group:nobody\n", "group:nobody"),
    ("unknown-principal", &[], "anyOf: ['group:team']", "anyOf: ['group:team', 'user:zoe']", "user:zoe"),
    ("risk-below-effect", &[], "  risk: medium # write\n", "  risk: low # write\n", "risk: low # write"),
    ("failure-mode-contradicts-effect", &[], "  rollback: {none: needless, why: Nothing.} # write\n  failureMode: retry # write\n", "  rollback: {none: needless, why: Nothing.} # write\n  failureMode: rollback # write\n", "failureMode: rollback # write"),
    ("missing-custodian", &[], "{type: service, custodians: ['user:bob']}", "{type: service}", "type: service"),
    ("same-person-twice", &[], "email: bob@example.org", "email: alice@example.org", "bob:"),
    ("missing-expiry", &[], "anyOf: ['group:team'], quorum: 1, expires: 4h}", "anyOf: ['group:team'], quorum: 1}", "quorum: 1}"),
    ("quorum-exceeds-eligible", &[], "quorum: 1,", "quorum: 4,", "quorum: 4"),
    ("allow-everything", &[], "  applies: {capabilities: [n.*]} # policy\n  rules:\n    - {id: may, allow: 'true', to: ['role:operator'], reason: may}\n    - {id: other, allow: 'true', to: ['group:team'], reason: other}\n", "  applies: {}\n  rules:\n    - {id: may, allow: 'true', reason: may}\n", ""),
    ("policy-without-allow", &["no-policy-applies"], "    - {id: may, allow: 'true', to: ['role:operator'], reason: may}\n    - {id: other, allow: 'true', to: ['group:team'], reason: other}\n", "", ""),
    ("no-policy-applies", &[], "  applies: {capabilities: [n.*]} # policy\n", "  applies: {capabilities: [m.*]}\n", ""),
    ("rule-without-reason", &[], "{id: may, allow: 'true', to: ['role:operator'], reason: may}", "{id: may, allow: 'true', to: ['role:operator']}", "id: may"),
    ("missing-cost", &[], "  costs: [{unit: usd_cents, estimate: '5', max: 10}]\n", "", ""),
    ("cost-without-max", &[], "estimate: '5', max: 10", "estimate: '5'", "estimate: '5'"),
    ("float-amount", &[], "  limit: 1000\n", "  limit: 1000.5\n", "1000.5"),
    ("throttle-per-run", &[], "  window: month\n", "  window: run\n  onBreach: throttle\n", ""),
    ("output-mismatch", &[], "look: {effect: read, mock: {output: {level: 3}}}", "look: {effect: read, mock: {output: {lev: 3}}}", "lev: 3"),
    ("write-on-read-connector", &[], "  access: write # box\n", "  access: read # box\n", ""),
    ("plain-http", &[], "baseUrl: https://web.example.org", "baseUrl: http://web.example.org", "http://"),
    ("computed-host", &[], "baseUrl: https://web.example.org", "baseUrl: 'https://${ input.n }.example.org'", "baseUrl"),
    ("link-local-host", &[], "baseUrl: https://web.example.org", "baseUrl: https://169.254.169.254", "169.254"),
    ("shell-program", &["template-in-code"], "program: /usr/bin/tar", "program: /bin/sh", "/bin/sh"),
    ("relative-program", &[], "program: /usr/bin/tar", "program: tar", "program: tar"),
    ("missing-mock", &[], "look: {effect: read, mock: {output: {level: 3}}}", "look: {effect: read}", "look:"),
    ("secret-literal", &[], "path: /things", "path: /things\n      headers: {Authorization: 'Bearer ghp_abcdefghijklmnopqrstuvwxyz0123456789'}", "Authorization"),
    ("template-in-code", &[], "program: /usr/bin/tar", "program: /usr/bin/python3", "input.n"),
    ("missing-timeout", &[], "      timeout: 10s # get\n", "", ""),
    ("unbounded-response", &[], "      maxResponse: 4KiB # get\n", "", ""),
    ("undeclared-write-method", &[], "method: GET", "method: POST", "method: POST"),
    ("effect-above-capability", &[], "put: {effect: write,", "put: {effect: irreversible,", ""),
];

/// The same with several changes, of which the last is the fault.
type Changed = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

const PUT_COST: &str = "  costs: [{unit: usd_cents, estimate: '5', max: 10}]\n";
const GO: &str = "    go: {type: boolean, default: true}\n";
const BUDGET: &str = "---\napiVersion: ordain/v1 # budget";

#[rustfmt::skip]
const CHANGED: &[Changed] = &[
    ("approval-not-bound", &[], &[("expires: 4h}", "expires: 4h, form: {word: {type: string, maxLength: 20}}}"), ("with: {n: d}}", "with: {n: '${ steps.danger.approval.word }'}}")], "danger.approval"),
    ("confusable-name", &[], &[("    bob: {type: human", "    a1ice: {type: human, email: other@example.org}\n    bob: {type: human")], "    alice:"),
    ("cost-over-limit", &[], &[(GO, "    go: {type: boolean, default: true}\n    big: {type: array, maxItems: 5000, items: {type: integer}, default: [1]}\n"), ("when: 'inputs.go'", "when: 'inputs.big.all(a, inputs.big.all(b, a != b))'")], "inputs.big.all"),
    ("critical-needs-two", &[], &[("  risk: high\n", "  risk: critical\n")], "{id: danger"),
    ("duplicate-spec", &[], &[(BUDGET, "---\napiVersion: ordain/v1\nkind: Approval\nmetadata: {name: two, version: 1.0.0, owner: group:team, summary: Again.} # again\nspec: {stages: [{id: a, anyOf: ['group:team'], expires: 1h}]}\n---\napiVersion: ordain/v1 # budget")], "# again"),
    ("floating-reference", &[], &[(BUDGET, "---\napiVersion: ordain/v1\nkind: Approval\nmetadata: {name: two, version: 1.1.0, owner: group:team, summary: Another.}\nspec: {stages: [{id: a, anyOf: ['group:team'], expires: 1h}]}\n---\napiVersion: ordain/v1 # budget")], "approval: two # drop"),
    ("high-risk-without-approval", &["continue-on-high-risk"], &[("  risk: medium # write\n", "  risk: high\n")], "{id: second"),
    ("irreversible-without-approval", &["high-risk-without-approval"], &[("  approval: two # drop\n", "")], "{id: danger"),
    ("no-eligible-reviewer", &[], &[("anyOf: ['group:team'], quorum", "anyOf: ['user:bot'], quorum")], "user:bot'], quorum"),
    ("rollback-raises-risk", &[], &[("  rollback: {none: needless, why: Nothing.} # write\n", "  rollback: {uses: n.drop, with: {n: x}} # write\n")], "{uses: n.drop"),
    ("secret-in-url", &[], &[("baseUrl: https://web.example.org", "baseUrl: https://me:pass@web.example.org")], "me:pass"),
    ("self-approval-possible", &[], &[("expires: 4h}", "expires: 4h}\n  requesterMayApprove: true")], "requesterMayApprove"),
    ("sensitive-fact-in-guard", &["sensitivity-too-high"], &[("n: {type: string, maxLength: 20}, c:", "n: {type: string, maxLength: 20, sensitivity: raw}, c:"), (PUT_COST, "  costs: [{unit: usd_cents, estimate: '5', max: 10}]\n  guards: [{id: g, expr: 'input.n == \"a\"', reason: g}]\n")], "{id: g"),
    ("sensitivity-too-high", &[], &[("n: {type: string, maxLength: 20}, c:", "n: {type: string, maxLength: 20, sensitivity: personal}, c:")], "personal"),
    ("skippable-output-unguarded", &[], &[("{id: third, needs: [first],", "{id: third, needs: [{step: first, on: ok}],")], "on: ok"),
    ("subrun-cycle", &[], &[("{id: fifth, uses: n.list, with: {n: f}}", "{id: fifth, runbook: all}")], "runbook: all"),
    ("unbounded-collection", &[], &[("    list: {type: array, maxItems: 5,", "    list: {type: array,")], "list: {type: array,"),
    ("unbounded-wait", &[], &[("{id: fifth, uses: n.list, with: {n: f}}", "{id: fifth, signal: {name: go, fields: {}, from: ['user:bob']}}")], "signal:"),
    ("unit-mismatch", &["missing-cost"], &[("costs: [{unit: usd_cents,", "costs: [{unit: words,")], "unit: words"),
    ("use-before-produce", &[], &[("{id: third, needs: [first],", "{id: third,")], "id: third"),
    ("versions-not-allowed", &[], &[(BUDGET, "---\napiVersion: ordain/v1\nkind: Budget\nmetadata: {name: purse, version: 0.9.0, owner: group:team, summary: Less.}\nspec: {unit: tokens, limit: 5, window: day, applies: {capabilities: [n.none]}}\n---\napiVersion: ordain/v1 # budget")], "name: purse, version: 1.0.0"),
    ("wildcard-reviewer", &[], &[("anyOf: ['group:team'], quorum", "anyOf: ['group:*'], quorum")], "group:*"),
    // What can only be a slip, and would weaken a control where nobody sees it.
    ("bad-literal", &[], &[("actor.type == \"agent\"", "actor.is(\"agent\")")], "actor.is"),
    ("missing-field", &[], &[("reason: not_now}", "reason: not_now, to: []}")], "id: not-now"),
    ("missing-field", &[], &[("reason: not_now}", "reason: not_now, applies: {capabilities: []}}")], "id: not-now"),
    ("out-of-range", &[], &[("limit: 60, window: 1h", "limit: 60, window: 0s")], "window: 0s"),
    ("unknown-value", &[], &[("  act: [", "  given: {killed: [n.read]}\n  act: [")], "killed:"),
    ("bad-name", &[], &[("  exec: {program: /usr/bin/tar}", "  exec: {program: /usr/bin/tar, env: {'LD=PRELOAD': x}}")], "LD=PRELOAD"),
    ("relative-program", &[], &[("  exec: {program: /usr/bin/tar}", "  exec: {program: /usr/bin/tar, read: [/srv/../etc]}")], "/srv/../etc"),
    ("wrong-type", &[], &[("baseUrl: https://web.example.org", "baseUrl: 'https://web.example.org?a=b'")], "a=b"),
    ("wrong-type", &[], &[("maybe: {type: integer, optional: true}", "maybe: {type: string, format: email, default: nobody}")], "nobody"),
];

fn laws(text: &str) -> (i32, Vec<Value>) {
    laws_of("specs/all.yaml", text)
}

fn laws_of(path: &str, text: &str) -> (i32, Vec<Value>) {
    let workspace = Workspace::empty();
    workspace.write("ordain.yaml", "apiVersion: ordain/v1\nkind: Workspace\nspec: {catalogue: [specs]}\n");
    workspace.write(path, text);
    let mut command = Command::new(binary("spec-lint"));
    let said = said_by(command.args(["--format", "json", "."]).current_dir(workspace.path()));
    let found = said.json()["diagnostics"].as_array().unwrap().clone();
    (said.code, found.into_iter().filter(|found| found["severity"] == "law").collect())
}

/// What the engine says to a start under this catalogue.
fn engine(text: &str) -> Value {
    let workspace = Workspace::empty();
    workspace.write("specs/all.yaml", text);
    workspace.ordain(&["run", "all", "--as", "user:alice", "--json"]).expect_code(2).json()
}

#[test]
fn the_catalogue_that_is_broken_below_breaks_no_law() {
    assert_eq!(laws(BASE), (0, vec![]));
}

/// One broken catalogue.
struct Broken {
    law: &'static str,
    /// The law and those that follow from the same fault.
    due: BTreeSet<&'static str>,
    text: String,
    /// What was written last, and a part of the line at fault.
    new: &'static str,
    at: &'static str,
}

fn broken() -> Vec<Broken> {
    let single = CASES.iter().map(|(law, follow, old, new, at)| (law, follow, vec![(*old, *new)], at));
    let changed = CHANGED.iter().map(|(law, follow, edits, at)| (law, follow, edits.to_vec(), at));
    let make =
        |(law, follow, edits, at): (&&'static str, &&'static [&'static str], Vec<_>, &&'static str)| {
            let mut text = BASE.to_owned();
            let mut last = "";
            for (old, new) in edits {
                assert_eq!(text.matches(old).count(), 1, "{law}: `{old}` stands once in the catalogue");
                text = text.replace(old, new);
                last = new;
            }
            let due = follow.iter().copied().chain([*law]).collect();
            Broken { law, due, text, new: last, at }
        };
    single.chain(changed).map(make).collect()
}

/// Faults that KDL cannot have: of YAML's own syntax, or where its reader has no such thing.
const OF_YAML: &[&str] =
    &["expression-cut", "unparsable-file", "duplicate-key", "alias-or-tag", "unsupported-api-version"];

#[test]
fn the_same_laws_are_broken_in_kdl() {
    let twin = kdl::of_yaml(BASE).unwrap();
    assert_eq!(laws_of("specs/all.kdl", &twin), (0, vec![]), "{twin}");
    let mut wrong = Vec::new();
    for Broken { law, due, text, new, .. } in broken() {
        if OF_YAML.contains(&law) {
            continue;
        }
        let twin = kdl::of_yaml(&text).unwrap_or_else(|| text.clone());
        let (code, found) = laws_of("specs/all.kdl", &twin);
        let codes: BTreeSet<&str> = found.iter().map(|found| found["code"].as_str().unwrap()).collect();
        if code != 1 || codes != due {
            wrong.push(format!("{law} (`{new}`): exit {code}, due {due:?}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_law_is_named_at_its_line_and_nothing_else_is() {
    let mut wrong = Vec::new();
    for Broken { law, due, text, new, at } in broken() {
        let (code, found) = laws(&text);
        let codes: BTreeSet<&str> = found.iter().map(|found| found["code"].as_str().unwrap()).collect();
        let line =
            text.lines().position(|line| !at.is_empty() && line.contains(at)).map(|line| line as u64 + 1);
        let lines: Vec<_> =
            found.iter().filter(|found| found["code"] == law).map(|found| found["line"].as_u64()).collect();
        if code != 1 || codes != due || (line.is_some() && !lines.contains(&line)) {
            wrong.push(format!("{law} (`{new}`): exit {code}, line {line:?}, found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_combination_of_missing_governance_is_refused_with_a_law_for_each() {
    let metadata = [
        ("missing-owner", "  owner: group:team # read\n"),
        ("missing-risk", "  risk: low # read\n"),
        ("missing-failure-mode", "  failureMode: retry # read\n"),
        ("missing-rollback", "  rollback: {none: needless, why: It changes nothing.} # read\n"),
        ("missing-tests", "  tests: [works] # read\n"),
    ];
    for combination in 1_u32..32 {
        let mut text = BASE.to_owned();
        let mut due = BTreeSet::new();
        for (bit, (law, line)) in metadata.iter().enumerate() {
            if combination & (1 << bit) != 0 {
                assert!(text.contains(line));
                text = text.replace(line, "");
                due.insert(*law);
            }
        }
        let (code, found) = laws(&text);
        let codes: BTreeSet<&str> = found.iter().map(|found| found["code"].as_str().unwrap()).collect();
        assert_eq!((code, &codes), (1, &due), "combination {combination:05b}");
        let refused = engine(&text);
        let said = refused["error"]["reasons"][0]["detail"].as_str().unwrap_or_default();
        let named: BTreeSet<&str> = said.split(' ').collect();
        assert_eq!(
            (&refused["error"]["code"], named),
            (&"catalogue_refused".into(), due),
            "{combination:05b}"
        );
    }
}

#[test]
fn placeholders_count_as_missing_for_each_piece_of_governance() {
    for word in ["null", "\"\"", "~", "TODO", "changeme"] {
        for (key, old) in [("owner", "owner: group:team # read"), ("risk", "risk: low # read")] {
            let (code, found) = laws(&BASE.replace(old, &format!("{key}: {word}")));
            assert_eq!(code, 1, "{key}: {word}");
            assert!(!found.is_empty());
        }
    }
}

#[test]
fn hostile_files_are_refused_in_time_and_without_a_panic() {
    let deep_flow = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_maps = format!("a: {}", "{a: ".repeat(50_000));
    let deep_indent: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let parentheses = BASE.replace("when: 'inputs.go'", &format!("when: '{}'", "(".repeat(801)));
    let nots = BASE.replace("when: 'inputs.go'", &format!("when: '{}inputs.go'", "!".repeat(2_100)));
    let long =
        BASE.replace("when: 'inputs.go'", &format!("when: 'inputs.go{}'", " || inputs.go".repeat(5_000)));
    let huge = format!("{BASE}# {}", "x".repeat(300 * 1024));
    let aliases = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n".to_owned();
    let files = [
        ("deep flow", deep_flow),
        ("deep maps", deep_maps),
        ("deep indent", deep_indent),
        ("parentheses", parentheses),
        ("nots", nots),
        ("long expression", long),
        ("huge", huge),
        ("aliases", aliases),
        ("nul", "a: \0\n".to_owned()),
        ("mark", format!("\u{feff}{BASE}")),
        ("bare return", BASE.replace("  onFailure: rollback\n", "  onFailure: rollback\r  timeout: 5m\n")),
        ("next line", BASE.replace("summary: Reads a thing.", "summary: 'Reads\u{85}a thing.'")),
        ("line separator", BASE.replace("summary: Reads a thing.", "summary: 'Reads\u{2028}a thing.'")),
        ("zero width", BASE.replace("summary: Reads a thing.", "summary: 'Reads\u{200b} a thing.'")),
        ("tag characters", BASE.replace("summary: Reads a thing.", "summary: 'Reads\u{e0041} a thing.'")),
        ("escaped", BASE.replace("summary: Reads a thing.", "summary: \"Reads\\u202E a thing.\"")),
        ("merge", BASE.replace("  onFailure: rollback\n", "  <<: {onFailure: rollback}\n")),
        ("empty expression", BASE.replace("when: 'inputs.go'", "when: ''")),
        ("octal", BASE.replace("quorum: 1,", "quorum: 017,")),
        ("yes", BASE.replace("default: true}", "default: yes}")),
    ];
    for (name, text) in files {
        let started = std::time::Instant::now();
        let (code, found) = laws(&text);
        assert_eq!(code, 1, "{name}");
        assert!(!found.is_empty(), "{name}");
        assert!(started.elapsed().as_secs() < 10, "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let workspace = Workspace::empty();
    workspace.write("specs/roster.yaml", BASE);
    for bytes in
        [&b"\xff\xfe\x00a"[..], b"\x7fELF\x02\x01\x01\x00\x00", b"a: \xc3\x28\n", b"a: \xed\xa0\x80\n"]
    {
        for name in ["specs/odd.yaml", "specs/odd.kdl"] {
            std::fs::write(workspace.path().join(name), bytes).unwrap();
            let said = said_by(
                Command::new(binary("spec-lint"))
                    .args(["--format", "json", "."])
                    .current_dir(workspace.path()),
            );
            let found = said.expect_code(1).json();
            let codes: Vec<&Value> = found["diagnostics"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|found| found["file"] == name)
                .map(|found| &found["code"])
                .collect();
            assert!(
                codes.iter().any(|code| *code == "not-utf8" || *code == "hidden-characters"),
                "{codes:?}"
            );
            std::fs::remove_file(workspace.path().join(name)).unwrap();
        }
    }
}

#[test]
fn exit_codes_say_what_could_not_be_done() {
    let empty = Workspace::empty();
    let lint = |arguments: &[&str]| {
        said_by(Command::new(binary("spec-lint")).args(arguments).current_dir(empty.path())).code
    };
    assert_eq!(lint(&["."]), 2, "nothing to check");
    assert_eq!(lint(&["absent"]), 2, "no such folder");
    assert_eq!(lint(&["--no-such-option"]), 2, "usage");
    assert_eq!(lint(&["--format", "smoke", "."]), 2, "no such format");
    empty.write("specs/all.yaml", BASE);
    assert_eq!(lint(&["."]), 0);
    assert_eq!(lint(&["--format", "json", "."]), 0);
}
