//! Every use of a capability: by a step, by a notice, by the delivery of an export. Whatever governs a use
//! looks at these, so that nothing is carried out beside the laws.

use std::sync::Arc;

use super::context::{Context, risk};
use crate::catalogue::{Declarations, every};
use crate::decode::Spanned;
use crate::expr::Arg;
use crate::kind::export::Deliver;
use crate::kind::field::Named;
use crate::kind::metadata::Risk;
use crate::kind::runbook::Step;
use crate::kind::scalar::Reference;
use crate::kind::{Approval, Capability, Export, Notice, Runbook};
use crate::source::Span;

/// A use of a capability: by a step, by a notice, by the delivery of an export.
pub(super) struct Call<'a> {
    pub(super) by: User<'a>,
    pub(super) reference: &'a Spanned<Reference>,
    pub(super) capability: &'a Arc<Capability>,
}

/// What uses a capability.
#[derive(Clone, Copy)]
pub(super) enum User<'a> {
    Step(&'a Arc<Runbook>, &'a Step),
    Notice(&'a Arc<Notice>),
    Delivery(&'a Arc<Export>),
}

impl<'a> Call<'a> {
    /// The capability's risk; the highest where it is missing (which is a broken law of its own).
    pub(super) fn risk(&self) -> Risk {
        risk(self.capability)
    }

    /// The approval that this use names.
    pub(super) fn approval(&self) -> Option<&'a Spanned<Reference>> {
        match self.by {
            User::Step(_, step) => step.approval.as_ref(),
            User::Notice(_) => None,
            User::Delivery(export) => export.spec.approval.as_ref(),
        }
    }

    /// The approvals that it stands behind by itself: the capability's and its own.
    pub(super) fn approvals(&self, cx: &Context<'a>) -> Vec<&'a Arc<Approval>> {
        let named = self.capability.spec.approval.iter().chain(self.approval());
        named.filter_map(|reference| cx.all.approval(reference).ok()).collect()
    }

    /// The arguments of a use outside of runbooks.
    pub(super) fn with(&self) -> Option<&'a Named<Arg>> {
        match self.by {
            User::Step(..) => None,
            User::Notice(notice) => Some(&notice.spec.with),
            User::Delivery(export) => match &export.spec.deliver.value {
                Deliver::Uses { with, .. } => Some(with),
                Deliver::Download => None,
            },
        }
    }

    /// The whole of what uses it.
    pub(super) fn whole(&self) -> Span {
        match self.by {
            User::Step(_, step) => step.span,
            User::Notice(notice) => notice.span,
            User::Delivery(export) => export.span,
        }
    }

    /// Where the name of what uses it stands.
    pub(super) fn place(&self) -> Span {
        match self.by {
            User::Step(_, step) => step.id.span,
            User::Notice(notice) => notice.metadata.name.span,
            User::Delivery(export) => export.metadata.name.span,
        }
    }

    /// `step \`pay\``, for messages.
    pub(super) fn said(&self) -> String {
        match self.by {
            User::Step(_, step) => format!("step `{}`", step.id.value),
            User::Notice(notice) => format!("notice `{}`", notice.metadata.name.value),
            User::Delivery(export) => format!("the delivery of export `{}`", export.metadata.name.value),
        }
    }
}

/// All of them whose capability is known.
pub(super) fn all<'a>(all: &'a Declarations) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    let mut add = |by: User<'a>, reference: &'a Spanned<Reference>| {
        if let Ok(capability) = all.capability(reference) {
            calls.push(Call { by, reference, capability });
        }
    };
    for runbook in every(&all.runbooks) {
        for step in &runbook.spec.steps {
            step.uses.iter().for_each(|reference| add(User::Step(runbook, step), reference));
        }
    }
    all.notices.values().for_each(|notice| add(User::Notice(notice), &notice.spec.uses));
    for export in all.exports.values() {
        if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
            add(User::Delivery(export), uses);
        }
    }
    calls
}
