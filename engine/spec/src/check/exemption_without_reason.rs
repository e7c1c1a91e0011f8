//! Law `exemption-without-reason`: an exemption that nobody can judge.

use super::context::{Context, law};
use crate::decode::is_placeholder;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let name = &exemption.metadata.name;
        let (place, what) = match &exemption.spec.reason {
            Some(reason) if is_placeholder(&reason.value) => {
                (reason.span, format!("the reason of exemption `{}` says nothing", name.value))
            }
            None if cx.is_whole(exemption.span) => (name.span, format!("exemption `{}` has no `reason`", name.value)),
            _ => continue,
        };
        sink.push(
            law("exemption-without-reason", place, what)
                .help("say why the rule cannot be met for this while: who approves it reads that"),
        );
    }
}
