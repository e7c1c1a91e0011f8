//! Which definition of an approval holds when the active one is not the one that the plan was made with.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_spec::kind::approval::Stage;
use ordain_spec::kind::{Approval, Roster};

use super::{external, opening};

/// The definitions that are asked: the pinned one where nothing changed or the active catalogue has none, the
/// stricter where one is, both where they cannot be compared.
#[must_use]
pub fn that_hold(
    roster: &Roster,
    pinned: &Arc<Approval>,
    active: Option<&Arc<Approval>>,
) -> Vec<Arc<Approval>> {
    let Some(active) = active.filter(|active| active.digest != pinned.digest) else {
        return vec![Arc::clone(pinned)];
    };
    if at_least_as_strict(roster, active, pinned) {
        return vec![Arc::clone(active)];
    }
    if at_least_as_strict(roster, pinned, active) {
        return vec![Arc::clone(pinned)];
    }
    vec![Arc::clone(pinned), Arc::clone(active)]
}

/// True when whatever satisfies `a` satisfies `b`: it has every stage of `b` in the same order, each at least as
/// strict, and its own rules are at least as strict.
#[must_use]
pub fn at_least_as_strict(roster: &Roster, a: &Approval, b: &Approval) -> bool {
    let (a, b) = (&a.spec, &b.spec);
    let mut stages = a.stages.iter();
    let covers = b.stages.iter().all(|wanted| stages.any(|stage| stage_as_strict(roster, stage, wanted)));
    covers
        && (a.distinct.value || !b.distinct.value)
        && (!a.requester_may_approve.value || b.requester_may_approve.value)
        && a.rationale.min_length >= b.rationale.min_length
}

fn stage_as_strict(roster: &Roster, a: &Stage, b: &Stage) -> bool {
    let people = |stage| (opening(roster, stage), external(roster, stage));
    let within = |a: &BTreeSet<Arc<str>>, b: &BTreeSet<Arc<str>>| a.is_subset(b);
    let ((people_a, groups_a), (people_b, groups_b)) = (people(a), people(b));
    let expires = |stage: &Stage| stage.expires.as_ref().map_or(0, |expires| expires.value.0);
    a.id.value == b.id.value
        && within(&people_a, &people_b)
        && within(&groups_a, &groups_b)
        && a.quorum.value >= b.quorum.value
        && expires(a) <= expires(b)
        && (a.step_up.value || !b.step_up.value)
        && (a.form == b.form || b.form.is_empty())
}
