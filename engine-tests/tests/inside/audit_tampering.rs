//! Whatever is done to a kept audit log, `verify` names it: every byte changed in several ways, every record
//! deleted, moved, doubled or inserted. Exhaustive over the log of one governed run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use engine_tests::memory::{Case, Memory, People, checked, files_of};
use engine_tests::root;
use ordain_kernel::audit::{AuditRecord, Verifier, verify, verify_lines};
use ordain_plan::Grants;
use serde_json::json;

/// The log of a refused start and of a run with an approval, in the order of the store.
fn log() -> Vec<AuditRecord> {
    let files = files_of(&root().join("engine-tests/fixtures/catalogues/payments/specs"));
    let catalogue = checked(&files).catalogue.unwrap();
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let case = |who: &str| Case {
        runbook: "refund@^1".into(),
        inputs: json!({"payment": "pay_12345678", "amount": 5000}),
        who: who.into(),
        at,
        people: People::Eager,
    };
    let mut memory = Memory::new(catalogue, Grants::default(), at);
    assert!(memory.start(&case("user:carol")).is_err(), "carol is no operator");
    let run = memory.start(&case("user:bob")).unwrap();
    memory.drive(run, People::Eager);
    assert_eq!(memory.seen(run).state, "succeeded");
    let mut records = memory.audit;
    for (record, seq) in records.iter_mut().zip(1..) {
        record.seq = seq;
    }
    assert!(records.len() >= 8, "{}", records.len());
    records
}

fn lines(records: &[AuditRecord]) -> Vec<String> {
    records.iter().map(AuditRecord::to_line).collect()
}

#[test]
fn an_untouched_log_verifies_and_ends_where_it_ends() {
    let records = log();
    let verified = verify(&records);
    assert!(verified.ok, "{verified:?}");
    assert_eq!(verified.records, u64::try_from(records.len()).unwrap());
    assert_eq!(verify_lines(lines(&records).iter().map(String::as_str)), verified);
}

/// True when a changed line is found at its place or, at the latest, at the next record of the log. `before` has
/// seen all records before it.
fn is_found(before: &Verifier, line: &str, next: Option<&AuditRecord>) -> bool {
    let Ok(record) = AuditRecord::from_line(line) else { return true };
    let mut verifier = before.clone();
    verifier.record(&record);
    next.into_iter().for_each(|next| verifier.record(next));
    !verifier.finish().ok
}

#[test]
fn any_byte_of_any_record_that_is_changed_deleted_or_inserted_is_found_where_it_stands() {
    let (records, mut before, mut tried) = (log(), Verifier::default(), 0_u32);
    for (at, record) in records.iter().enumerate() {
        let line = record.to_line().into_bytes();
        let next = records.get(at + 1);
        let mut try_one = |changed: Vec<u8>, byte: usize| {
            let Ok(changed) = String::from_utf8(changed) else { return };
            tried += 1;
            assert!(is_found(&before, &changed, next), "byte {byte} of record {at}: {changed}");
        };
        for byte in 0..line.len() {
            for other in
                [line[byte] ^ 1, line[byte] ^ 0x20, b'0'].into_iter().filter(|other| *other != line[byte])
            {
                let mut changed = line.clone();
                changed[byte] = other;
                try_one(changed, byte);
            }
            for inserted in [b'1', b' '] {
                let mut changed = line.clone();
                changed.insert(byte, inserted);
                try_one(changed, byte);
            }
            let mut changed = line.clone();
            changed.remove(byte);
            try_one(changed, byte);
        }
        before.record(record);
    }
    assert!(before.finish().ok && tried > 10_000, "{tried}");
}

/// Gives every line the place where it now stands, as somebody who can write the store would.
fn renumbered(records: &[AuditRecord]) -> Vec<AuditRecord> {
    let mut records = records.to_vec();
    for (record, seq) in records.iter_mut().zip(1..) {
        record.seq = seq;
    }
    records
}

#[test]
fn a_record_deleted_moved_doubled_or_inserted_is_found_also_when_places_are_mended() {
    let records = log();
    let chain = |record: &AuditRecord| record.entry.chain();
    for at in 0..records.len() {
        let last_of_chain = records[at + 1..].iter().all(|later| chain(later) != chain(&records[at]));
        let mut deleted = records.clone();
        deleted.remove(at);
        if at + 1 < records.len() && at > 0 {
            assert!(!verify(&deleted).ok, "record {at} deleted");
        }
        if !last_of_chain {
            assert!(!verify(&renumbered(&deleted)).ok, "record {at} deleted, places mended");
        }
        for to in 0..records.len() {
            let mut moved = records.clone();
            let record = moved.remove(at);
            moved.insert(to, record.clone());
            let crossed = &records[at.min(to)..=at.max(to)];
            if at != to && crossed.iter().filter(|other| chain(other) == chain(&record)).count() > 1 {
                assert!(!verify(&renumbered(&moved)).ok, "record {at} moved to {to}");
            }
            let mut doubled = records.clone();
            doubled.insert(to, record);
            assert!(!verify(&renumbered(&doubled)).ok, "record {at} again at {to}");
        }
    }
}

#[test]
fn a_record_made_up_with_a_right_hash_of_its_own_is_found_by_the_next_one() {
    let records = log();
    for at in 1..records.len() {
        let Some(next) =
            (at..records.len()).find(|later| records[*later].entry.chain() == records[at - 1].entry.chain())
        else {
            continue;
        };
        let mut chain = ordain_kernel::audit::Chain { head: records[at - 1].hash, length: 0 };
        let made_up = chain.append(records[at - 1].entry.clone());
        let mut forged = records.clone();
        forged.insert(next, made_up);
        assert!(!verify(&renumbered(&forged)).ok, "inserted before {next}");
    }
}

#[test]
fn a_whole_log_hashed_anew_has_another_head() {
    let records = log();
    let before = verify(&records);
    let mut chains = std::collections::BTreeMap::new();
    let mut forged = Vec::new();
    for record in &records {
        let mut entry = record.entry.clone();
        if entry.subject.contains("refund") || forged.len() == 1 {
            entry.subject = "something else".into();
        }
        let chain: &mut ordain_kernel::audit::Chain = chains.entry(entry.chain()).or_default();
        forged.push(chain.append(entry));
    }
    let after = verify(&renumbered(&forged));
    assert!(after.ok, "only a head kept elsewhere shows it: {after:?}");
    assert_ne!(after.head, before.head);
}
