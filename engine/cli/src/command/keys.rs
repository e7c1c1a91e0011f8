//! `ordain keys`: people's signing keys.

use ordain_plan::render::{Ink, Line};
use ordain_runtime::keys::{Key, path_of};
use ordain_spec::kind::scalar::{Name, Principal};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};

/// Makes keys to sign decisions with
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes a key for a person; its public half belongs into the roster
    Init {
        /// `user:NAME`; the person of the login when left out
        person: Option<String>,
    },
}

impl Options {
    /// Makes the key. Never overwrites one.
    pub fn run(self, cx: &Context) -> Done {
        let Verb::Init { person } = self.verb;
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
        let key = Key::generate().map_err(fault)?;
        key.write(&path).map_err(fault)?;
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let detail = format!("key: '{}'", key.public());
        cx.show(
            &json!({"ok": true, "created": [shown], "detail": detail, "publicKey": key.public()}),
            |look| {
                let mut out = String::new();
                Line::default().with(Ink::Good, "  + ").with(Ink::Plain, &shown).write(look, &mut out);
                let hint = format!("write this at `{person}` in the roster:");
                Line::default().with(Ink::Plain, &hint).write(look, &mut out);
                Line::default().with(Ink::Plain, "  ").with(Ink::Strong, &detail).write(look, &mut out);
                out
            },
        );
        Ok(Exit::Done)
    }
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
