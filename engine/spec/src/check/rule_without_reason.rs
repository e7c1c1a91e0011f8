//! Law `rule-without-reason`: a decision that could not say why.

use super::context::{Context, law};
use crate::decode::is_placeholder;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            let whose = format!("rule `{}` of policy `{}`", rule.id.value, policy.metadata.name.value);
            let (place, what) = match &rule.reason {
                Some(reason) if is_placeholder(reason.value.as_str()) => {
                    (reason.span, format!("the reason of {whose} says nothing"))
                }
                None if cx.is_whole(rule.span) => (rule.id.span, format!("{whose} has no `reason`")),
                _ => continue,
            };
            sink.push(
                law("rule-without-reason", place, what)
                .help("add `reason`: a stable word like `sre_role`, which records and scenarios name"),
            );
        }
    }
}
