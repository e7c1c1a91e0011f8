//! What a scenario must come to, against what it came to. Partial: only what is said is looked at.

use std::collections::BTreeSet;

use ordain_spec::kind::field::Named;
use ordain_spec::kind::scenario::ExpectStep;
use serde_json::{Value, json};

use super::stage::Stage;
use crate::reason::Reason;
use crate::run::{Event, Run};

impl Stage<'_> {
    /// Looks at every expectation.
    pub fn check(&mut self) {
        let expect = &self.scenario.spec.expect;
        let run = self.run.and_then(|run| self.realm.run(run));
        let mut found: Vec<(String, Value, Value)> = Vec::new();
        let state = run.map_or("refused", |run| run.state().as_str());
        if expect.state.value.as_str() != state {
            found.push(("expect.state".into(), json!(expect.state.value), json!(state)));
        }
        let occurred = self.occurred();
        for (place, reason) in expect.reasons.iter().enumerate() {
            if !occurred.contains(&*reason.value) {
                found.push((format!("expect.reasons[{place}]"), json!(reason.value), json!(occurred)));
            }
        }
        for (name, count) in expect.calls.iter() {
            let actual = self.calls.get(&**name).copied().unwrap_or(0);
            if actual != count.value {
                found.push((format!("expect.calls.{name}"), json!(count.value), json!(actual)));
            }
        }
        for (name, spent) in expect.spent.iter() {
            let actual = self.spent(name);
            if actual != spent.value {
                found.push((format!("expect.spent.{name}"), json!(spent.value), json!(actual)));
            }
        }
        for (name, step) in expect.steps.iter() {
            match run.and_then(|run| Some((run, run.plan.step(name)?.index))) {
                Some((run, index)) => found.extend(differs(run, index, name, step)),
                None => found.push((format!("expect.steps.{name}"), json!("a step"), Value::Null)),
            }
        }
        if let Some(rollback) = &expect.rollback {
            let actual = run.map(|run| run.rollback().as_str());
            if actual != Some(rollback.value.as_str()) {
                found.push(("expect.rollback".into(), json!(rollback.value), json!(actual)));
            }
        }
        if let Some(waits) = &expect.waiting_for {
            let mut wanted: Vec<String> = waits.iter().map(|word| word.value.to_string()).collect();
            wanted.sort();
            let actual: Vec<String> = run.map(waiting).unwrap_or_default();
            if wanted != actual {
                found.push(("expect.waitingFor".into(), json!(wanted), json!(actual)));
            }
        }
        if let Some(tolerated) = &expect.tolerated {
            let mut wanted: Vec<String> = tolerated.iter().map(|id| id.value.to_string()).collect();
            wanted.sort();
            let mut actual: Vec<String> = run.map(tolerated_steps).unwrap_or_default();
            actual.sort();
            if wanted != actual {
                found.push(("expect.tolerated".into(), json!(wanted), json!(actual)));
            }
        }
        let outputs =
            run.and_then(|run| run.end.as_ref()).and_then(|end| end.outputs.clone()).unwrap_or_default();
        for (name, value) in expect.outputs.iter() {
            let actual = outputs.get(&**name).cloned().unwrap_or_default();
            if actual != value.value.0 {
                found.push((format!("expect.outputs.{name}"), value.value.0.clone(), actual));
            }
        }
        for (path, expected, actual) in found {
            self.fail(path, expected, actual);
        }
    }

    /// Codes and authors' reasons that occurred anywhere in the run or in its refusal.
    fn occurred(&self) -> BTreeSet<String> {
        let mut reasons: Vec<Reason> = self.refused.clone();
        for run in self.realm.runs() {
            reasons.extend(run.reasons());
            for step in &run.steps {
                reasons.extend(step.reasons.iter().cloned());
                for item in &step.items {
                    reasons.extend(item.work.reasons.iter().cloned());
                    reasons.extend(item.undo.iter().flat_map(|undo| undo.reasons.iter().cloned()));
                }
            }
        }
        for (_, event) in self.journal.values().flatten() {
            match event {
                Event::Decided { decision, .. } => reasons.extend(decision.reasons.iter().cloned()),
                Event::Voided { reasons: why, .. }
                | Event::Throttled { reasons: why, .. }
                | Event::ItemStopped { reasons: why, .. }
                | Event::Paused { reasons: why, .. }
                | Event::Failing { reasons: why, .. }
                | Event::Stuck { reasons: why, .. } => reasons.extend(why.iter().cloned()),
                _ => {}
            }
        }
        let words = reasons.into_iter().flat_map(|reason| {
            [Some(reason.code.as_str().to_owned()), reason.reason.map(|author| author.to_string())]
        });
        words.flatten().collect()
    }

    /// What was booked on a budget, over all its counters.
    fn spent(&self, name: &str) -> i64 {
        let counters = self.realm.world.budgets.used.iter().filter(|(key, _)| &*key.budget == name);
        let counters: Vec<i64> = counters.map(|(_, counter)| counter.spent).collect();
        if counters.is_empty() {
            let given = self.scenario.spec.given.budgets.get(name);
            return given.map_or(0, |given| given.spent.value);
        }
        counters.into_iter().sum()
    }
}

