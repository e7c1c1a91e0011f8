//! Numbers that mean nothing: counts of none, limits below nothing, zones that do not exist.

use std::sync::Arc;

use super::context::{Context, law};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::expr::duration_text;
use crate::kind::connector::ConnectorType;
use crate::kind::scalar::DurationMs;
use crate::source::Span;

/// The most that anything may wait or take: what is bounded beyond a year is not bounded (ADR 0063).
const YEAR: u64 = 366 * 86_400_000;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    waits(cx, sink);
    answers(cx, sink);
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
        time_zone(&spec.timezone, sink);
    }
}

/// Statuses and exit codes that there are, and failures that can be counted.
fn answers(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        let spec = &connector.spec;
        if spec.breaker.failures == 0 {
            let place = cx.first_line(spec.breaker.span);
            sink.push(law("out-of-range", place, "`breaker.failures` is 0").help("write at least 1"));
        }
        let (codes, what) = match spec.type_.value {
            ConnectorType::Http => (100..=599, "a status from 100 to 599"),
            ConnectorType::Exec => (0..=255, "an exit code from 0 to 255"),
            ConnectorType::Mock => continue,
        };
        for (name, entry) in &spec.operations.0 {
            let operation = &entry.value;
            if operation.success.as_ref().is_some_and(Vec::is_empty) && cx.is_whole(operation.span) {
                let message = format!("`success` of operation `{name}` is an empty list");
                sink.push(
                    law("missing-field", entry.key_span, message)
                        .help(format!("list {what}, or leave `success` out"))
                        .consequence("the engine refuses the catalogue: no call could ever succeed"),
                );
            }
            let listed = operation.success.iter().flatten().chain(&operation.retryable);
            for code in listed.filter(|code| !codes.contains(&code.value)) {
                let message = format!("{} is no answer of operation `{name}`", code.value);
                sink.push(law("out-of-range", code.span, message).help(format!("write {what}")));
            }
        }
    }
}

/// Bounds of what waits: for an answer, for people, for time.
fn waits(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let mut bounds: Vec<(&str, &Spanned<DurationMs>)> = Vec::new();
    for connector in every(&cx.all.connectors) {
        let operations = connector.spec.operations.iter().map(|(_, operation)| operation);
        bounds.extend(operations.filter_map(|operation| Some(("timeout", operation.timeout.as_ref()?))));
    }
    for capability in every(&cx.all.capabilities) {
        bounds.extend(capability.spec.timeout.iter().map(|timeout| ("timeout", timeout)));
    }
    for runbook in every(&cx.all.runbooks) {
        bounds.push(("timeout", &runbook.spec.timeout));
        for step in &runbook.spec.steps {
            bounds.extend(step.timeout.iter().map(|timeout| ("timeout", timeout)));
            bounds.extend(step.wait.iter().map(|wait| ("wait", wait)));
            bounds.extend(step.signal.iter().map(|signal| ("timeout", &signal.timeout)));
            bounds.extend(step.repeat.iter().map(|repeat| ("every", &repeat.every)));
        }
    }
    for approval in every(&cx.all.approvals) {
        let stages = approval.spec.stages.iter();
        bounds.extend(stages.filter_map(|stage| Some(("expires", stage.expires.as_ref()?))));
    }
    bounds.extend(cx.all.exports.values().map(|export| ("expires", &export.spec.expires)));
    bounds.iter().for_each(|(what, bound)| lasts(what, bound, 0, YEAR, sink));
}

/// A zone that exists.
pub(super) fn time_zone(zone: &Spanned<Arc<str>>, sink: &mut Vec<Diagnostic>) {
    if crate::expr::time_zone(&zone.value).is_none() {
        sink.push(
            law("bad-literal", zone.span, format!("`{}` is no time zone", zone.value))
                .help("write an IANA name like `Europe/Zurich`, or `UTC`"),
        );
    }
}

/// A number within bounds.
pub(super) fn within(what: &str, number: &Spanned<u64>, least: u64, most: u64, sink: &mut Vec<Diagnostic>) {
    if !(least..=most).contains(&number.value) {
        let help = match most {
            u64::MAX => format!("write at least {least}"),
            _ => format!("write a number from {least} to {most}"),
        };
        sink.push(law("out-of-range", number.span, format!("`{what}` is {}", number.value)).help(help));
    }
}

/// A time within bounds.
pub(super) fn lasts(
    what: &str,
    time: &Spanned<DurationMs>,
    least: u64,
    most: u64,
    sink: &mut Vec<Diagnostic>,
) {
    if !(least..=most).contains(&time.value.0) {
        let said = |ms: u64| duration_text(i64::try_from(ms).unwrap_or(i64::MAX));
        let help = match most {
            u64::MAX => format!("write at least `{}`", said(least)),
            _ => format!("write a duration from `{}` to `{}`", said(least), said(most)),
        };
        let message = format!("`{what}` is {}", said(time.value.0));
        sink.push(law("out-of-range", time.span, message).help(help));
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
