//! A small run packed, and every way to change the pack.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use ordain_spec::digest::{Digest, canonical};
use serde_json::{Value, json};

use super::*;
use crate::actor::Actor;
use crate::audit::{Action, AuditRecord, Chain, Entry};
use crate::evidence::NotVerified;
use crate::log::note::NoteKey;
use crate::log::tree::Tree;
use crate::log::tree::tests::Kept;
use crate::log::{Checkpoint, joint, leaf_hash};
use crate::run::{Bound, payload};

const RUN: &str = "019a0000-0000-7000-8000-000000000001";
const OTHER: &str = "019a0000-0000-7000-8000-000000000002";
const SALT: Digest = Digest([5; 32]);

fn started(run: &str, parent: Option<&str>) -> (String, BTreeMap<String, String>) {
    let mut payloads = BTreeMap::new();
    let salt = payload::record_salt(&SALT);
    payloads.insert(payload::salt_name(&salt), format!("\"{SALT}\""));
    let inputs = r#"{"amount":7}"#;
    let reference = payload::reference(&SALT, inputs);
    payloads.insert(reference.clone(), inputs.to_owned());
    let mut event = json!({
        "type": "started", "format": 1, "run": run, "runbook": "refund", "version": "1.0.0",
        "plan": Digest([1; 32]), "catalogue": Digest([2; 32]), "mode": "mock", "environment": "local",
        "tenant": "default", "requester": {"id": "user:alice", "type": "human"}, "reference": "refund",
        "inputs": reference, "timeoutMs": 1000, "salt": salt,
    });
    if let Some(parent) = parent {
        event["parent"] = json!({"run": parent, "step": "sub", "item": 0, "depth": 1});
    }
    (event.to_string(), payloads)
}

/// A run and its sub-run, with records of others between theirs.
fn made() -> (Pack, Vec<String>) {
    let (mut rows, mut log, mut payloads) = (Vec::new(), Vec::new(), Payloads::new());
    let mut chains: BTreeMap<String, (Chain, Bound)> = BTreeMap::new();
    let mut records = Vec::new();
    let mut system = Chain::default();
    let mut add = |run: &str, text: String, action| {
        for _ in 0..3 {
            let entry =
                Entry::new("2026-01-05T10:00:00Z".parse().unwrap(), Actor::system(), Action::KillSet, "all");
            let record = system.append(entry);
            log.push(AuditRecord { seq: log.len() as u64 + 1, ..record }.to_line());
        }
        let (chain, bound) = chains.entry(run.to_owned()).or_default();
        let row = Row { run: run.to_owned(), seq: bound.rows() + 1, at: 1_767_607_200_000, event: text };
        bound.row(run, row.seq, row.at, &row.event).unwrap();
        let at = Timestamp::from_millisecond(row.at).unwrap();
        let mut entry = Entry::new(at, Actor::system(), action, run);
        entry.run_id = Some(run.parse().unwrap());
        entry.run_seq = Some(row.seq);
        let mut digest = Digest([0; 32]);
        for row in rows.iter().filter(|one: &&Row| one.run == run).chain([&row]) {
            digest = crate::run::journal_digest(&digest, row.seq, row.at, &row.event);
        }
        entry.payload_digest = bound.record_salt().map(|salt| crate::run::payload_digest(&salt, &digest));
        let record = AuditRecord { seq: log.len() as u64 + 1, ..chain.append(entry) };
        log.push(record.to_line());
        records.push(record.to_line());
        rows.push(row);
    };
    for (run, parent) in [(RUN, None), (OTHER, Some(RUN))] {
        let (text, kept) = started(run, parent);
        payloads.insert(run.to_owned(), kept);
        add(run, text, Action::RunStarted);
    }
    for run in [OTHER, RUN] {
        add(run, json!({"type": "stepReady", "step": "pay"}).to_string(), Action::StepReady);
    }
    let specs = vec![Pinned {
        since: 0,
        catalogue: Digest([2; 32]),
        workspace: "apiVersion: ordain/v1\n".into(),
        root: None,
        files: vec![("specs/ä.yaml".into(), "kind: Runbook\n".into())],
    }];
    (
        Pack { run: RUN.parse().unwrap(), rows, records, payloads: Some(payloads), specs, said: Vec::new() },
        log,
    )
}

type Entries = BTreeMap<String, Vec<u8>>;

fn secret() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

fn key() -> NoteKey {
    NoteKey { name: "ordain/home".into(), public: secret().verifying_key().to_bytes(), until: None }
}

fn packed(pack: &Pack, log: &[String]) -> Vec<u8> {
    let (mut tree, mut kept) = (Tree::default(), Kept::default());
    let leaves: Vec<_> = log.iter().map(|line| leaf_hash(line.as_bytes())).collect();
    for leaf in &leaves {
        tree.append(*leaf);
    }
    kept.0.insert((0, 0), leaves);
    let places = pack.records.iter().map(|line| AuditRecord::from_line(line).unwrap().seq - 1).collect();
    let proof = joint(&kept, &places, log.len() as u64).unwrap();
    let checkpoint = Checkpoint { origin: key().name, size: log.len() as u64, root: tree.root() };
    let note = checkpoint.note(&key(), &secret().sign(checkpoint.text().as_bytes()).to_bytes());
    let documents = DOCUMENTS.into_iter().map(|name| (name, b"{}\n".to_vec())).collect();
    write(pack, &documents, &proof, &note, sign).unwrap()
}

fn sign(bytes: &[u8]) -> Signed {
    Signed { keyid: key().name, sig: STANDARD.encode(secret().sign(bytes).to_bytes()) }
}

