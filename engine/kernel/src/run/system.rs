//! What happens to a workspace beside its runs: kill switches, catalogues, refused starts. These records form
//! the chain `system`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::scenario::Assurance;
use serde::{Deserialize, Serialize};

use super::command::{Decide, Verdict};
use super::event::Tells;
use crate::actor::Actor;
use crate::approval::SignedRestoration;
use crate::ids::RunId;
use crate::kill::Selector;
use crate::log::Succession;
use crate::reason::{Code, Reason};

/// A command on the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SystemCommand {
    /// Set a kill switch. Any operator may.
    Kill {
        /// What it is about.
        selector: Selector,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
        /// Lifts itself then.
        until: Option<Timestamp>,
        /// Matching runs pause instead of being denied.
        pause: bool,
    },
    /// Lift a kill switch. Only `admin` may.
    Revive {
        /// As it was set.
        selector: Selector,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Set the counters of a capability's quotas to nothing. Only `admin` may.
    ResetQuota {
        /// The capability.
        capability: String,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Erase the payloads of settled runs. Only `admin` may.
    Prune {
        /// Which.
        runs: Vec<RunId>,
        /// All of them ended before.
        before: Timestamp,
        /// Who.
        by: Actor,
    },
    /// Every payload of the store was put under one key. Only `admin` may.
    Encrypt {
        /// The key's id.
        key: String,
        /// Who.
        by: Actor,
    },
    /// Let another key sign the log from here on. Only `admin` may.
    Rekey {
        /// What the old key signed.
        succession: Succession,
        /// Who.
        by: Actor,
    },
    /// What a probe of a connector's health came to; on record only where it shows the connector otherwise.
    Probed {
        /// The connector.
        connector: Arc<str>,
        /// What was wrong; none where it answered as it should.
        fault: Option<Code>,
    },
    /// A person decides about an exemption.
    DecideExemption(Box<Decide>),
    /// Something to be kept on record that changes nothing in here.
    Note(Box<SystemEvent>),
}

impl SystemCommand {
    /// What a person gives as the reason of it.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Kill { reason, .. } | Self::Revive { reason, .. } | Self::ResetQuota { reason, .. } => {
                Some(reason)
            }
            _ => None,
        }
    }
}

/// What happened to the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum SystemEvent {
    /// A start that made no run.
    StartRefused {
        /// As it was asked for.
        reference: String,
        /// Who asked.
        by: Actor,
        /// Why not.
        reasons: Vec<Reason>,
    },
    /// A kill switch was set.
    KillSet {
        /// What it is about.
        selector: Selector,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
        /// Lifts itself then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Matching runs pause.
        pause: bool,
    },
    /// A kill switch was lifted.
    KillLifted {
        /// What it was about.
        selector: Selector,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// Counters of a capability's quotas were set to nothing.
    QuotaReset {
        /// The capability.
        capability: String,
        /// Why.
        reason: String,
        /// Who.
        by: Actor,
    },
    /// The payloads of settled runs were erased, and the salts under which they stood.
    Pruned {
        /// Which.
        runs: Vec<RunId>,
        /// All of them ended before.
        before: Timestamp,
        /// Who.
        by: Actor,
    },
    /// The store is a copy that was put back; what was recorded after the copy is not in it.
    Restored {
        /// Digest over all heads of the copy's chains.
        from: Digest,
        /// Records in the copy.
        records: u64,
        /// Records that were in the store before; none where it could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaced: Option<u64>,
        /// Who.
        by: Actor,
        /// What they signed, where they did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Box<SignedRestoration>>,
    },
    /// Every payload of the store was put under one key.
    Encrypted {
        /// The key's id.
        key: String,
        /// Who.
        by: Actor,
    },
    /// Another key signs the log from here on.
    Rekeyed {
        /// What the old key signed.
        succession: Succession,
        /// Who.
        by: Actor,
    },
    /// A catalogue became the active one.
    CatalogueActivated {
        /// The one before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Digest>,
        /// This one.
        to: Digest,
        /// Its budgets that carry something over: they exist from here on, until a catalogue is without them.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        carrying: BTreeSet<Arc<str>>,
    },
    /// A catalogue was not taken.
    CatalogueRefused {
        /// Slugs of its diagnostics.
        reasons: Vec<Reason>,
    },
    /// A checkpoint over the log as it was before this was signed.
    CheckpointSigned {
        /// Records.
        size: u64,
        /// The root over them.
        root: Digest,
        /// The signed note.
        note: String,
    },
    /// A connector is healthy, or degraded, and was not before.
    HealthChanged {
        /// The connector.
        connector: Arc<str>,
        /// What the probe came to; none where it is healthy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Code>,
    },
    /// A person agreed to an exemption, took that back, or said no.
    ExemptionDecided {
        /// Its name.
        name: Arc<str>,
        /// What was decided on.
        digest: Digest,
        /// What.
        verdict: Verdict,
        /// Who.
        by: Actor,
        /// How sure it is that it was the person's own act.
        assurance: Assurance,
        /// Why.
        rationale: String,
        /// The signature, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A notice could not be given.
    NoticeFailed {
        /// Its name.
        notice: Arc<str>,
        /// What it was to tell of.
        tells: Tells,
        /// The run that was to deliver it; none where it could not be started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<RunId>,
        /// Why not.
        reasons: Vec<Reason>,
    },
    /// The store is from here on as strict as that, and was not before. What never said so is in profile `dev`.
    StanceTaken {
        /// The profile.
        profile: Arc<str>,
        /// When the newest seal was signed that was active.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<Timestamp>,
    },
    /// The workspace file changed between two starts.
    WorkspaceChanged {
        /// Digest before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Digest>,
        /// Digest now.
        to: Digest,
    },
}
