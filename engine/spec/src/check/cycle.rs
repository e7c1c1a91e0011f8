//! Law `cycle`: steps that need each other in a circle; every edge is shown.

use super::context::{Context, law};
use super::flow::{Edge, Flow};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        let Some(flow) = cx.flow(runbook) else { continue };
        let mut seen = vec![0_usize; flow.steps.len()];
        for (round, start) in (1..).zip(&flow.unordered) {
            if let Some(circle) = walk(flow, *start, round, &mut seen) {
                report(flow, &circle, sink);
            }
        }
    }
}

/// Walks back along the edges until a step comes again: the circle, if this walk found it first.
fn walk<'f, 'a>(
    flow: &'f Flow<'a>,
    start: usize,
    round: usize,
    seen: &mut [usize],
) -> Option<Vec<(usize, &'f Edge<'a>)>> {
    let is_open = |step: &usize| flow.unordered.binary_search(step).is_ok();
    let (mut path, mut at) = (Vec::new(), start);
    while seen.get(at).copied() == Some(0) {
        *seen.get_mut(at)? = round;
        let edge = flow.edges.get(at)?.iter().find(|edge| is_open(&edge.from))?;
        path.push((at, edge));
        at = edge.from;
    }
    let first = path.iter().position(|(step, _)| *step == at)?;
    Some(path.split_off(first))
}

fn report(flow: &Flow<'_>, circle: &[(usize, &Edge<'_>)], sink: &mut Vec<Diagnostic>) {
    let id = |at: usize| flow.steps.get(at).map_or("", |step| step.id.value.as_str());
    let Some((first, edge)) = circle.first() else { return };
    let ids: Vec<String> = circle.iter().map(|(at, _)| format!("`{}`", id(*at))).collect();
    let message = format!("steps need each other in a circle: {} → `{}`", ids.join(" → "), id(*first));
    let mut problem = law("cycle", edge.need.step.span, message)
        .label(format!("`{}` needs `{}`", id(*first), id(edge.from)))
        .help("take one of these edges out")
        .consequence("the engine refuses the catalogue: none of these steps could ever start");
    for (at, edge) in circle.iter().skip(1) {
        problem = problem.related(edge.need.step.span, format!("`{}` needs `{}`", id(*at), id(edge.from)));
    }
    sink.push(problem);
}
