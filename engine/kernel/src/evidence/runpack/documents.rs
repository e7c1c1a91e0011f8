//! What a runpack tells people: the documents that `plan`, `show`, `why` and `approvals` print, as they stood after
//! the run's last event. Made of the journal alone; nothing that proves is made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::render;
use ordain_spec::digest::canonical;
use serde_json::{Value, json};

use crate::ids::RunId;
use crate::replay::Told;
use crate::run::Run;
use crate::view;
use crate::world::{Active, World};

/// The documents of a pack by name; `runs` are the run and those below it, as they stand at the end of `told`.
#[must_use]
pub fn documents(
    root: RunId,
    runs: &[Run],
    told: &[Told],
    active: Option<Arc<Active>>,
) -> BTreeMap<&'static str, Vec<u8>> {
    let (above, below): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.id() == root);
    let mut run = json!({"run": above.first().map(|run| view::run(run))});
    if let (Some(fields), false) = (run.as_object_mut(), below.is_empty()) {
        fields.insert("subRuns".into(), below.iter().map(|run| view::run(run)).collect());
    }
    let plan = above.first().map(|run| render::json(&run.plan));
    let (world, now) = (World::new(active), told.last().map_or(Timestamp::MIN, |told| told.at));
    let approvals = above.iter().chain(&below).flat_map(|run| view::approvals(run, &world, now));
    let decisions = told.iter().flat_map(|told| {
        let document = view::why([&told.event], None);
        let decisions = document.get("decisions").and_then(Value::as_array).cloned().unwrap_or_default();
        decisions.into_iter().map(|mut decision| {
            if let Some(fields) = decision.as_object_mut() {
                fields.insert("run".into(), json!(told.run));
            }
            decision
        })
    });
    BTreeMap::from([
        ("approvals.jsonl", lines(approvals)),
        ("decisions.jsonl", lines(decisions)),
        ("plan.json", canonical(&plan.unwrap_or_default())),
        ("run.json", canonical(&run)),
    ])
}

fn lines(documents: impl Iterator<Item = Value>) -> Vec<u8> {
    let mut text = Vec::new();
    for document in documents {
        text.extend_from_slice(&canonical(&document));
        text.push(b'\n');
    }
    text
}
