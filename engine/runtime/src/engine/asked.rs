//! What people are asked: the queue, and one approval with all that will happen. What a look costs grows with what it
//! shows: runs are looked at once however many stages they wait at, and what people said before is read once a runbook.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_kernel::ids::{ApprovalId, RunId};
use ordain_kernel::run::Run;
use ordain_kernel::view;
use ordain_kernel::world::World;
use serde_json::{Value, json};

use super::{Inner, is_id_prefix};
use crate::api::{Answer, ApiError};
use crate::recover;
use crate::store::read::RunFilter;
use crate::store::rows::ApprovalRow;

/// The most that a list shows.
const MOST: i64 = 10_000;

/// So many runs are looked at while the writer waits.
const AT_ONCE: usize = 128;

/// So many rejected runs of a runbook are looked into for what people said before.
const EARLIER: i64 = 20;

/// What people are asked about.
pub(super) enum About {
    /// A stage of a step of a run.
    Step(RunId, ApprovalId),
    /// An exemption.
    Exemption(ApprovalId),
}

impl About {
    pub(super) const fn id(&self) -> &ApprovalId {
        match self {
            Self::Step(_, id) | Self::Exemption(id) => id,
        }
    }
}

/// What people said to calls of a runbook in other runs, by runbook: (run, calls, rejections), newest first.
#[derive(Default)]
struct Earlier(BTreeMap<String, Vec<(RunId, Value, Vec<Value>)>>);

impl Inner {
    /// The queue: exemptions first, then the steps of runs, newest first.
    pub(super) async fn approvals(&self, state: &str) -> Answer {
        let wanted = (state != "all").then_some(state);
        let now = self.clock.now();
        let mut found = self.with_realm(move |realm| view::exemptions(&realm.world, now)).await?;
        let rows = self.reader.approvals(wanted, MOST).await?;
        found.extend(self.documents(&rows).await?);
        // What a row says may be over by the moment in which its run is looked at.
        found.retain(|one| wanted.is_none_or(|wanted| one.get("state").is_some_and(|state| state == wanted)));
        Ok(json!({"approvals": found}))
    }

