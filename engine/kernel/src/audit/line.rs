//! A record as the line that a store keeps, verified without being written again: what the line says is held
//! by its hash, so only the fields that chain it are read. Whatever is not plain is left to the full reading.

use ordain_spec::digest::Digest;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Action, End};

/// The fields of a record; those that are not looked at are only known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields<'l> {
    seq: u64,
    hash: &'l str,
    prev_hash: &'l str,
    #[serde(rename = "action")]
    _action: Action,
    run_id: Option<&'l str>,
    run_seq: Option<u64>,
    payload_digest: Option<&'l str>,
    #[serde(rename = "at")]
    _at: &'l str,
    #[serde(rename = "actor")]
    _actor: IgnoredAny,
    #[serde(rename = "assurance")]
    _assurance: Option<&'l str>,
    #[serde(rename = "subject")]
    _subject: &'l str,
    #[serde(rename = "stepId")]
    _step_id: Option<&'l str>,
    #[serde(rename = "decisionId")]
    _decision_id: Option<&'l str>,
    #[serde(rename = "reasons")]
    _reasons: IgnoredAny,
    #[serde(rename = "engineVersion")]
    _engine_version: &'l str,
    #[serde(rename = "catalogueDigest")]
    _catalogue_digest: Option<&'l str>,
    #[serde(rename = "planDigest")]
    _plan_digest: Option<&'l str>,
}

/// A line without a place (`seq` 0), at a place of the log: what the log's leaf is made of. None where it has one.
#[must_use]
pub fn placed(line: &str, seq: u64) -> Option<String> {
    // Nothing inside of a string can look like this: its quotes would be escaped.
    let (before, after) = line.split_once(",\"seq\":0,")?;
    Some(format!("{before},\"seq\":{seq},{after}"))
}

/// A line whose content is what its hash was made from.
pub(super) struct Held<'l> {
    pub run: Option<&'l str>,
    pub prev_hash: Digest,
    pub end: End,
}

/// Reads a line that stands at a place of the log; none where it takes the full reading to say what it is.
pub(super) fn held<'l>(seq: u64, line: &'l str, buffer: &mut Vec<u8>) -> Option<Held<'l>> {
    let fields: Fields<'l> = serde_json::from_str(line).ok()?;
    if fields.seq != 0 {
        return None;
    }
    let head: Digest = fields.hash.parse().ok()?;
    // What is hashed is the line without the two members that are outside the hash.
    let hash = place_of(line, fields.hash)?;
    let (hash_from, hash_to) = (hash.checked_sub(8)?, hash.checked_add(fields.hash.len())?.checked_add(2)?);
    let number = line.find("\"seq\":0,")?;
    if number < hash_to {
        return None;
    }
    buffer.clear();
    buffer.extend_from_slice(line.get(..hash_from)?.as_bytes());
    buffer.extend_from_slice(line.get(hash_to..number)?.as_bytes());
    buffer.extend_from_slice(line.get(number.checked_add(8)?..)?.as_bytes());
    if Digest::of(buffer) != head {
        return None;
    }
    let payload_digest = fields.payload_digest.map(str::parse).transpose().ok()?;
    let end = End { head, seq, run_seq: fields.run_seq, payload_digest };
    Some(Held { run: fields.run_id, prev_hash: fields.prev_hash.parse().ok()?, end })
}

/// Where a borrowed part of a line begins.
fn place_of(line: &str, part: &str) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(line.as_ptr() as usize)
}
