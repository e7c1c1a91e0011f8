//! `ordain audit`: the record of who did what.

use std::path::{Path, PathBuf};

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::Request;
use ordain_runtime::evidence;
use ordain_spec::diagnostic::counted;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::run::{prefix, second};
use crate::render::table::Table;
use crate::render::{done, list, text, value};
use crate::session::{ask, at_the_store, audit_verify};

/// Looks at the audit log and verifies it
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Shows the last records
    Tail {
        /// Only those of this run: id or unique prefix
        #[arg(long)]
        run: Option<String>,
        /// At most this many
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: u32,
    },
    /// Verifies every chain of the log and its checkpoints, and names the first bad record
    Verify {
        /// Follow only what came after the newest checkpoint, and say what was not looked at
        #[arg(long)]
        from_checkpoint: bool,
        /// A checkpoint that was kept elsewhere: the log must begin with what it was signed over
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Looks whether there is a record for everything that runs did
    Completeness,
    /// Writes the log to a new file that anyone can verify, also without Ordain
    Export {
        /// The new file
        file: PathBuf,
        /// Begin with this record
        #[arg(long, value_name = "SEQ", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        from: u64,
    },
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        match self.verb {
            Verb::Tail { run, limit } => {
                let document = ask(cx, &Request::AuditTail { run, limit })?;
                cx.show(&document, |look| tail(&document, look));
                Ok(Exit::Done)
            }
            Verb::Verify { from_checkpoint, checkpoint } => {
                let note = checkpoint.map(|file| note(&cx.directory.join(file))).transpose()?;
                let document = audit_verify(cx, from_checkpoint, note)?;
                cx.show(&document, |look| verified(&document, look));
                Ok(found(&document))
            }
            Verb::Completeness => {
                let document = ask(cx, &Request::AuditCompleteness)?;
                cx.show(&document, |look| complete(&document, look));
                Ok(found(&document))
            }
            Verb::Export { file, from } => {
                let document = at_the_store(cx, "writing the log", |workspace, _| async move {
                    evidence::export(&workspace, &file, from).await
                })?;
                cx.show(&document, |look| {
                    let key = text(&document, "publicKey");
                    let mut out = done(&document, look);
                    Line::default().with(Ink::Dim, "  key  ").with(Ink::Plain, key).write(look, &mut out);
                    out
                });
                Ok(Exit::Done)
            }
        }
    }
}

/// The last checkpoint of a file: shipped ones stand one after the other.
fn note(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new("not_found", format!("`{}` cannot be read: {error}", file.display()))
    })?;
    let text = text.trim_end_matches('\n');
    // A note is its text, an empty line, and its signatures.
    let mut parts: Vec<&str> = text.rsplitn(3, "\n\n").take(2).collect();
    parts.reverse();
    Ok(format!("{}\n", parts.join("\n\n")))
}

fn found(document: &Value) -> Exit {
    if document.get("ok").and_then(Value::as_bool) == Some(true) { Exit::Done } else { Exit::Found }
}

fn tail(document: &Value, look: Look) -> String {
    let mut table = Table::new(&["seq", "at", "actor", "action", "run", "subject"]);
    for record in list(document, "records") {
        let actor = record.get("actor").unwrap_or(&Value::Null);
        let action = text(record, "action");
        let ink = match action {
            "decision.deny" | "approval.rejected" | "approval.expired" | "run.refused" | "kill.set"
            | "auth.refused" => Ink::Alarm,
            "approval.opened" | "decision.hold" => Ink::People,
            _ => Ink::Plain,
        };
        let run = prefix(text(record, "runId"));
        table.row(vec![
            (Ink::Dim, record.get("seq").map(value).unwrap_or_default()),
            (Ink::Dim, second(text(record, "at"))),
            (Ink::Plain, text(actor, "id").to_owned()),
            (ink, action.to_owned()),
            (Ink::Dim, run),
            (Ink::Plain, record.get("subject").map(value).unwrap_or_default()),
        ]);
    }
    if table.is_empty() { "no records yet\n".to_owned() } else { table.text(look) }
}

/// What a verification said.
pub fn verified(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    let records = document.get("records").map(value).unwrap_or_default();
    if found(document) == Exit::Done {
        card.line(
            &Line::default()
                .with(Ink::Good, "✓ ")
                .with(Ink::Plain, &format!("{}, every chain whole", counted(records, "record"))),
        );
    } else {
        let bad = document.get("firstBad").unwrap_or(&Value::Null);
        let seq = bad.get("seq").map(value).unwrap_or_default();
        card.line(
            &Line::default()
                .with(Ink::Worst, "✗ ")
                .with(Ink::Plain, &format!("record {seq} is not as it was written: {}", text(bad, "reason"))),
        );
    }
    card.say("head", &Line::default().with(Ink::Dim, text(document, "head")));
    for unsaid in list(document, "unsaid") {
        card.say("not said", &Line::default().with(Ink::Plain, &value(unsaid)));
    }
    card.finish()
}

fn complete(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    let runs = document.get("runs").map(value).unwrap_or_default();
    if found(document) == Exit::Done {
        card.line(
            &Line::default()
                .with(Ink::Good, "✓ ")
                .with(Ink::Plain, &format!("{}, a record for everything done", counted(runs, "run"))),
        );
    }
    for missing in list(document, "missing") {
        card.line(&Line::default().with(Ink::Worst, "✗ ").with(Ink::Plain, &value(missing)));
    }
    card.finish()
}
