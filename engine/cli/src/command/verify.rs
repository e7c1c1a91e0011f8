//! `ordain verify`: evidence that somebody handed over, without a store.

use std::path::PathBuf;

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::evidence;
use ordain_runtime::workspace::Opened;
use ordain_spec::diagnostic::counted;
use serde_json::Value;

use crate::command::bundle;
use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::{text, value};

/// Verifies a runpack, an export of the audit log or a bundle: offline, without a store
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Trust never comes from the file: it comes from `--key`, else from `trust` of the workspace and its own \
    log's key. `docs/reference/verify.md` says how to verify without Ordain"
)]
pub struct Options {
    /// The runpack, export of the audit log, or bundle
    file: PathBuf,
    /// The log's public key, as you know it from elsewhere; may stand several times
    #[arg(long, value_name = "ed25519:BASE64")]
    key: Vec<String>,
}

impl Options {
    /// Verifies; exit 1 where anything is not as it must be.
    pub fn run(self, cx: &Context) -> Done {
        let given = self.key.clone();
        let keys = match Opened::find(&cx.directory) {
            Ok(workspace) if self.key.is_empty() => evidence::trusted(&workspace),
            _ => self.key,
        };
        let file = cx.directory.join(self.file);
        if evidence::is_bundle(&file) {
            let workspace = Opened::find(&cx.directory)
                .map_err(|error| Failure::new("not_found", format!("the folder cannot be read: {error}")))?;
            let verifying = evidence::bundles::verify(&workspace, &file, &given, jiff::Timestamp::now());
            let document = crate::session::runtime()?.block_on(verifying)?;
            cx.show(&document, |look| bundle::verified(&document, look));
            let ok = document.get("ok").and_then(Value::as_bool) == Some(true);
            return Ok(if ok { Exit::Done } else { Exit::Found });
        }
        let document = evidence::verify_file(&file, &keys)?;
        cx.show(&document, |look| shown(&document, look));
        let ok = document.get("ok").and_then(Value::as_bool) == Some(true);
        Ok(if ok { Exit::Done } else { Exit::Found })
    }
}

fn shown(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    if let Some(bad) = document.get("firstBad") {
        let why = match bad.get("seq").and_then(Value::as_u64) {
            None | Some(0) => text(bad, "reason").to_owned(),
            Some(seq) => format!("record {seq}: {}", text(bad, "reason")),
        };
        card.line(&Line::default().with(Ink::Worst, "✗ ").with(Ink::Plain, &format!("not verified: {why}")));
        return card.finish();
    }
    let records = counted(document.get("records").map(value).unwrap_or_default(), "record");
    let mut checkpoint = text(document, "checkpoint").lines();
    let origin = checkpoint.next().unwrap_or_default();
    let size = checkpoint.next().unwrap_or_default();
    let said = match document.get("run").and_then(Value::as_str) {
        Some(run) => {
            let events = document.get("events").map(value).unwrap_or_default();
            format!("run {run}: {}, {records} in {origin}, the last is {size}", counted(events, "event"))
        }
        None => format!("{records}, the last is {size} of {origin}"),
    };
    card.line(&Line::default().with(Ink::Good, "✓ ").with(Ink::Plain, &said));
    card.say("head", &Line::default().with(Ink::Dim, text(document, "head")));
    card.finish()
}
