//! Locks of concurrency: how many runs at once work on the same thing. First come, first served; a waiting
//! run never overtakes another, whatever its own limit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ordain_spec::kind::runbook::OnLimit;
use serde::{Deserialize, Serialize};

use crate::ids::RunId;
use crate::reason::{Code, Reason};

/// The most runs that wait for one lock.
pub const QUEUE_BOUND: usize = 1_000;

/// Somebody in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The run.
    pub run: RunId,
    /// Runs at once, as its runbook says.
    pub limit: u64,
}

/// Who holds a lock, and who waits for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// The runs that hold it.
    pub holders: BTreeSet<RunId>,
    /// The runs that wait, first come first.
    pub queue: VecDeque<Waiting>,
}

/// All locks by scope and value. A lock that nobody holds or waits for is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Locks(pub BTreeMap<Arc<str>, Lock>);

/// What a run that asks for a lock gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It holds the lock.
    Granted,
    /// It waits.
    Queued,
}

/// The name of a lock: its scope, and the value of the runbook's `key` where it has one.
#[must_use]
pub fn name(scope: &str, value: Option<&serde_json::Value>) -> Arc<str> {
    match value {
        Some(value) => format!("{scope}:{value}").into(),
        None => scope.into(),
    }
}

impl Lock {
    /// True when a run with that limit may hold it now.
    fn has_room(&self, limit: u64) -> bool {
        (self.holders.len() as u64) < limit
    }
}

impl Locks {
    /// What a run would get, without asking.
    ///
    /// # Errors
    /// `concurrency_limit` where it may not wait, `queue_full` where too many do.
    pub fn look(&self, name: &str, limit: u64, on_limit: OnLimit) -> Result<Place, Reason> {
        let free = Lock::default();
        let lock = self.0.get(name).unwrap_or(&free);
        if lock.queue.is_empty() && lock.has_room(limit) {
            return Ok(Place::Granted);
        }
        match on_limit {
            OnLimit::Refuse => Err(Reason::new(Code::ConcurrencyLimit, format!("`{name}` is held"))),
            OnLimit::Queue if lock.queue.len() >= QUEUE_BOUND => {
                Err(Reason::new(Code::QueueFull, format!("{QUEUE_BOUND} runs wait for `{name}`")))
            }
            OnLimit::Queue => Ok(Place::Queued),
        }
    }

    /// True where a run that queues with that limit would never hold the lock: those in `above` hold it until the run is
    /// over, and leave no room for it, or for somebody before it.
    #[must_use]
    pub fn is_out_of_reach(&self, name: &str, limit: u64, above: &BTreeSet<RunId>) -> bool {
        let Some(lock) = self.0.get(name) else { return false };
        let held = lock.holders.intersection(above).count() as u64;
        let before = lock.queue.iter().map(|waiting| waiting.limit);
        held > 0 && before.chain([limit]).any(|limit| limit <= held)
    }

    /// Gives the lock to a run, or a place in the queue, as [`Locks::look`] said.
    pub fn take(&mut self, name: &Arc<str>, run: RunId, limit: u64, place: Place) {
        let lock = self.0.entry(Arc::clone(name)).or_default();
        match place {
            Place::Granted => {
                lock.queue.retain(|waiting| waiting.run != run);
                lock.holders.insert(run);
            }
            Place::Queued if lock.holders.contains(&run) => {}
            Place::Queued => {
                if lock.queue.iter().all(|waiting| waiting.run != run) {
                    lock.queue.push_back(Waiting { run, limit });
                }
            }
        }
    }

    /// Takes a run out of a lock, held or waited for.
    pub fn release(&mut self, name: &str, run: RunId) {
        let Some(lock) = self.0.get_mut(name) else { return };
        lock.holders.remove(&run);
        lock.queue.retain(|waiting| waiting.run != run);
        if lock.holders.is_empty() && lock.queue.is_empty() {
            self.0.remove(name);
        }
    }

