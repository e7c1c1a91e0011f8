//! Tests of records, chains and their verification.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use ordain_spec::digest::canonical;
use ordain_spec::kind::Kind;
use serde_json::json;

use super::*;
use crate::ids::RunId;
use crate::reason::Code;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_607_200 + second).unwrap()
}

fn run(n: u8) -> RunId {
    RunId::new(at(0), [n; 10])
}

/// Two runs and the workspace, interleaved, as a store holds them.
fn log() -> Vec<AuditRecord> {
    let (mut one, mut two, mut system) = (Chain::default(), Chain::default(), Chain::default());
    let entry = |n: i64, action, run_id: Option<RunId>| Entry {
        run_id,
        run_seq: run_id.map(|_| u64::try_from(n).unwrap()),
        step_id: Some("refund".into()),
        reasons: vec![Reason::new(Code::KillSwitch, "`all`: drill").because("agent_limit")],
        payload_digest: Some(salted_digest(&Digest([9; 32]), &json!({"amount": n}))),
        ..Entry::new(at(n), Actor::system(), action, "run")
    };
    let mut records = vec![
        system.append(entry(0, Action::CatalogueActivated, None)),
        one.append(entry(1, Action::RunStarted, Some(run(1)))),
        two.append(entry(2, Action::RunStarted, Some(run(2)))),
        one.append(entry(3, Action::DecisionDeny, Some(run(1)))),
        two.append(entry(4, Action::StepAttempt, Some(run(2)))),
        one.append(entry(5, Action::RunSettled, Some(run(1)))),
        system.append(entry(6, Action::KillSet, None)),
    ];
    for (record, seq) in records.iter_mut().zip(1..) {
        record.seq = seq;
    }
    records
}

fn bad(records: &[AuditRecord]) -> Option<u64> {
    let verified = verify(records);
    assert_eq!(verified.ok, verified.first_bad.is_none());
    verified.first_bad.map(|bad| bad.seq)
}

#[test]
fn a_whole_log_verifies_and_its_head_speaks_for_all_of_it() {
    let records = log();
    let verified = verify(&records);
    assert!(verified.ok);
    assert_eq!(verified.records, 7);
    assert_ne!(verify(&records[..6]).head, verified.head, "the head tells a cut tail");
    assert_eq!(verify([]).records, 0);
}

#[test]
fn one_chain_has_the_head_that_the_kernel_computed_whatever_stands_between() {
    let records = log();
    let chain: Vec<_> = records.iter().filter(|r| r.entry.run_id == Some(run(1))).cloned().collect();
    let verified = verify_chains(&chain);
    assert!(verified.ok && !verify(&chain).ok);
    assert_eq!(verify(&renumbered(chain.clone())).head, verified.head);
    let swapped = [chain[0].clone(), chain[2].clone(), chain[1].clone()];
    assert_eq!(verify_chains(&swapped).first_bad.unwrap().seq, chain[2].seq);
    let mut moved = chain.clone();
    moved[2].seq = 1;
    assert!(!verify_chains(&moved).ok, "its place goes back");
    assert_eq!(verified.head, chain[2].hash);
    let mut again = Chain::default();
    for record in &chain {
        assert_eq!(again.append(record.entry.clone()).hash, record.hash);
    }
    assert_eq!(again.head, chain[2].hash);
}

#[test]
fn a_deleted_record_is_found_also_when_the_rest_is_numbered_anew() {
    for gone in 0..6 {
        let mut records = log();
        records.remove(gone);
        assert_eq!(bad(&records), Some(gone as u64 + 1), "{gone}");
        let last_of_its_chain = [4, 5, 6].contains(&gone);
        assert_eq!(bad(&renumbered(records)).is_some(), !last_of_its_chain, "{gone}");
    }
}

#[test]
fn a_reordered_or_inserted_record_is_found() {
    for first in 0..6 {
        let mut records = log();
        records.swap(first, first + 1);
        assert!(bad(&records).is_some(), "{first}");
    }
    for place in 0..7 {
        for copied in 0..7 {
            let mut records = log();
            let copy = records[copied].clone();
            records.insert(place, copy);
            assert!(bad(&records).is_some());
            assert!(bad(&renumbered(records)).is_some(), "{copied} at {place}");
        }
    }
}

#[test]
fn every_single_byte_counts() {
    let lines: Vec<String> = log().iter().map(AuditRecord::to_line).collect();
    let whole = |lines: &[String]| verify_lines(lines.iter().map(String::as_str));
    assert!(whole(&lines).ok);
    let head = whole(&lines).head;
    for line in [1, 3] {
        for place in 0..lines[line].len() {
            for flip in [0x01, 0x04, 0x20, 0x10] {
                let mut bytes = lines[line].clone().into_bytes();
                bytes[place] ^= flip;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let mut changed = lines.clone();
                changed[line] = text;
                let verified = whole(&changed);
                assert!(!verified.ok, "byte {place} of line {line} ^ {flip}: {}", changed[line]);
                assert_eq!(verified.first_bad.unwrap().seq, line as u64 + 1);
            }
        }
    }
    assert_eq!(whole(&lines).head, head);
}