fn verified(bytes: &[u8]) -> Result<Verified, NotVerified> {
    verify(&Archive::from_bytes(bytes)?, &[key()])
}

#[test]
fn what_was_packed_is_verified_and_the_same_makes_the_same_bytes() {
    let (pack, log) = made();
    let bytes = packed(&pack, &log);
    assert_eq!(bytes, packed(&pack, &log));
    let found = verified(&bytes).unwrap();
    assert_eq!(found.pack, pack);
    assert_eq!(found.checkpoint.size, log.len() as u64);
    let bare = Pack { payloads: None, ..pack };
    assert_eq!(verified(&packed(&bare, &log)).unwrap().pack, bare);
    let stranger = NoteKey { public: [9; 32], ..key() };
    assert!(verify(&Archive::from_bytes(&bytes).unwrap(), &[stranger]).is_err());
    assert!(verify(&Archive::from_bytes(&bytes).unwrap(), &[]).is_err());
}

#[test]
fn no_byte_of_a_pack_can_be_other_than_it_is() {
    let (pack, log) = made();
    let bytes = packed(&pack, &log);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(verified(&changed).is_err(), "byte {at}");
        assert!(verified(&bytes[..at]).is_err(), "cut at {at}");
    }
}

/// The pack written anew after a change, with its manifest and a signature of the true key: what the rest still
/// refuses.
fn resealed(bytes: &[u8], change: impl Fn(&mut Entries)) -> Result<Verified, NotVerified> {
    let archive = Archive::from_bytes(bytes).unwrap();
    let mut entries: Entries =
        archive.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    let manifest: Manifest = serde_json::from_slice(&entries.remove(manifest::NAME).unwrap()).unwrap();
    entries.remove(SIGNATURE);
    change(&mut entries);
    let mut anew = Archive::default();
    for (name, bytes) in entries {
        anew.add(&name, bytes).unwrap();
    }
    let manifest = Manifest::of(&anew, FORMAT, manifest.about).to_bytes();
    let mut envelope = Envelope::around(PAYLOAD_TYPE, &manifest);
    envelope.signatures.push(sign(&crate::log::envelope::signed_bytes(PAYLOAD_TYPE, &manifest)));
    anew.add(manifest::NAME, manifest).unwrap();
    anew.add(SIGNATURE, canonical(&serde_json::to_value(&envelope).unwrap())).unwrap();
    verify(&anew, &[key()])
}

fn edit(name: &str, from: &str, to: &str) -> impl Fn(&mut Entries) {
    move |entries| {
        let text = String::from_utf8(entries[name].clone()).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        entries.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    }
}

#[test]
fn what_the_records_prove_cannot_be_changed_by_who_signs_the_pack() {
    let (pack, log) = made();
    let bytes = packed(&pack, &log);
    assert!(resealed(&bytes, |_| {}).is_ok());
    let refused = |what: &str, change: &dyn Fn(&mut Entries)| {
        assert!(resealed(&bytes, change).is_err(), "{what}");
    };
    refused("an event", &edit(EVENTS, "\"pay\"", "\"pax\""));
    refused("an instant", &edit(EVENTS, "1767607200000", "1767607200001"));
    refused("a record", &edit(RECORDS, "step.ready", "step.held"));
    refused("a payload", &edit(PAYLOADS, "{\"amount\":7}", "{\"amount\":8}"));
    refused("the salt", &edit(PAYLOADS, &SALT.to_string(), &Digest([6; 32]).to_string()));
    refused("another log", &edit(CHECKPOINT, "\n16\n", "\n15\n"));
    for name in [EVENTS, RECORDS, PAYLOADS] {
        refused("a line less", &|entries: &mut Entries| {
            let text = String::from_utf8(entries[name].clone()).unwrap();
            let rest = text.split_once('\n').unwrap().1.to_owned();
            entries.insert(name.to_owned(), rest.into_bytes());
        });
        refused("a line twice", &|entries: &mut Entries| {
            let text = String::from_utf8(entries[name].clone()).unwrap();
            let first = text.split_once('\n').unwrap().0.to_owned();
            entries.insert(name.to_owned(), format!("{first}\n{text}").into_bytes());
        });
    }
    for name in [EVENTS, RECORDS, PROOF, CHECKPOINT, "run.json", "specs/1/ordain.yaml"] {
        refused("an entry less", &|entries: &mut Entries| drop(entries.remove(name)));
    }
    for name in ["notes.txt", "specs/2/ordain.yaml", "specs/1/other.yaml", "specs/1/catalogue/%41.yaml"] {
        refused(name, &|entries: &mut Entries| {
            entries.insert(name.to_owned(), b"x".to_vec());
        });
    }
}

#[test]
fn a_proof_of_another_record_is_no_proof() {
    let (pack, log) = made();
    let bytes = packed(&pack, &log);
    let archive = Archive::from_bytes(&bytes).unwrap();
    let proof: Vec<String> = serde_json::from_slice(archive.get(PROOF).unwrap()).unwrap();
    let mut foreign = proof.clone();
    foreign.swap(0, 1);
    let change = |entries: &mut Entries| {
        entries.insert(PROOF.to_owned(), canonical(&Value::from(foreign.clone())));
    };
    assert_eq!(resealed(&bytes, change), Err(NotVerified::OtherLog));
}

#[test]
fn an_entry_that_the_manifest_does_not_name_is_refused() {
    let (pack, log) = made();
    let mut archive = Archive::from_bytes(&packed(&pack, &log)).unwrap();
    archive.add("notes.txt", *b"x").unwrap();
    assert!(matches!(verify(&archive, &[key()]), Err(NotVerified::Manifest(_))));
}
