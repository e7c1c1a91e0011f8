//! Evidence as an auditor gets it: an export of the log, verified by the program and by code that shares nothing with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::missing_panics_doc, reason = "tests")]

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_tests::{Said, Workspace, root, said_by};
use ordain_kernel::archive::Archive;
use ordain_kernel::evidence::{audit_export, runpack};
use ordain_kernel::log::note::NoteKey;
use serde_json::Value;

/// A workspace with a log, its export from a record on, and the log's key.
fn exported(from: &str) -> (Workspace, String) {
    let workspace = Workspace::copy_of("engine-tests/fixtures/catalogues/minimal");
    for _ in 0..2 {
        workspace.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
    }
    let said = workspace.ordain(&["audit", "export", "log.zip", "--from", from, "--json"]);
    let key = said.expect_code(0).json()["publicKey"].as_str().unwrap().to_owned();
    (workspace, key)
}

fn python(workspace: &Workspace, file: &str, key: &str) -> Said {
    let script = root().join("docs/reference/verify_export.py");
    let lines = fs::read_to_string(&script).unwrap().lines().count();
    assert!(lines <= 100, "who audits reads {lines} lines");
    said_by(Command::new("python3").arg(script).arg(workspace.path().join(file)).args([&name_of(key), key]))
}

/// The name of the log of that key.
fn name_of(key: &str) -> String {
    let code = "import base64,hashlib,sys;print('ordain/'+hashlib.sha256(base64.b64decode(sys.argv[1][8:])).hexdigest()[:16])";
    said_by(Command::new("python3").args(["-c", code, key])).expect_code(0).stdout.trim().to_owned()
}

/// A run, packed: the workspace, the run's id, the log's key.
fn packed(fixture: &str, run: &[&str], more: &[&str]) -> (Workspace, String, String) {
    let workspace = Workspace::copy_of(fixture);
    let document = workspace.ordain(&[&["run", "--json"], run].concat()).json();
    let id = document["run"]["id"].as_str().unwrap().to_owned();
    let said = workspace.ordain(&[&["runpack", &id, "-o", "run.zip", "--json"], more].concat());
    let key = said.expect_code(0).json()["publicKey"].as_str().unwrap().to_owned();
    (workspace, id, key)
}

const READ: &[&str] = &["read-note", "--as", "user:alice"];
const MINIMAL: &str = "engine-tests/fixtures/catalogues/minimal";

#[test]
fn an_export_verifies_elsewhere_with_the_key_alone() {
    for from in ["1", "4"] {
        let (workspace, key) = exported(from);
        let elsewhere = Workspace::empty();
        fs::copy(workspace.path().join("log.zip"), elsewhere.path().join("log.zip")).unwrap();
        let document =
            elsewhere.ordain(&["verify", "log.zip", "--key", &key, "--json"]).expect_code(0).json();
        assert_eq!(document["ok"], true);
        assert_eq!(document["from"].to_string(), from);
        let stranger = elsewhere.ordain(&["verify", "log.zip", "--json"]);
        assert_eq!(stranger.expect_code(1).json()["ok"], false, "nobody is trusted there");
        let said = python(&workspace, "log.zip", &key);
        assert!(said.expect_code(0).stdout.starts_with(&format!("verified: records {from} to ")));
    }
}

#[test]
fn a_changed_export_is_not_verified_by_either() {
    let (workspace, key) = exported("1");
    let bytes = fs::read(workspace.path().join("log.zip")).unwrap();
    // Every byte of it is changed in a test of the kernel; here some, with both programs.
    for needle in ["user:alice", "\"seq\":2", "run.settled", "\u{2014} ordain/"] {
        let mut changed = bytes.clone();
        let place = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
        changed[place + needle.len() - 1] ^= 1;
        fs::write(workspace.path().join("changed.zip"), &changed).unwrap();
        let document = workspace.ordain(&["verify", "changed.zip", "--json"]).expect_code(1).json();
        assert_eq!(document["ok"], false, "{needle}");
        python(&workspace, "changed.zip", &key).expect_code(1);
    }
}

