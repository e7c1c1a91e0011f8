//! Law `unbounded-fan-out`: a `forEach` without `maxItems`.

use super::context::{Context, law, with_todo};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let Some(each) =
                step.for_each.as_ref().filter(|each| each.max_items.is_none() && cx.is_whole(each.span))
            else {
                continue;
            };
            let message = format!("step `{}` runs once for each item of a list without a bound", step.id.value);
            let problem = law("unbounded-fan-out", cx.first_line(each.span), message)
                .related(step.id.span, "this step")
                .help("add `maxItems`, like `maxItems: 10`: with more items the step is denied");
            sink.push(with_todo(cx, problem, each.span, "maxItems"));
        }
    }
}
