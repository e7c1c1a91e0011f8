//! Keys that make a repetition harmless: the key of an effect, stable over its attempts, and the keys of the
//! business, remembered for 30 days over all runs. What is under way or unknown is never done again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::scalar::Mode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{RunId, hash};
use crate::reason::{Code, Reason};

/// How long a key of the business is remembered.
pub const REMEMBERED_MS: i64 = 30 * 86_400_000;

/// Doing or undoing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Doing.
    Do,
    /// Undoing.
    Undo,
}

/// The key of an effect: H(run, step, item, do or undo), the same for all its attempts.
#[must_use]
pub fn step_key(run: RunId, step: &str, item: u32, direction: Direction) -> Arc<str> {
    let direction = match direction {
        Direction::Do => "do",
        Direction::Undo => "undo",
    };
    short(hash("effect", &[&run.to_string(), step, &item.to_string(), direction]))
}

/// The key of the business: H(capability, value). Mock runs have keys of their own.
#[must_use]
pub fn business_key(capability: &str, mode: Mode, value: &Value) -> Arc<str> {
    let digest = Digest::of_json(value).to_string();
    short(hash("business", &[capability, mode.as_str(), &digest]))
}

/// The digest without its prefix: what fits in a header of other systems.
fn short(digest: Digest) -> Arc<str> {
    digest.to_string().trim_start_matches("sha256:").into()
}

/// What is known of a key of the business.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Known {
    /// An attempt is under way.
    Open,
    /// Nobody knows what came of an attempt.
    Unknown,
    /// It was done.
    Succeeded {
        /// What it gave.
        output: Arc<Value>,
    },
}

/// What is remembered of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// What is known.
    #[serde(flatten)]
    pub known: Known,
    /// The run whose attempt it is.
    pub run: RunId,
    /// Since when.
    pub at: Timestamp,
}

/// What a step may do with its key.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// Nothing is known: it runs.
    Free,
    /// It was done: this is what it gave, without a call, cost or quota.
    Replay(Arc<Value>),
    /// It is under way, or nobody knows: the step is denied.
    Conflict(Reason),
}

/// The keys of the business. A key that was refused, failed or undone is not remembered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keys(pub BTreeMap<Arc<str>, Memory>);

impl Keys {
    /// What a step may do. What is open or unknown stays so, however old: time does not tell what happened.
    #[must_use]
    pub fn look(&self, key: &str, now: Timestamp) -> Lookup {
        let conflict = |what: &str, memory: &Memory| {
            Lookup::Conflict(Reason::new(Code::IdempotencyConflict, format!("{what} in run {}", memory.run)))
        };
        match self.0.get(key) {
            None => Lookup::Free,
            Some(memory) => match &memory.known {
                Known::Open => conflict("under way", memory),
                Known::Unknown => conflict("the outcome is unknown", memory),
                Known::Succeeded { .. } if is_forgotten(memory, now) => Lookup::Free,
                Known::Succeeded { output } => Lookup::Replay(Arc::clone(output)),
            },
        }
    }

    /// An attempt with that key begins.
    pub fn open(&mut self, key: &Arc<str>, run: RunId, at: Timestamp) {
        self.0.insert(Arc::clone(key), Memory { known: Known::Open, run, at });
    }

    /// The attempt succeeded.
    pub fn succeeded(&mut self, key: &Arc<str>, run: RunId, output: Arc<Value>, at: Timestamp) {
        self.0.insert(Arc::clone(key), Memory { known: Known::Succeeded { output }, run, at });
    }

    /// Nobody knows what came of the attempt.
    pub fn unknown(&mut self, key: &Arc<str>, run: RunId, at: Timestamp) {
        self.0.insert(Arc::clone(key), Memory { known: Known::Unknown, run, at });
    }

    /// It was refused, failed or undone: it may be done again. Only the run that holds the key frees it.
    pub fn free(&mut self, key: &str, run: RunId) {
        if self.0.get(key).is_some_and(|memory| memory.run == run) {
            self.0.remove(key);
        }
    }

    /// Runs whose outcome is taken over by others that come with the same key.
    #[must_use]
    pub fn remembering(&self, now: Timestamp) -> BTreeSet<RunId> {
        let taken_over =
            |memory: &&Memory| matches!(memory.known, Known::Succeeded { .. }) && !is_forgotten(memory, now);
        self.0.values().filter(taken_over).map(|memory| memory.run).collect()
    }

