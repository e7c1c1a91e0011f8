//! Law `cost-without-max`: a cost without a bound.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        for cost in capability.spec.costs.iter().filter(|cost| cost.max.is_none() && cx.is_whole(cost.span)) {
            sink.push(
                law(
                    "cost-without-max",
                    cost.unit.span,
                    format!(
                        "the cost of capability `{}` in `{}` has no `max`",
                        capability.metadata.name.value, cost.unit.value
                    ),
                )
                .help("add `max`: an estimate above it denies the step"),
            );
        }
    }
}
