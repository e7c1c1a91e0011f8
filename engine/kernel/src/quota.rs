//! Quotas: how often a capability may be used within a sliding window. They count steps, not attempts, and
//! deny; nothing here waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::Kind;
use ordain_spec::kind::capability::{Per, Quota};
use ordain_spec::kind::scalar::Mode;
use serde::{Deserialize, Serialize};

use crate::budget::Booker;
use crate::reason::{Code, Reason};

/// The counter on which a step counts. It stands in the journal with the step's first attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// The capability.
    pub capability: Arc<str>,
    /// What the counter is kept for.
    pub per: Per,
    /// The word for it: `user:alice`.
    pub key: Arc<str>,
    /// Length of the window.
    pub window_ms: u64,
    /// Mock runs have counters of their own.
    pub mode: Mode,
}

/// When a capability was used, by counter, oldest first. Uses older than the window are forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas(pub BTreeMap<Use, Vec<Timestamp>>);

/// How often a quota's counter was used, as a step saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// What the counter is kept for.
    pub per: Per,
    /// Length of the window.
    pub window_ms: u64,
    /// Uses within the window.
    pub used: u64,
}

/// How a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaStanding {
    /// Uses within the window that ends now.
    pub used: u64,
    /// The most there may be.
    pub limit: u64,
}

/// The counters of a capability's quotas on which this step would count.
#[must_use]
pub fn uses(quotas: &[Quota], booker: &Booker<'_>) -> Vec<Use> {
    let one = |quota: &Quota| Use {
        capability: booker.subject.capability.into(),
        per: quota.per.value,
        key: booker.key([quota.per.value]).into_iter().next().unwrap_or_else(|| "".into()),
        window_ms: quota.window.value.0,
        mode: booker.mode(),
    };
    let mut uses: Vec<Use> = quotas.iter().map(one).collect();
    uses.sort();
    uses.dedup();
    uses
}

/// Whether a quota is used up, by what was counted, and why; nothing where its counter is not among them.
#[must_use]
pub fn exceeded(quota: &Quota, counted: &[Counted], capability: &str) -> Option<Option<Reason>> {
    let (per, window_ms) = (quota.per.value, quota.window.value.0);
    let used = counted.iter().find(|one| one.per == per && one.window_ms == window_ms)?.used;
    let limit = quota.limit.value;
    Some((used >= limit).then(|| {
        let window = ordain_spec::expr::duration_text(i64::try_from(window_ms).unwrap_or(i64::MAX));
        Reason::new(Code::QuotaExceeded, format!("{used} uses of {limit} in {window} per {per}"))
            .from(Kind::Capability, capability)
    }))
}

impl Quotas {
    /// Uses within the window that ends at `now`: later than `now − window`. Uses recorded by a clock that
    /// was ahead count as well.
    #[must_use]
    pub fn used(&self, counter: &Use, now: Timestamp) -> u64 {
        let oldest = oldest(counter, now);
        let uses = self.0.get(counter).map_or(&[][..], Vec::as_slice);
        uses.iter().filter(|at| at.as_millisecond() > oldest).count() as u64
    }

    /// How often the counters of these quotas were used.
    #[must_use]
    pub fn counted(&self, quotas: &[Quota], booker: &Booker<'_>, now: Timestamp) -> Vec<Counted> {
        let counters = uses(quotas, booker).into_iter();
        counters
            .map(|counter| Counted {
                per: counter.per,
                window_ms: counter.window_ms,
                used: self.used(&counter, now),
            })
            .collect()
    }

    /// Counters on which the step would count.
    ///
    /// # Errors
    /// `quota_exceeded`, for each quota that is used up.
    pub fn check(
        &self,
        quotas: &[Quota],
        booker: &Booker<'_>,
        now: Timestamp,
    ) -> Result<Vec<Use>, Vec<Reason>> {
        let counted = self.counted(quotas, booker, now);
        let reasons = quotas.iter().filter_map(|quota| exceeded(quota, &counted, booker.subject.capability));
        let reasons: Vec<Reason> = reasons.flatten().collect();
        if reasons.is_empty() { Ok(uses(quotas, booker)) } else { Err(reasons) }
    }

    /// Counts a use, and forgets what left the window. What cannot be told apart by the millisecond counts
    /// each time.
    pub fn record(&mut self, counter: &Use, at: Timestamp) {
        let oldest = oldest(counter, at);
        let uses = self.0.entry(counter.clone()).or_default();
        uses.retain(|earlier| earlier.as_millisecond() > oldest);
        let place = uses.partition_point(|earlier| *earlier <= at);
        uses.insert(place, at);
    }

