//! Runbooks that run runbooks: the order from the inside out, and how deep it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::Context;
use crate::catalogue::every;
use crate::digest::Digest;
use crate::kind::Runbook;
use crate::kind::runbook::Step;

/// The steps of a runbook that run others, with the runbooks they mean.
pub(super) fn children<'a>(cx: &Context<'a>, runbook: &'a Runbook) -> Vec<(&'a Step, &'a Arc<Runbook>)> {
    let child = |step: &'a Step| {
        let reference = step.runbook.as_ref()?;
        Some((step, cx.all.runbook(reference).ok()?))
    };
    runbook.spec.steps.iter().filter_map(child).collect()
}

/// Every runbook that lies on no circle of sub-runs or behind one, each after the ones it runs.
pub(super) fn children_first<'a>(cx: &Context<'a>) -> Vec<&'a Arc<Runbook>> {
    let all: Vec<&Arc<Runbook>> = every(&cx.all.runbooks).collect();
    let index: BTreeMap<Digest, usize> =
        all.iter().enumerate().map(|(at, runbook)| (runbook.digest, at)).collect();
    let mut open = vec![0_usize; all.len()];
    let mut parents = vec![Vec::new(); all.len()];
    for (at, runbook) in all.iter().enumerate() {
        let runs: BTreeSet<Digest> =
            children(cx, runbook).into_iter().map(|(_, child)| child.digest).collect();
        if let Some(count) = open.get_mut(at) {
            *count = runs.len();
        }
        for child in runs.iter().filter_map(|digest| index.get(digest)) {
            if let Some(list) = parents.get_mut(*child) {
                list.push(at);
            }
        }
    }
    let mut ready: BTreeSet<usize> =
        open.iter().enumerate().filter(|(_, count)| **count == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(all.len());
    while let Some(at) = ready.pop_first() {
        order.extend(all.get(at).copied());
        for parent in parents.get(at).into_iter().flatten() {
            if let Some(count) = open.get_mut(*parent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*parent);
                }
            }
        }
    }
    order
}
