//! A run: its state, its steps, why it stands where it stands, and what it gave.

use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::shown::beginning;
use serde_json::Value;

use super::card::Card;
use super::table::{Table, state_ink};
use super::{list, reason, text, value};

/// The mark of a step's or run's state.
pub const fn mark(state: &str) -> &'static str {
    match state.as_bytes() {
        b"succeeded" => "✓",
        b"failed" | b"denied" | b"rejected" | b"expired" => "✗",
        b"unknown" | b"stuck" => "?",
        b"cancelled" | b"skipped" => "–",
        b"undone" => "↩",
        b"running" | b"retrying" | b"undoing" => "▸",
        b"held" => "◆",
        b"waiting" | b"throttled" | b"paused" => "◷",
        _ => "·",
    }
}

/// The whole document of a run, `{run: {…}}` or `{refused: {…}}`.
pub fn document(document: &Value, look: Look) -> String {
    if let Some(refused) = document.get("refused") {
        return self::refused(refused, look);
    }
    let Some(run) = document.get("run") else { return String::new() };
    let mut card = Card::new(look, 12);
    let state = text(run, "state");
    let mut head = Line::default().with(state_ink(state), mark(state)).with(Ink::Plain, " ");
    head.add(Ink::Strong, text(run, "runbook"))
        .add(Ink::Plain, &format!(" {}  ", text(run, "version")))
        .add(state_ink(state), state);
    let waits = waits(run);
    if !waits.is_empty() {
        head.add(Ink::Dim, " for ").add(Ink::Plain, &waits);
    }
    let rollback = text(run, "rollback");
    if !matches!(rollback, "" | "none") {
        head.add(Ink::Dim, "  rolled back: ").add(Ink::Note, rollback);
    }
    card.line(&head);
    let place =
        format!("{} · {} · by {}", text(run, "mode"), text(run, "environment"), text(run, "requester"));
    card.line(
        &Line::default().with(Ink::Dim, text(run, "id")).with(Ink::Dim, &format!(" · {place}{}", took(run))),
    );
    if let Some(tells) = run.get("tells") {
        let mut line = Line::default().with(Ink::Dim, "notice ").with(Ink::Name, text(tells, "notice"));
        line.add(Ink::Dim, " tells of ").add(Ink::Plain, text(tells, "action"));
        if let Some(of) = tells.get("run").and_then(Value::as_str) {
            line.add(Ink::Dim, " of run ").add(Ink::Plain, of);
        }
        card.line(&line);
    }
    if run.get("erased").and_then(Value::as_bool) == Some(true) {
        card.line(&Line::default().with(
            Ink::Note,
            "what it carried was erased: inputs, arguments, outputs, forms and rationales; `salted:…` stands there",
        ));
    }
    card.blank();
    let width =
        list(run, "steps").iter().map(|step| text(step, "id").chars().count()).max().unwrap_or_default();
    for each in list(run, "steps") {
        step(&mut card, each, width.min(30));
    }
    for why in list(run, "reasons") {
        card.say("because", &Line::default().with(Ink::Plain, &reason(why)));
    }
    let tolerated: Vec<String> = list(run, "tolerated").iter().map(value).collect();
    card.plain("tolerated", &tolerated.join(", "));
    if let Some(outputs) = run.get("outputs").and_then(Value::as_object)
        && !outputs.is_empty()
    {
        card.blank();
        for (name, output) in outputs {
            let mut line = Line::default().with(Ink::Name, name).with(Ink::Dim, " ");
            line.add(Ink::Plain, &value(output));
            card.say("gives", &line);
        }
    }
    card.finish()
}

/// Reasons of a refused start.
pub fn refused(refused: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    card.line(
        &Line::default()
            .with(Ink::Alarm, "✗ ")
            .with(Ink::Strong, "refused")
            .with(Ink::Dim, "  no run was made"),
    );
    for why in list(refused, "reasons") {
        card.say("because", &Line::default().with(Ink::Plain, &reason(why)));
    }
    card.finish()
}

