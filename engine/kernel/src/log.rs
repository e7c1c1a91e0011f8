//! The log of all audit records as one Merkle tree (RFC 6962), its signed checkpoints (C2SP `tlog-checkpoint`)
//! and the proofs that an export carries. Pure: hashes in, hashes out; where tiles are kept is the host's business.
//! A proof is always checked against its subject: any trouble is "not verified".

pub mod checkpoint;
pub mod envelope;
pub mod joint;
pub mod note;
pub mod proof;
pub mod succession;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use joint::{joint, joint_root};
pub use proof::{consistency, inclusion, verify_consistency, verify_inclusion};
pub use succession::Succession;
pub use tree::{Hash, Tile, Tiles, Tree, leaf_hash};
