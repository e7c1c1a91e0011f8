//! What the scenarios of a catalogue see when they are played, for the rules that ask. Each is played once for what
//! it depends on: a change elsewhere in the catalogue does not play it again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ordain_kernel::rehearsal::{Seen, rehearse};
use ordain_plan::Grants;
use ordain_spec::catalogue::{Catalogue, every};
use ordain_spec::digest::Digest;
use ordain_spec::kind::Scenario;
use ordain_spec::parallel;

/// More than a catalogue can hold files: past that, what was kept is let go.
const KEPT: usize = 10_000;
/// So many scenarios are worth a worker.
const MANY: usize = 8;

/// What each scenario saw, by its name.
pub type Rehearsed = BTreeMap<Arc<str>, Arc<Seen>>;

/// What scenarios saw that were played before, by all that they depended on.
static KNOWN: Mutex<BTreeMap<Digest, Arc<Seen>>> = Mutex::new(BTreeMap::new());

/// What all scenarios of a catalogue see: played now, side by side, or when they were last played under the same
/// specs. `grounds` are what the plans of its runbooks stand on.
#[must_use]
pub fn rehearsed(
    catalogue: &Arc<Catalogue>,
    grants: &Grants,
    grounds: &BTreeMap<Digest, Digest>,
) -> Rehearsed {
    let controls = controls(catalogue, grants);
    let key = |scenario: &Scenario| {
        let ground = grounds.get(&catalogue.runbook(&scenario.spec.run.value).ok()?.digest)?;
        Some(Digest::of_parts(&[&scenario.digest.0, &ground.0, &controls.0]))
    };
    let keyed = catalogue.scenarios.values().map(|scenario| (scenario, key(scenario)));
    let keyed: Vec<(&Arc<Scenario>, Option<Digest>)> = keyed.collect();
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let before: Vec<Option<Arc<Seen>>> = {
        let known = known();
        keyed.iter().map(|(_, key)| known.get(key.as_ref()?).cloned()).collect()
    };
    let played: Vec<_> =
        keyed.iter().zip(&before).filter(|(_, seen)| seen.is_none()).map(|(one, _)| *one).collect();
    let shared = Arc::new(grants.clone());
    let seen =
        parallel::map(&played, MANY, |(scenario, _)| Arc::new(rehearse(scenario, catalogue, &shared).seen));
    let mut known = known();
    if known.len() + played.len() > KEPT {
        known.clear();
    }
    let new = played.iter().zip(&seen).filter_map(|((_, key), seen)| Some(((*key)?, Arc::clone(seen))));
    known.extend(new);
    let mut seen = seen.into_iter();
    let all = keyed.iter().zip(before).filter_map(|((scenario, _), before)| {
        Some((scenario.metadata.name.value.shared(), before.or_else(|| seen.next())?))
    });
    all.collect()
}

/// The digest of who may do what, and where: of whatever is always the active catalogue's (policies, roster, budgets,
/// approvals, exemptions) and of the environment.
fn controls(catalogue: &Catalogue, grants: &Grants) -> Digest {
    let mut digests: Vec<Digest> = catalogue.policies.values().map(|spec| spec.digest).collect();
    digests.extend(catalogue.budgets.values().map(|spec| spec.digest));
    digests.extend(catalogue.exemptions.values().map(|spec| spec.digest));
    digests.extend(every(&catalogue.approvals).map(|spec| spec.digest));
    digests.extend(catalogue.roster.iter().map(|spec| spec.digest));
    let mut parts: Vec<&[u8]> = digests.iter().map(|digest| digest.0.as_slice()).collect();
    parts.push(grants.environment.as_bytes());
    Digest::of_parts(&parts)
}
