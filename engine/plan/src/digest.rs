//! Digests of what is not itself a spec.

use ordain_spec::digest::Digest;
use sha2::Digest as _;

/// SHA-256 over the canonical JSON of a value made of objects, lists, strings and integers.
pub fn of_json(value: &serde_json::Value) -> Digest {
    // Canonicalization fails only on numbers that are not finite, which cannot be made here.
    let bytes = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    Digest(sha2::Sha256::digest(bytes).into())
}
