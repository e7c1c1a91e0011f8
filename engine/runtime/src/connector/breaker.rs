//! When a connector stops trying for a while.
//!
//! A pure state machine: it is told the time and what came of each call; it reads no clock and makes no call.
//!
//! closed —`failures` in a row→ open for `backoff`, doubled each time up to `maxBackoff` —time over→ one trial call
//! —success→ closed, —failure→ open again.

use crate::ports::{FaultKind, Outcome, RawReply, code};

/// When it opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Failures in a row that open it; 0 is read as 1.
    pub failures: u64,
    /// First pause, in milliseconds.
    pub backoff_ms: u64,
    /// Longest pause, in milliseconds.
    pub max_backoff_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u64 },
    Open { until_ms: u64, opened: u32 },
    Trial { opened: u32, since_ms: u64 },
}

/// The breaker of one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    limits: BreakerLimits,
    state: State,
}

/// It is open; not before that many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// How long to wait.
    pub retry_after_ms: u64,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(limits: BreakerLimits) -> Self {
        Self { limits, state: State::Closed { failures: 0 } }
    }

    /// The limits of the active catalogue; what was counted stays.
    pub fn set_limits(&mut self, limits: BreakerLimits) {
        self.limits = limits;
    }

    /// May a call be made at this instant? After a pause exactly one may, until its outcome is told or another
    /// longest pause has gone by without one.
    ///
    /// # Errors
    /// It is open.
    pub fn admit(&mut self, now_ms: u64) -> Result<(), Open> {
        match self.state {
            State::Closed { .. } => Ok(()),
            State::Open { until_ms, opened } if now_ms >= until_ms => {
                self.state = State::Trial { opened, since_ms: now_ms };
                Ok(())
            }
            State::Open { until_ms, opened } => {
                // A clock that went back must not lengthen the pause beyond the pause itself.
                let wait = (until_ms - now_ms).min(self.pause(opened));
                self.state = State::Open { until_ms: now_ms + wait, opened };
                Err(Open { retry_after_ms: wait })
            }
            State::Trial { opened, since_ms } => {
                let lost = now_ms.saturating_sub(since_ms) >= self.limits.max_backoff_ms.max(1);
                if lost {
                    self.state = State::Trial { opened, since_ms: now_ms };
                    return Ok(());
                }
                Err(Open { retry_after_ms: self.pause(opened) })
            }
        }
    }

    /// A call came to an end: did the other side work?
    pub fn record(&mut self, now_ms: u64, health: Health) {
        self.state = match (health, self.state) {
            (Health::Nothing, state) => state,
            (Health::Well, _) => State::Closed { failures: 0 },
            (Health::Failed, state) => self.after_failure(now_ms, state),
        };
    }

    fn after_failure(&self, now_ms: u64, state: State) -> State {
        match state {
            State::Closed { failures } if failures + 1 < self.limits.failures.max(1) => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => self.opened(now_ms, 1),
            State::Trial { opened, .. } => self.opened(now_ms, opened.saturating_add(1)),
            // The late end of a call from before it opened.
            open @ State::Open { .. } => open,
        }
    }

    /// Is it open at this instant?
    #[must_use]
    pub fn is_open(&self, now_ms: u64) -> bool {
        matches!(self.state, State::Open { until_ms, .. } if now_ms < until_ms)
    }

    fn opened(&self, now_ms: u64, opened: u32) -> State {
        State::Open { until_ms: now_ms.saturating_add(self.pause(opened)), opened }
    }

    fn pause(&self, opened: u32) -> u64 {
        let doubled = 1_u64.checked_shl(opened.saturating_sub(1)).unwrap_or(u64::MAX);
        self.limits.backoff_ms.saturating_mul(doubled).min(self.limits.max_backoff_ms)
    }
}

impl Open {
    /// The refusal of a call that was not made.
    #[must_use]
    pub fn refusal(self) -> Outcome {
        Outcome::Refused {
            code: code::BREAKER_OPEN.into(),
            detail: "the connector failed too often and pauses".into(),
            retryable: true,
            retry_after_ms: Some(self.retry_after_ms),
        }
    }
}

/// What a reply says about the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered.
    Well,
    /// It did not, or said it cannot.
    Failed,
    /// Nothing: the call ended on this side.
    Nothing,
}

/// What a reply says about the other side: unreachable, silent, cut off, status 5xx and 429 are failures; a plain no
/// is an answer; what we refused ourselves says nothing.
#[must_use]
pub fn health_of(reply: &RawReply) -> Health {
    match (&reply.fault, reply.status) {
        (_, Some(status)) if status >= 500 || status == 429 => Health::Failed,
        (None, _) => Health::Well,
        (Some(fault), _) => match fault.kind {
            FaultKind::Unreachable | FaultKind::Timeout | FaultKind::Broken | FaultKind::TooLarge => {
                Health::Failed
            }
            _ => Health::Nothing,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BreakerLimits = BreakerLimits { failures: 3, backoff_ms: 1_000, max_backoff_ms: 3_000 };

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(LIMITS);
        for at in 0..3 {
            assert_eq!(breaker.admit(at), Ok(()));
            breaker.record(at, Health::Failed);
        }
        breaker
    }

    #[test]
    fn it_opens_after_the_declared_failures_and_not_before() {
        let mut breaker = Breaker::new(LIMITS);
        breaker.record(0, Health::Failed);
        breaker.record(0, Health::Failed);
        assert_eq!(breaker.admit(0), Ok(()));
        breaker.record(0, Health::Failed);
        assert_eq!(breaker.admit(1), Err(Open { retry_after_ms: 999 }));
    }

    #[test]
    fn a_success_between_starts_the_count_again_and_our_own_refusals_do_not_count() {
        let mut breaker = Breaker::new(LIMITS);
        breaker.record(0, Health::Failed);
        breaker.record(0, Health::Failed);
        breaker.record(0, Health::Nothing);
        breaker.record(0, Health::Well);
        breaker.record(0, Health::Failed);
        breaker.record(0, Health::Failed);
        assert_eq!(breaker.admit(0), Ok(()));
    }

    #[test]
    fn one_trial_decides_and_the_pause_doubles_up_to_its_limit() {
        let mut breaker = opened();
        let mut now = 2;
        for pause in [1_000, 2_000, 3_000, 3_000] {
            assert_eq!(breaker.admit(now), Err(Open { retry_after_ms: pause }));
            now += pause;
            assert_eq!(breaker.admit(now), Ok(()));
            assert!(breaker.admit(now).is_err(), "a second call during the trial");
            breaker.record(now, Health::Failed);
        }
        now += 3_000;
        assert_eq!(breaker.admit(now), Ok(()));
        breaker.record(now, Health::Well);
        assert_eq!(breaker.admit(now), Ok(()));
        assert_eq!(breaker.admit(now), Ok(()));
    }

    #[test]
    fn a_clock_that_goes_back_does_not_lengthen_the_pause() {
        let mut breaker = Breaker::new(BreakerLimits { failures: 1, ..LIMITS });
        breaker.record(1_000_000, Health::Failed);
        assert_eq!(breaker.admit(0), Err(Open { retry_after_ms: 1_000 }));
        assert_eq!(breaker.admit(1_000), Ok(()));
    }

    #[test]
    fn a_trial_that_never_ends_does_not_lock_it_for_ever() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(1_002), Ok(()));
        assert!(breaker.admit(2_000).is_err());
        assert_eq!(breaker.admit(1_002 + 3_000), Ok(()));
    }
}
