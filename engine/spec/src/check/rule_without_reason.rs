//! Law `rule-without-reason`: a decision that could not say why.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values() {
        for rule in policy.spec.rules.iter().filter(|rule| rule.reason.is_none() && cx.is_whole(rule.span)) {
            sink.push(
                law(
                    "rule-without-reason",
                    rule.id.span,
                    format!(
                        "rule `{}` of policy `{}` has no `reason`",
                        rule.id.value, policy.metadata.name.value
                    ),
                )
                .help("add `reason`: a stable word like `sre_role`, which records and scenarios name"),
            );
        }
    }
}
