//! Law `subrun-cycle`: runbooks that run each other in a circle, or more than eight levels deep.

use std::collections::BTreeMap;

use super::context::{Context, law};
use super::subruns::{children, children_first};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::kind::Runbook;

/// The most runbooks below each other.
const DEPTH: u32 = 8;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let order = children_first(cx);
    let mut depth: BTreeMap<Digest, u32> = BTreeMap::new();
    for runbook in order {
        let below = children(cx, runbook);
        let deepest = below
            .iter()
            .filter_map(|(step, child)| Some((depth.get(&child.digest)?, *step)))
            .max_by_key(|(depth, _)| **depth);
        let here = deepest.map_or(0, |(depth, _)| depth + 1);
        if let Some((_, step)) = deepest.filter(|_| here == DEPTH + 1) {
            let message = format!(
                "runbook `{}` runs runbooks {here} levels deep; {DEPTH} are allowed",
                runbook.metadata.name.value
            );
            sink.push(
                law("subrun-cycle", runbook.metadata.name.span, message)
                    .related(step.id.span, "the step that goes deepest")
                    .help("run fewer runbooks within each other"),
            );
        }
        depth.insert(runbook.digest, here);
    }
    circles(cx, &depth, sink);
}

/// Walks from each runbook that could not be ordered until a runbook comes again.
fn circles(cx: &Context<'_>, ordered: &BTreeMap<Digest, u32>, sink: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut round = 0;
    for start in every(&cx.all.runbooks).filter(|runbook| !ordered.contains_key(&runbook.digest)) {
        round += 1;
        let mut path: Vec<(&Runbook, crate::source::Span)> = Vec::new();
        let mut at = start;
        while !seen.contains_key(&at.digest) {
            seen.insert(at.digest, round);
            let next = children(cx, at).into_iter().find(|(_, child)| !ordered.contains_key(&child.digest));
            let Some((step, child)) = next else { break };
            let place = step.runbook.as_ref().map_or(step.id.span, |reference| reference.span);
            path.push((at, place));
            at = child;
        }
        let circle = path.iter().position(|(runbook, _)| runbook.digest == at.digest);
        if let Some(first) = circle.filter(|_| seen.get(&at.digest) == Some(&round)) {
            report(path.get(first..).unwrap_or_default(), sink);
        }
    }
}

fn report(circle: &[(&Runbook, crate::source::Span)], sink: &mut Vec<Diagnostic>) {
    let Some((first, place)) = circle.first() else { return };
    let names: Vec<String> =
        circle.iter().map(|(runbook, _)| format!("`{}`", runbook.metadata.name.value)).collect();
    let message = format!(
        "runbooks run each other in a circle: {} → `{}`",
        names.join(" → "),
        first.metadata.name.value
    );
    let mut problem = law("subrun-cycle", *place, message)
        .help("take one of these steps out")
        .consequence("the engine refuses the catalogue: such a run would never end");
    for (runbook, place) in circle.iter().skip(1) {
        problem = problem.related(*place, format!("from runbook `{}`", runbook.metadata.name.value));
    }
    sink.push(problem);
}