    /// Sets every counter of a capability to nothing, and says which.
    pub fn reset(&mut self, capability: &str) -> Vec<Use> {
        let these: Vec<Use> =
            self.0.keys().filter(|counter| &*counter.capability == capability).cloned().collect();
        for counter in &these {
            self.0.remove(counter);
        }
        these
    }
}

/// Milliseconds of the instant at which the window that ends at `now` begins; it does not count itself.
fn oldest(counter: &Use, now: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(i64::try_from(counter.window_ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop where something is not as said"
    )]
    use ordain_spec::kind::metadata::Risk;
    use ordain_spec::kind::roster::ActorType;
    use ordain_spec::kind::scalar::Effect;
    use ordain_spec::kind::selector::Subject;
    use proptest::prelude::*;

    use super::*;
    use crate::actor::Actor;
    use crate::ids::RunId;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_767_607_200_000 + ms).unwrap()
    }

    fn quotas(text: &str) -> Vec<Quota> {
        vec![crate::fixture::read(text)]
    }

    fn actor(name: &str) -> Actor {
        Actor { id: name.into(), type_: ActorType::Agent, on_behalf_of: Some("user:alice".into()) }
    }

    fn booker(actor: &Actor, mode: Mode) -> Booker<'_> {
        let subject = Subject {
            capability: "payments.refund",
            risk: Risk::High,
            effect: Effect::Write,
            runbook: "refund",
            environment: "local",
            mode,
        };
        Booker { subject, actor, tenant: "default", run: RunId::new(at(0), [1; 10]) }
    }

    #[test]
    fn a_use_leaves_the_window_at_its_end_and_counters_are_kept_apart() {
        let quota = quotas("{per: actor, limit: 2, window: 1h}");
        let (planner, other) = (actor("user:planner"), actor("user:other"));
        let mut kept = Quotas::default();
        for ms in [0, 1_000] {
            for counter in kept.check(&quota, &booker(&planner, Mode::Live), at(ms)).unwrap() {
                kept.record(&counter, at(ms));
            }
        }
        let denied = kept.check(&quota, &booker(&planner, Mode::Live), at(3_599_999)).unwrap_err();
        assert_eq!(denied[0].code, Code::QuotaExceeded);
        assert!(kept.check(&quota, &booker(&other, Mode::Live), at(2_000)).is_ok());
        assert!(kept.check(&quota, &booker(&planner, Mode::Mock), at(2_000)).is_ok());
        assert!(kept.check(&quota, &booker(&planner, Mode::Live), at(3_600_000)).is_ok());
        assert!(
            kept.check(&quota, &booker(&planner, Mode::Live), at(-5_000)).is_err(),
            "a clock that went back"
        );
        assert_eq!(kept.reset("payments.refund").len(), 1);
        assert!(kept.check(&quota, &booker(&planner, Mode::Live), at(2_000)).is_ok());
    }

    #[test]
    fn owners_count_together() {
        let quota = quotas("{per: owner, limit: 1, window: 1h}");
        let (planner, other) = (actor("user:planner"), actor("user:other"));
        let mut kept = Quotas::default();
        let counter = kept.check(&quota, &booker(&planner, Mode::Live), at(0)).unwrap().remove(0);
        assert_eq!(&*counter.key, "user:alice");
        kept.record(&counter, at(0));
        assert!(kept.check(&quota, &booker(&other, Mode::Live), at(1)).is_err());
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit(
            gaps in prop::collection::vec(0_i64..400, 1..80), limit in 1_u64..6,
        ) {
            let quota = quotas(&format!("{{per: actor, limit: {limit}, window: 1s}}"));
            let planner = actor("user:planner");
            let (mut kept, mut now, mut taken) = (Quotas::default(), 0, Vec::<i64>::new());
            for gap in gaps {
                now += gap;
                let naive = taken.iter().filter(|ms| **ms > now - 1_000).count() as u64;
                let result = kept.check(&quota, &booker(&planner, Mode::Live), at(now));
                prop_assert_eq!(result.is_ok(), naive < limit);
                for counter in result.into_iter().flatten() {
                    kept.record(&counter, at(now));
                    taken.push(now);
                }
            }
        }
    }
}
