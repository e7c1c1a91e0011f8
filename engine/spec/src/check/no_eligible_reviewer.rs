//! Law `no-eligible-reviewer`: a stage at which nobody can agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;
use crate::kind::scalar::Principal;
use crate::kind::{Approval, Runbook};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    if cx.all.roster.is_none() {
        return;
    }
    for approval in every(&cx.all.approvals) {
        for stage in &approval.spec.stages {
            let known = stage.any_of.iter().all(|principal| cx.people.knows(&principal.value));
            let eligible = cx.people.behind(stage.any_of.iter().map(|principal| &principal.value));
            if known && cx.is_whole(stage.span) && eligible.count() == 0 {
                let message = format!(
                    "nobody can decide at stage `{}` of approval `{}`",
                    stage.id.value, approval.metadata.name.value
                );
                let mut problem = law("no-eligible-reviewer", stage.id.span, message)
                    .help("name people, or groups and roles with people in them: services and agents cannot decide")
                    .consequence("the engine refuses the catalogue: every step behind it would expire");
                for principal in &stage.any_of {
                    problem = problem.related(principal.span, format!("nobody is in `{}`", principal.value));
                }
                sink.push(problem);
            }
        }
    }
    exemptions(cx, sink);
    triggers(cx, sink);
}

/// Each of `approvedBy` decides himself.
fn exemptions(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let name = &exemption.metadata.name;
        for approver in &exemption.spec.approved_by {
            let known = cx.people.knows(&approver.value);
            let is_user = matches!(approver.value, Principal::User(_));
            if !known || (is_user && cx.people.behind([&approver.value]).count() == 1) {
                continue;
            }
            let message = format!("`{}` of exemption `{}` is no person", approver.value, name.value);
            sink.push(
                law("no-eligible-reviewer", approver.span, message)
                    .help("name people, `user:…` of type `human`: each of them decides himself")
                    .consequence("the engine refuses the catalogue: the exemption could never be approved"),
            );
        }
        if exemption.spec.approved_by.is_empty() && cx.is_whole(exemption.span) {
            sink.push(
                law("no-eligible-reviewer", name.span, format!("nobody approves exemption `{}`", name.value))
                    .help("name in `approvedBy` who must agree"),
            );
        }
    }
}

/// Custodians of the service that asks do not count: without them somebody must be left.
fn triggers(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for trigger in cx.all.triggers.values() {
        let Ok(runbook) = cx.all.runbook(&trigger.spec.runbook) else { continue };
        let custodians = cx.people.behind(cx.people.custodians(&trigger.spec.as_.value));
        for approval in asked(cx, runbook) {
            for stage in &approval.spec.stages {
                let mut eligible = cx.people.behind(stage.any_of.iter().map(|principal| &principal.value));
                let before = eligible.count();
                eligible.humans.retain(|person| !custodians.humans.contains(person));
                let left = eligible.count();
                // One that asks for more than there are is reported for itself.
                if left >= stage.quorum.value || before < stage.quorum.value {
                    continue;
                }
                let message = format!(
                    "trigger `{}` starts what {left} of {before} people can approve at stage `{}` of `{}`, which needs {}",
                    trigger.metadata.name.value, stage.id.value, approval.metadata.name.value, stage.quorum.value
                );
                sink.push(
                    law("no-eligible-reviewer", trigger.spec.as_.span, message)
                        .related(stage.id.span, "this stage")
                        .help("let others decide too, or name another service: custodians do not count")
                        .consequence("the engine refuses the catalogue: every run of it would expire"),
                );
            }
        }
    }
}

/// The approvals that the steps of a runbook ask for by themselves.
fn asked<'a>(cx: &Context<'a>, runbook: &'a Runbook) -> Vec<&'a Arc<Approval>> {
    let mut found: BTreeMap<Digest, &Arc<Approval>> = BTreeMap::new();
    for step in &runbook.spec.steps {
        let capability = step.uses.as_ref().and_then(|reference| cx.all.capability(reference).ok());
        let own = capability.and_then(|capability| capability.spec.approval.as_ref());
        let named = step.approval.iter().chain(&step.approve).chain(own);
        let approvals = named.filter_map(|reference| cx.all.approval(reference).ok());
        found.extend(approvals.map(|approval| (approval.digest, approval)));
    }
    found.into_values().collect()
}
