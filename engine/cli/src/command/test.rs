//! `ordain test`: scenarios on the real kernel, with declared answers and a simulated clock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ordain_kernel::rehearsal::{Coverage, ScenarioResult, coverage, rehearse};
use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::diagnostic::nearest;
use ordain_spec::kind::Scenario;
use serde_json::{Value, json};

use crate::context::{Context, Loaded};
use crate::failure::{Done, Exit, Failure};
use crate::render::value;

/// Plays scenarios: the real kernel, declared answers, a simulated clock
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only these; a trailing `*` stands for any ending
    names: Vec<String>,
}

/// A scenario that was played, and how long that took.
struct Played {
    result: ScenarioResult,
    took_ms: u64,
}

impl Options {
    /// Plays and shows.
    pub fn run(self, cx: &Context) -> Done {
        let loaded = cx.load()?;
        let scenarios = self.chosen(&loaded)?;
        let begun = Instant::now();
        let played = play(&scenarios, &loaded);
        let covered = coverage(played.iter().map(|played| &played.result), &loaded.catalogue);
        let passed = played.iter().all(|played| played.result.passed);
        let took = millis(begun);
        cx.show(&document(&played, &covered), |look| shown(&played, &covered, took, look));
        Ok(if passed { Exit::Done } else { Exit::Found })
    }

    fn chosen(&self, loaded: &Loaded) -> Result<Vec<Arc<Scenario>>, Failure> {
        let all = &loaded.catalogue.scenarios;
        for wanted in &self.names {
            if !all.keys().any(|name| fits(wanted, name.as_str())) {
                let failure = Failure::not_found("scenario", wanted);
                return Err(match nearest(wanted, all.keys().map(|name| name.as_str())) {
                    Some(near) => failure.hint(format!("did you mean `{near}`?")),
                    None => failure.hint("`ordain specs scenario` lists them"),
                });
            }
        }
        let wanted = |name: &str| self.names.is_empty() || self.names.iter().any(|wanted| fits(wanted, name));
        let chosen: Vec<_> = all
            .iter()
            .filter(|(name, _)| wanted(name.as_str()))
            .map(|(_, found)| Arc::clone(found))
            .collect();
        if chosen.is_empty() {
            return Err(Failure::usage("there is nothing to test: the catalogue has no scenario"));
        }
        Ok(chosen)
    }
}

fn fits(wanted: &str, name: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == name, |beginning| name.starts_with(beginning))
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Plays them side by side; the results come in the order of the names.
fn play(scenarios: &[Arc<Scenario>], loaded: &Loaded) -> Vec<Played> {
    let grants = Arc::new(loaded.grants.clone());
    let queue: Mutex<VecDeque<(usize, &Arc<Scenario>)>> = Mutex::new(scenarios.iter().enumerate().collect());
    let done: Mutex<Vec<(usize, Played)>> = Mutex::new(Vec::with_capacity(scenarios.len()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(scenarios.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((at, scenario)) = next else { return };
                    let begun = Instant::now();
                    let result = rehearse(scenario, &loaded.catalogue, &grants);
                    let played = Played { result, took_ms: millis(begun) };
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((at, played));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, played)| played).collect()
}

fn document(played: &[Played], covered: &Coverage) -> Value {
    let scenarios: Vec<Value> = played
        .iter()
        .map(|played| {
            let mut scenario = json!(played.result);
            if let Some(object) = scenario.as_object_mut() {
                object.insert("durationMs".into(), played.took_ms.into());
            }
            scenario
        })
        .collect();
    json!({"scenarios": scenarios, "coverage": covered})
}

fn shown(played: &[Played], covered: &Coverage, took: u64, look: Look) -> String {
    let mut out = String::new();
    for Played { result, took_ms } in played {
        let (mark, ink) = if result.passed { ("✓ ", Ink::Good) } else { ("✗ ", Ink::Alarm) };
        let mut line = Line::default().with(ink, mark).with(Ink::Strong, &result.name);
        line.add(Ink::Dim, &format!("  {took_ms}ms")).write(look, &mut out);
        for failure in &result.failures {
            let mut line = Line::default().with(Ink::Plain, "    ").with(Ink::Name, &failure.path);
            line.add(Ink::Dim, " should be ").add(Ink::Good, &value(&failure.expected));
            line.add(Ink::Dim, ", is ").add(Ink::Alarm, &value(&failure.actual));
            line.write(look, &mut out);
        }
    }
    let failed = played.iter().filter(|played| !played.result.passed).count();
    let count = played.len();
    let (mark, ink) = if failed == 0 { ("✓ ", Ink::Good) } else { ("✗ ", Ink::Alarm) };
    let verdict = match failed {
        0 if count == 1 => "1 scenario passed".to_owned(),
        0 => format!("{count} scenarios passed"),
        _ => format!("{failed} of {count} scenarios failed"),
    };
    out.push('\n');
    let mut line = Line::default().with(ink, mark).with(Ink::Strong, &verdict);
    line.add(
        Ink::Dim,
        &format!(
            " in {took}ms; rules {} of {}, guards {} of {}",
            covered.rules.hit, covered.rules.total, covered.guards.hit, covered.guards.total
        ),
    );
    line.write(look, &mut out);
    if !covered.missed.is_empty() {
        let line = Line::default()
            .with(Ink::Dim, "  never true or asked: ")
            .with(Ink::Plain, &covered.missed.join(", "));
        for piece in line.wrap(look.width) {
            piece.write(look, &mut out);
        }
    }
    out
}
