//! Law `exemption-wildcard`: an exemption that is wider than what it names. Patterns are found where the
//! scope is read.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let scope = &exemption.spec.scope;
        if !cx.is_whole(scope.span) {
            continue;
        }
        for (list, is_empty) in [
            ("capabilities", scope.capabilities.is_empty()),
            ("actors", scope.actors.is_empty()),
            ("environments", scope.environments.is_empty()),
        ] {
            if is_empty {
                let message =
                    format!("the scope of exemption `{}` names no {list}", exemption.metadata.name.value);
                sink.push(
                    law("exemption-wildcard", cx.first_line(scope.span), message)
                        .help(format!("add `{list}`: the names that it is for"))
                        .consequence("the engine refuses the catalogue: it would be for all of them"),
                );
            }
        }
    }
}
