//! Facts that age: outputs of operations that are sources of facts, with when and from where they were observed. What
//! is older than its source allows is no ground for a decision; nobody can make it younger but by observing again.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::PlanStep;
use ordain_spec::check::step_exprs;
use ordain_spec::digest::Digest;
use ordain_spec::expr::duration_text;
use ordain_spec::kind::Kind;
use serde::{Deserialize, Serialize};

use super::later;
use super::state::{Run, StepRun};
use crate::audit::salted_digest;
use crate::reason::{Code, Reason};

/// A fact that ages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The step that observed it.
    pub step: Arc<str>,
    /// The connector that was asked.
    pub connector: Arc<str>,
    /// Its operation.
    pub operation: Arc<str>,
    /// When; none where nobody knows, which is too old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// How long it holds, in ms.
    pub max_age_ms: u64,
    /// Salted digest of the outputs.
    pub digest: Digest,
}

impl Observed {
    /// True when it is older than its source allows.
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| later(at, self.max_age_ms) < now)
    }

    /// Why a decision cannot stand on it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let Self { step, connector, operation, max_age_ms, .. } = self;
        let holds = duration_text(i64::try_from(*max_age_ms).unwrap_or(i64::MAX));
        let when = self.at.map_or_else(|| "at a time that nobody knows".to_owned(), |at| format!("at {at}"));
        let detail =
            format!("`steps.{step}` was observed {when} by `{connector}.{operation}`; it holds for {holds}");
        Reason::new(Code::FactStale, detail).from_rule(
            Kind::Connector,
            Arc::clone(connector),
            Arc::clone(operation),
        )
    }
}

/// The fact that a step observed; none where its operation is no source of facts, or it gave nothing.
#[must_use]
pub fn of_step(run: &Run, step: &StepRun, planned: &PlanStep) -> Option<Observed> {
    let action = planned.action()?;
    let source = action.declared_operation()?.fact.as_ref()?;
    let outputs = step.outputs.as_ref()?;
    // The oldest of a list: all of it is one fact.
    let mut at = step.items.iter().map(|item| item.work.observed);
    let at = at.try_fold(None, |oldest: Option<Timestamp>, one| {
        one.map(|one| Some(oldest.map_or(one, |oldest| oldest.min(one))))
    });
    Some(Observed {
        step: Arc::clone(&planned.id),
        connector: action.connector.metadata.name.value.shared(),
        operation: Arc::clone(&action.operation),
        at: at.flatten(),
        max_age_ms: source.max_age.value.0,
        digest: salted_digest(&run.started.salt, outputs),
    })
}

/// True for a step whose outputs age.
fn is_source(planned: &PlanStep) -> bool {
    let operation = planned.action().and_then(|action| action.declared_operation());
    operation.is_some_and(|operation| operation.fact.is_some())
}

/// The facts that the expressions of a step read, in the order of the plan.
#[must_use]
pub fn read_by(run: &Run, planned: &PlanStep) -> Vec<Observed> {
    let exprs = step_exprs(&planned.spec);
    let reads = |id: &str| {
        exprs.iter().flat_map(|expr| expr.reads()).any(|path| {
            let mut segments = path.segments();
            segments.next() == Some("steps")
                && segments.next().is_none_or(|step| step == id)
                && segments.next().is_none_or(|part| part == "outputs")
        })
    };
    let steps = run.steps.iter().zip(&run.plan.steps);
    steps
        .filter(|(_, of)| is_source(of) && reads(&of.id))
        .filter_map(|(step, of)| of_step(run, step, of))
        .collect()
}
