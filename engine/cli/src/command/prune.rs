//! `ordain prune`: the payloads of old runs erased.

use ordain_runtime::api::Request;
use ordain_spec::kind::scalar::DurationMs;

use crate::context::Context;
use crate::failure::{Done, Exit};
use crate::render::done;
use crate::session::ask_long;

/// Erases what settled runs carried: inputs, arguments, outputs, forms, rationales
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Records, decisions, states and digests stay, and `ordain audit verify` still holds. Runs \
    that are not settled, whose outcome a key remembers, or that a legal hold is about, keep what they carry. \
    Needs `role:admin`"
)]
pub struct Options {
    /// Of runs that settled longer ago: `30d`, `12h`, …; as the declared Retention says when left out
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    older_than: Option<u64>,
    /// Only say what would be erased
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let request = Request::Prune { older_than: self.older_than, dry_run: self.dry_run };
        let document = ask_long(cx, "erasing payloads", &request)?;
        cx.show(&document, |look| done(&document, look));
        Ok(Exit::Done)
    }
}

/// A duration as specs write it, in ms.
pub fn duration(text: &str) -> Result<u64, String> {
    let read = DurationMs::parse(text).map(|duration| duration.0);
    read.ok_or_else(|| "a whole number and one of ms, s, m, h, d".to_owned())
}
