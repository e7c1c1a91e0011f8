//! What a grant is for, as a digest of its meaning; and decisions signed with a person's key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use jiff::Timestamp;
use ordain_spec::digest::{Digest, canonical};
use ordain_spec::kind::scalar::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decision::Basis;
use crate::ids::{ApprovalId, RunId};

/// Everything that a grant is for. Nothing in it is prose, a clock or a counter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Binding<'a> {
    /// The run.
    pub run: RunId,
    /// Whether it touches the outside.
    pub mode: Mode,
    /// Where.
    pub environment: &'a str,
    /// What it does.
    pub plan: Digest,
    /// The step.
    pub step: &'a str,
    /// The arguments of all items, in their order.
    pub arguments: &'a [Value],
    /// What reviewers are shown besides the call.
    pub show: &'a Value,
    /// What is called; none for a step that only asks.
    pub call: Option<BoundCall<'a>>,
    /// The way back, as far as it is known.
    pub rollback: &'a Value,
    /// For each applicable policy its digest and the rules that were true; for items, all of them.
    pub policies: &'a [Basis],
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoundCall<'a> {
    /// The capability.
    pub capability: Digest,
    /// The connector.
    pub connector: Digest,
    /// Its operation.
    pub operation: &'a str,
    /// The workspace's grants and settings for it.
    pub connection: Option<Digest>,
}

/// The digest that reviewers see and grants carry.
#[must_use]
pub fn binding_digest(binding: &Binding<'_>) -> Digest {
    // A structure of texts, digests and JSON: it cannot fail to be JSON.
    Digest::of_json(&serde_json::to_value(binding).unwrap_or_default())
}

/// What a person signs: a statement that is good for one stage and one digest only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The stage.
    pub approval: ApprovalId,
    /// What it is for.
    pub digest: Digest,
    /// What is decided.
    pub decision: StatementDecision,
    /// Why.
    pub rationale: String,
    /// What the person filled in.
    pub form: Value,
    /// Who: `user:alice`.
    pub by: Arc<str>,
    /// When the person signed, by their own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a statement decides.
pub type StatementDecision = super::Act;

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The key of the roster is none.
    #[error("the key is no `ed25519:` key")]
    Key,
    /// The signature is none.
    #[error("the signature is not base64 of 64 bytes")]
    Signature,
    /// It was made with another key, or over something else.
    #[error("the signature is not of this key over this statement")]
    Mismatch,
}

impl Statement {
    /// The bytes that are signed: a line that says what kind of statement it is, then canonical JSON.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"ordain/decision/v1\n".to_vec();
        bytes.extend(canonical(&serde_json::to_value(self).unwrap_or_default()));
        bytes
    }
}

/// What a person signs who puts a copy of the store back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restoration {
    /// Digest over all heads of the copy's chains.
    pub head: Digest,
    /// Records in the copy.
    pub records: u64,
    /// Records in the store that it replaces; none where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<u64>,
    /// Records that the copy has not were to be taken out of the log.
    pub discard_newer: bool,
    /// Who: `user:alice`.
    pub by: Arc<str>,
    /// When the person signed, by their own clock.
    pub at: Timestamp,
}

/// The same with the signature, base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedRestoration {
    /// What was signed.
    pub statement: Restoration,
    /// By the key of `by`.
    pub signature: String,
}

impl Restoration {
    /// The bytes that are signed: a line that says what kind of statement it is, then canonical JSON.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"ordain/restore/v1\n".to_vec();
        bytes.extend(canonical(&serde_json::to_value(self).unwrap_or_default()));
        bytes
    }
}

/// Reads base64 of exactly `N` bytes.
fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// A public key as the roster writes it.
///
/// # Errors
/// When it is none, or a weak one.
pub fn read_key(text: &str) -> Result<VerifyingKey, NotSigned> {
    let bytes = text.strip_prefix("ed25519:").and_then(read::<32>).ok_or(NotSigned::Key)?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| NotSigned::Key)?;
    if key.is_weak() { Err(NotSigned::Key) } else { Ok(key) }
}

/// Verifies, strictly, that the key signed the statement. The signature is base64.
///
/// # Errors
/// Why it does not count.
pub fn verify_signature(key: &str, statement: &Statement, signature: &str) -> Result<(), NotSigned> {
    verify_bytes(key, &statement.bytes(), signature)
}

/// Verifies, strictly, that the key signed these bytes. The signature is base64.
///
/// # Errors
/// Why it does not count.
pub fn verify_bytes(key: &str, bytes: &[u8], signature: &str) -> Result<(), NotSigned> {
    let key = read_key(key)?;
    let signature = Signature::from_bytes(&read::<64>(signature).ok_or(NotSigned::Signature)?);
    key.verify_strict(bytes, &signature).map_err(|_| NotSigned::Mismatch)
}
