//! Numbers that mean nothing: counts of none, limits below nothing, zones that do not exist.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        if let Some(concurrency) = &runbook.spec.concurrency {
            at_least_one("concurrency.limit", &concurrency.limit, sink);
        }
        for step in &runbook.spec.steps {
            step.retry.iter().for_each(|retry| at_least_one("retry.attempts", &retry.attempts, sink));
            step.repeat.iter().for_each(|repeat| at_least_one("repeat.max", &repeat.max, sink));
        }
    }
    for capability in every(&cx.all.capabilities) {
        for max in capability.spec.costs.iter().filter_map(|cost| cost.max.as_ref()) {
            at_least_nothing("max", max.value, max.span, sink);
        }
        for quota in capability.spec.quotas.iter().filter(|quota| quota.window.value.0 == 0) {
            sink.push(
                law("out-of-range", quota.window.span, "a quota over a window of no length counts nothing")
                    .help("write how long a use counts, like `1h`"),
            );
        }
    }
    for budget in cx.all.budgets.values() {
        let spec = &budget.spec;
        at_least_nothing("limit", spec.limit.value, spec.limit.span, sink);
        if crate::expr::time_zone(&spec.timezone.value).is_none() {
            let message = format!("`{}` is no time zone", spec.timezone.value);
            sink.push(
                law("bad-literal", spec.timezone.span, message)
                    .help("write an IANA name like `Europe/Zurich`, or `UTC`"),
            );
        }
    }
}

fn at_least_one(what: &str, count: &Spanned<u64>, sink: &mut Vec<Diagnostic>) {
    if count.value == 0 {
        sink.push(law("out-of-range", count.span, format!("`{what}` is 0")).help("write at least 1"));
    }
}

fn at_least_nothing(what: &str, amount: i64, span: Span, sink: &mut Vec<Diagnostic>) {
    if amount < 0 {
        sink.push(
            law("out-of-range", span, format!("`{what}` is {amount}, less than nothing"))
                .help("write 0 or more"),
        );
    }
}
