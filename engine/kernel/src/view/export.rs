//! The documents of previews: what would leave, as people are shown it before they agree. The rows themselves are in
//! none of them.

use jiff::Timestamp;
use ordain_plan::Body;
use serde_json::{Value, json};

use crate::export::Standing;
use crate::ids::PreviewId;
use crate::run::Run;

/// A preview as the world remembers it.
#[must_use]
pub fn preview(id: &PreviewId, standing: &Standing, now: Timestamp) -> Value {
    let waits = &*standing.state == "previewed";
    let state = if waits && standing.until <= now { "expired" } else { &*standing.state };
    json!({
        "id": id.as_str(),
        "export": standing.export,
        "state": state,
        "digest": standing.digest.to_string(),
        "rows": standing.rows,
        "requester": standing.requester,
        "run": standing.run.to_string(),
        "step": standing.step,
        "createdAt": standing.at.to_string(),
        "expiresAt": standing.until.to_string(),
    })
}

/// What an export step would let out; none where nothing is previewed.
#[must_use]
pub fn export_step(run: &Run, step: &str) -> Option<Value> {
    let planned = run.plan.step(step)?;
    let Body::Export(export) = &planned.body else { return None };
    let preview = run.steps.get(planned.index)?.preview.as_ref()?;
    let spec = &export.spec;
    Some(json!({
        "preview": preview.id.as_str(),
        "export": preview.export,
        "source": spec.source.as_str(),
        "format": spec.format.as_str(),
        "fields": spec.fields.iter().map(|field| &*field.value).collect::<Vec<_>>(),
        "rows": preview.rows,
        "digest": preview.digest.to_string(),
        "expiresAt": preview.until.to_string(),
    }))
}