    /// What an id or a unique prefix asks people about.
    pub(super) async fn asked(&self, prefix: &str) -> Result<About, ApiError> {
        let steps =
            if is_id_prefix(prefix) { self.reader.approvals_with_prefix(prefix).await? } else { Vec::new() };
        let mut found: Vec<About> = Vec::new();
        for row in &steps {
            let (run, approval) = ids(row)?;
            found.push(About::Step(run, approval));
        }
        if is_id_prefix(prefix) {
            let beginning = prefix.to_owned();
            let exemptions = self.with_realm(move |realm| {
                let declared =
                    realm.world.active.iter().flat_map(|active| active.catalogue.exemptions.values());
                let ids = declared.map(|exemption| ApprovalId::of_exemption(&exemption.digest));
                ids.filter(|id| id.as_str().starts_with(&beginning)).collect::<Vec<_>>()
            });
            found.extend(exemptions.await?.into_iter().map(About::Exemption));
        }
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (None, _) => Err(ApiError::not_found("approval", prefix)
                .hint("`ordain approvals` lists what waits for people")),
            (Some(_), false) => Err(ApiError::new(
                "not_found",
                format!("`{prefix}` is the beginning of several approvals' ids"),
            )
            .hint("write more of it")),
        }
    }

    /// What will happen, who decides, what was said before.
    pub(super) async fn approval(&self, about: &About) -> Answer {
        let unknown = || ApiError::not_found("approval", about.id().as_str());
        match about {
            About::Step(run, id) => {
                let row = ApprovalRow { id: id.to_string(), run: run.to_string(), state: String::new() };
                self.documents(&[row]).await?.pop().ok_or_else(unknown)
            }
            About::Exemption(id) => {
                let (id, now) = (id.clone(), self.clock.now());
                let found = self.with_realm(move |realm| view::exemption(&realm.world, &id, now)).await?;
                found.ok_or_else(unknown)
            }
        }
    }

    /// The documents of rows, in their order; a row whose stage is not there has none.
    async fn documents(&self, rows: &[ApprovalRow]) -> Result<Vec<Value>, ApiError> {
        let mut wanted: BTreeMap<RunId, BTreeSet<String>> = BTreeMap::new();
        for row in rows {
            let (run, approval) = ids(row)?;
            wanted.entry(run).or_default().insert(approval.to_string());
        }
        let mut documents = self.looked_at(wanted.into_iter().collect()).await?;
        let mut earlier = Earlier::default();
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(mut document) = documents.remove(&row.id) else { continue };
            self.add_earlier(&mut document, &mut earlier).await?;
            found.push(document);
        }
        Ok(found)
    }

    /// The documents of these stages of these runs, by id: of runs at hand as they are, of others as their journals say.
    async fn looked_at(
        &self,
        wanted: Vec<(RunId, BTreeSet<String>)>,
    ) -> Result<BTreeMap<String, Value>, ApiError> {
        let now = self.clock.now();
        let mut found = BTreeMap::new();
        for some in wanted.chunks(AT_ONCE) {
            let some = some.to_vec();
            let (seen, absent) = self
                .with_realm(move |realm| {
                    let (mut seen, mut absent) = (Vec::new(), Vec::new());
                    for (run, ids) in some {
                        match realm.run(run) {
                            Some(run) => seen.extend(documents(run, &realm.world, &ids, now)),
                            None => absent.push((run, ids)),
                        }
                    }
                    (seen, absent)
                })
                .await?;
            found.extend(seen);
            for (run, ids) in absent {
                let run = recover::run(&self.reader, &self.specs, &run.to_string()).await?;
                found.extend(documents(&run, &self.bare_world(), &ids, now));
            }
        }
        Ok(found)
    }

    /// Adds what people said to the same arguments in other runs of the runbook, newest first.
    async fn add_earlier(&self, document: &mut Value, earlier: &mut Earlier) -> Result<(), ApiError> {
        let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (own, runbook) = (text("run"), text("runbook"));
        let calls = document.get("calls").filter(|calls| calls.as_array().is_some_and(|all| !all.is_empty()));
        let Some(calls) = calls.cloned() else { return Ok(()) };
        if !earlier.0.contains_key(&runbook) {
            let said = self.said_before(&runbook).await?;
            earlier.0.insert(runbook.clone(), said);
        }
        let said = earlier.0.get(&runbook).into_iter().flatten();
        let same = said.filter(|(run, other, _)| run.to_string() != own && *other == calls);
        let more: Vec<Value> = same.flat_map(|(.., rejections)| rejections.iter().cloned()).collect();
        if let Some(rejections) = document.get_mut("rejections").and_then(Value::as_array_mut) {
            rejections.extend(more);
        }
        Ok(())
    }

    async fn said_before(&self, runbook: &str) -> Result<Vec<(RunId, Value, Vec<Value>)>, ApiError> {
        let filter = RunFilter {
            runbook: Some(runbook.to_owned()),
            state: Some("rejected".into()),
            before: None,
            limit: EARLIER,
        };
        let mut said = Vec::new();
        for row in self.reader.runs(&filter).await? {
            let Ok(run) = recover::run(&self.reader, &self.specs, &row.id).await else { continue };
            for document in view::approvals(&run, &self.bare_world(), self.clock.now()) {
                let rejections = document.get("rejections").and_then(Value::as_array).cloned();
                let calls = document.get("calls").cloned().unwrap_or_default();
                said.extend(rejections.filter(|all| !all.is_empty()).map(|all| (run.id(), calls, all)));
            }
        }
        Ok(said)
    }

    /// What is current, without counters.
    pub(super) fn bare_world(&self) -> World {
        World::new(self.specs.active().map(|active| Arc::new(active.active())))
    }
}

fn ids(row: &ApprovalRow) -> Result<(RunId, ApprovalId), ApiError> {
    let damaged = || ApiError::fault(format!("`{}` is no approval of a run", row.id));
    Ok((row.run.parse().map_err(|_| damaged())?, row.id.parse().map_err(|_| damaged())?))
}

/// The documents of a run's stages that are wanted, by id.
fn documents(run: &Run, world: &World, wanted: &BTreeSet<String>, now: Timestamp) -> Vec<(String, Value)> {
    let id = |document: &Value| document.get("id").and_then(Value::as_str).map(str::to_owned);
    let all = view::approvals(run, world, now).into_iter();
    all.filter_map(|document| Some((id(&document)?, document)))
        .filter(|(id, _)| wanted.contains(id))
        .collect()
}
