//! Law `policy-without-allow`: a policy that cannot allow, and does not say so.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values() {
        let allow = policy.spec.rules.iter().find(|rule| rule.allow.is_some());
        let name = &policy.metadata.name;
        match (allow, policy.spec.restricts_only) {
            (None, false) if cx.is_whole(policy.span) => sink.push(
                law("policy-without-allow", name.span, format!("policy `{}` has no `allow` rule", name.value))
                    .help("add `restrictsOnly: true` if it is meant to narrow only, else an `allow` rule")
                    .consequence("the engine refuses the catalogue: deleting the last `allow` of a policy would widen unseen"),
            ),
            (Some(rule), true) => sink.push(
                law("policy-without-allow", rule.id.span, format!("policy `{}` says `restrictsOnly`, and has an `allow` rule", name.value))
                    .help("remove `restrictsOnly`, or this rule"),
            ),
            _ => {}
        }
    }
}