#[test]
fn a_runpack_verifies_elsewhere_with_the_key_alone_and_is_the_same_whenever_it_is_made() {
    let (workspace, id, key) = packed(MINIMAL, READ, &[]);
    let first = fs::read(workspace.path().join("run.zip")).unwrap();
    workspace.ordain(&["run", "read-note", "--as", "user:alice"]).expect_code(0);
    workspace.ordain(&["runpack", &id, "-o", "again.zip"]).expect_code(0);
    assert!(fs::read(workspace.path().join("again.zip")).unwrap() == first, "the log went on meanwhile");
    let elsewhere = Workspace::empty();
    fs::write(elsewhere.path().join("run.zip"), &first).unwrap();
    let document = elsewhere.ordain(&["verify", "run.zip", "--key", &key, "--json"]).expect_code(0).json();
    assert_eq!((document["ok"].as_bool(), document["run"].as_str()), (Some(true), Some(&*id)));
    elsewhere.ordain(&["verify", "run.zip"]).expect_code(1);
    let said = python(&workspace, "run.zip", &key);
    assert!(said.expect_code(0).stdout.starts_with(&format!("verified: run {id}, ")), "{said:?}");
}

/// What the guide's walk-through comes to: a run that people decided on, with an export that left; its pack and an
/// export of the log. Gives the log's key.
fn decided() -> (Workspace, String) {
    let workspace = Workspace::copy_of("docs/guide/evidence");
    let ask = |who: &str, arguments: &[&str]| {
        workspace.ordain(&[arguments, &["--as", who, "--json"]].concat()).expect_code(0).json()
    };
    let run = workspace.ordain(&["run", "pay-out", "--input", "amount=1200", "--as", "user:ann", "--json"]);
    let run = run.expect_code(4).json()["run"]["id"].as_str().unwrap().to_owned();
    for rationale in ["The invoice is in the file.", "Only who and when."] {
        let open = ask("user:ben", &["approvals"])["approvals"][0].clone();
        let (id, digest) = (open["id"].as_str().unwrap(), open["digest"].as_str().unwrap());
        ask("user:ben", &["approve", id, "--digest", digest, "--rationale", rationale]);
    }
    assert_eq!(ask("user:ann", &["show", &run])["run"]["state"], "succeeded");
    let packed = ask("user:ann", &["runpack", &run, "-o", "run.zip"]);
    ask("user:ann", &["audit", "export", "log.zip"]);
    let key = packed["publicKey"].as_str().unwrap().to_owned();
    (workspace, key)
}

#[test]
fn no_byte_of_a_pack_or_an_export_can_be_other_than_it_is_for_either_reader() {
    let (workspace, key) = decided();
    let public = STANDARD.decode(key.strip_prefix("ed25519:").unwrap()).unwrap();
    let trusted = [NoteKey::of_log(public.try_into().unwrap())];
    let program = |file: &str, bytes: &[u8]| {
        let Ok(archive) = Archive::from_bytes(bytes) else { return false };
        match file {
            "run.zip" => runpack::verify(&archive, &trusted).is_ok(),
            _ => audit_export::verify(&archive, &trusted).is_ok(),
        }
    };
    for file in ["run.zip", "log.zip"] {
        let mut bytes = fs::read(workspace.path().join(file)).unwrap();
        let script = root().join("docs/reference/every_byte.py");
        let said = said_by(
            Command::new("python3")
                .arg(script)
                .args([file, &name_of(&key), &key])
                .current_dir(workspace.path()),
        );
        let every = format!("none of {} changed bytes passes", bytes.len());
        assert_eq!(said.expect_code(0).stdout.trim(), every);
        assert!(program(file, &bytes));
        for at in 0..bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            assert!(!program(file, &bytes), "{file}: byte {at}");
            bytes[at] ^= 1 << (at % 8);
        }
        // And as a whole, a few.
        for at in (0..bytes.len()).step_by(bytes.len() / 7) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(workspace.path().join("changed.zip"), &changed).unwrap();
            workspace.ordain(&["verify", "changed.zip"]).expect_code(1);
        }
    }
}

