//! The first event of a run: what was asked for, by whom, and under which specs. Data only.

use std::sync::Arc;

use ordain_spec::digest::Digest;
use ordain_spec::kind::scalar::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::StepId;
use crate::actor::Actor;
use crate::audit::Action;
use crate::ids::RunId;
use crate::run::aged::Grounds;
use crate::sensitivity::Raised;

/// How a run was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// [`FORMAT`] of the journal.
    pub format: u32,
    /// The run.
    pub run: RunId,
    /// Name of the runbook.
    pub runbook: Arc<str>,
    /// Its release.
    pub version: String,
    /// What it does.
    pub plan: Digest,
    /// Under which specs it was compiled.
    pub catalogue: Digest,
    /// Whether it touches the outside.
    pub mode: Mode,
    /// Where.
    pub environment: Arc<str>,
    /// For whom.
    pub tenant: Arc<str>,
    /// Who asked for it.
    pub requester: Actor,
    /// The reference by which it was asked for: what `rerun` uses.
    pub reference: String,
    /// With what.
    pub inputs: Value,
    /// Limit of its running time.
    pub timeout_ms: u64,
    /// The run and step that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The lock that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockAsked>,
    /// Salt of its digests of values.
    pub salt: Digest,
    /// Inputs that are more sensitive than they are declared, given by the run above.
    #[serde(default, skip_serializing_if = "Raised::is_empty")]
    pub labels: Raised,
    /// The facts that its inputs were made from, where the run above gave such.
    #[serde(default, skip_serializing_if = "Grounds::is_empty")]
    pub grounds: Grounds,
    /// The record that it tells of, where it delivers a notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells: Option<Tells>,
}

/// The record that a notice tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tells {
    /// What it says that happened.
    pub action: Action,
    /// Its hash.
    pub record: Digest,
    /// The run that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

/// The run and step that started this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parent {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepId,
    /// The item.
    pub item: u32,
    /// Runs above it.
    pub depth: u32,
}

/// A lock that a run needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockAsked {
    /// Scope and value.
    pub name: Arc<str>,
    /// Runs at once.
    pub limit: u64,
    /// It was free.
    pub granted: bool,
}
