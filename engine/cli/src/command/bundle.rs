//! `ordain bundle`: a catalogue as one signed file.

use std::path::PathBuf;

use jiff::Timestamp;
use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::evidence::bundles;
use ordain_runtime::seal;
use ordain_runtime::workspace::Opened;
use serde_json::Value;

use crate::command::prune::duration;
use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::{done, list, text, value};

/// Seals a catalogue: builds, signs and verifies its bundle
#[derive(Debug, clap::Args)]
#[command(
    after_help = "In profile `prod` nothing is active but what `catalogue.bundle` beside `ordain.yaml` seals: signed by a \
    key of `trust`, not expired, and not older than what was active. Trust never comes from the bundle"
)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Writes the catalogue's files as one archive: the same files make the same bytes
    Build {
        /// The bundle; `catalogue.bundle` beside `ordain.yaml` when left out
        #[arg(long, short = 'o', value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Signs a bundle; a signature by another key joins those that are there
    Sign {
        /// The bundle; `catalogue.bundle` when left out
        file: Option<PathBuf>,
        /// The key: `ordain keys init NAME` makes one
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The key's id; the one that `trust` of `ordain.yaml` has for it when left out
        #[arg(long)]
        id: Option<String>,
        /// For how long the signature counts
        #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration)]
        valid: u64,
    },
    /// Says who signed a bundle, and whether it counts
    Verify {
        /// The bundle; `catalogue.bundle` when left out
        file: Option<PathBuf>,
        /// This public key instead of those of `trust`; may stand several times
        #[arg(long, value_name = "ed25519:BASE64")]
        key: Vec<String>,
    },
}

impl Options {
    /// Builds, signs or verifies; exit 1 where a bundle is not to be trusted.
    pub fn run(self, cx: &Context) -> Done {
        let workspace = Opened::find(&cx.directory)
            .map_err(|error| Failure::new("not_found", format!("the folder cannot be read: {error}")))?;
        let place = |file: Option<PathBuf>| match file {
            Some(file) => (cx.directory.join(&file), file),
            None => (seal::path(&workspace), seal::FILE.into()),
        };
        match self.verb {
            Verb::Build { output } => {
                let (file, shown) = place(output);
                let document = bundles::build(&workspace, &file, &shown)?;
                cx.show(&document, |look| done(&document, look));
            }
            Verb::Sign { file, key, id, valid } => {
                let now = Timestamp::now();
                let expires = until(now, valid)?;
                let key = cx.directory.join(key);
                let document = bundles::sign(&workspace, &place(file).0, &key, id.as_deref(), now, expires)?;
                cx.show(&document, |look| done(&document, look));
            }
            Verb::Verify { file, key } => {
                let (file, _) = place(file);
                let verifying = bundles::verify(&workspace, &file, &key, Timestamp::now());
                let document = crate::session::runtime()?.block_on(verifying)?;
                cx.show(&document, |look| verified(&document, look));
                let ok = document.get("ok").and_then(Value::as_bool) == Some(true);
                return Ok(if ok { Exit::Done } else { Exit::Found });
            }
        }
        Ok(Exit::Done)
    }
}

fn until(now: Timestamp, valid_ms: u64) -> Result<Timestamp, Failure> {
    let end = i64::try_from(valid_ms).ok().and_then(|ms| now.as_millisecond().checked_add(ms));
    end.and_then(|end| Timestamp::from_millisecond(end).ok())
        .ok_or_else(|| Failure::usage("the signature would never expire").hint("such as `--valid 90d`"))
}

/// What is said of a bundle.
pub fn verified(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    if let Some(bad) = document.get("firstBad") {
        let why = format!("not verified: {}", text(bad, "reason"));
        card.line(&Line::default().with(Ink::Worst, "✗ ").with(Ink::Plain, &why));
        return card.finish();
    }
    let signers: Vec<String> = list(document, "signers").iter().map(value).collect();
    let files = document.get("files").map(value).unwrap_or_default();
    let said = format!("{files} files, signed by {}", signers.join(", "));
    card.line(&Line::default().with(Ink::Good, "✓ ").with(Ink::Plain, &said));
    card.say("catalogue", &Line::default().with(Ink::Dim, text(document, "catalogue")));
    card.say("signed", &Line::default().with(Ink::Plain, text(document, "issued")));
    card.say("expires", &Line::default().with(Ink::Plain, text(document, "expires")));
    if document.get("inactive").is_some() {
        card.say("not active", &Line::default().with(Ink::Plain, text(document, "inactive")));
    }
    card.finish()
}