/// What somebody without the log's key can make of its files, by `fixtures/evidence/forge.py`: it says what the script
/// takes of them, and here they are held against the program.
#[test]
fn what_is_forged_is_taken_by_neither_reader() {
    let (workspace, key) = decided();
    let next = workspace.ordain(&["run", "pay-out", "--input", "amount=100", "--as", "user:ann", "--json"]);
    let next = next.json()["run"]["id"].as_str().unwrap().to_owned();
    workspace.ordain(&["runpack", &next, "-o", "next.zip"]).expect_code(0);
    let folder = Workspace::empty();
    let said = said_by(
        Command::new("python3")
            .arg(root().join("engine-tests/fixtures/evidence/forge.py"))
            .arg(root().join("docs/reference/verify_export.py"))
            .args(["log.zip", "run.zip", "next.zip", &name_of(&key), &key])
            .arg(folder.path())
            .current_dir(workspace.path())
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    );
    assert!(said.expect_code(0).stdout.ends_with(" files judged rightly\n"), "{said:?}");
    let public = STANDARD.decode(key.strip_prefix("ed25519:").unwrap()).unwrap();
    let trusted = [NoteKey::of_log(public.try_into().unwrap())];
    let taken = |bytes: &[u8]| {
        let archive = Archive::from_bytes(bytes);
        archive.is_ok_and(|archive| {
            audit_export::verify(&archive, &trusted).is_ok() || runpack::verify(&archive, &trusted).is_ok()
        })
    };
    let mut files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 100, "{}", files.len());
    for (file, at) in files.iter().zip(0..) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let genuine = name.starts_with("ok-");
        assert_eq!(taken(&fs::read(file).unwrap()), genuine, "{name}");
        // And as a whole, some.
        if genuine || at % 8 == 0 {
            let said = workspace.ordain(&["verify", file.to_str().unwrap(), "--key", &key]);
            said.expect_code(i32::from(!genuine));
        }
    }
}

#[test]
fn a_file_of_evidence_is_there_whole_or_not_at_all_wherever_its_maker_dies() {
    let (workspace, id, key) = packed(MINIMAL, READ, &[]);
    let verbs: [&[&str]; 2] = [&["audit", "export"], &["runpack", &id, "-o"]];
    for (point, there) in [("mid-evidence", false), ("after-evidence", true)] {
        for (number, verb) in verbs.iter().enumerate() {
            let file = format!("{point}-{number}.zip");
            let arguments = [verb, &[&*file][..]].concat();
            let mut command = workspace.command(&arguments);
            let said = said_by(command.env("ORDAIN_FAULT", point));
            assert!(
                said.code == 128 + 6 && said.stderr.contains(&format!("fault fired: {point}")),
                "{said:?}"
            );
            assert_eq!(workspace.path().join(&file).exists(), there, "{file}");
            if !there {
                workspace.ordain(&arguments).expect_code(0);
            }
            workspace.ordain(&["verify", &file]).expect_code(0);
            python(&workspace, &file, &key).expect_code(0);
        }
    }
    let left = fs::read_dir(workspace.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().ends_with(".part")), "nothing half written");
    workspace.ordain(&["audit", "verify"]).expect_code(0);
}

