//! What people are asked, and what one of them agreed to. Data only.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::scenario::Assurance;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::{Actor, Claims};
use crate::ids::ApprovalId;

/// What people are asked: one approval of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Name of the approval.
    pub name: Arc<str>,
    /// The definition that holds.
    pub definition: Digest,
    /// One person counts once over all stages.
    pub distinct: bool,
    /// Its stages, in order.
    pub stages: Vec<AskedStage>,
    /// The budgets whose breach it covers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub budgets: BTreeSet<String>,
}

/// A stage of an approval of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedStage {
    /// Its id, the same on every machine.
    pub id: ApprovalId,
    /// Its name.
    pub stage: Arc<str>,
    /// How many must agree.
    pub quorum: u64,
    /// How long it stays open.
    pub expires_ms: u64,
}

/// A person's agreement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How sure it is that it was the person's own act.
    pub assurance: Assurance,
    /// Why.
    pub rationale: String,
    /// What the person filled in.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub form: Value,
    /// Groups of the identity provider, as claimed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// The signature, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}
