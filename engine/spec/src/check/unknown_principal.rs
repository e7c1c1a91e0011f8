//! Law `unknown-principal`: a user, group or role that the roster does not declare.

use super::context::Context;
use super::principals::{named, unknown};
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for (principal, span) in named(cx) {
        if !cx.people.knows(&principal) {
            sink.push(unknown(cx, "unknown-principal", &principal, span, "principal"));
        }
    }
}
