//! `ordain budgets`: what is spent.

use ordain_plan::render::{Ink, Look};
use ordain_runtime::api::Request;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::table::Table;
use crate::render::{list, text, value};
use crate::session::ask;

/// Shows the counters of budgets
#[derive(Debug, clap::Args)]
pub struct Options {}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let document = ask(cx, &Request::Budgets)?;
        cx.show(&document, |look| budgets(&document, look));
        Ok(Exit::Done)
    }
}

fn budgets(document: &Value, look: Look) -> String {
    let mut table =
        Table::new(&["budget", "unit", "limit", "spent", "reserved", "remaining", "for", "until"]);
    for budget in list(document, "budgets") {
        let number = |field: &str| budget.get(field).map(value).unwrap_or_default();
        let left = budget.get("remaining").and_then(Value::as_i64).unwrap_or_default();
        let window = budget.get("window").unwrap_or(&Value::Null);
        table.row(vec![
            (Ink::Strong, text(budget, "name").to_owned()),
            (Ink::Plain, text(budget, "unit").to_owned()),
            (Ink::Plain, number("limit")),
            (Ink::Plain, number("spent")),
            (Ink::Plain, number("reserved")),
            (if left > 0 { Ink::Good } else { Ink::Alarm }, number("remaining")),
            (Ink::Dim, number("key")),
            (Ink::Dim, text(window, "to").to_owned()),
        ]);
    }
    if table.is_empty() { "no budget has a counter yet\n".to_owned() } else { table.text(look) }
}
