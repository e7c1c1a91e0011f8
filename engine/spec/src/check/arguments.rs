//! Every place that gives arguments to a spec's declared fields: names given, names asked for.

use std::sync::Arc;

use crate::catalogue::every;
use crate::decode::Spanned;
use crate::kind::Kind;
use crate::kind::ending::Ending;
use crate::kind::field::FieldMap;
use crate::kind::metadata::Rollback;
use crate::kind::scalar::Name;
use crate::source::Span;

use super::context::{Context, Use, said};

/// Arguments that are given to declared fields.
pub(super) struct Given<'a> {
    /// Names with the places of their keys.
    pub(super) names: Vec<(&'a Arc<str>, Span)>,
    pub(super) takes: &'a FieldMap,
    of: (Kind, &'a Name),
    pub(super) of_span: Span,
    /// The whole of the spec whose fields they are.
    pub(super) of_whole: Span,
    /// Where it is given.
    pub(super) place: Span,
    /// The whole of what gives them.
    pub(super) whole: Span,
}

impl Given<'_> {
    /// Whose fields they are, for messages.
    pub(super) fn of(&self) -> String {
        let (kind, name) = self.of;
        said(kind, name.as_str())
    }
}

/// All of them: `with` of steps, notices and deliveries, `rollback.with`, inputs of scenarios and triggers.
pub(super) fn given<'a>(cx: &Context<'a>) -> Vec<Given<'a>> {
    let mut found = Vec::new();
    for capability in every(&cx.all.capabilities) {
        let Some(Spanned { value: Rollback::Uses { uses, with }, .. }) = &capability.metadata.rollback else {
            continue;
        };
        let Ok(undoing) = cx.all.capability(uses) else { continue };
        found.push(Given {
            names: with.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &undoing.spec.input,
            of: (Kind::Capability, &undoing.metadata.name.value),
            of_span: undoing.metadata.name.span,
            of_whole: undoing.span,
            place: uses.span,
            whole: capability.metadata.span,
        });
    }
    for Use { step, capability, .. } in &cx.uses {
        found.push(Given {
            names: step.with.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &capability.spec.input,
            of: (Kind::Capability, &capability.metadata.name.value),
            of_span: capability.metadata.name.span,
            of_whole: capability.span,
            place: step.id.span,
            whole: step.span,
        });
    }
    let steps = every(&cx.all.runbooks).flat_map(|runbook| &runbook.spec.steps);
    for step in steps.filter(|step| step.uses.is_none()) {
        let Some(Ok(child)) = step.runbook.as_ref().map(|reference| cx.all.runbook(reference)) else {
            continue;
        };
        found.push(Given {
            names: step.with.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &child.spec.inputs,
            of: (Kind::Runbook, &child.metadata.name.value),
            of_span: child.metadata.name.span,
            of_whole: child.span,
            place: step.id.span,
            whole: step.span,
        });
    }
    for scenario in cx.all.scenarios.values() {
        // Inputs that are wrong on purpose are how a refusal is tested.
        if scenario.spec.expect.state.value == Ending::Refused {
            continue;
        }
        let Ok(runbook) = cx.all.runbook(&scenario.spec.run) else { continue };
        found.push(Given {
            names: scenario.spec.inputs.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &runbook.spec.inputs,
            of: (Kind::Runbook, &runbook.metadata.name.value),
            of_span: runbook.metadata.name.span,
            of_whole: runbook.span,
            place: scenario.metadata.name.span,
            whole: scenario.span,
        });
    }
    for used in &cx.calls {
        let Some(with) = used.with() else { continue };
        found.push(Given {
            names: with.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &used.capability.spec.input,
            of: (Kind::Capability, &used.capability.metadata.name.value),
            of_span: used.capability.metadata.name.span,
            of_whole: used.capability.span,
            place: used.reference.span,
            whole: used.whole(),
        });
    }
    for trigger in cx.all.triggers.values() {
        let Ok(runbook) = cx.all.runbook(&trigger.spec.runbook) else { continue };
        found.push(Given {
            names: trigger.spec.inputs.0.iter().map(|(name, entry)| (name, entry.key_span)).collect(),
            takes: &runbook.spec.inputs,
            of: (Kind::Runbook, &runbook.metadata.name.value),
            of_span: runbook.metadata.name.span,
            of_whole: runbook.span,
            place: trigger.spec.runbook.span,
            whole: trigger.span,
        });
    }
    found
}
