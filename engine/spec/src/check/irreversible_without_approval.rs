//! Law `irreversible-without-approval`: what cannot be undone, with nobody asked before.

use super::context::Context;
use super::governed::unapproved;
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::Effect;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    let irreversible =
        cx.calls.iter().filter(|used| used.capability.spec.effect.value == Effect::Irreversible);
    for used in irreversible {
        let place = used.capability.spec.effect.span;
        sink.extend(unapproved(cx, used, "irreversible-without-approval", "of effect irreversible", place));
    }
}
