//! `ordain export`: what leaves the house, in two steps always: a preview, then people who agree to exactly that.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ordain_runtime::api::{Decision, Request};
use serde_json::{Map, Value, json};

use super::{decide, follow};
use crate::context::{Context, print};
use crate::failure::{Done, Exit, Failure};
use crate::render::{export, list, run, text};
use crate::session::{Conversation, ask};

/// Previews an export, approves exactly that, and fetches what was released
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The export, by its name in the specs
    flow: String,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes a preview: fixes its rows and digest, and asks the people who must agree
    Preview {
        /// Hand the file over for real, where the export is delivered by a capability
        #[arg(long)]
        live: bool,
    },
    /// Shows a preview with its rows
    Show {
        /// The preview: id or unique prefix
        id: String,
    },
    /// Lists the previews of the export
    List,
    /// Agrees to a preview: to the digest that was shown, once
    Approve(decide::Words),
    /// Says no to a preview; final
    Reject(decide::Words),
    /// Writes the file of a preview that people have agreed to
    Fetch {
        /// The preview: id or unique prefix
        id: String,
        /// The new file; standard output when left out
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl Options {
    /// Asks and shows.
    pub fn run(self, cx: &Context) -> Done {
        let flow = self.flow;
        match self.verb {
            Verb::Preview { live } => {
                let mut conversation = Conversation::open(cx)?;
                let done = preview(cx, &mut conversation, &flow, live);
                conversation.close();
                done
            }
            Verb::Show { id } => {
                let document = ask(cx, &Request::Previewed { export: flow, id, released: false })?;
                cx.show(&document, |look| export::shown(&document, look));
                Ok(Exit::Done)
            }
            Verb::List => {
                let document = ask(cx, &Request::Previews { export: flow })?;
                cx.show(&document, |look| export::listed(&document, look));
                Ok(Exit::Done)
            }
            Verb::Approve(words) => decided(cx, flow, Decision::Approve, words),
            Verb::Reject(words) => decided(cx, flow, Decision::Reject, words),
            Verb::Fetch { id, out } => fetch(cx, flow, id, out.as_deref()),
        }
    }
}

/// Makes a preview: its run is driven until people are asked, or it is over.
fn preview(cx: &Context, conversation: &mut Conversation, flow: &str, live: bool) -> Done {
    let started = conversation.ask(&Request::Preview { export: flow.to_owned(), live })?;
    let Some(id) = started.pointer("/run/id").and_then(Value::as_str).map(str::to_owned) else {
        cx.show(&started, |look| run::document(&started, look));
        return Ok(Exit::Refused);
    };
    let document = follow::parked(conversation, &id)?;
    let of_run = document.get("run").unwrap_or(&Value::Null);
    let preview = list(of_run, "steps").iter().map(|step| text(step, "preview")).find(|id| !id.is_empty());
    let Some(preview) = preview else {
        let document = json!({"run": of_run});
        cx.show(&document, |look| run::document(&document, look));
        return Ok(Exit::of_run(text(of_run, "state")));
    };
    let wanted = Request::Previewed { export: flow.to_owned(), id: preview.to_owned(), released: false };
    let shown = conversation.ask(&wanted)?;
    // The rows are for those who look at it: `show` has them.
    let mut document = Map::new();
    document.extend(shown.get("preview").map(|preview| ("preview".to_owned(), preview.clone())));
    document.insert("run".into(), brief(of_run));
    let document = Value::Object(document);
    cx.show(&document, |look| export::card(document.get("preview").unwrap_or(&Value::Null), look));
    Ok(Exit::Done)
}

fn brief(run: &Value) -> Value {
    let fields = run.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| matches!(name.as_str(), "id" | "state" | "waitingFor"));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Decides at the stage that is open for a preview.
fn decided(cx: &Context, flow: String, decision: Decision, words: decide::Words) -> Done {
    words.is_complete(cx, decision)?;
    let mut conversation = Conversation::open(cx)?;
    let done = open_stage(&mut conversation, flow, &words)
        .and_then(|approval| decide::deciding(cx, &mut conversation, decision, words.about(approval)));
    conversation.close();
    done
}

fn open_stage(
    conversation: &mut Conversation,
    flow: String,
    words: &decide::Words,
) -> Result<String, Failure> {
    let document = conversation.ask(&Request::Previews { export: flow.clone() })?;
    let id = words.id();
    let mut found = list(&document, "previews").iter().filter(|one| text(one, "id").starts_with(id));
    let preview = match (found.next(), found.next()) {
        (Some(only), None) if !id.is_empty() => only,
        (Some(_), Some(_)) => {
            return Err(Failure::new(
                "not_found",
                format!("`{id}` is the beginning of several previews' ids"),
            )
            .hint("write more of it"));
        }
        _ => {
            return Err(Failure::not_found("preview", id).hint(format!(
                "`ordain export {flow} preview` makes one; `ordain export {flow} list` shows them"
            )));
        }
    };
    let state = text(preview, "state");
    let stages = conversation.ask(&Request::Approvals { state: Some("open".into()) })?;
    let here = |one: &&Value| {
        let same = |field: &str| text(one, field) == text(preview, field);
        same("run") && same("step")
    };
    let stage = list(&stages, "approvals").iter().find(here).map(|one| text(one, "id").to_owned());
    stage.ok_or_else(|| {
        Failure::new(
            "preview_stale",
            format!("preview `{id}` is {state}: there is nothing to decide any more"),
        )
        .hint(format!("`ordain export {flow} preview` makes a new one"))
    })
}

fn fetch(cx: &Context, flow: String, id: String, out: Option<&Path>) -> Done {
    let document = ask(cx, &Request::Previewed { export: flow, id, released: true })?;
    let file = text(&document, "file");
    let Some(path) = out else {
        if cx.json {
            cx.show(&document, |_| String::new());
        } else {
            print(file);
        }
        return Ok(Exit::Done);
    };
    let unwritten = |error: std::io::Error| {
        Failure::new("usage", format!("`{}` cannot be written: {error}", path.display()))
            .hint("name a file that is not there yet")
    };
    let mut target = std::fs::File::options().write(true).create_new(true).open(path).map_err(unwritten)?;
    target.write_all(file.as_bytes()).and_then(|()| target.sync_all()).map_err(unwritten)?;
    let preview = document.get("preview").cloned().unwrap_or_default();
    let document = json!({"preview": preview, "path": path.display().to_string()});
    cx.show(&document, |look| export::written(&document, look));
    Ok(Exit::Done)
}
