//! What was exempt for a while is not exempt any more.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("exemption-expired", Severity::Error, include_str!("exemption-expired.md"), find).about(About::Declarations);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (name, exemption) in &cx.all.exemptions {
        let Some(expires) = exemption.spec.expires.as_ref().filter(|expires| expires.value.0 <= cx.as_of) else { continue };
        let exempts = &exemption.spec.exempts;
        let message = format!("exemption `{name}` ended at {}", expires.value.0);
        found.push(
            RULE.at(expires.span, message)
                .related(exempts.rule.span, "this rule holds again")
                .help("remove the exemption; whoever still needs it asks for a new one and has it approved")
                .consequence("the engine would read it and never apply it"),
        );
    }
}