    /// Drops what a run's outcome was remembered by: its payloads are erased. Gives the keys.
    pub fn erase(&mut self, runs: &BTreeSet<RunId>) -> Vec<Arc<str>> {
        let of =
            |memory: &Memory| matches!(memory.known, Known::Succeeded { .. }) && runs.contains(&memory.run);
        let keys: Vec<_> =
            self.0.iter().filter(|(_, memory)| of(memory)).map(|(key, _)| Arc::clone(key)).collect();
        for key in &keys {
            self.0.remove(key);
        }
        keys
    }

    /// Keys that are remembered no longer and can be dropped.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> Vec<Arc<str>> {
        let old =
            |memory: &Memory| matches!(memory.known, Known::Succeeded { .. }) && is_forgotten(memory, now);
        self.0.iter().filter(|(_, memory)| old(memory)).map(|(key, _)| Arc::clone(key)).collect()
    }
}

fn is_forgotten(memory: &Memory, now: Timestamp) -> bool {
    now.as_millisecond().saturating_sub(memory.at.as_millisecond()) >= REMEMBERED_MS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use serde_json::json;

    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_767_607_200 + day * 86_400).unwrap()
    }

    fn run(n: u8) -> RunId {
        RunId::new(at(0), [n; 10])
    }

    #[test]
    fn keys_of_effects_differ_by_run_step_item_and_direction_and_by_nothing_else() {
        let keys: BTreeSet<_> = [
            step_key(run(1), "a", 0, Direction::Do),
            step_key(run(1), "a", 0, Direction::Undo),
            step_key(run(1), "a", 1, Direction::Do),
            step_key(run(1), "b", 0, Direction::Do),
            step_key(run(2), "a", 0, Direction::Do),
        ]
        .into();
        assert_eq!(keys.len(), 5);
        assert_eq!(step_key(run(1), "a", 0, Direction::Do), step_key(run(1), "a", 0, Direction::Do));
        assert!(keys.iter().all(|key| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit())));
        let live = business_key("payments.refund", Mode::Live, &json!("pay_1"));
        assert_ne!(live, business_key("payments.refund", Mode::Mock, &json!("pay_1")));
        assert_ne!(live, business_key("payments.reverse", Mode::Live, &json!("pay_1")));
        assert_ne!(business_key("c", Mode::Live, &json!(1)), business_key("c", Mode::Live, &json!("1")));
    }

    #[test]
    fn what_is_under_way_or_unknown_is_never_done_again() {
        let mut keys = Keys::default();
        let key: Arc<str> = "k".into();
        assert_eq!(keys.look("k", at(0)), Lookup::Free);
        keys.open(&key, run(1), at(0));
        assert!(matches!(keys.look("k", at(1)), Lookup::Conflict(_)));
        keys.unknown(&key, run(1), at(1));
        assert!(matches!(keys.look("k", at(400)), Lookup::Conflict(_)), "time tells nothing");
        keys.free("k", run(2));
        assert!(matches!(keys.look("k", at(1)), Lookup::Conflict(_)), "another run frees nothing");
        keys.free("k", run(1));
        assert_eq!(keys.look("k", at(1)), Lookup::Free);
    }

    #[test]
    fn a_success_is_taken_over_for_thirty_days() {
        let mut keys = Keys::default();
        let key: Arc<str> = "k".into();
        let output = Arc::new(json!({"refund_id": "re_1"}));
        keys.open(&key, run(1), at(0));
        keys.succeeded(&key, run(1), Arc::clone(&output), at(0));
        assert_eq!(keys.look("k", at(29)), Lookup::Replay(output));
        assert_eq!(keys.look("k", at(30)), Lookup::Free);
        assert_eq!(keys.forgotten(at(29)), Vec::<Arc<str>>::new());
        assert_eq!(keys.forgotten(at(30)), vec![Arc::clone(&key)]);
        assert!(keys.remembering(at(29)).contains(&run(1)) && keys.remembering(at(30)).is_empty());
        assert_eq!(keys.erase(&[run(2)].into()), Vec::<Arc<str>>::new());
        assert_eq!(keys.erase(&[run(1)].into()), vec![key]);
        assert_eq!(keys, Keys::default());
    }

    #[test]
    fn what_is_remembered_reads_its_own_json() {
        let memory =
            Memory { known: Known::Succeeded { output: Arc::new(json!({"a": 1})) }, run: run(1), at: at(0) };
        let json = serde_json::to_value(&memory).unwrap();
        assert_eq!(json.get("state"), Some(&json!("succeeded")));
        assert_eq!(serde_json::from_value::<Memory>(json).unwrap(), memory);
    }
}
