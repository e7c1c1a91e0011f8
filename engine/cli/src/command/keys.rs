//! `ordain keys`: people's signing keys, the log's, and that of payloads.

use ordain_plan::render::{Ink, Line};
use ordain_runtime::api::Request;
use ordain_runtime::keys::{Key, path_of};
use ordain_spec::kind::scalar::{Name, Principal};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::done;
use crate::session::ask_long;

/// Makes keys that sign decisions and bundles
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes a key for a person; its public half belongs into the roster
    Init {
        /// Whose: `user:NAME`, or a name of your own for a key that signs bundles; you when left out
        person: Option<String>,
    },
    /// Makes a new key and keeps the old one beside it; the roster or `trust` says which counts
    Rotate {
        /// Whose, as for `init`
        person: Option<String>,
        /// Lets another key sign the audit log from here on; what the old one signed stays verifiable. Needs `role:admin`
        #[arg(long, conflicts_with_all = ["person", "payloads"])]
        log: bool,
        /// Puts all payloads under the key that `payloads` of ordain.yaml names, also those that lie in the clear.
        /// Needs `role:admin`
        #[arg(long, conflicts_with = "person")]
        payloads: bool,
    },
}

impl Options {
    /// Makes the key. Never overwrites one.
    pub fn run(self, cx: &Context) -> Done {
        let (person, rotate) = match self.verb {
            Verb::Init { person } => (person, false),
            Verb::Rotate { log: true, .. } => return asked(cx, "changing the log's key", &Request::Rekey),
            Verb::Rotate { payloads: true, .. } => {
                return asked(cx, "encrypting payloads", &Request::Reencrypt);
            }
            Verb::Rotate { person, .. } => (person, true),
        };
        let person = match person.or_else(|| cx.acting_as.clone()) {
            Some(written) => named(&written)?,
            None => own(cx)?,
        };
        let root = cx.root()?;
        let path = path_of(&root.join(".ordain"), &person);
        let fault = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::usage(format!("`{}` is already there", path.display()))
                    .hint("keys are never overwritten; move the old one away first")
            }
            _ => Failure::new("system_fault", format!("`{}` cannot be written: {error}", path.display())),
        };
        if rotate {
            retire(&path)?;
        }
        let key = Key::generate().map_err(fault)?;
        key.write(&path).map_err(fault)?;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let detail = format!("key: '{}'", key.public());
        cx.show(
            &json!({"ok": true, "created": [shown], "detail": detail, "publicKey": key.public()}),
            |look| {
                let mut out = String::new();
                Line::default().with(Ink::Good, "  + ").with(Ink::Plain, &shown).write(look, &mut out);
                let hint = format!("write this at `{person}` in the roster, or in `trust` of ordain.yaml:");
                Line::default().with(Ink::Plain, &hint).write(look, &mut out);
                Line::default().with(Ink::Plain, "  ").with(Ink::Strong, &detail).write(look, &mut out);
                out
            },
        );
        Ok(Exit::Done)
    }
}

/// What the holder of the store does.
fn asked(cx: &Context, what: &str, request: &Request) -> Done {
    let document = ask_long(cx, what, request)?;
    cx.show(&document, |look| {
        let mut out = done(&document, look);
        if let Some(key) = document.get("publicKey").and_then(Value::as_str) {
            Line::default().with(Ink::Dim, "its public half: ").with(Ink::Strong, key).write(look, &mut out);
        }
        out
    });
    Ok(Exit::Done)
}

/// Moves a key out of the way, under the first number that is free.
fn retire(path: &std::path::Path) -> Result<(), Failure> {
    if !path.is_file() {
        return Err(Failure::usage(format!("there is no key `{}`", path.display()))
            .hint("`ordain keys init` makes the first"));
    }
    let free =
        (1..1_000).map(|number| path.with_extension(format!("key.{number}"))).find(|old| !old.exists());
    let moved = free.map(|old| std::fs::rename(path, old));
    let failed =
        |why: String| Failure::new("system_fault", format!("`{}` cannot be moved: {why}", path.display()));
    moved.ok_or_else(|| failed("too many old keys".into()))?.map_err(|error| failed(error.to_string()))
}

fn named(written: &str) -> Result<Name, Failure> {
    match Principal::new(written) {
        Some(Principal::User(name)) => Ok(name),
        Some(_) => Err(Failure::usage(format!("`{written}` is no person")).hint("write `user:NAME`")),
        None => Name::new(written)
            .ok_or_else(|| Failure::usage(format!("`{written}` is no name")).hint("write `user:NAME`")),
    }
}

/// The person of the roster whose login this is.
fn own(cx: &Context) -> Result<Name, Failure> {
    let (_, workspace) = cx.read()?;
    let login = ordain_runtime::local::own_login();
    let roster = workspace.checked.declarations.roster.clone();
    let people = roster.iter().flat_map(|roster| roster.spec.people.iter());
    let mut mine =
        people.filter(|(_, person)| person.login.as_ref().is_some_and(|known| *known.value == *login));
    mine.next().and_then(|(name, _)| Name::new(name)).ok_or_else(|| {
        Failure::new("unauthenticated", format!("nobody in the roster has the login `{login}`"))
            .hint("name the person: `ordain keys init user:NAME`")
    })
}
