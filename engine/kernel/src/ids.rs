//! Ids of runs, approvals and decisions. A run's id comes from the instant and entropy that the host gives;
//! every other id is derived from it by hashing, so that it is the same on every host and every replay.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A run: a UUID of version 7, so that ids sort by the time of the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Uuid);

/// The text is no id of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of a run (a UUID of version 7)")]
pub struct NotARunId;

impl RunId {
    /// The id of a run that starts at that instant. The host gives the entropy.
    #[must_use]
    pub fn new(at: Timestamp, entropy: [u8; 10]) -> Self {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
    }

    /// The id of the run that this run starts for an item of a step; it carries this run's time.
    #[must_use]
    pub fn child(&self, step: &str, item: u32) -> Self {
        let digest = hash("child", &[&self.to_string(), step, &item.to_string()]);
        let [_, _, _, _, _, _, kept @ ..] = *self.0.as_bytes();
        let mut entropy: [u8; 10] = kept;
        for (byte, made) in entropy.iter_mut().zip(digest.0) {
            *byte = made;
        }
        let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |time| time.to_unix());
        let millis = seconds.saturating_mul(1000).saturating_add(u64::from(nanos / 1_000_000));
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for RunId {
    type Err = NotARunId;

    fn from_str(text: &str) -> Result<Self, NotARunId> {
        let id = Uuid::try_parse(text).map_err(|_| NotARunId)?;
        let canonical = id.get_version_num() == 7 && id.as_hyphenated().to_string() == text;
        canonical.then_some(Self(id)).ok_or(NotARunId)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no id of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of that kind")]
pub struct NotAnId;

macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            fn of(parts: &[&str]) -> Self {
                let hex = hash($prefix, parts).to_string();
                let hex: String = hex.chars().skip("sha256:".len()).take(32).collect();
                Self(format!(concat!($prefix, "-{}"), hex).into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let hex = text.strip_prefix(concat!($prefix, "-")).ok_or(NotAnId)?;
                let is_hex = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                is_hex.then(|| Self(text.into())).ok_or(NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

derived_id! {
    /// One stage of one approval of one step, each time that people are asked.
    ApprovalId, "apr"
}

derived_id! {
    /// One decision.
    DecisionId, "dec"
}

derived_id! {
    /// One preview of an export: what is approved and fetched by.
    PreviewId, "exp"
}

impl PreviewId {
    /// The id of the preview that a step of a run makes.
    #[must_use]
    pub fn derive(run: RunId, step: &str) -> Self {
        Self::of(&[&run.to_string(), step])
    }
}

impl ApprovalId {
    /// The id of a stage of a step's approval. `ask` counts how often the step asked before.
    #[must_use]
    pub fn derive(run: RunId, step: &str, approval: &str, stage: &str, ask: u32) -> Self {
        Self::of(&[&run.to_string(), step, approval, stage, &ask.to_string()])
    }
}

impl ApprovalId {
    /// The id under which people agree to an exemption.
    #[must_use]
    pub fn of_exemption(digest: &Digest) -> Self {
        Self::of(&["exemption", &digest.to_string()])
    }
}

impl DecisionId {
    /// The id of the decision that stands in the run's journal at `seq`.
    #[must_use]
    pub fn derive(run: RunId, seq: u64) -> Self {
        Self::of(&[&run.to_string(), &seq.to_string()])
    }
}

/// SHA-256 of a domain and parts, each with its length, so that no two lists of parts hash the same.
pub(crate) fn hash(domain: &str, parts: &[&str]) -> Digest {
    let mut bytes = format!("ordain/{domain}/v1\n").into_bytes();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    Digest::of(&bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    fn run() -> RunId {
        RunId::new("2026-01-05T10:00:00.123Z".parse().unwrap(), [7; 10])
    }

    #[test]
    fn an_id_of_a_run_is_a_uuid_of_version_7_and_reads_its_own_text() {
        let text = run().to_string();
        assert_eq!(Uuid::parse_str(&text).unwrap().get_version_num(), 7);
        assert_eq!(text.parse(), Ok(run()));
        assert_eq!(text.to_uppercase().parse::<RunId>(), Err(NotARunId));
        assert_eq!("00000000-0000-0000-0000-000000000000".parse::<RunId>(), Err(NotARunId));
    }

    #[test]
    fn ids_of_runs_sort_by_time() {
        let later = RunId::new("2026-01-05T10:00:00.124Z".parse().unwrap(), [0; 10]);
        assert!(run() < later);
        assert!(run().to_string() < later.to_string());
    }

    #[test]
    fn children_are_told_apart_by_step_and_item_and_carry_the_time() {
        let ids = [run().child("a", 0), run().child("a", 1), run().child("b", 0), run()];
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(run().child("a", 0), run().child("a", 0));
        let time = |id: &RunId| id.to_string().chars().take(13).collect::<String>();
        assert_eq!(time(&run().child("a", 0)), time(&run()));
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        assert_ne!(
            ApprovalId::derive(run(), "a", "bc", "d", 0),
            ApprovalId::derive(run(), "ab", "c", "d", 0)
        );
        let id = ApprovalId::derive(run(), "a", "b", "c", 0);
        assert_eq!(id.to_string().parse(), Ok(id.clone()));
        assert_eq!("apr-../../etc".parse::<ApprovalId>(), Err(NotAnId));
        assert_ne!(id.as_str().get(4..), DecisionId::derive(run(), 0).as_str().get(4..));
    }
}
