//! `ordain budgets`: what is spent, what is set aside, and how that stands against the time that has passed.

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::Request;
use serde_json::Value;

use crate::context::{Context, print};
use crate::failure::{Done, Exit};
use crate::render::card::Card;
use crate::render::{csv, list, text, value};
use crate::session::ask;

/// Shows the counters of budgets
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How the counters are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A table, for a terminal
    Text,
    /// One JSON document
    Json,
    /// For a spreadsheet
    Csv,
}

/// Columns of the table as CSV.
const COLUMNS: [&str; 11] =
    ["budget", "mode", "key", "unit", "from", "to", "run", "limit", "reserved", "spent", "remaining"];

/// Characters of a bar.
const BAR: i64 = 30;

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Budgets)?;
        match self.format {
            Format::Csv if !cx.json => print(&as_csv(&document)),
            Format::Json => cx.document(&document),
            Format::Text | Format::Csv => cx.show(&document, |look| budgets(&document, look)),
        }
        Ok(Exit::Done)
    }
}

fn as_csv(document: &Value) -> String {
    let rows = list(document, "budgets").iter().map(|budget| {
        let window = |field: &str| budget.pointer(&format!("/window/{field}")).map(value).unwrap_or_default();
        let cell = |column: &str| match column {
            "budget" => text(budget, "name").to_owned(),
            "from" | "to" | "run" => window(column),
            other => budget.get(other).map(value).unwrap_or_default(),
        };
        COLUMNS.iter().map(|column| cell(column)).collect()
    });
    csv::table(&COLUMNS, rows)
}

fn budgets(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 11);
    let all = list(document, "budgets");
    for (at, budget) in all.iter().enumerate() {
        if at > 0 {
            card.blank();
        }
        one(&mut card, budget);
    }
    if all.is_empty() { "no budget is declared\n".to_owned() } else { card.finish() }
}

fn one(card: &mut Card, budget: &Value) {
    let number = |field: &str| budget.get(field).and_then(Value::as_i64).unwrap_or_default();
    let mut head = Line::default().with(Ink::Strong, text(budget, "name"));
    let key = text(budget, "key");
    if !key.is_empty() {
        head.add(Ink::Plain, &format!(" {key}"));
    }
    if text(budget, "mode") == "mock" {
        head.add(Ink::Dim, " (mock)");
    }
    let window = |field: &str| budget.pointer(&format!("/window/{field}")).map(value).unwrap_or_default();
    match window("run") {
        run if run.is_empty() => head.add(Ink::Dim, &format!("  until {}", window("to"))),
        run => head.add(Ink::Dim, &format!("  run {run}")),
    };
    card.line(&head);
    let (limit, spent, reserved) = (number("limit"), number("spent"), number("reserved"));
    card.say("  burn", &bar(limit, spent, reserved, budget.get("elapsed").and_then(Value::as_i64)));
    let left = number("remaining");
    let mut line = Line::default().with(if left > 0 { Ink::Good } else { Ink::Alarm }, &left.to_string());
    line.add(Ink::Plain, &format!(" {} left of {limit}", text(budget, "unit")));
    line.add(Ink::Dim, &format!(", {spent} spent, {reserved} set aside"));
    card.say("  left", &line);
}

/// Spent, set aside and left as parts of the limit; below it, how much of the window has passed.
fn bar(limit: i64, spent: i64, reserved: i64, elapsed: Option<i64>) -> Line {
    let part = |amount: i64| {
        if limit <= 0 { 0 } else { (amount.max(0).saturating_mul(BAR) / limit).min(BAR) }
    };
    let (full, aside) = (part(spent), part(spent.saturating_add(reserved)));
    let some = |from: i64, to: i64, sign: &str| sign.repeat(usize::try_from(to - from).unwrap_or(0));
    let percent = if limit <= 0 {
        100
    } else {
        spent.max(0).saturating_add(reserved.max(0)).saturating_mul(100) / limit
    };
    let ahead = elapsed.is_some_and(|elapsed| percent > elapsed);
    let ink = match percent {
        100.. => Ink::Alarm,
        _ if ahead => Ink::Note,
        _ => Ink::Good,
    };
    let mut line = Line::default().with(ink, &some(0, full, "█")).with(ink, &some(full, aside, "▒"));
    line.add(Ink::Dim, &some(aside, BAR, "░")).add(ink, &format!(" {percent:>3}%"));
    if let Some(elapsed) = elapsed {
        line.add(Ink::Dim, &format!(" of the limit, {elapsed}% of the time"));
    }
    line
}
