//! One run fits into the budget that it is booked on.

use ordain_plan::{Body, Plan};
use ordain_spec::catalogue::every;
use ordain_spec::check::context::may_match;
use ordain_spec::kind::Budget;
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::source::Span;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("worst-case-exceeds-limit", Severity::Error, include_str!("worst-case-exceeds-limit.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Beyond the limit of others people are asked, or the step waits for the window to turn.
    let denying: Vec<_> = cx.all.budgets.values().filter(|one| one.spec.on_breach.value == OnBreach::Deny).collect();
    if denying.is_empty() {
        return;
    }
    for plan in every(&cx.all.runbooks).filter_map(|runbook| cx.plan(runbook)) {
        for budget in &denying {
            let mut costs = Vec::new();
            collect(&plan, budget, 1, "", &mut costs);
            let limit = &budget.spec.limit;
            let allowed = i128::from(limit.value) * i128::from(100 + budget.spec.grace.value.0) / 100;
            let sum: i128 = costs.iter().map(|cost| cost.amount).sum();
            if sum > allowed {
                found.push(problem(&plan, budget, sum, costs));
            }
        }
    }
}

/// What one step can cost at most, in the unit of a budget.
struct Cost {
    step: String,
    amount: i128,
    place: Span,
}

/// The costs of all steps that a budget applies to: any of them can run in one and the same run.
fn collect(plan: &Plan, budget: &Budget, times: u64, path: &str, into: &mut Vec<Cost>) {
    for step in &plan.steps {
        let items = times.saturating_mul(step.max_items);
        match &step.body {
            Body::Use(action) if may_match(&budget.spec.applies, &action.capability, Some(plan.name())) => {
                let unit = budget.spec.unit.value.as_str();
                let one = if unit == "calls" {
                    i128::from(step.max_attempts)
                } else {
                    let own = action.capability.spec.costs.iter().filter(|cost| cost.unit.value.as_str() == unit);
                    own.filter_map(|cost| cost.max.as_ref()).map(|max| i128::from(max.value)).sum()
                };
                let amount = one.saturating_mul(i128::from(items));
                into.push(Cost { step: format!("{path}{}", step.id), amount, place: step.spec.id.span });
            }
            Body::SubRun(child) => collect(child, budget, items, &format!("{path}{}/", step.id), into),
            _ => {}
        }
    }
}

fn problem(plan: &Plan, budget: &Budget, sum: i128, mut costs: Vec<Cost>) -> Diagnostic {
    costs.sort_by(|one, other| other.amount.cmp(&one.amount).then_with(|| one.step.cmp(&other.step)));
    costs.retain(|cost| cost.amount > 0);
    let dearest: Vec<String> = costs.iter().take(4).map(|cost| format!("`{}` {}", cost.step, cost.amount)).collect();
    let more = if costs.len() > 4 { ", …" } else { "" };
    let spec = &budget.spec;
    let message = format!(
        "one run of `{}` can cost {sum} {}; budget `{}` holds {}: {}{more}",
        plan.name(),
        spec.unit.value,
        budget.metadata.name.value,
        spec.limit.value,
        dearest.join(", ")
    );
    let problem = RULE
        .at(plan.runbook.metadata.name.span, message)
        .related(spec.limit.span, "the limit")
        .help("lower `max`, `maxItems` or the attempts of the dearest steps, or raise the limit")
        .consequence("the engine would deny the step that no longer fits, in the midst of the run");
    costs.iter().take(3).fold(problem, |problem, cost| problem.related(cost.place, format!("up to {}", cost.amount)))
}
