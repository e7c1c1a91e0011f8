//! Requests about exports: making a preview, looking at one, fetching what was released. A preview is made by a run of
//! the export's flow; people decide on it like on any approval. Who may see rows is checked here, once.

use ordain_kernel::export::Standing;
use ordain_kernel::ids::PreviewId;
use ordain_kernel::run::Run;
use ordain_kernel::view;
use serde_json::{Map, Value, json};

use super::{Inner, is_id_prefix};
use crate::api::{Answer, ApiError, Caller};

/// Who may look at a preview, beside those who may decide on it.
const LOOKERS: [&str; 3] = ["role:operator", "role:auditor", "role:reviewer"];

/// Who may fetch a file.
const FETCHER: &str = "role:operator";

impl Inner {
    /// Starts the flow of an export.
    pub(super) async fn preview(&self, caller: &Caller, export: &str, live: bool) -> Answer {
        self.declared(export)?;
        self.start(caller, format!("export:{export}"), Map::new(), live).await
    }

    fn declared(&self, export: &str) -> Result<(), ApiError> {
        let active = self.specs.active().ok_or_else(|| self.catalogue_refused())?;
        if active.catalogue.exports.contains_key(export) {
            return Ok(());
        }
        Err(ApiError::not_found("export", export).hint("`ordain specs export` lists what may leave"))
    }

    /// The previews of an export, newest first, without their rows.
    pub(super) async fn previews(&self, export: &str) -> Answer {
        self.declared(export)?;
        let mut standings = self.standings(export).await?;
        standings.sort_by(|(one, a), (other, b)| b.at.cmp(&a.at).then(one.cmp(other)));
        let now = self.clock.now();
        let documents = standings.iter().map(|(id, standing)| view::preview(id, standing, now));
        Ok(json!({"previews": documents.collect::<Vec<_>>()}))
    }

    async fn standings(&self, export: &str) -> Result<Vec<(PreviewId, Standing)>, ApiError> {
        let export = export.to_owned();
        self.with_realm(move |realm| {
            let previews = realm.world.previews.0.iter();
            let mine = previews.filter(|(_, standing)| *standing.export == *export);
            mine.map(|(id, standing)| (id.clone(), standing.clone())).collect()
        })
        .await
    }

    /// One preview with its file; with `released`, only what left and can still be fetched.
    pub(super) async fn previewed(&self, caller: &Caller, export: &str, id: &str, released: bool) -> Answer {
        let (id, standing) = self.the_preview(export, id).await?;
        let by = self.acting(caller)?.actor.id;
        let now = self.clock.now();
        let mut document = view::preview(&id, &standing, now);
        let approvals = self.approvals_of(&standing).await?;
        if released {
            if !self.is(&by, FETCHER).await? {
                let message = format!("`{by}` is not {FETCHER}");
                return Err(
                    ApiError::new("not_permitted", message).hint("an operator fetches what was released")
                );
            }
            current(&standing, now)?;
        } else if !self.may_look(&by, &approvals).await? {
            return Err(ApiError::new("not_permitted", format!("`{by}` may not see the rows"))
                .hint("operators, auditors, reviewers and those who may decide see them"));
        }
        let step = standing.step.to_string();
        let (file, described) = self
            .with_run(standing.run, move |run| (file_of(run, &step), view::export_step(run, &step)))
            .await?;
        let file = file.ok_or_else(|| {
            ApiError::not_found("file of preview", id.as_str())
                .hint("its payload was erased; make a new preview")
        })?;
        if let (Some(fields), Some(Value::Object(described))) = (document.as_object_mut(), described) {
            fields.extend(described.into_iter().filter(|(name, _)| name != "preview"));
            fields.insert("approvals".into(), approvals);
        }
        Ok(json!({"preview": document, "file": file}))
    }

    async fn the_preview(&self, export: &str, prefix: &str) -> Result<(PreviewId, Standing), ApiError> {
        let known = if is_id_prefix(prefix) { self.standings(export).await? } else { Vec::new() };
        let mut found = known.into_iter().filter(|(id, _)| id.as_str().starts_with(prefix));
        let unknown = || {
            ApiError::not_found("preview", prefix).hint(format!(
                "`ordain export {export} preview` makes one; `ordain export {export} list` shows them"
            ))
        };
        let first = found.next().ok_or_else(unknown)?;
        if found.next().is_some() {
            let message = format!("`{prefix}` is the beginning of several previews' ids");
            return Err(ApiError::new("not_found", message).hint("write more of it"));
        }
        Ok(first)
    }

    /// The stages at which people are asked about a preview.
    async fn approvals_of(&self, standing: &Standing) -> Answer {
        let (run, step, now) = (standing.run, standing.step.to_string(), self.clock.now());
        let at_hand =
            self.with_realm(move |realm| Some(view::approvals(realm.run(run)?, &realm.world, now))).await?;
        let documents = match at_hand {
            Some(documents) => documents,
            None => {
                let world = self.bare_world();
                self.with_run(run, move |run| view::approvals(run, &world, now)).await?
            }
        };
        let of_step = |one: &Value| one.get("step").and_then(Value::as_str) == Some(&step);
        Ok(documents.into_iter().filter(of_step).collect())
    }

    async fn is(&self, id: &str, role: &'static str) -> Result<bool, ApiError> {
        let id = id.to_owned();
        self.with_realm(move |realm| realm.world.is(&id, role)).await
    }

    async fn may_look(&self, id: &str, approvals: &Value) -> Result<bool, ApiError> {
        let mut eligible = approvals.as_array().into_iter().flatten().filter_map(|one| one.get("eligible"));
        if eligible.any(|eligible| eligible.as_array().is_some_and(|ids| ids.iter().any(|one| one == id))) {
            return Ok(true);
        }
        for role in LOOKERS {
            if self.is(id, role).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// True for what was released and has not expired.
fn current(standing: &Standing, now: jiff::Timestamp) -> Result<(), ApiError> {
    if &*standing.state != "released" {
        return Err(ApiError::new(
            "approval_required",
            format!("the preview is {}, not released", standing.state),
        )
        .hint("people approve it first: `ordain approvals` shows who"));
    }
    if standing.until <= now {
        return Err(ApiError::new(
            "preview_stale",
            format!("the file could be fetched until {}", standing.until),
        )
        .hint("make a new preview"));
    }
    Ok(())
}

fn file_of(run: &Run, step: &str) -> Option<String> {
    let planned = run.plan.step(step)?;
    let preview = run.steps.get(planned.index)?.preview.as_ref()?;
    let text = preview.file.as_str()?;
    // Where the payload is erased a reference stands in its place.
    (ordain_spec::digest::Digest::of(text.as_bytes()) == preview.digest).then(|| text.to_owned())
}
