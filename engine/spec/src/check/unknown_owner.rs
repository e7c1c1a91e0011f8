//! Law `unknown-owner`: an owner who is nobody in the roster, or a role.

use super::context::{Context, law, said};
use super::principals::unknown;
use crate::decode::Spanned;
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::Principal;

/// Who looks after the built-in set; known as the owner of its specs alone.
const BUILT_IN: &str = "group:ordain";

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for head in cx.heads() {
        let Some(owner) = head.owner else { continue };
        if matches!(owner.value, Principal::Role(_)) {
            let message = format!("the owner of {} is a role", said(head.kind, head.name.value.as_str()));
            sink.push(
                law("unknown-owner", owner.span, message)
                    .help("name a group or a user: somebody has to answer for it"),
            );
        } else if !(cx.people.knows(&owner.value) || is_ours(cx, owner)) {
            sink.push(unknown(cx, "unknown-owner", &owner.value, owner.span, "owner"));
        }
    }
}

fn is_ours(cx: &Context<'_>, owner: &Spanned<Principal>) -> bool {
    cx.is_built_in(owner.span) && owner.value.to_string() == BUILT_IN
}
