//! Law `no-policy-applies`: a capability in use that no policy can allow.

use super::calls::{Call, User};
use super::context::{Context, law, may_match, said};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, nearest};
use crate::digest::Digest;
use crate::kind::{Kind, Policy};
use crate::kind::policy::Enforcement;
use crate::kind::scalar::{Mode, Name};
use crate::kind::selector::Selector;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    // A rule that could not be read may be the one that allows it, and what selects less than its author wrote hides one.
    let unread = cx.all.any_unread(Kind::Policy);
    if unread || !cx.all.policies.values().all(|policy| cx.is_faultless(policy.span)) {
        return;
    }
    let mut told = std::collections::BTreeSet::new();
    for used in &cx.calls {
        let (digest, kind, name) = place(used);
        let key = (used.capability.digest, digest);
        if cx.all.policies.values().any(|policy| can_allow(policy, used)) || !told.insert(key) {
            continue;
        }
        let capability = &used.capability.metadata.name;
        let within = said(kind, name.as_str());
        let message = format!("no policy can allow capability `{}` in {within}", capability.value);
        let problem = law("no-policy-applies", used.reference.span, message)
            .related(capability.span, "the capability")
            .consequence(
                "the engine refuses the catalogue: the step would always be denied (`no_rule_allows`)",
            );
        let selected =
            cx.all.policies.values().flat_map(|policy| policy.spec.applies.capabilities.iter().flatten());
        let names: Vec<&str> =
            selected.filter(|pattern| !pattern.value.prefix).map(|pattern| &*pattern.value.text).collect();
        sink.push(match nearest(capability.value.as_str(), names) {
            Some(near) => problem
                .help(format!("add an `allow` rule for it; a policy applies to `{near}`, which is none")),
            None => problem.help("add a policy with an `allow` rule that applies to it"),
        });
    }
}

fn can_allow(policy: &Policy, used: &Call<'_>) -> bool {
    let spec = &policy.spec;
    if spec.enforcement.value != Enforcement::Enforce || !may_apply(&spec.applies, used) {
        return false;
    }
    let mut allows = spec.rules.iter().filter(|rule| rule.allow.is_some());
    allows.any(|rule| rule.applies.as_ref().is_none_or(|applies| may_apply(applies, used)))
}

/// What the policies judge as one: the runbook, or what uses the capability by itself.
fn place<'a>(used: &Call<'a>) -> (Digest, Kind, &'a Name) {
    match used.by {
        User::Step(runbook, _) => (runbook.digest, Kind::Runbook, &runbook.metadata.name.value),
        User::Notice(notice) => (notice.digest, Kind::Notice, &notice.metadata.name.value),
        User::Delivery(export) => (export.digest, Kind::Export, &export.metadata.name.value),
    }
}

fn may_apply(selector: &Selector, used: &Call<'_>) -> bool {
    let User::Step(runbook, _) = used.by else {
        // There is no runbook that could be selected.
        return selector.runbooks.is_none() && may_match(selector, used.capability, None);
    };
    let modes: &[Spanned<Mode>] = &runbook.spec.modes;
    let mode_fits =
        selector.modes.as_ref().is_none_or(|wanted| modes.iter().any(|mode| wanted.contains(mode)));
    mode_fits && may_match(selector, used.capability, Some(runbook.metadata.name.value.as_str()))
}
