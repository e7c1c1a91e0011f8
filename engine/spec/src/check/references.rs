//! Every reference of every spec, and what it means or why it means nothing.

use std::fmt;

use crate::catalogue::{Unresolved, every};
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, meant};
use crate::kind::Kind;
use crate::kind::budget::OnBreach;
use crate::kind::export::Deliver;
use crate::kind::metadata::Rollback;
use crate::kind::scalar::{Identifier, Name, Reference};
use crate::source::Span;

use super::context::{Context, said};
use super::{floating_reference, unresolved_reference, version_unsatisfied};

/// A reference somewhere, to a spec of a kind.
pub(super) struct Mention<'a> {
    pub(super) kind: Kind,
    pub(super) reference: &'a Spanned<Reference>,
    /// Who refers: for messages.
    pub(super) by: By<'a>,
}

/// Who refers, as messages say it.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    Spec(Kind, &'a Name),
    Step(&'a Identifier, &'a Name),
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(kind, name) => f.write_str(&said(*kind, name.as_str())),
            Self::Step(step, runbook) => write!(f, "step `{step}` of runbook `{runbook}`"),
        }
    }
}

/// Asks the laws about references: each is resolved once.
pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for mention in mentions(cx) {
        sink.extend(match mention.fault(cx) {
            Some(Unresolved::Unknown { nearest, unread: false }) => {
                Some(unresolved_reference::judge(cx, &mention, nearest.as_ref()))
            }
            Some(Unresolved::NoRelease { releases }) => {
                Some(version_unsatisfied::judge(cx, &mention, &releases))
            }
            Some(Unresolved::Floating { releases }) => {
                Some(floating_reference::judge(cx, &mention, &releases))
            }
            Some(Unresolved::Unknown { unread: true, .. }) | None => None,
        });
    }
}

impl Mention<'_> {
    /// Why it means nothing, if it does.
    fn fault(&self, cx: &Context<'_>) -> Option<Unresolved> {
        let reference = &self.reference.value;
        match self.kind {
            Kind::Capability => cx.all.capability(reference).err(),
            Kind::Connector => cx.all.connector(reference).err(),
            Kind::Runbook => cx.all.runbook(reference).err(),
            _ => cx.all.approval(reference).err(),
        }
    }

    /// True where `near` is the one name that can have been meant, and with its requirement is there.
    pub(super) fn is_surely(&self, cx: &Context<'_>, near: &str) -> bool {
        let reference = &self.reference.value;
        let Some(name) = Name::new(near) else { return false };
        let due = Reference { name, requirement: reference.requirement.clone() };
        let all = cx.all;
        let (there, names): (bool, Vec<&str>) = match self.kind {
            Kind::Capability => {
                (all.capability(&due).is_ok(), all.capabilities.keys().map(Name::as_str).collect())
            }
            Kind::Connector => {
                (all.connector(&due).is_ok(), all.connectors.keys().map(Name::as_str).collect())
            }
            Kind::Runbook => (all.runbook(&due).is_ok(), all.runbooks.keys().map(Name::as_str).collect()),
            _ => (all.approval(&due).is_ok(), all.approvals.keys().map(Name::as_str).collect()),
        };
        there && meant(reference.name.as_str(), names) == Some(near)
    }

    /// Where the releases of its name are declared.
    pub(super) fn declared(&self, cx: &Context<'_>, name: &str) -> Vec<(String, Span)> {
        macro_rules! places {
            ($specs:expr) => {
                $specs
                    .get(name)
                    .into_iter()
                    .flatten()
                    .map(|(version, spec)| {
                        (format!("{} {version}", said(self.kind, name)), spec.metadata.name.span)
                    })
                    .collect()
            };
        }
        match self.kind {
            Kind::Capability => places!(cx.all.capabilities),
            Kind::Connector => places!(cx.all.connectors),
            Kind::Runbook => places!(cx.all.runbooks),
            _ => places!(cx.all.approvals),
        }
    }
}

/// All references of a catalogue.
fn mentions<'a>(cx: &Context<'a>) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    let mut add = |kind, reference: &'a Spanned<Reference>, by: By<'a>| {
        found.push(Mention { kind, reference, by });
    };
    for capability in every(&cx.all.capabilities) {
        let by = By::Spec(Kind::Capability, &capability.metadata.name.value);
        add(Kind::Connector, &capability.spec.uses, by);
        if let Some(approval) = &capability.spec.approval {
            add(Kind::Approval, approval, by);
        }
        if let Some(Spanned { value: Rollback::Uses { uses, .. }, .. }) = &capability.metadata.rollback {
            add(Kind::Capability, uses, by);
        }
    }
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let by = By::Step(&step.id.value, &runbook.metadata.name.value);
            step.uses.iter().for_each(|reference| add(Kind::Capability, reference, by));
            step.runbook.iter().for_each(|reference| add(Kind::Runbook, reference, by));
            step.approve
                .iter()
                .chain(&step.approval)
                .for_each(|reference| add(Kind::Approval, reference, by));
        }
    }
    for policy in cx.all.policies.values() {
        let by = By::Spec(Kind::Policy, &policy.metadata.name.value);
        policy
            .spec
            .rules
            .iter()
            .filter_map(|rule| rule.require.as_ref())
            .for_each(|reference| add(Kind::Approval, reference, by));
    }
    for budget in cx.all.budgets.values() {
        if let OnBreach::Approval(reference) = &budget.spec.on_breach.value {
            add(Kind::Approval, reference, By::Spec(Kind::Budget, &budget.metadata.name.value));
        }
    }
    for export in cx.all.exports.values() {
        let by = By::Spec(Kind::Export, &export.metadata.name.value);
        export.spec.approval.iter().for_each(|reference| add(Kind::Approval, reference, by));
        if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
            add(Kind::Capability, uses, by);
        }
    }
    for notice in cx.all.notices.values() {
        add(Kind::Capability, &notice.spec.uses, By::Spec(Kind::Notice, &notice.metadata.name.value));
    }
    for trigger in cx.all.triggers.values() {
        add(Kind::Runbook, &trigger.spec.runbook, By::Spec(Kind::Trigger, &trigger.metadata.name.value));
    }
    for scenario in cx.all.scenarios.values() {
        add(Kind::Runbook, &scenario.spec.run, By::Spec(Kind::Scenario, &scenario.metadata.name.value));
    }
    found
}

/// `1.0.0, 1.1.0`
pub(super) fn releases(versions: &[crate::kind::scalar::Version]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
