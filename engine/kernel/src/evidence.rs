//! Evidence: files that anyone can verify offline, without a store and without trusting who hands them over. Each is
//! an [`Archive`](crate::archive::Archive) with a manifest that names every entry by its digest. Who is trusted is
//! said by the reader; whatever is not as it must be is "not verified".

pub mod audit_export;
pub mod bundle;
pub mod manifest;
pub mod paths;
pub mod runpack;

pub use audit_export::AuditExport;
pub use manifest::Manifest;

use ordain_spec::digest::Digest;

use crate::archive::NotAnArchive;
use crate::log::checkpoint::NotACheckpoint;
use crate::log::envelope::NotTrusted;
use crate::log::tree::Hash;

/// Why a file is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVerified {
    /// The archive.
    #[error("{0}")]
    Archive(#[from] NotAnArchive),
    /// The manifest, or an entry that is not as it says.
    #[error("{0}")]
    Manifest(String),
    /// A record.
    #[error("record {seq}: {reason}")]
    Record {
        /// Where it stands, or should.
        seq: u64,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint.
    #[error("{0}")]
    Checkpoint(#[from] NotACheckpoint),
    /// The signature.
    #[error("the signature is not to be trusted: {0}")]
    Signature(#[from] NotTrusted),
    /// The checkpoint is about other records.
    #[error("the checkpoint is about other records than these")]
    OtherLog,
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Hash> {
    format!("sha256:{text}").parse::<Digest>().ok().map(|digest| digest.0)
}
