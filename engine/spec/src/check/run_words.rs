//! What scenarios and lists of tests name: steps, stages, approvals, signals, operations, budgets.

use std::collections::BTreeSet;

use super::context::{Context, law, said, with_meant};
use super::unresolved_reference::dangling;
use crate::catalogue::every;
use crate::decode::{Spanned, is_placeholder};
use crate::diagnostic::{Diagnostic, nearest};
use crate::kind::scalar::Name;
use crate::kind::scenario::Act;
use crate::kind::{Kind, Runbook, Scenario};
use crate::source::Span;

/// The scenarios that capabilities name. Those of the built-in set are held by the build of the program.
pub(super) fn tests(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities) {
        for test in &capability.metadata.tests {
            let unread = cx.all.may_be_unread(Kind::Scenario, test.value.as_str());
            let is_known = cx.all.scenarios.contains_key(&test.value) || unread || cx.is_built_in(test.span);
            if is_known || is_placeholder(test.value.as_str()) {
                continue;
            }
            let by = said(Kind::Capability, capability.metadata.name.value.as_str());
            let near = nearest(test.value.as_str(), cx.all.scenarios.keys().map(AsRef::as_ref));
            let problem = dangling("scenario", test.value.as_str(), test.span, &by, near);
            let known = cx.all.scenarios.keys().map(AsRef::as_ref);
            sink.push(with_meant(cx, problem, (test.value.as_str(), test.span), known));
        }
    }
}

/// All that scenarios name.
pub(super) fn scenario_names(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for scenario in cx.all.scenarios.values() {
        let Ok(runbook) = cx.all.runbook(&scenario.spec.run) else { continue };
        Names { cx, runbook, by: &scenario.metadata.name.value, sink }.check(scenario);
    }
}

struct Names<'c, 'a> {
    cx: &'c Context<'a>,
    runbook: &'a Runbook,
    by: &'a Name,
    sink: &'c mut Vec<Diagnostic>,
}

impl Names<'_, '_> {
    /// A name that is one of those known, whatever they are: nearly all of them are, and are asked for often.
    fn one_of<'k, K: Iterator<Item = &'k str>>(
        &mut self,
        kind: &str,
        name: &str,
        span: Span,
        known: impl Fn() -> K,
    ) {
        if !known().any(|known| known == name) {
            self.unknown(kind, name, span, known().collect());
        }
    }

    fn unknown(&mut self, kind: &str, name: &str, span: Span, known: BTreeSet<&str>) {
        let near = nearest(name, known.iter().copied());
        let by = said(Kind::Scenario, self.by.as_str());
        let problem = dangling(kind, name, span, &by, near);
        // Of `connector.operation` only a part is the word.
        let there = self.cx.all.sources.get(span.file).map_or("", |file| file.slice(span));
        let is_whole = there.trim_matches(['\'', '"']) == name;
        let known = known.into_iter().filter(|_| is_whole);
        self.sink.push(with_meant(self.cx, problem, (name, span), known));
    }

    fn step(&mut self, name: &str, span: Span) {
        let runbook = self.runbook;
        self.one_of("step", name, span, || runbook.spec.steps.iter().map(|step| step.id.value.as_str()));
    }

    fn budget(&mut self, name: &str, span: Span) {
        let all = self.cx.all;
        if !all.budgets.contains_key(name) && !all.may_be_unread(Kind::Budget, name) {
            self.unknown("budget", name, span, all.budgets.keys().map(AsRef::as_ref).collect());
        }
    }

    fn exemption(&mut self, name: &Spanned<Name>) {
        let (all, word) = (self.cx.all, name.value.as_str());
        if !all.exemptions.contains_key(word) && !all.may_be_unread(Kind::Exemption, word) {
            self.unknown("exemption", word, name.span, all.exemptions.keys().map(AsRef::as_ref).collect());
        }
    }

    /// `connector.operation`: what stands after the last dot is the operation.
    fn operation(&mut self, name: &str, span: Span) {
        let (connector, operation) = name.rsplit_once('.').unwrap_or((name, ""));
        if self.cx.all.may_be_unread(Kind::Connector, connector) {
            return;
        }
        let all = self.cx.all;
        let Some(releases) = all.connectors.get(connector) else {
            self.unknown("connector", connector, span, all.connectors.keys().map(AsRef::as_ref).collect());
            return;
        };
        let known = || releases.values().flat_map(|connector| connector.spec.operations.keys());
        self.one_of("operation", operation, span, || known().map(|name| &**name));
    }

    fn check(&mut self, scenario: &Scenario) {
        let spec = &scenario.spec;
        let given = &spec.given;
        given.operations.0.iter().for_each(|(name, entry)| self.operation(name, entry.key_span));
        given.budgets.0.iter().for_each(|(name, entry)| self.budget(name, entry.key_span));
        given.killed.iter().for_each(|killed| self.kill_switch(killed));
        given.exemptions.iter().for_each(|name| self.exemption(name));
        let expect = &spec.expect;
        expect.steps.0.iter().for_each(|(name, entry)| self.step(name, entry.key_span));
        expect.calls.0.iter().for_each(|(name, entry)| self.operation(name, entry.key_span));
        expect.spent.0.iter().for_each(|(name, entry)| self.budget(name, entry.key_span));
        spec.act.iter().for_each(|act| self.act(act));
    }

    /// Approvals and signals of sub-runs may be meant too: their steps are not looked into.
    fn act(&mut self, act: &Act) {
        let all = self.cx.all;
        act.kill.iter().chain(&act.revive).for_each(|switch| self.kill_switch(switch));
        for approval in act.approve.iter().chain(&act.reject).chain(&act.withdraw) {
            if all.may_be_unread(Kind::Approval, approval.value.as_str()) {
                continue;
            }
            let name = approval.value.as_str();
            let Some(releases) = all.approvals.get(name) else {
                self.unknown(
                    "approval",
                    name,
                    approval.span,
                    all.approvals.keys().map(AsRef::as_ref).collect(),
                );
                continue;
            };
            if let Some(stage) = &act.stage {
                let stages = || releases.values().flat_map(|approval| &approval.spec.stages);
                self.one_of("stage", stage.value.as_str(), stage.span, || {
                    stages().map(|stage| stage.id.value.as_str())
                });
            }
        }
        let has_subruns = self.runbook.spec.steps.iter().any(|step| step.runbook.is_some());
        if has_subruns {
            return;
        }
        let runbook = self.runbook;
        if let Some(signal) = &act.signal {
            let known = || runbook.spec.steps.iter().filter_map(|step| step.signal.as_ref());
            self.one_of("signal", signal.value.as_str(), signal.span, || {
                known().map(|signal| signal.name.value.as_str())
            });
        }
        for step in act.step.iter().chain(&act.resolve) {
            self.step(step.value.as_str(), step.span);
        }
    }

    /// A selector that means nothing would test a switch that is never set.
    fn kill_switch(&mut self, selector: &Spanned<std::sync::Arc<str>>) {
        let name = selector.value.split_once(':').and_then(|(sort, name)| match sort {
            "capability" | "connector" | "runbook" | "tenant" => Some(name),
            "actor" => name.strip_prefix("user:"),
            _ => None,
        });
        if &*selector.value != "all" && name.and_then(Name::new).is_none() {
            let message = format!("`{}` selects nothing that can be stopped", selector.value);
            self.sink.push(law("unknown-value", selector.span, message).help(
                "write `all`, or `capability:`, `connector:`, `runbook:`, `tenant:` and a name, or `actor:user:` and a name",
            ));
        }
    }
}
