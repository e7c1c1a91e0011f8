//! Law `unresolved-reference`: a name that means nothing of its kind.

use super::context::{Context, REFUSES, law, reworded, said, with_meant};
use super::exemptions;
use super::references::Mention;
use super::run_words::{scenario_names, tests};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, nearest};
use crate::kind::Kind;
use crate::kind::connector::Operation;
use crate::kind::field::Named;
use crate::kind::scalar::Name;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    operations(cx, sink);
    needs(cx, sink);
    exports(cx, sink);
    exempted(cx, sink);
    tests(cx, sink);
    scenario_names(cx, sink);
}

/// A reference that means nothing; `nearest` is the name nearest to it.
pub(super) fn judge(cx: &Context<'_>, mention: &Mention<'_>, nearest: Option<&Name>) -> Diagnostic {
    let name = mention.reference.value.name.as_str();
    let known = nearest.map(|name| name.as_str().to_owned());
    let mut problem =
        dangling(mention.kind.as_str(), name, mention.reference.span, &mention.by.to_string(), known.as_deref());
    if let Some(near) = known {
        if let Some((_, place)) = mention.declared(cx, &near).pop() {
            problem = problem.related(place, format!("`{near}` is declared here"));
        }
        let requirement = mention.reference.value.requirement.as_ref();
        let meant =
            requirement.map_or_else(|| near.clone(), |requirement| format!("{near}@{requirement}"));
        if mention.is_surely(cx, &near) {
            problem = problem.fix(true, vec![reworded(cx, mention.reference.span, &meant)]);
        }
    }
    problem
}

/// The diagnostic about a name that means nothing.
pub(super) fn dangling(kind: &str, name: &str, span: Span, by: &str, near: Option<&str>) -> Diagnostic {
    let kind = kind.to_ascii_lowercase();
    let problem = law("unresolved-reference", span, format!("there is no {kind} `{name}`"))
        .label(format!("{by} refers to it"))
        .consequence(REFUSES);
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("declare a {kind} of that name, or correct the name")),
    }
}

fn operations(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        let Ok(connector) = cx.all.connector(&capability.spec.uses) else { continue };
        let operation = &capability.spec.operation;
        let known = &connector.spec.operations;
        if known.get(operation.value.as_str()).is_some() {
            continue;
        }
        let near = nearest(operation.value.as_str(), known.keys().map(|name| &**name));
        let by = said(Kind::Capability, capability.metadata.name.value.as_str());
        let connector_name = &connector.metadata.name;
        let mut problem = dangling("operation", operation.value.as_str(), operation.span, &by, near).related(
            connector_name.span,
            format!("connector `{}`, whose operation it would be", connector_name.value),
        );
        problem = with_meant(cx, problem, (operation.value.as_str(), operation.span), names(known));
        sink.push(problem);
    }
    for connector in every(&cx.all.connectors) {
        let Some(health) = &connector.spec.health else { continue };
        let (operation, known) = (&health.operation, &connector.spec.operations);
        if known.get(operation.value.as_str()).is_none() {
            let near = nearest(operation.value.as_str(), known.keys().map(|name| &**name));
            let by = said(Kind::Connector, connector.metadata.name.value.as_str());
            let problem = dangling("operation", operation.value.as_str(), operation.span, &by, near);
            sink.push(with_meant(cx, problem, (operation.value.as_str(), operation.span), names(known)));
        }
    }
}

fn names(operations: &Named<Operation>) -> impl Iterator<Item = &str> {
    operations.keys().map(|name| &**name)
}

fn needs(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        let Some(flow) = cx.flow(runbook) else { continue };
        for step in &runbook.spec.steps {
            for need in step.needs.iter().filter(|need| !flow.index.contains_key(need.step.value.as_str())) {
                let name = need.step.value.as_str();
                let near = nearest(name, flow.index.keys().map(|id| &**id));
                let by = format!("step `{}`", step.id.value);
                let mut problem =
                    dangling("step", name, need.step.span, &by, near).related(step.id.span, "this step");
                if let Some(place) =
                    near.and_then(|near| flow.index.get(near)).and_then(|at| flow.steps.get(*at))
                {
                    problem = problem.related(place.id.span, "the nearest step");
                }
                // A step never needs itself, and needs another once.
                let free = flow.index.keys().map(|id| &**id).filter(|id| {
                    *id != step.id.value.as_str() && step.needs.iter().all(|other| other.step.value.as_str() != *id)
                });
                sink.push(with_meant(cx, problem, (name, need.step.span), free));
            }
        }
    }
}

/// The exports that steps run.
fn exports(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        for step in &runbook.spec.steps {
            let Some(export) = &step.export else { continue };
            let by = format!("step `{}` of runbook `{}`", step.id.value, runbook.metadata.name.value);
            known(cx, Kind::Export, export, &by, cx.all.exports.keys(), sink);
        }
    }
}

/// The rules and capabilities that exemptions name.
fn exempted(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for exemption in cx.all.exemptions.values() {
        let by = said(Kind::Exemption, exemption.metadata.name.value.as_str());
        let exempts = &exemption.spec.exempts;
        known(cx, Kind::Policy, &exempts.policy, &by, cx.all.policies.keys(), sink);
        for capability in &exemption.spec.scope.capabilities {
            let name = Spanned { value: capability.value.0.clone(), span: capability.span };
            known(cx, Kind::Capability, &name, &by, cx.all.capabilities.keys(), sink);
        }
        let Some(policy) = exemptions::policy(cx, exemption).filter(|policy| cx.is_whole(policy.span)) else {
            continue;
        };
        let named = exempts.rule.value.as_str();
        // The name of a law is reported for what it is.
        if exemptions::rule(cx, exemption).is_some() || super::slugs().any(|slug| slug == named) {
            continue;
        }
        let ids = || policy.spec.rules.iter().map(|rule| rule.id.value.as_str());
        let problem = dangling("rule", named, exempts.rule.span, &by, nearest(named, ids()))
            .related(policy.metadata.name.span, "the policy");
        sink.push(with_meant(cx, problem, (named, exempts.rule.span), ids()));
    }
}

/// A name that stands once for its kind, without a release.
fn known<'k>(
    cx: &Context<'_>,
    kind: Kind,
    name: &Spanned<Name>,
    by: &str,
    known: impl Iterator<Item = &'k Name> + Clone,
    sink: &mut Vec<Diagnostic>,
) {
    let unread = cx.all.may_be_unread(kind, name.value.as_str());
    if unread || known.clone().any(|known| *known == name.value) {
        return;
    }
    let near = nearest(name.value.as_str(), known.clone().map(Name::as_str));
    let problem = dangling(kind.as_str(), name.value.as_str(), name.span, by, near);
    sink.push(with_meant(cx, problem, (name.value.as_str(), name.span), known.map(Name::as_str)));
}
