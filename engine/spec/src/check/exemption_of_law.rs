//! Law `exemption-of-law`: an exemption from what always holds.

use super::context::{Context, law};
use super::exemptions::{policy, rule};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let named = &exemption.spec.exempts.rule;
        let Some(rule) = rule(cx, exemption) else {
            if policy(cx, exemption).is_some() && super::slugs().any(|slug| slug == named.value.as_str()) {
                let message = format!("`{}` is a law, from which nothing is exempt", named.value);
                sink.push(
                    law("exemption-of-law", named.span, message)
                        .help("mend what breaks the law; only deny and require rules of policies can be exempted"),
                );
            }
            continue;
        };
        let (does, why) = if rule.allow.is_some() {
            ("allows", "what no rule allows is denied: write another `allow` rule instead")
        } else if rule.mask.is_some() {
            ("masks", "what is masked stays masked: change the policy instead")
        } else {
            continue;
        };
        let message = format!("rule `{}` {does}; only deny and require rules can be exempted", named.value);
        sink.push(law("exemption-of-law", named.span, message).related(rule.id.span, "the rule").help(why));
    }
}
