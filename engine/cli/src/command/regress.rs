//! `ordain regress`: incidents as tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_kernel::regress;
use ordain_kernel::rehearsal::rehearse;
use ordain_plan::render::{Ink, Line, Look};
use ordain_runtime::workspace::Opened;
use ordain_runtime::{evidence, replay};
use ordain_spec::source::Notation;
use serde_json::{Value, json};
use spec_lint::layout::formatted;

use crate::context::{Context, Loaded};
use crate::failure::{Done, Exit, Failure};
use crate::render::card::Card;
use crate::render::{list, text, value};

/// Turns incidents into tests of the specs
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Writes the run of a runpack as a Scenario beside its runbook, and plays it
    Add {
        /// The runpack
        file: PathBuf,
        /// The scenario's name; made of the runbook and the run when left out
        #[arg(long)]
        name: Option<String>,
        /// The public key of the log it comes from, if that is not this workspace's; may stand several times
        #[arg(long, value_name = "ed25519:BASE64")]
        key: Vec<String>,
    },
}

impl Options {
    /// Writes and plays. Never overwrites a file.
    pub fn run(self, cx: &Context) -> Done {
        let Verb::Add { file, name, key } = self.verb;
        let workspace = Opened::find(&cx.directory)
            .map_err(|error| Failure::new("not_found", format!("the folder cannot be read: {error}")))?;
        let loaded = cx.load()?;
        let keys = if key.is_empty() { evidence::trusted(&workspace) } else { key };
        let recorded = replay::of_file(&cx.directory.join(&file), &keys)?;
        let found = replay::replayed(&recorded, None)?;
        let spec = regress::scenario(&recorded.story, &found.found)
            .ok_or_else(|| Failure::usage("the pack does not begin with the start of a run"))?;
        let run = recorded.run.to_string();
        let last = run.rsplit('-').next().unwrap_or_default();
        let name = name.unwrap_or_else(|| format!("regress-{}-{last}", recorded.runbook));
        let beside = beside(&loaded, &recorded.runbook)?;
        let path = beside.folder.join(format!("{name}.yaml"));
        let document = json!({
            "apiVersion": "ordain/v1",
            "kind": "Scenario",
            "metadata": {
                "name": name, "owner": beside.owner,
                "summary": format!("What run {run} came to."),
            },
            "spec": spec,
        });
        write(&workspace.root.join(&path), &document)?;
        let played = play(cx, &name)?;
        let shown = path.display().to_string();
        let passed = played.get("passed").and_then(Value::as_bool) == Some(true);
        let detail = format!("scenario `{name}` {}", if passed { "passes" } else { "does not pass" });
        let failures = played.get("failures").cloned().unwrap_or_default();
        let document = json!({
            "ok": passed, "created": [shown], "detail": detail, "scenario": name, "run": run, "failures": failures,
        });
        cx.show(&document, |look| said(&document, look));
        Ok(if passed { Exit::Done } else { Exit::Found })
    }
}

/// Where the runbook's file lies, and whose it is.
struct Beside {
    folder: PathBuf,
    owner: Option<String>,
}

fn beside(loaded: &Loaded, runbook: &str) -> Result<Beside, Failure> {
    let catalogue = &loaded.catalogue;
    let releases = catalogue.runbooks.iter().find(|(name, _)| name.as_str() == runbook);
    let newest = releases.and_then(|(_, releases)| releases.values().next_back());
    let newest = newest.ok_or_else(|| {
        Failure::not_found("runbook", runbook).hint("the scenario runs it, so the catalogue must hold it")
    })?;
    let path = catalogue.sources.get(newest.span.file).map(|file| file.path.clone()).unwrap_or_default();
    let folder = Path::new(&path).parent().unwrap_or(Path::new("specs")).to_path_buf();
    let owner = newest.metadata.owner.as_ref().map(|owner| owner.value.to_string());
    Ok(Beside { folder, owner })
}

fn write(path: &Path, document: &Value) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::usage(format!("`{}` is already there", path.display()))
            .hint("give the scenario another name: `--name NAME`"));
    }
    let fault = |error: String| Failure::new("system_fault", format!("`{}`: {error}", path.display()));
    let text = serde_yaml::to_string(document).map_err(|error| fault(error.to_string()))?;
    let text = formatted(&text, Notation::Yaml).unwrap_or(text);
    spec_lint::write::whole(path, text.as_bytes()).map_err(|error| fault(error.to_string()))
}

/// The scenario as the catalogue has it now.
fn play(cx: &Context, name: &str) -> Result<Value, Failure> {
    let loaded = cx.load()?;
    let scenario = loaded.catalogue.scenarios.iter().find(|(known, _)| known.as_str() == name);
    let (_, scenario) = scenario.ok_or_else(|| Failure::not_found("scenario", name))?;
    let grants = Arc::new(loaded.grants.clone());
    let result = rehearse(scenario, &loaded.catalogue, &grants);
    serde_json::to_value(&result).map_err(|error| Failure::new("system_fault", error.to_string()))
}

fn said(document: &Value, look: Look) -> String {
    let mut card = Card::new(look, 12);
    let created = list(document, "created").first().map(value).unwrap_or_default();
    card.line(&Line::default().with(Ink::Good, "  + ").with(Ink::Plain, &created));
    let ok = document.get("ok").and_then(Value::as_bool) == Some(true);
    card.line(&Line::default().with(if ok { Ink::Good } else { Ink::Worst }, text(document, "detail")));
    for failure in list(document, "failures") {
        let of = |side: &str| failure.get(side).map(value).unwrap_or_default();
        let said = format!("  {}: expected {}, got {}", text(failure, "path"), of("expected"), of("actual"));
        card.line(&Line::default().with(Ink::Dim, &said));
    }
    card.finish()
}