    /// The run that is next to hold the lock, when there is room for it. Grant it with [`Locks::take`].
    #[must_use]
    pub fn next(&self, name: &str) -> Option<Waiting> {
        let lock = self.0.get(name)?;
        lock.queue.front().filter(|waiting| lock.has_room(waiting.limit)).copied()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop where something is not as said")]
    use super::*;

    fn run(n: u8) -> RunId {
        RunId::new("2026-01-05T10:00:00Z".parse().unwrap(), [n; 10])
    }

    fn ask(locks: &mut Locks, n: u8, limit: u64) -> Result<Place, Code> {
        let name: Arc<str> = "cluster:\"eu1\"".into();
        let place = locks.look(&name, limit, OnLimit::Queue).map_err(|reason| reason.code)?;
        locks.take(&name, run(n), limit, place);
        Ok(place)
    }

    #[test]
    fn runs_get_the_lock_in_the_order_in_which_they_asked() {
        let mut locks = Locks::default();
        let name = "cluster:\"eu1\"";
        assert_eq!(ask(&mut locks, 1, 2), Ok(Place::Granted));
        assert_eq!(ask(&mut locks, 2, 2), Ok(Place::Granted));
        assert_eq!(ask(&mut locks, 3, 1), Ok(Place::Queued));
        assert_eq!(ask(&mut locks, 4, 5), Ok(Place::Queued), "nobody overtakes");
        assert_eq!(locks.next(name), None);
        locks.release(name, run(1));
        assert_eq!(locks.next(name), None, "the first in the queue wants to be alone");
        locks.release(name, run(2));
        assert_eq!(locks.next(name).unwrap().run, run(3));
        locks.take(&name.into(), run(3), 1, Place::Granted);
        assert_eq!(locks.next(name).unwrap().run, run(4));
        locks.release(name, run(4));
        locks.release(name, run(3));
        assert_eq!(locks, Locks::default(), "nothing is left behind");
    }

    #[test]
    fn a_full_queue_and_a_refusing_runbook_refuse() {
        let mut locks = Locks::default();
        let name: Arc<str> = "x".into();
        locks.take(&name, run(0), 1, Place::Granted);
        assert_eq!(locks.look("x", 1, OnLimit::Refuse).unwrap_err().code, Code::ConcurrencyLimit);
        for n in 0..QUEUE_BOUND {
            let mut entropy = [1; 10];
            entropy[8..].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
            let id = RunId::new("2026-01-05T10:00:00Z".parse().unwrap(), entropy);
            assert_eq!(locks.look("x", 1, OnLimit::Queue), Ok(Place::Queued));
            locks.take(&name, id, 1, Place::Queued);
        }
        assert_eq!(locks.0["x"].queue.len(), QUEUE_BOUND);
        assert_eq!(locks.look("x", 1, OnLimit::Queue).unwrap_err().code, Code::QueueFull);
        assert_eq!(locks.look("y", 1, OnLimit::Refuse), Ok(Place::Granted));
    }

    #[test]
    fn what_is_held_until_one_is_over_is_out_of_reach() {
        let mut locks = Locks::default();
        let (name, above) = ("cluster:\"eu1\"", BTreeSet::from([run(1)]));
        assert!(!locks.is_out_of_reach(name, 1, &above));
        ask(&mut locks, 1, 3).unwrap();
        ask(&mut locks, 2, 3).unwrap();
        assert!(locks.is_out_of_reach(name, 1, &above));
        assert!(!locks.is_out_of_reach(name, 2, &above), "the other one will be over");
        assert!(!locks.is_out_of_reach(name, 1, &BTreeSet::from([run(9)])));
        ask(&mut locks, 3, 1).unwrap();
        assert!(locks.is_out_of_reach(name, 2, &above), "nobody overtakes whoever wants to be alone");
    }

    #[test]
    fn a_limit_of_nothing_is_never_granted_and_asking_twice_is_asking_once() {
        let mut locks = Locks::default();
        assert_eq!(ask(&mut locks, 1, 0), Ok(Place::Queued));
        assert_eq!(locks.next("cluster:\"eu1\""), None);
        assert_eq!(ask(&mut locks, 1, 0), Ok(Place::Queued));
        assert_eq!(locks.0["cluster:\"eu1\""].queue.len(), 1);
    }
}
