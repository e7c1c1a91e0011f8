//! A run in motion: its steps with states and times, redrawn in place on the terminal. Nothing where
//! nobody looks on.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use ordain_plan::render::{Ink, Line, Look};
use serde_json::Value;

use super::run::{mark, span};
use super::table::state_ink;
use super::{list, text};
use crate::context::Context;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// More steps than this are counted, not listed.
const MOST: usize = 20;

/// The picture.
pub struct Live {
    look: Option<Look>,
    begun: Instant,
    run: Value,
    /// When each step was first seen to run, and when it settled.
    times: BTreeMap<String, (Instant, Option<Instant>)>,
    drawn: usize,
    turn: usize,
}

impl Live {
    /// A picture on standard error, where that is a terminal and nobody wants JSON.
    pub fn new(cx: &Context) -> Self {
        let look = (!cx.json && std::io::stderr().is_terminal()).then(|| cx.error_look());
        Self { look, begun: Instant::now(), run: Value::Null, times: BTreeMap::new(), drawn: 0, turn: 0 }
    }

    /// Shows a run as it is now.
    pub fn show(&mut self, run: &Value) {
        if self.look.is_none() {
            return;
        }
        let now = Instant::now();
        for step in list(run, "steps") {
            let (id, state) = (text(step, "id"), text(step, "state"));
            let moves = matches!(
                state,
                "running" | "retrying" | "undoing" | "waiting" | "held" | "throttled" | "ready"
            );
            if moves {
                self.times.entry(id.to_owned()).or_insert((now, None)).1 = None;
            } else if let Some((_, end)) = self.times.get_mut(id)
                && end.is_none()
            {
                *end = Some(now);
            }
        }
        self.run = run.clone();
        self.draw();
    }

    /// Moves the picture on.
    pub fn tick(&mut self) {
        if self.look.is_some() && !self.run.is_null() {
            self.turn += 1;
            self.draw();
        }
    }

    /// Takes the picture away.
    pub fn clear(&mut self) {
        if self.look.is_some() {
            let text = self.up();
            self.drawn = 0;
            let _left = std::io::stderr().lock().write_all(text.as_bytes());
        }
    }

    /// Back to its first line, and everything below it gone.
    fn up(&self) -> String {
        if self.drawn == 0 { String::new() } else { format!("\u{1b}[{}A\u{1b}[J", self.drawn) }
    }

    fn draw(&mut self) {
        let Some(look) = self.look else { return };
        let mut text = String::new();
        for line in self.lines() {
            // A line that wraps would be counted wrongly: what does not fit is left out.
            let fits = line.width() < look.width;
            if fits {
                line.write(look, &mut text)
            } else {
                line.clip(look.width.saturating_sub(1)).write(look, &mut text)
            }
        }
        let out = format!("{}{text}", self.up());
        self.drawn = text.lines().count();
        let _left = std::io::stderr().lock().write_all(out.as_bytes());
    }

    fn lines(&self) -> Vec<Line> {
        let spinner = SPINNER.get(self.turn % SPINNER.len()).copied().unwrap_or_default();
        let state = text(&self.run, "state");
        let mut head = Line::default().with(Ink::Name, spinner).with(Ink::Plain, " ");
        head.add(Ink::Strong, text(&self.run, "runbook")).add(Ink::Plain, " ").add(state_ink(state), state);
        head.add(Ink::Dim, &format!("  {}", elapsed(self.begun, Instant::now())));
        let mut lines = vec![head];
        let steps = list(&self.run, "steps");
        let width =
            steps.iter().map(|step| text(step, "id").chars().count()).max().unwrap_or_default().min(30);
        let quiet = |state: &str| matches!(state, "blocked" | "succeeded" | "skipped" | "cancelled");
        let many = steps.len() > MOST;
        for step in steps.iter().filter(|step| !many || !quiet(text(step, "state"))).take(MOST) {
            lines.push(self.step(step, width, spinner));
        }
        if many {
            let done =
                steps.iter().filter(|step| matches!(text(step, "state"), "succeeded" | "skipped")).count();
            lines.push(Line::default().with(Ink::Dim, &format!("  {done} of {} steps done", steps.len())));
        }
        lines
    }

    fn step(&self, step: &Value, width: usize, spinner: &str) -> Line {
        let (id, state) = (text(step, "id"), text(step, "state"));
        let sign = if matches!(state, "running" | "retrying" | "undoing") { spinner } else { mark(state) };
        let mut line =
            Line::default().with(Ink::Plain, "  ").with(state_ink(state), sign).with(Ink::Plain, " ");
        let ink = if state == "blocked" { Ink::Dim } else { Ink::Strong };
        line.add(ink, id).add(Ink::Plain, " ").pad(width + 6);
        line.add(state_ink(state), state).add(Ink::Plain, " ").pad(width + 18);
        if let Some((from, to)) = self.times.get(id) {
            line.add(Ink::Dim, &format!("{}  ", elapsed(*from, to.unwrap_or_else(Instant::now))));
        }
        let attempts = step.get("attempts").and_then(Value::as_u64).unwrap_or_default();
        if attempts > 1 {
            line.add(Ink::Dim, &format!("attempt {attempts}  "));
        }
        let items = list(step, "items");
        if !items.is_empty() {
            let done = items.iter().filter(|item| text(item, "state") == "succeeded").count();
            line.add(Ink::Dim, &format!("{done}/{}", items.len()));
        }
        line
    }
}

fn elapsed(from: Instant, to: Instant) -> String {
    span(i64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(i64::MAX))
}
