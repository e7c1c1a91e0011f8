//! Which rules and guards scenarios reach: a rule is hit when it was true, a guard when it was asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_plan::Body;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::Kind;
use serde::Serialize;

use super::ScenarioResult;
use super::stage::Stage;
use crate::decision::RuleValue;
use crate::run::Event;

/// A guard: kind and name of its spec, its step where it has one, its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guarded {
    /// Capability or runbook.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// The step, for guards of a runbook.
    pub step: Option<Arc<str>>,
    /// The guard.
    pub id: Arc<str>,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Hit.
    pub hit: usize,
    /// In all.
    pub total: usize,
}

/// What the scenarios of a catalogue reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Rules of policies.
    pub rules: Count,
    /// Guards of capabilities and steps.
    pub guards: Count,
    /// What was not hit, sorted: `policy/rule`, `capability/guard`, `runbook/step/guard`.
    pub missed: Vec<String>,
}

/// What one scenario saw: rules that were true, guards that were asked, capabilities that it reached.
#[expect(clippy::type_complexity, reason = "three sets, taken apart at once")]
pub(super) fn seen(
    stage: &Stage<'_>,
) -> (BTreeSet<(Arc<str>, Arc<str>)>, BTreeSet<Guarded>, BTreeSet<Arc<str>>) {
    let (mut rules, mut guards, mut reached) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (id, journal) in &stage.journal {
        let Some(run) = stage.realm.run(*id) else { continue };
        for (_, event) in journal {
            match event {
                Event::Decided { decision, .. } => {
                    for policy in &decision.policies {
                        let hit = policy.rules.iter().filter(|rule| rule.value == RuleValue::True);
                        rules.extend(hit.map(|rule| (Arc::clone(&policy.name), Arc::clone(&rule.id))));
                    }
                }
                Event::StepReady { step } => {
                    if let Some(Body::Use(action)) = run.plan.step(step).map(|step| &step.body) {
                        reached.insert(action.capability.metadata.name.value.shared());
                    }
                }
                Event::StepPrepared { step, items, .. } => {
                    let Some(planned) = run.plan.step(step) else { continue };
                    let bare = !matches!(planned.body, Body::Use(_) | Body::SubRun(_));
                    if items.is_empty() && !bare {
                        continue;
                    }
                    guards.extend(planned.spec.guards.iter().map(|guard| Guarded {
                        kind: Kind::Runbook,
                        name: run.plan.runbook.metadata.name.value.shared(),
                        step: Some(Arc::clone(&planned.id)),
                        id: guard.id.value.shared(),
                    }));
                    if let Some(action) = planned.action() {
                        guards.extend(action.capability.spec.guards.iter().map(|guard| Guarded {
                            kind: Kind::Capability,
                            name: action.capability.metadata.name.value.shared(),
                            step: None,
                            id: guard.id.value.shared(),
                        }));
                    }
                }
                _ => {}
            }
        }
    }
    (rules, guards, reached)
}

/// What the results reach of everything that the catalogue declares.
#[must_use]
pub fn coverage<'r>(
    results: impl IntoIterator<Item = &'r ScenarioResult>,
    catalogue: &Catalogue,
) -> Coverage {
    let (mut hit_rules, mut hit_guards) = (BTreeSet::new(), BTreeSet::new());
    for result in results {
        hit_rules.extend(result.rules.iter().cloned());
        hit_guards.extend(result.guards.iter().cloned());
    }
    let mut coverage = Coverage::default();
    for (name, policy) in &catalogue.policies {
        for rule in &policy.spec.rules {
            coverage.rules.total += 1;
            if hit_rules.contains(&(name.shared(), rule.id.value.shared())) {
                coverage.rules.hit += 1;
            } else {
                coverage.missed.push(format!("{name}/{}", rule.id.value));
            }
        }
    }
    for guard in declared(catalogue) {
        coverage.guards.total += 1;
        if hit_guards.contains(&guard) {
            coverage.guards.hit += 1;
        } else {
            let step = guard.step.map(|step| format!("{step}/")).unwrap_or_default();
            coverage.missed.push(format!("{}/{step}{}", guard.name, guard.id));
        }
    }
    coverage.missed.sort();
    coverage
}

/// Every guard, once for all releases of its spec.
fn declared(catalogue: &Catalogue) -> BTreeSet<Guarded> {
    let mut guards = BTreeSet::new();
    for (name, releases) in &catalogue.capabilities {
        for guard in releases.values().flat_map(|capability| &capability.spec.guards) {
            let (name, id) = (name.shared(), guard.id.value.shared());
            guards.insert(Guarded { kind: Kind::Capability, name, step: None, id });
        }
    }
    for (name, releases) in &catalogue.runbooks {
        for step in releases.values().flat_map(|runbook| &runbook.spec.steps) {
            guards.extend(step.guards.iter().map(|guard| Guarded {
                kind: Kind::Runbook,
                name: name.shared(),
                step: Some(step.id.value.shared()),
                id: guard.id.value.shared(),
            }));
        }
    }
    guards
}
