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

impl Quotas {
    /// Uses within the window that ends at `now`: later than `now − window`. Uses recorded by a clock that
    /// was ahead count as well.
    #[must_use]
    pub fn used(&self, counter: &Use, now: Timestamp) -> u64 {
        let oldest = oldest(counter, now);
        let uses = self.0.get(counter).map_or(&[][..], Vec::as_slice);
        uses.iter().filter(|at| at.as_millisecond() > oldest).count() as u64
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
        let exceeded = |quota: &Quota| {
            let counter = uses(std::slice::from_ref(quota), booker).into_iter().next()?;
            let used = self.used(&counter, now);
            (used >= quota.limit.value).then(|| {
                let limit = quota.limit.value;
                let window =
                    ordain_spec::expr::duration_text(i64::try_from(counter.window_ms).unwrap_or(i64::MAX));
                Reason::new(
                    Code::QuotaExceeded,
                    format!("{used} uses of {limit} in {window} per {}", quota.per.value),
                )
                .from(Kind::Capability, booker.subject.capability)
            })
        };
        let reasons: Vec<Reason> = quotas.iter().filter_map(exceeded).collect();
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
