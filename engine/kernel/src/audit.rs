//! The audit record: who did what under which digest. Records of one run, and those of the workspace, form
//! hash chains; each record carries the hash of the one before. A record holds ids, codes and digests only,
//! never a value.

mod chain;
mod line;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
pub use ordain_spec::kind::notice::AuditAction as Action;
use ordain_spec::kind::scenario::Assurance;
use serde::{Deserialize, Deserializer, Serialize};

pub use chain::{
    Chain, End, FirstBad, Listed, NotARecord, SystemRecord, Verified, Verifier, hash_of, renumbered, verify,
    verify_chains, verify_lines,
};

pub use line::leaf_at;

use crate::actor::Actor;
use crate::ids::{DecisionId, RunId};
use crate::reason::Reason;

/// The version that records name as their engine.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is to be recorded: a record before it has its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// How sure it is that it was the person's own act; of decisions of people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<Assurance>,
    /// What.
    pub action: Action,
    /// On what: an id or a name.
    pub subject: Arc<str>,
    /// In which run; records without one form the chain `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The place in the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_seq: Option<u64>,
    /// Of which step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_id: Option<Arc<str>>,
    /// The decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_id: Option<DecisionId>,
    /// Why: codes, authors' reasons and sources.
    #[serde(default)]
    pub reasons: Vec<Reason>,
    /// The version of the engine.
    pub engine_version: Arc<str>,
    /// The active catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_digest: Option<Digest>,
    /// The run's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<Digest>,
    /// Salted digest of what was carried along; the payload lives apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_digest: Option<Digest>,
}

impl Entry {
    /// An entry that says who did what on what and when.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, action: Action, subject: impl Into<Arc<str>>) -> Self {
        Self {
            at,
            actor,
            assurance: None,
            action,
            subject: subject.into(),
            run_id: None,
            run_seq: None,
            step_id: None,
            decision_id: None,
            reasons: Vec::new(),
            engine_version: ENGINE_VERSION.into(),
            catalogue_digest: None,
            plan_digest: None,
            payload_digest: None,
        }
    }

    /// The name of the chain that it belongs to.
    #[must_use]
    pub fn chain(&self) -> String {
        self.run_id.map_or_else(|| "system".to_owned(), |run| run.to_string())
    }
}

/// A record in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Its place among all records of the store, from 1; 0 until the store gave it one. Outside the hash.
    pub seq: u64,
    /// What is recorded.
    #[serde(flatten)]
    pub entry: Entry,
    /// Hash of the record before it in its chain; of zeros for the first.
    pub prev_hash: Digest,
    /// SHA-256 over the canonical JSON of the record without `seq` and `hash`.
    pub hash: Digest,
}

impl<'de> Deserialize<'de> for AuditRecord {
    /// Reads a record and nothing but a record: an unknown field is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let mut take = |name: &'static str| fields.remove(name).ok_or_else(|| Error::missing_field(name));
        let seq = serde_json::from_value(take("seq")?).map_err(Error::custom)?;
        let prev_hash = serde_json::from_value(take("prevHash")?).map_err(Error::custom)?;
        let hash = serde_json::from_value(take("hash")?).map_err(Error::custom)?;
        let entry = serde_json::from_value(serde_json::Value::Object(fields)).map_err(Error::custom)?;
        Ok(Self { seq, entry, prev_hash, hash })
    }
}

/// Digest of a value that cannot be guessed from small values: SHA-256 over the salt and the canonical JSON.
#[must_use]
pub fn salted_digest(salt: &Digest, value: &serde_json::Value) -> Digest {
    Digest::of_parts(&[&salt.0, &ordain_spec::digest::canonical(value)])
}
