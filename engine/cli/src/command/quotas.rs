//! `ordain quotas`: how often capabilities were used.

use ordain_plan::render::{Ink, Look};
use ordain_runtime::api::Request;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::table::Table;
use crate::render::{list, text, value};
use crate::session::ask;

/// Shows the counters of quotas; `quotas reset NAME` sets those of a capability to nothing
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Sets the counters of a capability's quotas to zero
    Reset {
        /// The capability
        name: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let request = match self.verb {
            Some(Verb::Reset { name, reason }) => Request::ResetQuota { name, reason },
            None => Request::Quotas,
        };
        let document = ask(cx, &request)?;
        cx.show(&document, |look| quotas(&document, look));
        Ok(Exit::Done)
    }
}

fn quotas(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["capability", "per", "for", "used", "limit", "window"]);
    for quota in list(document, "quotas") {
        let number = |field: &str| quota.get(field).map(value).unwrap_or_default();
        let full = quota.get("used").and_then(Value::as_u64) >= quota.get("limit").and_then(Value::as_u64);
        table.row(vec![
            (Ink::Strong, text(quota, "capability").to_owned()),
            (Ink::Plain, text(quota, "per").to_owned()),
            (Ink::Dim, number("key")),
            (if full { Ink::Alarm } else { Ink::Good }, number("used")),
            (Ink::Plain, number("limit")),
            (Ink::Dim, number("window")),
        ]);
    }
    if table.is_empty() { "no quota has a counter yet\n".to_owned() } else { table.text(look) }
}
