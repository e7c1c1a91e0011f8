//! Law `exemption-of-critical`: what is critical or cannot be undone is never exempt.

use std::collections::BTreeSet;

use super::context::{Context, law};
use super::exemptions::capabilities;
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::Risk;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let mut told = BTreeSet::new();
        for capability in capabilities(cx, exemption) {
            let name = &capability.metadata.name.value;
            let critical = capability.metadata.risk.as_ref().filter(|risk| risk.value == Risk::Critical);
            let irreversible = Some(&capability.spec.effect).filter(|effect| effect.value == Effect::Irreversible);
            let (what, place) = match (critical, irreversible) {
                (Some(risk), _) => ("of risk critical", risk.span),
                (None, Some(effect)) => ("irreversible", effect.span),
                (None, None) => continue,
            };
            let named = exemption.spec.scope.capabilities.iter().find(|named| named.value.0 == *name);
            if !told.insert(name) {
                continue;
            }
            let message =
                format!("exemption `{}` is for `{name}`, which is {what}", exemption.metadata.name.value);
            sink.push(
                law("exemption-of-critical", named.map_or(exemption.span, |named| named.span), message)
                    .related(place, "declared here")
                    .help("take it out of the scope: meet the rule, or change the policy"),
            );
        }
    }
}
