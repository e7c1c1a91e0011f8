//! A capability changes something only if its operation does.

use ordain_spec::catalogue::every;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::scalar::Effect;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("effect-below-capability", Severity::Warning, include_str!("effect-below-capability.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Some((_, operation)) = cx.resolved.operation(capability) else { continue };
        let (own, done) = (&capability.spec.effect, &operation.effect);
        if done.value != Effect::Read || own.value == Effect::Read {
            continue;
        }
        let (name, spec) = (&capability.metadata.name.value, &capability.spec);
        let message = format!(
            "operation `{}` says that it only reads, capability `{name}` that it changes something ({})",
            spec.operation.value, own.value
        );
        found.push(
            RULE.at(spec.operation.span, message)
                .related(done.span, "the operation's effect")
                .related(own.span, "the capability's effect")
                .help(format!("write `effect: {}` for the operation, or `effect: read` for the capability", own.value))
                .consequence("the engine would let a connector with `access: read` carry it out"),
        );
    }
}
