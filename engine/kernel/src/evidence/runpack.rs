//! A runpack: all that one run stands on, as a file. Its journal and that of its sub-runs, the specs they were
//! decided under, their records with the proof that each stands in the signed log, what they carried, and documents
//! for people. The same run makes the same bytes. `docs/reference/verify.md` describes the format for readers that
//! share no code with this engine.

mod check;
mod documents;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::Grants;
use ordain_spec::digest::{Digest, canonical};
use serde_json::{Map, Value, json};

pub use check::{Verified, verify};
pub use documents::documents;

use super::manifest::{self, Manifest};
use super::{hex, paths};
use crate::archive::{Archive, NotAnArchive};
use crate::ids::RunId;
use crate::log::envelope::{Envelope, Signed};
use crate::log::tree::Hash;
use crate::replay::{CannotReplay, Story, Told};
use crate::run::{Event, Kept};
use crate::world::{Active, workspace_of};

/// What the manifest calls it.
pub const FORMAT: &str = "ordain-runpack/1";
/// What is signed: its manifest, as this type.
pub const PAYLOAD_TYPE: &str = "application/vnd.ordain.runpack+json";

const EVENTS: &str = "events.jsonl";
const RECORDS: &str = "audit.jsonl";
const PAYLOADS: &str = "payloads.jsonl";
const SAID: &str = "workspace.jsonl";
const PROOF: &str = "proof.json";
const CHECKPOINT: &str = "checkpoint";
const SIGNATURE: &str = "signature.json";
const SPECS: &str = "specs";
const CATALOGUE: &str = "catalogue";
const WORKSPACE: &str = "ordain.yaml";
/// Documents for people: what the rest says, told anew by whoever wrote the pack.
pub const DOCUMENTS: [&str; 4] = ["approvals.jsonl", "decisions.jsonl", "plan.json", "run.json"];

/// One event of a journal, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The run.
    pub run: String,
    /// Its number within the run, from 1.
    pub seq: u64,
    /// When it was decided, in ms since the epoch.
    pub at: i64,
    /// JSON, with references in the places of payloads.
    pub event: String,
}

/// Specs and the operator's file that were active from some event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// How many of the pack's events came before.
    pub since: u64,
    /// Digest of the catalogue.
    pub catalogue: Digest,
    /// The operator's file.
    pub workspace: String,
    /// The folder that its relative places are said from, where it says any that a plan depends on.
    pub root: Option<String>,
    /// (path, text) of the catalogue's files.
    pub files: Vec<(String, Arc<str>)>,
}

impl Pinned {
    /// True where a plan depends on the folder of the operator's file: it says places from itself on.
    #[must_use]
    pub fn says_places(&self) -> bool {
        workspace_of(&self.workspace).is_some_and(|spec| {
            let there = Grants::from(&spec.clone().located("/"));
            there != Grants::from(&spec)
        })
    }

    /// The specs read again, through the same check that made them active.
    #[must_use]
    pub fn active(&self) -> Option<Active> {
        let files = self.files.iter().map(|(path, text)| (path.as_str(), Arc::clone(text)));
        let active = Active::read(files, &self.workspace, self.root.as_deref().unwrap_or("."))?;
        (active.catalogue.digest() == self.catalogue).then_some(active)
    }
}

/// What happened to the workspace meanwhile and decisions stood on: what people said of exemptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How many of the pack's events came before.
    pub since: u64,
    /// When, in ms since the epoch.
    pub at: i64,
    /// JSON.
    pub event: String,
}

/// What runs carried: by run, by reference, as JSON.
pub type Payloads = BTreeMap<String, BTreeMap<String, String>>;

/// What a runpack holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// The run; its sub-runs are there with it.
    pub run: RunId,
    /// Every event of all of them, in the order in which they were decided.
    pub rows: Vec<Row>,
    /// Every record of all of them, in the order of the log, each with its `seq`.
    pub records: Vec<String>,
    /// What they carried; none where it was erased or left out.
    pub payloads: Option<Payloads>,
    /// What they were decided under, in order.
    pub specs: Vec<Pinned>,
    /// What people said of exemptions up to the last event.
    pub said: Vec<Said>,
}

