//! Law `exemption-without-expiry`: an exemption that nothing ends.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        if exemption.spec.expires.is_none() && cx.is_whole(exemption.span) {
            let name = &exemption.metadata.name;
            sink.push(
                law("exemption-without-expiry", name.span, format!("exemption `{}` has no `expires`", name.value))
                    .help("add `expires`: at most 90, 30, 7 days after `from` for risk low, medium, high")
                    .consequence("the engine refuses the catalogue: the rule would be gone for good"),
            );
        }
    }
}
