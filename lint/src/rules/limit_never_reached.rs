//! A limit that no engine could come to limits nothing.

use ordain_spec::catalogue::every;
use ordain_spec::check::context::may_match;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::{Approval, Budget};
use ordain_spec::kind::budget::Window;
use ordain_spec::source::Span;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("limit-never-reached", Severity::Warning, include_str!("limit-never-reached.md"), find);

/// More steps than an engine on one store starts in a second.
const STEPS_A_SECOND: u128 = 10_000;
/// More runs than an engine holds at once.
const RUNS_AT_ONCE: u64 = 1_000_000;
const HOUR: u128 = 3_600;
const MONTH: u128 = 31 * 24 * HOUR;

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let name = &capability.metadata.name.value;
        for quota in &capability.spec.quotas {
            let most = STEPS_A_SECOND * u128::from(quota.window.value.0.div_ceil(1_000));
            if u128::from(quota.limit.value) > most {
                found.push(problem(quota.limit.span, format!("a quota of capability `{name}`"), quota.limit.value, most));
            }
        }
    }
    for budget in cx.all.budgets.values() {
        let (limit, most) = (budget.spec.limit, most(cx, budget));
        if let Ok(value) = u64::try_from(limit.value) && most.is_some_and(|most| u128::from(value) > most) {
            let what = format!("budget `{}`", budget.metadata.name.value);
            found.push(problem(limit.span, what, value, most.unwrap_or_default()));
        }
    }
    for runbook in every(&cx.all.runbooks) {
        let limit = runbook.spec.concurrency.iter().map(|concurrency| concurrency.limit);
        for limit in limit.filter(|limit| limit.value > RUNS_AT_ONCE) {
            let what = format!("`concurrency` of runbook `{}`", runbook.metadata.name.value);
            found.push(problem(limit.span, what, limit.value, u128::from(RUNS_AT_ONCE)));
        }
    }
    every(&cx.all.approvals).for_each(|approval| told_too_late(approval, found));
}

/// Words to people about a stage that is over by then.
fn told_too_late(approval: &Approval, found: &mut Vec<Diagnostic>) {
    let (name, spec) = (&approval.metadata.name.value, &approval.spec);
    let expiries = spec.stages.iter().filter_map(|stage| stage.expires.as_ref());
    let Some(last) = expiries.max_by_key(|expires| expires.value.0) else { return };
    let times = [("remind", spec.remind.as_ref()), ("escalate", spec.escalate.as_ref().map(|escalate| &escalate.after))];
    for (field, time) in times {
        if let Some(time) = time.filter(|time| time.value.0 >= last.value.0) {
            found.push(
                RULE.at(time.span, format!("`{field}` of approval `{name}` comes when every stage has expired"))
                    .related(last.span, "the longest that a stage stays open")
                    .help("write less than `expires`")
                    .consequence("nobody would ever be told"),
            );
        }
    }
}

/// The most that can be booked on a budget in one window; none where it cannot be told.
fn most(cx: &Context<'_>, budget: &Budget) -> Option<u128> {
    let spec = &budget.spec;
    let seconds = match spec.window.value {
        Window::Hour => HOUR,
        Window::Day => 24 * HOUR,
        Window::Week => 7 * 24 * HOUR,
        // A run may last, but it takes less than all that an engine does.
        Window::Month | Window::Run => MONTH,
    };
    let booked = every(&cx.all.capabilities).filter(|capability| may_match(&spec.applies, capability, None));
    let mut dearest = u128::from(spec.unit.value.as_str() == "calls");
    for cost in booked.flat_map(|capability| &capability.spec.costs).filter(|cost| cost.unit.value == spec.unit.value) {
        dearest = dearest.max(u128::try_from(cost.max?.value).unwrap_or_default());
    }
    (dearest > 0).then_some(dearest * STEPS_A_SECOND * seconds)
}

fn problem(span: Span, what: String, limit: u64, most: u128) -> Diagnostic {
    RULE.at(span, format!("{what} allows {limit}, which is never reached"))
        .help(format!("write what is meant: an engine that did nothing else would come to {most}"))
        .consequence("the engine would count, and never refuse")
}