fn waiting(run: &Run) -> Vec<String> {
    if run.is_settled() { Vec::new() } else { run.waiting_for().iter().map(ToString::to_string).collect() }
}

fn tolerated_steps(run: &Run) -> Vec<String> {
    let steps = run.steps.iter().zip(&run.plan.steps).filter(|(step, _)| step.tolerated);
    steps.map(|(_, planned)| planned.id.to_string()).collect()
}

fn differs(run: &Run, index: usize, name: &str, expect: &ExpectStep) -> Vec<(String, Value, Value)> {
    let mut found = Vec::new();
    let Some(step) = run.steps.get(index) else { return found };
    let path = |field: &str| format!("expect.steps.{name}.{field}");
    if let Some(state) = &expect.state
        && state.value.as_str() != step.state.as_str()
    {
        found.push((path("state"), json!(state.value), json!(step.state.as_str())));
    }
    let attempts: u64 = step.items.iter().map(|item| u64::from(item.work.attempts)).sum();
    if let Some(wanted) = &expect.attempts
        && wanted.value != attempts
    {
        found.push((path("attempts"), json!(wanted.value), json!(attempts)));
    }
    let reasons = crate::view::step_reasons(step);
    let words: BTreeSet<&str> = reasons
        .iter()
        .flat_map(|reason| [Some(reason.code.as_str()), reason.reason.as_deref()])
        .flatten()
        .collect();
    for (place, reason) in expect.reasons.iter().enumerate() {
        if !words.contains(&*reason.value) {
            found.push((path(&format!("reasons[{place}]")), json!(reason.value), json!(words)));
        }
    }
    let outputs = step.outputs.as_deref().cloned().unwrap_or_default();
    found.extend(differing_outputs(&expect.outputs, &outputs, &path("outputs")));
    let replayed = step.items.iter().any(|item| item.work.replayed);
    if expect.replayed.is_some_and(|wanted| wanted != replayed) {
        found.push((path("replayed"), json!(expect.replayed), json!(replayed)));
    }
    found
}

fn differing_outputs(
    expect: &Named<ordain_spec::decode::Spanned<ordain_spec::kind::scalar::Json>>,
    outputs: &Value,
    path: &str,
) -> Vec<(String, Value, Value)> {
    let wanted = expect.iter().map(|(name, value)| (name, &value.value.0));
    wanted
        .filter_map(|(name, wanted)| {
            let actual = outputs.get(&**name).cloned().unwrap_or_default();
            (actual != *wanted).then(|| (format!("{path}.{name}"), wanted.clone(), actual))
        })
        .collect()
}
