//! Evidence: files that anyone can verify offline, without a store and without trusting who hands them over. Each is
//! an [`Archive`](crate::archive::Archive) with a manifest that names every entry by its digest. Who is trusted is
//! said by the reader; whatever is not as it must be is "not verified".

pub mod audit_export;
pub mod manifest;

pub use audit_export::AuditExport;
pub use manifest::Manifest;

use crate::archive::NotAnArchive;
use crate::log::checkpoint::NotACheckpoint;

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
    /// The checkpoint is about other records.
    #[error("the checkpoint is about other records than these")]
    OtherLog,
}
