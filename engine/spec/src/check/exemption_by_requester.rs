//! Law `exemption-by-requester`: who asks for an exemption would agree to it.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let requester = &exemption.spec.requested_by;
        for approver in &exemption.spec.approved_by {
            let how = if approver.value == requester.value {
                "asks for it"
            } else if cx.people.custodians(&requester.value).any(|custodian| *custodian == approver.value) {
                "is a custodian of who asks for it"
            } else {
                continue;
            };
            let message =
                format!("`{}` approves exemption `{}` and {how}", approver.value, exemption.metadata.name.value);
            sink.push(
                law("exemption-by-requester", approver.span, message)
                    .related(requester.span, "asked for here")
                    .help("let somebody else approve it")
                    .consequence("the engine refuses the catalogue: one person would lift a control alone"),
            );
        }
    }
}
