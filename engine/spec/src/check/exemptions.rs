//! What exemptions are about: the rule they name, the capabilities they are for.

use std::sync::Arc;

use super::context::Context;
use crate::kind::policy::Rule;
use crate::kind::{Capability, Exemption, Policy};

/// The policy that an exemption names.
pub(super) fn policy<'a>(cx: &Context<'a>, exemption: &Exemption) -> Option<&'a Arc<Policy>> {
    cx.all.policies.get(&exemption.spec.exempts.policy.value)
}

/// The rule that an exemption names.
pub(super) fn rule<'a>(cx: &Context<'a>, exemption: &Exemption) -> Option<&'a Rule> {
    let rules = &policy(cx, exemption)?.spec.rules;
    rules.iter().find(|rule| rule.id.value == exemption.spec.exempts.rule.value)
}

/// Every release of every capability that an exemption is for.
pub(super) fn capabilities<'a>(cx: &Context<'a>, exemption: &Exemption) -> Vec<&'a Arc<Capability>> {
    let named = exemption.spec.scope.capabilities.iter().map(|name| &name.value.0);
    named.filter_map(|name| cx.all.capabilities.get(name)).flat_map(|releases| releases.values()).collect()
}
