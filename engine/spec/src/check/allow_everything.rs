//! Law `allow-everything`: a policy that allows everybody everything.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::expr::Value;
use crate::kind::policy::Rule;
use crate::kind::selector::Selector;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values().filter(|policy| policy.spec.applies.is_everything()) {
        let allows: Vec<&Rule> = policy.spec.rules.iter().filter(|rule| rule.allow.is_some()).collect();
        if allows.is_empty() || !allows.iter().all(|rule| is_unconditional(rule)) {
            continue;
        }
        let Some(expr) = allows.iter().find_map(|rule| rule.allow.as_ref()) else { continue };
        sink.push(
            law(
                "allow-everything",
                expr.span(),
                format!("policy `{}` allows everybody everything", policy.metadata.name.value),
            )
            .related(cx.first_line(policy.spec.applies.span), "it applies to every step")
            .help("say to whom (`to`), under which condition, or to what the policy applies"),
        );
    }
}

fn is_unconditional(rule: &Rule) -> bool {
    let is_true = rule.allow.as_ref().is_some_and(|allow| matches!(allow.literal(), Some(Value::Bool(true))));
    is_true
        && rule.to.is_none()
        && rule.when.is_none()
        && rule.applies.as_ref().is_none_or(Selector::is_everything)
}
