//! `ordain kill`: stops what a selector means, at once.

use ordain_plan::render::{Ink, Look};
use ordain_runtime::api::Request;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::table::Table;
use crate::render::{list, text};
use crate::session::ask;

/// Sets a kill switch: nothing that it selects starts any more
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Steps that it selects are denied (`kill_switch`), running attempts are cancelled where they can be. Any \
    operator sets one; only `role:admin` lifts one, with `ordain revive`"
)]
pub struct Options {
    /// What stops: `all`, `capability:NAME`, `connector:NAME`, `runbook:NAME`, `actor:user:NAME`, `tenant:NAME`
    #[arg(required_unless_present = "list")]
    selector: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", required_unless_present = "list")]
    reason: Option<String>,
    /// When it lifts itself, like `2026-12-31T18:00:00Z`; never when left out
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Pause the runs that it selects instead of denying their steps
    #[arg(long)]
    pause: bool,
    /// List the kill switches that are set
    #[arg(long, conflicts_with_all = ["selector", "reason", "until", "pause"])]
    list: bool,
}

impl Options {
    /// Sets or lists.
    pub fn run(self, cx: &Context) -> Done {
        let request = match (self.list, self.selector, self.reason) {
            (true, _, _) => Request::Kills,
            (false, Some(selector), Some(reason)) => {
                Request::Kill { selector, reason, until: self.until, pause: self.pause }
            }
            _ => return Err(Failure::usage("a selector and `--reason` are needed")),
        };
        let document = ask(cx, &request)?;
        cx.show(&document, |look| switches(&document, look));
        Ok(Exit::Done)
    }
}

/// The kill switches that are set.
pub fn switches(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["selector", "by", "since", "until", "does", "reason"]);
    for switch in list(document, "killSwitches") {
        let pause = switch.get("pause").and_then(Value::as_bool).unwrap_or_default();
        table.row(vec![
            (Ink::Worst, text(switch, "selector").to_owned()),
            (Ink::Plain, text(switch, "by").to_owned()),
            (Ink::Dim, text(switch, "since").to_owned()),
            (Ink::Dim, text(switch, "until").to_owned()),
            (Ink::Note, if pause { "pauses" } else { "denies" }.to_owned()),
            (Ink::Plain, text(switch, "reason").to_owned()),
        ]);
    }
    if table.is_empty() { "no kill switch is set\n".to_owned() } else { table.text(look) }
}
