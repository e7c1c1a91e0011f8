//! Law `missing-cost`: a capability under a budget that it is never charged to.

use super::context::{Context, law, may_match};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::{Budget, Capability};

/// The unit of which every attempt costs one without being declared.
pub(super) const CALLS: &str = "calls";

/// Capabilities under budgets that have no cost in their unit.
pub(super) fn uncharged<'c>(cx: &'c Context<'_>) -> impl Iterator<Item = (&'c Capability, &'c Budget)> {
    let budgets = || cx.all.budgets.values().filter(|budget| budget.spec.unit.value.as_str() != CALLS);
    every(&cx.all.capabilities).flat_map(move |capability| {
        let uncharged = move |budget: &&std::sync::Arc<Budget>| {
            cx.is_whole(capability.span)
                && may_match(&budget.spec.applies, capability, None)
                && !capability.spec.costs.iter().any(|cost| cost.unit.value == budget.spec.unit.value)
        };
        budgets().filter(uncharged).map(move |budget| (&**capability, &**budget))
    })
}

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (capability, budget) in uncharged(cx) {
        let (name, of) = (&capability.metadata.name, &budget.metadata.name);
        let unit = &budget.spec.unit;
        sink.push(
            law(
                "missing-cost",
                name.span,
                format!(
                    "capability `{}` is under budget `{}`, and has no cost in `{}`",
                    name.value, of.value, unit.value
                ),
            )
            .related(of.span, "the budget")
            .related(unit.span, "its unit")
            .help(format!(
                "add `costs: [{{unit: {}, estimate: …, max: …}}]`, or narrow the budget's `applies`",
                unit.value
            ))
            .consequence("the engine refuses the catalogue: its use would never be charged"),
        );
    }
}
