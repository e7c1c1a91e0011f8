//! Tests of records, chains and their verification.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use ordain_spec::digest::canonical;
use ordain_spec::kind::Kind;
use proptest::prelude::*;
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

/// The lines as a store keeps them, each with the run beside it.
fn kept(records: &[AuditRecord]) -> Vec<(Option<String>, String)> {
    let run = |record: &AuditRecord| record.entry.run_id.map(|run| run.to_string());
    records.iter().map(|record| (run(record), AuditRecord { seq: 0, ..record.clone() }.to_line())).collect()
}

/// A log with all that a record may hold.
fn rich() -> Vec<AuditRecord> {
    let mut chain = Chain::default();
    let mut records = log();
    for n in 0..6_i64 {
        let agent = Actor { on_behalf_of: Some("user:ann".into()), ..Actor::system() };
        let entry = Entry {
            assurance: (n % 2 == 0).then_some(Assurance::StepUp),
            run_id: Some(run(3)),
            run_seq: u64::try_from(n).ok(),
            step_id: (n != 2).then(|| if n == 4 { "a \"step\"".into() } else { "é".into() }),
            decision_id: (n == 3).then(|| DecisionId::derive(run(3), 3)),
            reasons: vec![Reason::new(Code::KillSwitch, "`all`").from_rule(Kind::Policy, "team", "may"); 2],
            catalogue_digest: Some(Digest([1; 32])),
            plan_digest: (n > 1).then_some(Digest([2; 32])),
            ..Entry::new(at(n / 2), agent, Action::StepAttempt, "s")
        };
        records.push(AuditRecord { seq: records.len() as u64 + 1, ..chain.append(entry) });
    }
    records
}

/// What both ways of reading say of kept lines, which is the same; and so are leaves, ends and the chain `system`.
/// `known` are lines that were met before.
fn both(lines: &[(Option<String>, String)], known: &[(Option<String>, String)]) -> Verified {
    let read = |fresh: fn() -> Verifier| {
        let (mut quick, mut full) = (fresh(), fresh());
        known.iter().for_each(|(_, line)| quick.forms.learn(line));
        for ((run, line), seq) in lines.iter().zip(1_u64..) {
            let leaf = quick.stored(seq, run.as_deref(), line);
            full.stored_in_full(seq, run.as_deref(), line);
            assert_eq!(leaf, full.holds().then(|| leaf_at(line, seq)), "{line}");
        }
        assert_eq!(quick.system(), full.system());
        assert_eq!(quick.ends().collect::<Vec<_>>(), full.ends().collect::<Vec<_>>());
        assert_eq!(quick.clone().finish(), full.finish());
        quick.finish()
    };
    read(Verifier::of_a_tail);
    read(Verifier::default)
}

/// The line with a hash that is made of what it says now.
fn held(line: &str) -> String {
    let Some((before, rest)) = line.split_once(",\"hash\":\"sha256:") else { return line.to_owned() };
    let Some(rest) = rest.get(65..) else { return line.to_owned() };
    let Some((between, after)) = rest.split_once(",\"seq\":0") else { return line.to_owned() };
    let hash = Digest::of(format!("{before}{between}{after}").as_bytes());
    format!("{before},\"hash\":\"{hash}\"{between},\"seq\":0{after}")
}

/// One change of kept lines: what is done, where, and with which letter.
type Change = (u8, usize, usize, u8);

fn change(lines: &mut Vec<(Option<String>, String)>, (what, at, place, letter): Change) {
    let at = at % lines.len();
    let line = &mut lines[at].1;
    let place = place % line.len();
    let spelled = |line: &str, from: &str, to: &str| line.replacen(from, to, 1);
    match what {
        0 => {
            let mut bytes = line.clone().into_bytes();
            bytes[place] ^= 1 << (letter % 8);
            *line = String::from_utf8_lossy(&bytes).into_owned();
        }
        1 if line.is_char_boundary(place) => line.insert(place, char::from(b' ' + letter % 95)),
        2 => *line = spelled(line, "\":", "\": "),
        3 => *line = spelled(line, "\"subject\":\"s", "\"subject\":\"\\u0073"),
        4 => *line = spelled(line, "\"seq\":0", ["\"seq\":00", "\"seq\":7", "\"seq\":-0"][place % 3]),
        5 => *line = spelled(line, "\"runSeq\":", ["\"runSeq\":0", "\"runSeq\":1"][place % 2]),
        6 => *line = spelled(line, "Z\"", ["+00:00\"", ".000Z\"", "z\""][place % 3]),
        7 => *line = spelled(line, "system\",\"type\":\"system\"", "system\",\"type\":\"robot\""),
        8 => *line = spelled(line, "\"reasons\":[", "\"reasons\":[[],"),
        9 => *line = spelled(line, "sha256:", ["SHA256:", "sha256:0", ""][place % 3]),
        10 => *line = spelled(line, "\"runId\":\"", ["\"runId\":\"0", "\"runId\":null,\"x\":\""][place % 2]),
        11 => *line = spelled(line, "kill_switch", "no_such_code"),
        12 => *line = spelled(line, "step-up", "stepped-up"),
        13 => lines[at].0 = [None, Some("system".into()), Some(String::new())][place % 3].clone(),
        14 if lines.len() > 1 => drop(lines.remove(at)),
        15 => {
            let other = place % lines.len();
            lines.swap(at, other);
        }
        _ => {
            let again = lines[at].clone();
            lines.insert(place % lines.len(), again);
        }
    }
}

#[test]
fn a_whole_log_is_read_quickly_but_for_what_was_not_met_before() {
    let lines = kept(&rich());
    assert!(both(&lines, &[]).ok && both(&lines, &lines).ok);
    let mut verifier = Verifier::default();
    lines.iter().for_each(|(_, line)| verifier.forms.learn(line));
    for ((run, line), seq) in lines.iter().zip(1_u64..) {
        let plain = line::Plain::read(line);
        assert_eq!(plain.is_none(), line.contains("\\\""), "{line}");
        let listed = AuditRecord { seq, ..AuditRecord::from_line(line).unwrap() }.to_line();
        let taken = verifier.clone().listed(seq, &listed);
        assert_eq!(taken.is_some(), plain.is_some(), "{listed}");
        assert!(verifier.clone().listed(seq + 1, &listed).is_none());
        assert!(verifier.stored(seq, run.as_deref(), line).is_some());
    }
}

#[test]
fn any_byte_of_a_kept_line_counts_for_both_ways_of_reading() {
    let lines = kept(&rich());
    for at in 0..lines.len() {
        // Each line at other places than the one before it: all of them together are most places.
        for place in (at..lines[at].1.len()).step_by(13) {
            let mut changed = lines.clone();
            change(&mut changed, (0, at, place, 0));
            // Which place a kept line says is nowhere asked for: the row has it.
            let number = changed[at].1.contains("\"seq\":1,");
            assert!(!both(&changed, &lines).ok || number, "byte {place} of {}", changed[at].1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_ways_of_reading_say_the_same_of_whatever_was_done_to_a_log(
        changes in prop::collection::vec((0_u8..18, 0_usize..64, 0_usize..1_024, any::<u8>()), 1..4),
        hashed_anew in any::<bool>(),
        met_before in any::<bool>(),
    ) {
        let whole = kept(&rich());
        let mut lines = whole.clone();
        for one in changes {
            change(&mut lines, one);
            if hashed_anew {
                lines.iter_mut().for_each(|(_, line)| *line = held(line));
            }
        }
        both(&lines, if met_before { &whole } else { &[] });
    }
}
