//! What the scenarios of a catalogue see when they are played, for the rules that ask. Each is played once for what
//! it depends on: a change elsewhere in the catalogue does not play it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ordain_kernel::rehearsal::{Seen, rehearse};
use ordain_plan::{Grants, Plan};
use ordain_spec::catalogue::{Catalogue, every};
use ordain_spec::digest::Digest;
use ordain_spec::kind::Scenario;
use ordain_spec::parallel;
use serde_json::json;

/// More than a catalogue can hold files: past that, what was kept is let go.
const KEPT: usize = 10_000;
/// So many scenarios are worth a worker.
const MANY: usize = 8;

/// What each scenario saw, by its name.
pub type Rehearsed = BTreeMap<Arc<str>, Arc<Seen>>;

/// Plays all scenarios of a catalogue, side by side. `plans` are those of its runbooks: five scenarios of one ask
/// for it once.
#[must_use]
pub fn rehearsed(catalogue: &Arc<Catalogue>, grants: &Grants, plans: &[Arc<Plan>]) -> Rehearsed {
    let plans: BTreeMap<Digest, &Arc<Plan>> = plans.iter().map(|plan| (plan.runbook.digest, plan)).collect();
    let plans = &plans;
    let grants = Arc::new(grants.clone());
    let controls = controls(catalogue);
    let scenarios: Vec<&Arc<Scenario>> = catalogue.scenarios.values().collect();
    parallel::map(&scenarios, MANY, |one| {
        (one.metadata.name.value.shared(), seen(one, catalogue, plans, &grants, controls))
    })
    .into_iter()
    .collect()
}

/// What one scenario saw, now or when it was last played under the same specs.
fn seen(
    scenario: &Scenario,
    catalogue: &Arc<Catalogue>,
    plans: &BTreeMap<Digest, &Arc<Plan>>,
    grants: &Arc<Grants>,
    controls: Digest,
) -> Arc<Seen> {
    static KNOWN: Mutex<BTreeMap<[u8; 32], Arc<Seen>>> = Mutex::new(BTreeMap::new());
    let runbook = catalogue.runbook(&scenario.spec.run.value).ok();
    let plan = runbook.and_then(|runbook| plans.get(&runbook.digest));
    let key = plan.map(|plan| key(scenario, plan, grants, controls).0);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(seen) = key.and_then(|key| known().get(&key).cloned()) {
        return seen;
    }
    let seen = Arc::new(rehearse(scenario, catalogue, grants).seen);
    if let Some(key) = key {
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(key, Arc::clone(&seen));
    }
    seen
}

/// All that a rehearsal depends on: the scenario, what its run does, who may do it under which controls, and where.
fn key(scenario: &Scenario, plan: &Plan, grants: &Grants, controls: Digest) -> Digest {
    let (name, environment) = (scenario.metadata.name.as_str(), &*grants.environment);
    let digests = [scenario.digest, plan.digest, controls].map(|digest| digest.to_string());
    Digest::of_json(&json!([name, environment, digests]))
}

/// The digest of whatever is always the active catalogue's: policies, roster, budgets, approvals, exemptions.
fn controls(catalogue: &Catalogue) -> Digest {
    let mut digests: Vec<Digest> = catalogue.policies.values().map(|spec| spec.digest).collect();
    digests.extend(catalogue.budgets.values().map(|spec| spec.digest));
    digests.extend(catalogue.exemptions.values().map(|spec| spec.digest));
    digests.extend(every(&catalogue.approvals).map(|spec| spec.digest));
    digests.extend(catalogue.roster.iter().map(|spec| spec.digest));
    Digest::of_json(&json!(digests.iter().map(ToString::to_string).collect::<Vec<_>>()))
}
