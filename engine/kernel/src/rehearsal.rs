//! Rehearsals: a scenario on the real kernel, with declared answers and a simulated clock. No network, no files; it
//! must never decide anything that the kernel does not decide.

mod acts;
mod coverage;
mod decisions;
mod drill;
mod expect;
mod seen;
mod stage;

use std::sync::Arc;

use ordain_plan::Grants;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::Scenario;
use serde::Serialize;
use serde_json::Value;

pub use coverage::{Count, Coverage, Unreached, coverage, declared_guards};
pub use drill::{Drill, Fate, Fault, Trace, bases as drill_bases, drill};
pub use seen::{Branches, Ending, Guarded, Seen};

use stage::Stage;

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioResult {
    /// Its name.
    pub name: String,
    /// True when nothing differs.
    pub passed: bool,
    /// What differs.
    pub failures: Vec<Failure>,
    /// What it saw: rules, guards, branches, approvals, capabilities.
    #[serde(skip)]
    pub seen: Seen,
    /// What was decided, without ids and clocks: what a snapshot holds.
    #[serde(skip)]
    pub decisions: Value,
    /// The run as it ended: the document of `ordain show`; null for a refused start.
    #[serde(skip)]
    pub run: Value,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Where in the scenario: `expect.steps.refund.state`.
    pub path: String,
    /// What it says.
    pub expected: Value,
    /// What came of it.
    pub actual: Value,
}

/// Plays a scenario.
#[must_use]
pub fn rehearse(scenario: &Scenario, catalogue: &Arc<Catalogue>, grants: &Arc<Grants>) -> ScenarioResult {
    let mut stage = Stage::new(scenario, catalogue, grants);
    stage.play();
    stage.result()
}