impl Pack {
    /// What happened, with everything that was carried in its place; references stand there where it is not.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn told(&self) -> Result<Vec<Told>, String> {
        let mut kept: BTreeMap<&str, Kept> = BTreeMap::new();
        for (run, payloads) in self.payloads.iter().flatten() {
            let kept = kept.entry(run).or_default();
            for (reference, text) in payloads {
                let value = serde_json::from_str(text).map_err(|error| error.to_string())?;
                kept.insert(reference.clone(), value);
            }
        }
        let told = self.rows.iter().map(|row| {
            let mut event: Event = serde_json::from_str(&row.event).map_err(|error| error.to_string())?;
            if self.payloads.is_some() {
                kept.entry(&row.run).or_default().restore(&mut event).map_err(|gone| gone.to_string())?;
            }
            let run = row.run.parse().map_err(|_| format!("`{}` is no run", row.run))?;
            let at = Timestamp::from_millisecond(row.at).map_err(|error| error.to_string())?;
            Ok(Told { run, at, event })
        });
        told.collect()
    }

    /// The pack as a story that can be replayed; `active` reads its specs ([`Pinned::active`]).
    ///
    /// # Errors
    /// When what runs carried is not there, or the specs do not load.
    pub fn story(
        &self,
        active: &mut impl FnMut(&Pinned) -> Option<Arc<Active>>,
    ) -> Result<Story, CannotReplay> {
        if self.payloads.is_none() {
            return Err(CannotReplay::Erased);
        }
        let told = self.told().map_err(CannotReplay::Kernel)?;
        let actives = self.specs.iter().map(|pinned| {
            let active = active(pinned).ok_or(CannotReplay::Specs(pinned.catalogue))?;
            Ok((pinned.since, active))
        });
        let said = self.said.iter().map(|said| {
            let at = Timestamp::from_millisecond(said.at).map_err(|error| error.to_string())?;
            Ok((said.since, at, serde_json::from_str(&said.event).map_err(|error| error.to_string())?))
        });
        let said: Result<_, String> = said.collect();
        Story::new(told, actives.collect::<Result<_, _>>()?, said.map_err(CannotReplay::Kernel)?)
    }
}

/// Writes a pack. `documents` are those of [`DOCUMENTS`], `proof` the joint proof of all records under `checkpoint`;
/// `sign` signs the bytes that it is given with the log's key.
///
/// # Errors
/// When it grows too large for an archive.
pub fn write(
    pack: &Pack,
    documents: &BTreeMap<&str, Vec<u8>>,
    proof: &[Hash],
    checkpoint: &str,
    sign: impl FnOnce(&[u8]) -> Signed,
) -> Result<Vec<u8>, NotAnArchive> {
    let mut archive = Archive::default();
    for (name, bytes) in documents {
        archive.add(name, bytes.clone())?;
    }
    archive.add(EVENTS, lines(pack.rows.iter().map(event_line)))?;
    archive.add(RECORDS, lines(pack.records.iter().cloned()))?;
    if let Some(payloads) = &pack.payloads {
        archive.add(PAYLOADS, payload_lines(payloads))?;
    }
    if !pack.said.is_empty() {
        archive.add(SAID, lines(pack.said.iter().map(said_line)))?;
    }
    let hashes: Vec<String> = proof.iter().map(hex).collect();
    archive.add(PROOF, canonical(&json!(hashes)))?;
    archive.add(CHECKPOINT, checkpoint)?;
    for (pinned, number) in pack.specs.iter().zip(1_u64..) {
        archive.add(&format!("{SPECS}/{number}/{WORKSPACE}"), pinned.workspace.as_bytes())?;
        for (path, text) in &pinned.files {
            archive.add(&paths::name_of(&catalogue(number), path), text.as_bytes())?;
        }
    }
    let manifest = Manifest::of(&archive, FORMAT, about(pack)).to_bytes();
    let mut envelope = Envelope::around(PAYLOAD_TYPE, &manifest);
    envelope.signatures.push(sign(&crate::log::envelope::signed_bytes(PAYLOAD_TYPE, &manifest)));
    archive.add(manifest::NAME, manifest)?;
    archive.add(SIGNATURE, canonical(&serde_json::to_value(&envelope).unwrap_or_default()))?;
    Ok(archive.to_bytes())
}

fn about(pack: &Pack) -> Map<String, Value> {
    let specs = pack.specs.iter().map(|pinned| {
        let mut about = json!({"catalogue": pinned.catalogue, "since": pinned.since});
        if let (Some(root), Some(about)) = (&pinned.root, about.as_object_mut()) {
            about.insert("root".into(), json!(root));
        }
        about
    });
    let specs: Vec<Value> = specs.collect();
    [("run".to_owned(), json!(pack.run)), ("specs".to_owned(), json!(specs))].into_iter().collect()
}

fn catalogue(number: u64) -> String {
    format!("{SPECS}/{number}/{CATALOGUE}")
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The row's text stands last and as it is, so that its digest can be told from the line.
fn event_line(row: &Row) -> String {
    format!(r#"{{"at":{},"run":"{}","seq":{},"event":{}}}"#, row.at, row.run, row.seq, row.event)
}

fn said_line(said: &Said) -> String {
    format!(r#"{{"at":{},"since":{},"event":{}}}"#, said.at, said.since, said.event)
}

fn payload_lines(payloads: &Payloads) -> String {
    let all = payloads.iter().flat_map(|(run, kept)| kept.iter().map(move |kept| (run, kept)));
    lines(all.map(|(run, (reference, text))| {
        format!(r#"{{"run":"{run}","reference":"{reference}","value":{text}}}"#)
    }))
}