#[test]
fn what_a_run_carried_can_stay_out_of_its_pack() {
    let (workspace, _, key) = packed(MINIMAL, READ, &["--without-payloads"]);
    workspace.ordain(&["verify", "run.zip"]).expect_code(0);
    python(&workspace, "run.zip", &key).expect_code(0);
    let bytes = fs::read(workspace.path().join("run.zip")).unwrap();
    assert!(!bytes.windows(14).any(|window| window == b"payloads.jsonl"));
    assert!(bytes.windows(7).any(|window| window == b"salted:"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let (workspace, _) = exported("1");
    workspace.ordain(&["audit", "export", "log.zip"]).expect_code(2);
    workspace.ordain(&["audit", "export", "other.zip", "--from", "900"]).expect_code(2);
    assert!(!workspace.path().join("other.zip").exists());
    workspace.ordain(&["verify", "nowhere.zip"]).expect_code(2);
    workspace.ordain(&["verify", "log.zip", "--key", "ed25519:AAAA"]).expect_code(2);
    workspace.write("text.zip", "no archive");
    workspace.ordain(&["verify", "text.zip"]).expect_code(1);
    workspace.ordain(&["runpack", "nobody"]).expect_code(2);
    workspace.ordain(&["runpack", "0", "-o", "log.zip"]).expect_code(2);
}

#[test]
fn a_recorded_run_is_replayed_from_the_store_and_from_its_pack() {
    let (workspace, id, _) = packed(MINIMAL, READ, &[]);
    for target in ["run.zip", &id] {
        let document = workspace.ordain(&["replay", target, "--json"]).expect_code(0).json();
        assert_eq!(document["ok"], true, "{document}");
        let run = &document["runs"][0];
        assert_eq!((run["decisions"].as_u64(), run["records"]["same"].as_bool()), (Some(1), Some(true)));
        assert_eq!(run["outcomes"][0]["recorded"], run["outcomes"][0]["replayed"]);
    }
    workspace.ordain(&["replay"]).expect_code(2);
    workspace.ordain(&["runpack", &id, "-o", "bare.zip", "--without-payloads"]).expect_code(0);
    workspace.ordain(&["replay", "bare.zip"]).expect_code(2);
}

#[test]
fn changed_policies_show_which_decisions_they_would_have_turned() {
    let (workspace, _, _) = packed(MINIMAL, READ, &[]);
    let unchanged = workspace.ordain(&["test", "--from-runs", "--json"]).expect_code(0).json();
    assert_eq!(unchanged["scenarios"][0]["passed"], true);
    let policy = workspace.path().join("specs/policies/team.yaml");
    let text = fs::read_to_string(&policy).unwrap();
    let denied = text.replace("  rules:", "  rules:\n    - {id: closed, deny: 'true', reason: closed_today}");
    assert_ne!(text, denied);
    fs::write(&policy, denied).unwrap();
    for arguments in [
        &["replay", "--last", "5", "--against", ".", "--json"][..],
        &["replay", "run.zip", "--against", "specs", "--json"],
    ] {
        let document = workspace.ordain(arguments).expect_code(1).json();
        let turned = &document["runs"][0]["turned"][0];
        assert_eq!(
            (&turned["recorded"]["outcome"], &turned["replayed"]["outcome"]),
            (&"allow".into(), &"deny".into())
        );
        assert_eq!(turned["replayed"]["reasons"][0]["reason"], "closed_today");
    }
    let document = workspace.ordain(&["test", "--from-runs", "9", "--json"]).expect_code(1).json();
    assert_eq!(document["scenarios"][0]["failures"][0]["actual"]["outcome"], "deny");
    workspace.ordain(&["replay", "run.zip"]).expect_code(0);
}

#[test]
fn what_a_policy_masks_is_not_written_into_the_catalogue() {
    let workspace = Workspace::copy_of(MINIMAL);
    let policy = "specs/policies/team.yaml";
    let text = fs::read_to_string(workspace.path().join(policy)).unwrap();
    workspace.write(policy, &format!("{text}    - {{id: hide, mask: [text], reason: personal}}\n"));
    for (path, from, to) in [
        ("specs/runbooks/read-note.yaml", "  outputs: {text: steps.read.outputs.text}\n", ""),
        ("specs/runbooks/read-note-works.yaml", ", outputs: {text: note first}", ""),
        ("specs/connectors/notes.yaml", "note ${ input.id }", "a canary of ${ input.id }"),
    ] {
        let text = fs::read_to_string(workspace.path().join(path)).unwrap();
        assert!(text.contains(from), "{path}");
        workspace.write(path, &text.replace(from, to));
    }
    let document = workspace.ordain(&[&["run", "--json"], READ].concat()).expect_code(0).json();
    let id = document["run"]["id"].as_str().unwrap();
    workspace.ordain(&["runpack", id, "-o", "run.zip"]).expect_code(0);
    workspace.ordain(&["regress", "add", "run.zip", "--name", "again"]).expect_code(0);
    let scenario = fs::read_to_string(workspace.path().join("specs/runbooks/again.yaml")).unwrap();
    assert!(scenario.contains("masked") && !scenario.contains("canary"), "{scenario}");
    workspace.ordain(&["test", "again"]).expect_code(0);
}

#[test]
fn an_incident_becomes_a_scenario_that_passes() {
    let (workspace, _, _) = packed(MINIMAL, READ, &[]);
    let document = workspace.ordain(&["regress", "add", "run.zip", "--name", "again", "--json"]);
    let document = document.expect_code(0).json();
    assert_eq!(document["created"][0], "specs/runbooks/again.yaml");
    workspace.ordain(&["test", "again"]).expect_code(0);
    workspace.ordain(&["lint"]).expect_code(0);
    workspace.ordain(&["regress", "add", "run.zip", "--name", "again"]).expect_code(2);
    // An agent's run that people decided on, as another incident.
    let asks = [
        "refund",
        "--input",
        "payment=pay_22222222",
        "--input",
        "amount=2500",
        "--input",
        "reason=The shade is missing.",
        "--as",
        "user:helper",
    ];
    let (agents, id, _) = packed("examples/agent-refund", &asks, &[]);
    agents.ordain(&["regress", "add", "run.zip", "--name", "waits"]).expect_code(0);
    let open = agents.ordain(&["approvals", "--as", "user:carl", "--json"]).expect_code(0).json();
    let (approval, digest) = (&open["approvals"][0]["id"], &open["approvals"][0]["digest"]);
    let (approval, digest) = (approval.as_str().unwrap(), digest.as_str().unwrap());
    let why = "The shade is missing on the packing list.";
    agents
        .ordain(&["approve", approval, "--as", "user:carl", "--digest", digest, "--rationale", why])
        .expect_code(0);
    agents.ordain(&["runpack", &id, "-o", "decided.zip"]).expect_code(0);
    agents.ordain(&["replay", "decided.zip"]).expect_code(0);
    agents.ordain(&["regress", "add", "decided.zip", "--name", "decided"]).expect_code(0);
    agents.ordain(&["test", "waits", "decided"]).expect_code(0);
}

/// A step behind a `when`, a guard and a quota.
const ASKS: &str = "apiVersion: ordain/v1
kind: Capability
metadata: {name: out.asks, version: 1.0.0, owner: group:team, summary: Adds a line., risk: low, failureMode: retry, rollback: {none: needless, why: Nothing to take back.}, tests: [works]}
spec:
  effect: read
  input: {n: {type: integer, minimum: 0, maximum: 100}, name: {type: string, maxLength: 40, default: asks}}
  output: {enough: {type: boolean}}
  uses: log
  operation: look
  with: {name: '${ input.name }'}
  quotas: [{per: actor, limit: 2, window: 1h}]
  guards: [{id: small, expr: 'input.n < 10', reason: too_big}]
---
apiVersion: ordain/v1
kind: Runbook
metadata: {name: asks, version: 1.0.0, owner: group:team, summary: Asks.}
spec:
  inputs: {n: {type: integer, minimum: 0, maximum: 100}}
  steps: [{id: ask, uses: out.asks, when: 'inputs.n != 5', with: {n: '${ inputs.n }'}}]
";

/// `when`, guards and quotas that come out otherwise, each as `asked name recorded replayed`.
fn differing(document: &Value) -> Vec<String> {
    let runs = document["runs"].as_array().unwrap().iter();
    let all = runs.flat_map(|run| run["differing"].as_array().unwrap());
    let word = |one: &Value, field: &str| one[field].as_str().unwrap_or("-").to_owned();
    let mut found: Vec<String> = all
        .map(|one| ["asked", "name", "recorded", "replayed"].map(|field| word(one, field)).join(" "))
        .collect();
    found.sort();
    found
}

#[test]
fn conditions_and_quotas_are_asked_again_and_what_changed_ones_would_turn_is_listed() {
    let workspace = Workspace::copy_of("engine-tests/fixtures/crash");
    workspace.write("specs/asks.yaml", ASKS);
    for (n, code) in [("1", 0), ("5", 0), ("20", 3), ("2", 0), ("3", 3)] {
        let input = format!("n={n}");
        workspace.ordain(&["run", "asks", "--as", "user:ann", "--input", &input]).expect_code(code);
    }
    let last = |more: &[&str]| workspace.ordain(&[&["replay", "--last", "9", "--json"], more].concat());
    let document = last(&[]).expect_code(0).json();
    let asked: u64 =
        document["runs"].as_array().unwrap().iter().map(|run| run["conditions"].as_u64().unwrap()).sum();
    assert_eq!(asked, 12, "five times `when`, four guards, three quotas");
    last(&["--against", "specs"]).expect_code(0);

    let changed = ASKS.replace("limit: 2", "limit: 1").replace("< 10", "< 30").replace("!= 5", "!= 1");
    let against = |name: &str, text: &str| {
        let folder = workspace.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(workspace.path().join("specs/all.yaml"), folder.join("all.yaml")).unwrap();
        fs::write(folder.join("asks.yaml"), text).unwrap();
        last(&["--against", name])
    };
    let found = differing(&against("changed", &changed).expect_code(1).json());
    let expected =
        ["guard small false true", "quota actor within exceeded", "when - false true", "when - true false"];
    assert_eq!(found, expected);

    // How often it was used in another window nobody counted then.
    let other = ASKS.replace("window: 1h", "window: 2h");
    let document = against("other", &other).expect_code(0).json();
    let unanswered = document["runs"].as_array().unwrap().iter().filter(|run| run["unanswered"] == 1).count();
    assert_eq!((differing(&document).len(), unanswered), (0, 3));

    // A guard that is not there any more held nobody back.
    let gone = ASKS.replace("  guards: [{id: small, expr: 'input.n < 10', reason: too_big}]\n", "");
    assert_eq!(differing(&against("gone", &gone).expect_code(1).json()), ["guard small false true"]);

    workspace.write("specs/asks.yaml", &changed);
    let tested = workspace.ordain(&["test", "--from-runs", "--json"]).expect_code(1).json();
    assert!(tested.to_string().contains("conditions.ask.guard.small"), "{tested}");
}