#[test]
fn a_record_that_was_rewritten_with_its_hash_breaks_the_chain_after_it() {
    let mut records = log();
    records[1].entry.subject = "another".into();
    records[1].hash = hash_of(&records[1].entry, records[1].prev_hash);
    assert_eq!(bad(&records), Some(4), "the next record of the same chain");
}

#[test]
fn the_place_in_the_store_is_outside_the_hash() {
    let record = log().remove(3);
    assert_eq!(hash_of(&record.entry, record.prev_hash), record.hash);
    let json = serde_json::to_value(&record).unwrap();
    for name in [
        "seq",
        "at",
        "actor",
        "action",
        "subject",
        "runId",
        "runSeq",
        "stepId",
        "reasons",
        "engineVersion",
        "payloadDigest",
        "prevHash",
        "hash",
    ] {
        assert!(json.get(name).is_some(), "{name}");
    }
    assert_eq!(json["actor"], json!({"id": "system", "type": "system"}));
    assert_eq!(json["action"], "decision.deny");
}

#[test]
fn a_line_is_the_canonical_json_of_the_record_and_the_hash_leaves_place_and_hash_out() {
    let whole = Entry {
        assurance: Some(Assurance::Signed),
        run_id: Some(run(7)),
        run_seq: Some(3),
        step_id: Some("a \"step\"\n\u{7f}é\u{10000}".into()),
        decision_id: Some(DecisionId::derive(run(7), 3)),
        reasons: vec![Reason::new(Code::KillSwitch, "`all`").from_rule(Kind::Policy, "team", "may").at("s")],
        catalogue_digest: Some(Digest([1; 32])),
        plan_digest: Some(Digest([2; 32])),
        payload_digest: Some(Digest([3; 32])),
        ..Entry::new(
            at(1),
            Actor { on_behalf_of: Some("user:ann".into()), ..Actor::system() },
            Action::StepAttempt,
            "s",
        )
    };
    let mut records = log();
    records.push(AuditRecord { seq: 8, ..Chain::default().append(whole) });
    for record in records {
        let mut tree = serde_json::to_value(&record).unwrap();
        assert_eq!(record.to_line().into_bytes(), canonical(&tree));
        let fields = tree.as_object_mut().unwrap();
        fields.remove("seq");
        fields.remove("hash");
        assert_eq!(hash_of(&record.entry, record.prev_hash), Digest::of_json(&tree));
    }
}

#[test]
fn an_unknown_field_is_no_record() {
    let mut json = serde_json::to_value(log().remove(0)).unwrap();
    json["note"] = json!("free text");
    assert!(serde_json::from_value::<AuditRecord>(json).is_err());
}

#[test]
fn actions_are_a_closed_list() {
    assert_eq!(Action::ALL.len(), 46);
    for action in Action::ALL {
        assert_eq!(Action::from_word(action.as_str()), Some(*action));
    }
    assert_eq!(Action::from_word("run.exploded"), None);
}

#[test]
fn salted_digests_depend_on_salt_and_value_alone() {
    let (salt, other) = (Digest([1; 32]), Digest([2; 32]));
    assert_eq!(
        salted_digest(&salt, &json!({"a": 1, "b": 2})),
        salted_digest(&salt, &json!({"b": 2, "a": 1}))
    );
    assert_ne!(salted_digest(&salt, &json!(1)), salted_digest(&other, &json!(1)));
    assert_ne!(salted_digest(&salt, &json!(1)), salted_digest(&salt, &json!("1")));
}

#[test]
fn a_stored_line_read_quickly_or_in_full_says_the_same() {
    let records = log();
    let (mut quick, mut full) = (Verifier::default(), Verifier::default());
    for (record, seq) in records.iter().zip(1_u64..) {
        let line = AuditRecord { seq: 0, ..record.clone() }.to_line();
        let run = record.entry.run_id.map(|run| run.to_string());
        let mut buffer = Vec::new();
        assert!(line::held(seq, &line, &mut buffer).is_some(), "{line}");
        quick.stored(seq, run.as_deref(), &line);
        full.record(&AuditRecord { seq, ..record.clone() });
        for byte in 0..line.len() {
            let mut changed = line.clone().into_bytes();
            changed[byte] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let held = line::held(seq, &changed, &mut buffer);
            let same = held.is_none_or(|held| held.end.head != record.hash || byte_of_seq(&line, byte));
            assert!(same, "byte {byte} of {line}");
        }
    }
    assert_eq!(quick.clone().finish(), full.clone().finish());
    assert_eq!((quick.system(), quick.ends().collect::<Vec<_>>()), (full.system(), full.ends().collect()));
    assert!(quick.holds());
}

/// The place in a line that is outside the hash.
fn byte_of_seq(line: &str, byte: usize) -> bool {
    let at = line.find("\"seq\":").unwrap();
    (at..at + 8).contains(&byte)
}
