//! What changes something is limited in how often it may.

use ordain_spec::catalogue::every;
use ordain_spec::kind::scalar::Effect;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("no-quota", Severity::Error, include_str!("no-quota.md"), find).about(About::Declarations);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let effect = &capability.spec.effect;
        if effect.value == Effect::Read || !capability.spec.quotas.is_empty() || !cx.resolved.is_whole(capability.span) {
            continue;
        }
        let name = &capability.metadata.name;
        found.push(
            RULE.at(name.span, format!("capability `{}` changes something ({}) and has no quota", name.value, effect.value))
                .related(effect.span, "its effect")
                .help("add `quotas`, like `quotas: [{per: actor, limit: 20, window: 1h}]`")
                .consequence("the engine would let whoever may do it do it as often and as fast as he likes"),
        );
    }
}