/// `approval, timer`
fn waits(run: &Value) -> String {
    list(run, "waitingFor").iter().map(value).collect::<Vec<_>>().join(", ")
}

/// How long it took, where it is over.
fn took(run: &Value) -> String {
    let at = |field: &str| text(run, field).parse::<jiff::Timestamp>().ok();
    match (at("createdAt"), at("settledAt")) {
        (Some(from), Some(to)) => format!(" · took {}", span(to.as_millisecond() - from.as_millisecond())),
        (Some(from), None) => format!(" · since {}", from.strftime("%Y-%m-%d %H:%M:%S UTC")),
        _ => String::new(),
    }
}

/// `120ms`, `2.4s`, `3m 20s`, `2h 5m`
pub fn span(ms: i64) -> String {
    let ms = ms.max(0);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{}m {}s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{}h {}m", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

fn step(card: &mut Card, step: &Value, width: usize) {
    let state = text(step, "state");
    let mut line =
        Line::default().with(Ink::Plain, "  ").with(state_ink(state), mark(state)).with(Ink::Plain, " ");
    line.add(Ink::Strong, text(step, "id"))
        .add(Ink::Plain, " ")
        .pad(width + 6)
        .add(state_ink(state), state)
        .add(Ink::Plain, " ");
    line.pad(width + 18);
    let attempts = step.get("attempts").and_then(Value::as_u64).unwrap_or_default();
    if attempts > 1 {
        line.add(Ink::Dim, &format!("{attempts} attempts  "));
    }
    if step.get("replayed").and_then(Value::as_bool) == Some(true) {
        line.add(Ink::Dim, "recorded before  ");
    }
    let items = list(step, "items");
    if !items.is_empty() {
        let done = items.iter().filter(|item| text(item, "state") == "succeeded").count();
        line.add(Ink::Dim, &format!("{done} of {} items  ", items.len()));
    }
    if let Some(outputs) = step.get("outputs").and_then(Value::as_object) {
        let shown: Vec<String> = outputs
            .iter()
            .map(|(name, output)| format!("{name} {}", beginning(&value(output), 48)))
            .collect();
        line.add(Ink::Dim, &shown.join(", "));
    }
    card.line(&line);
    for why in list(step, "reasons") {
        card.line(&Line::default().with(Ink::Plain, &" ".repeat(width + 6)).with(Ink::Dim, &reason(why)));
    }
    for item in items.iter().filter(|item| !matches!(text(item, "state"), "succeeded" | "blocked")) {
        let index = item.get("index").map(value).unwrap_or_default();
        let state = text(item, "state");
        let mut line = Line::default().with(Ink::Plain, "      ").with(Ink::Dim, &format!("item {index} "));
        line.add(state_ink(state), state);
        for why in list(item, "reasons") {
            line.add(Ink::Dim, &format!("  {}", reason(why)));
        }
        card.line(&line);
    }
}

/// The beginning of a run's id: enough to tell it from others, sub-runs included.
pub fn prefix(id: &str) -> String {
    id.chars().take(18).collect()
}

/// An instant to the second: `2026-11-21 05:32:33`.
pub fn second(instant: &str) -> String {
    match instant.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => instant.to_owned(),
    }
}

/// A page of runs.
pub fn runs(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["run", "runbook", "state", "mode", "requester", "started"]);
    for run in list(document, "runs") {
        let state = text(run, "state");
        table.row(vec![
            (Ink::Dim, prefix(text(run, "id"))),
            (Ink::Strong, format!("{} {}", text(run, "runbook"), text(run, "version")).trim_end().to_owned()),
            (state_ink(state), format!("{} {state}", mark(state))),
            (Ink::Plain, text(run, "mode").to_owned()),
            (Ink::Plain, text(run, "requester").to_owned()),
            (Ink::Dim, second(&[text(run, "createdAt"), text(run, "startedAt")].concat())),
        ]);
    }
    if table.is_empty() { "no runs yet\n".to_owned() } else { table.text(look) }
}
