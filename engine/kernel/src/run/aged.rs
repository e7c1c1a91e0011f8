//! Facts that age: outputs of operations that are sources of facts, with when and from where they were observed. What
//! is older than its source allows is no ground for a decision; nobody can make it younger but by observing again, and
//! no way through a sub-run, in or out, makes it lose its age.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::{Body, PlanStep};
use ordain_spec::check::step_exprs;
use ordain_spec::digest::Digest;
use ordain_spec::expr::{Expr, duration_text};
use ordain_spec::kind::Kind;
use serde::{Deserialize, Serialize};

use super::later;
use super::state::{Run, StepRun};
use crate::audit::salted_digest;
use crate::ids::RunId;
use crate::reason::{Code, Reason};

/// A fact that ages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The run that observed it, where that is another one: above or below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
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

/// The facts that named values were made from: inputs that a sub-run was given, outputs that one gave.
pub type Grounds = BTreeMap<Arc<str>, Vec<Observed>>;

impl Observed {
    /// The same as it is known at an instant: when it was seen, where that is not yet to come.
    #[must_use]
    pub fn known_at(&self, now: Timestamp) -> Self {
        Self { at: self.at.filter(|at| *at <= now), ..self.clone() }
    }

    /// True when it is older than its source allows. What was observed later than now is known of no instant: the
    /// clock was set back, and how old it is nobody knows ([`set_back`] keeps it so).
    #[must_use]
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.at.is_none_or(|at| at > now || later(at, self.max_age_ms) < now)
    }

    /// Why a decision at this instant cannot stand on it.
    #[must_use]
    pub fn reason(&self, now: Timestamp) -> Reason {
        let Self { step, connector, operation, max_age_ms, .. } = self;
        let of = self.run.map_or_else(String::new, |run| format!(" of run {run}"));
        let holds = duration_text(i64::try_from(*max_age_ms).unwrap_or(i64::MAX));
        let when = match self.at {
            None => "at a time that nobody knows".to_owned(),
            Some(at) if at > now => format!("at {at}, which is yet to come"),
            Some(at) => format!("at {at}"),
        };
        let detail = format!(
            "`steps.{step}`{of} was observed {when} by `{connector}.{operation}`; it holds for {holds}"
        );
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
    // The oldest of a list, and no instant where one of it has none: all of it is one fact.
    let mut at = step.items.iter().map(|item| item.work.observed);
    let at = at.try_fold(None, |oldest: Option<Timestamp>, one| {
        one.map(|one| Some(oldest.map_or(one, |oldest| oldest.min(one))))
    });
    Some(Observed {
        run: None,
        step: Arc::clone(&planned.id),
        connector: action.connector.metadata.name.value.shared(),
        operation: Arc::clone(&action.operation),
        at: at.flatten(),
        max_age_ms: source.max_age.value.0,
        digest: salted_digest(&run.started.salt, outputs),
    })
}

/// The clock was set back: when what was seen after that instant was seen, nobody knows any more, also not once the
/// clock has caught up.
pub(super) fn set_back(run: &mut Run, now: Timestamp) {
    run.earliest = run.earliest.min(now);
    for step in &mut run.steps {
        for item in &mut step.items {
            item.work.observed = item.work.observed.filter(|at| *at <= now);
        }
        for fact in step.grounds.values_mut().flatten() {
            *fact = fact.known_at(now);
        }
    }
}

/// The facts that a run was given with its inputs. All were seen before it started.
fn brought(run: &Run, input: Option<&str>) -> Vec<Observed> {
    named(&run.started.grounds, input).iter().map(|fact| fact.known_at(run.earliest)).collect()
}

/// The facts that the expressions of a step stand on, each once.
#[must_use]
pub fn read_by(run: &Run, planned: &PlanStep) -> Vec<Observed> {
    read(run, step_exprs(&planned.spec))
}

/// The facts that each input of a step's sub-run was made from.
#[must_use]
pub fn given(run: &Run, planned: &PlanStep) -> Grounds {
    let each = planned.spec.for_each.as_ref();
    let grounds = planned.spec.with.iter().map(|(name, arg)| {
        let exprs = arg.exprs();
        // An item is what its list was made from.
        let item = each.filter(|each| {
            let mut paths = exprs.iter().flat_map(|expr| expr.reads());
            paths.any(|path| path.segments().next() == Some(&*each.item_name()))
        });
        let list = item.map(|each| &each.in_);
        (Arc::clone(name), elsewhere(run, read(run, exprs.into_iter().chain(list))))
    });
    grounds.filter(|(_, facts)| !facts.is_empty()).collect()
}

/// The facts that each output of a run was made from.
#[must_use]
pub fn of_results(run: &Run) -> Grounds {
    let outputs = run.plan.runbook.spec.outputs.iter();
    let grounds = outputs.map(|(name, expr)| (Arc::clone(name), elsewhere(run, read(run, [expr]))));
    grounds.filter(|(_, facts)| !facts.is_empty()).collect()
}

/// The same facts, as another run knows them.
fn elsewhere(run: &Run, mut facts: Vec<Observed>) -> Vec<Observed> {
    for fact in &mut facts {
        fact.run.get_or_insert(run.id());
    }
    facts
}

/// The facts that expressions of a run stand on, each once.
fn read<'e>(run: &Run, exprs: impl IntoIterator<Item = &'e Expr>) -> Vec<Observed> {
    let mut facts = Vec::new();
    for path in exprs.into_iter().flat_map(Expr::reads) {
        let segments: Vec<&str> = path.segments().collect();
        match segments.as_slice() {
            ["inputs", rest @ ..] => add(&mut facts, brought(run, rest.first().copied())),
            ["steps", id, "outputs", rest @ ..] => {
                add(&mut facts, of_outputs(run, Some(*id), rest.first().copied()))
            }
            ["steps"] => add(&mut facts, of_outputs(run, None, None)),
            ["steps", id] => add(&mut facts, of_outputs(run, Some(*id), None)),
            _ => {}
        }
    }
    facts
}

fn add(facts: &mut Vec<Observed>, more: impl IntoIterator<Item = Observed>) {
    for fact in more {
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }
}

/// The facts of a step's outputs, or of one of them; of all steps where none is named.
fn of_outputs(run: &Run, id: Option<&str>, output: Option<&str>) -> Vec<Observed> {
    let steps = run.steps.iter().zip(&run.plan.steps).filter(|(_, of)| id.is_none_or(|id| id == &*of.id));
    let facts = steps.flat_map(|(step, planned)| match &planned.body {
        Body::SubRun(_) => named(&step.grounds, output),
        _ => of_step(run, step, planned).into_iter().collect(),
    });
    facts.collect()
}

fn named(grounds: &Grounds, name: Option<&str>) -> Vec<Observed> {
    let wanted = grounds.iter().filter(|(of, _)| name.is_none_or(|name| name == &***of));
    wanted.flat_map(|(_, facts)| facts.iter().cloned()).collect()
}
