//! A policy is tried out for a while, not for good.

use ordain_spec::kind::policy::Enforcement;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("shadow-policy-old", Severity::Warning, include_str!("shadow-policy-old.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(before) = cx.before else { return };
    for (name, policy) in &cx.all.policies {
        let is_shadow = |policy: &ordain_spec::kind::Policy| policy.spec.enforcement.value == Enforcement::Shadow;
        let old = before.checked.declarations.policies.get(name);
        if is_shadow(policy) && old.is_some_and(|old| is_shadow(old) && old.digest == policy.digest) {
            let message = format!("policy `{name}` stood in shadow before, and nothing of it has changed since");
            found.push(
                RULE.at(policy.spec.enforcement.span, message)
                    .help("look at what it would have decided, then enforce it or remove it")
                    .consequence("the engine would record what it says and never act on it"),
            );
        }
    }
}
