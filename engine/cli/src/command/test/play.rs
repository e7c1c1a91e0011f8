//! Playing scenarios side by side.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ordain_kernel::rehearsal::{ScenarioResult, rehearse};
use ordain_spec::kind::Scenario;

use crate::context::{Context, Loaded};
use crate::render::working::Working;

/// How often the line on a terminal moves.
const TICK: Duration = Duration::from_millis(200);

/// A scenario that was chosen.
pub struct Played {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// What came of it; none where it was not played, because another failed.
    pub result: Option<ScenarioResult>,
    /// How long that took.
    pub took: Duration,
}

impl Played {
    /// True where it was played and something differs.
    pub fn failed(&self) -> bool {
        self.result.as_ref().is_some_and(|result| !result.passed)
    }
}

/// Plays them; the results come in the order of the names.
pub fn play(cx: &Context, scenarios: &[Arc<Scenario>], loaded: &Loaded, fail_fast: bool) -> Vec<Played> {
    let grants = Arc::new(loaded.grants.clone());
    let queue: Mutex<VecDeque<(usize, &Arc<Scenario>)>> = Mutex::new(scenarios.iter().enumerate().collect());
    let done: Mutex<Vec<(usize, ScenarioResult, Duration)>> = Mutex::new(Vec::with_capacity(scenarios.len()));
    let (stop, finished) = (AtomicBool::new(false), AtomicUsize::new(0));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(scenarios.len());
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((at, scenario)) = next else { return };
            let begun = Instant::now();
            let result = rehearse(scenario, &loaded.catalogue, &grants);
            stop.fetch_or(fail_fast && !result.passed, Ordering::Relaxed);
            let one = (at, result, begun.elapsed());
            done.lock().unwrap_or_else(PoisonError::into_inner).push(one);
            finished.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut line = Working::new(cx, "playing scenarios");
        if line.is_seen() {
            while threads.iter().any(|thread| !thread.is_finished()) {
                let count = finished.load(Ordering::Relaxed);
                line.says(format!("playing scenarios: {count} of {}", scenarios.len()));
                line.tick();
                std::thread::sleep(TICK);
            }
        }
        line.clear();
    });
    let mut played: Vec<Played> = scenarios
        .iter()
        .map(|scenario| Played { scenario: Arc::clone(scenario), result: None, took: Duration::ZERO })
        .collect();
    for (at, result, took) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(one) = played.get_mut(at) {
            (one.result, one.took) = (Some(result), took);
        }
    }
    played
}
