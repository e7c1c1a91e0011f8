//! Law `unit-mismatch`: a cost in a unit in which no budget counts, under a budget in another.

use std::collections::BTreeSet;

use super::context::{Context, law, may_match};
use super::missing_cost::uncharged;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut said = BTreeSet::new();
    for (capability, budget) in uncharged(cx) {
        for cost in &capability.spec.costs {
            let counted = cx.all.budgets.values().any(|other| {
                other.spec.unit.value == cost.unit.value && may_match(&other.spec.applies, capability, None)
            });
            if counted || !said.insert(cost.unit.span) {
                continue;
            }
            let (unit, of) = (&budget.spec.unit, &budget.metadata.name);
            sink.push(
                law(
                    "unit-mismatch",
                    cost.unit.span,
                    format!(
                        "a cost in `{}` under budget `{}`, which counts `{}`",
                        cost.unit.value, of.value, unit.value
                    ),
                )
                .related(unit.span, "the budget's unit")
                .help(format!(
                    "declare the cost in `{}`: amounts of different units are never converted",
                    unit.value
                )),
            );
        }
    }
}
