//! Recorded runs as tests of changed specs: a decision that the specs as they are would turn is a failure. Nothing
//! is started and nothing is written.

use std::time::Instant;

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::ApiError;
use ordain_runtime::replay;
use ordain_runtime::workspace::Opened;
use ordain_spec::diagnostic::counted;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::{list, text};
use crate::session::at_the_store;

/// Asks the decisions of the last runs again.
pub fn test(cx: &Context, count: u32) -> Done {
    // What does not load decides nothing.
    cx.load()?;
    let document =
        at_the_store(
            cx,
            "asking decisions again",
            |workspace, _| async move { played(&workspace, count).await },
        )?;
    let scenarios = list(&document, "scenarios");
    if scenarios.is_empty() {
        return Err(Failure::usage("there is nothing to test: the store has no run that can be replayed"));
    }
    let failed = scenarios.iter().any(|one| one.get("passed") != Some(&Value::Bool(true)));
    cx.show(&document, |look| shown(&document, look));
    Ok(if failed { Exit::Found } else { Exit::Done })
}

async fn played(workspace: &Opened, count: u32) -> Result<Value, ApiError> {
    let (recorded, erased) = replay::last(workspace, count).await?;
    let active = workspace.active.as_ref().map(|set| std::sync::Arc::new(set.active()));
    let mut scenarios = Vec::with_capacity(recorded.len());
    for one in &recorded {
        let begun = Instant::now();
        let outcome = replay::replayed(one, active.as_ref())?;
        let failures = outcome.found.turned.iter().map(|turned| {
            json!({
                "path": format!("decisions.{}.{}", turned.step, turned.id),
                "expected": turned.recorded,
                "actual": turned.replayed,
            })
        });
        let conditions = outcome.found.differing.iter().map(|one| {
            let name = one.name.iter().map(|name| format!(".{name}")).collect::<String>();
            json!({
                "path": format!("conditions.{}.{}{name}", one.step, one.asked.as_str()),
                "expected": one.recorded,
                "actual": one.replayed,
            })
        });
        let failures: Vec<Value> = failures.chain(conditions).collect();
        scenarios.push(json!({
            "name": format!("{} {}", one.runbook, one.run),
            "passed": failures.is_empty(),
            "failures": failures,
            "durationMs": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }));
    }
    let none = json!({"hit": 0, "total": 0});
    let coverage = json!({"rules": none, "guards": none, "missed": []});
    Ok(json!({"scenarios": scenarios, "coverage": coverage, "erased": erased}))
}

fn shown(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    let (mut held, mut turned) = (0_usize, 0_usize);
    for one in list(document, "scenarios") {
        let failures = list(one, "failures");
        if failures.is_empty() {
            held += 1;
            continue;
        }
        turned += 1;
        card.line(&Line::default().with(Ink::Worst, "✗ ").with(Ink::Plain, text(one, "name")));
        for failure in failures {
            let word = |said: &Value| said.as_str().unwrap_or_else(|| text(said, "outcome")).to_owned();
            let of = |side: &str| failure.get(side).map(word).unwrap_or_default();
            let mut line = Line::default().with(Ink::Plain, "  ").with(Ink::Dim, text(failure, "path"));
            line.add(Ink::Plain, &format!("  {} → ", of("expected")));
            line.add(Ink::Alarm, &of("actual"));
            card.line(&line);
        }
    }
    let said = format!("{} decided as before, {turned} otherwise", counted(held, "run"));
    let ink = if turned == 0 { Ink::Good } else { Ink::Worst };
    card.line(&Line::default().with(ink, &said));
    card.finish()
}
