//! `ordain replay`: recorded runs through the kernel once more.

use std::path::PathBuf;

use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::api::ApiError;
use ordain_runtime::evidence;
use ordain_runtime::replay::{self, Recorded};
use ordain_runtime::workspace::Opened;
use ordain_spec::diagnostic::counted;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::{list, reason, text};
use crate::session::at_the_store;

/// Replays recorded runs: every decision, `when`, guard and quota is asked again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It ends with 0 where every decision, condition, outcome and record comes out as it is recorded (with \
    `--against`: every decision and condition), and with 1 where one does not: it is listed"
)]
pub struct Options {
    /// A run of the store (id or unique prefix), or a runpack
    #[arg(value_name = "RUN|FILE", required_unless_present = "last")]
    target: Option<String>,
    /// Ask under these specs instead of those of then: a workspace, or a folder of specs
    #[arg(long, value_name = "CATALOGUE")]
    against: Option<PathBuf>,
    /// The last N runs of the store
    #[arg(long, value_name = "N", conflicts_with = "target")]
    last: Option<u32>,
    /// Of a runpack: the public key of the log it comes from, if that is not this workspace's
    #[arg(long, value_name = "ed25519:BASE64")]
    key: Vec<String>,
}

impl Options {
    /// Replays and shows; exit 1 where anything differs.
    pub fn run(self, cx: &Context) -> Done {
        let folder = cx.directory.clone();
        let against = self.against.clone();
        let document = at_the_store(cx, "replaying", |workspace, _| async move {
            let (recorded, erased) = self.recorded(&workspace, &folder).await?;
            let other =
                self.against.as_ref().map(|path| replay::catalogue_at(&folder.join(path), &workspace));
            let other = other.transpose()?;
            document(&recorded, erased, other.as_ref())
        })?;
        if list(&document, "runs").is_empty() {
            return Err(Failure::usage("there is nothing to replay: the store has no run that can be"));
        }
        cx.show(&document, |look| shown(&document, against.is_some(), look));
        let ok = document.get("ok").and_then(Value::as_bool) == Some(true);
        Ok(if ok { Exit::Done } else { Exit::Found })
    }

    async fn recorded(
        &self,
        workspace: &Opened,
        folder: &std::path::Path,
    ) -> Result<(Vec<Recorded>, u64), ApiError> {
        let Some(target) = &self.target else {
            return replay::last(workspace, self.last.unwrap_or_default()).await;
        };
        let file = folder.join(target);
        if file.is_file() {
            let keys = if self.key.is_empty() { evidence::trusted(workspace) } else { self.key.clone() };
            return Ok((vec![replay::of_file(&file, &keys)?], 0));
        }
        Ok((vec![replay::of_run(workspace, target).await?], 0))
    }
}

fn document(
    recorded: &[Recorded],
    erased: u64,
    against: Option<&std::sync::Arc<ordain_kernel::world::Active>>,
) -> Result<Value, ApiError> {
    let (mut runs, mut ok) = (Vec::new(), true);
    for one in recorded {
        let outcome = replay::replayed(one, against)?;
        ok &= outcome.holds();
        runs.push(outcome.document());
    }
    let mut document = json!({"ok": ok, "runs": runs, "erased": erased});
    if let (Some(active), Some(fields)) = (against, document.as_object_mut()) {
        fields.insert("against".into(), json!(active.catalogue.digest()));
    }
    Ok(document)
}

fn shown(document: &Value, against: bool, look: Look) -> String {
    let mut card = Card::new(look, 12);
    for run in list(document, "runs") {
        let (turned, decisions) = (list(run, "turned"), count(run, "decisions"));
        let name = format!("{} {}: ", text(run, "runbook"), text(run, "run"));
        let holds = run.get("ok").and_then(Value::as_bool) == Some(true);
        let (ink, mark) = if holds { (Ink::Good, "✓ ") } else { (Ink::Worst, "✗ ") };
        let asked = format!(
            "{} and {}",
            counted(decisions, "decision"),
            counted(count(run, "conditions"), "condition")
        );
        let differing = list(run, "differing");
        let said = match (holds, against) {
            (true, false) => format!("{asked}, its outcome and its records come out the same"),
            (true, true) => format!("none of {asked} comes out otherwise"),
            (false, _) if !turned.is_empty() || !differing.is_empty() => {
                format!("{} of {asked} come out otherwise", turned.len() + differing.len())
            }
            (false, _) => "its outcome or its records come out otherwise".to_owned(),
        };
        card.line(&Line::default().with(ink, mark).with(Ink::Dim, &name).with(Ink::Plain, &said));
        for one in turned {
            let of = |field: &str| one.get(field).unwrap_or(&Value::Null);
            let (before, now) = (text(of("recorded"), "outcome"), text(of("replayed"), "outcome"));
            let mut line = Line::default().with(Ink::Plain, "  ").with(Ink::Plain, text(one, "step"));
            line.add(Ink::Dim, &format!("  {before} → "));
            line.add(Ink::Alarm, now);
            let why: Vec<String> = list(of("replayed"), "reasons").iter().map(reason).collect();
            line.add(Ink::Dim, &format!("  {}", why.join("; ")));
            card.line(&line);
        }
        for one in differing {
            card.line(&condition(one));
        }
        let unanswered = count(run, "unanswered");
        if unanswered > 0 {
            let said =
                format!("  {} on counters that the journal does not hold", counted(unanswered, "condition"));
            card.line(&Line::default().with(Ink::Dim, &said));
        }
    }
    if let Some(erased) = document.get("erased").and_then(Value::as_u64).filter(|erased| *erased > 0) {
        let said = format!("passed over: {} with erased payloads", counted(erased, "run"));
        card.line(&Line::default().with(Ink::Dim, &said));
    }
    card.finish()
}

fn count(document: &Value, field: &str) -> u64 {
    document.get(field).and_then(Value::as_u64).unwrap_or_default()
}

/// `pay  guard small-amount: true → false`
fn condition(one: &Value) -> Line {
    let mut line = Line::default().with(Ink::Plain, "  ").with(Ink::Plain, text(one, "step"));
    line.add(Ink::Dim, &format!("  {}", text(one, "asked")));
    let name = text(one, "name");
    if !name.is_empty() {
        line.add(Ink::Plain, &format!(" {name}"));
    }
    line.add(Ink::Dim, &format!(": {} → ", text(one, "recorded")));
    line.add(Ink::Alarm, text(one, "replayed"));
    line
}
