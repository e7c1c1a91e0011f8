//! Where exactly one of several fields is due, and what goes with it; ids that stand once in their list.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::{ConnectorType, EnvValue, SecretRef};
use crate::kind::ending::Ending;
use crate::kind::field::Named;
use crate::kind::runbook::Step;
use crate::kind::scenario::Act;
use crate::kind::selector::Selector;
use crate::kind::{Connector, Runbook, Scenario};
use crate::source::Span;

/// CEL's reserved words and the facts of a step: no name for the item of a `forEach`.
const TAKEN: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
    "inputs",
    "constants",
    "steps",
    "run",
    "actor",
    "budget",
    "now",
    "outputs",
    "index",
    "input",
    "output",
    "capability",
    "step",
    "call",
    "response",
    "row",
    "file",
    "catalogue",
];

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    every(&cx.all.runbooks).for_each(|spec| runbook(cx, spec, sink));
    every(&cx.all.connectors).for_each(|spec| connector(cx, spec, sink));
    for capability in every(&cx.all.capabilities) {
        once(
            "guard",
            capability.spec.guards.iter().map(|guard| (guard.id.value.as_str(), guard.id.span)),
            sink,
        );
        once(
            "cost in",
            capability.spec.costs.iter().map(|cost| (cost.unit.value.as_str(), cost.unit.span)),
            sink,
        );
    }
    for policy in cx.all.policies.values() {
        once("rule", policy.spec.rules.iter().map(|rule| (rule.id.value.as_str(), rule.id.span)), sink);
        for rule in &policy.spec.rules {
            let bodies = [
                ("allow", rule.allow.is_some()),
                ("deny", rule.deny.is_some()),
                ("require", rule.require.is_some()),
                ("mask", rule.mask.is_some()),
            ];
            exactly_one(
                cx,
                rule.span,
                &format_args!("rule `{}`", rule.id.value),
                &bodies,
                rule.id.span,
                sink,
            );
            let lists = [
                ("to", rule.to.as_ref().map(Vec::is_empty)),
                ("mask", rule.mask.as_ref().map(Vec::is_empty)),
            ];
            nothing(&format_args!("rule `{}`", rule.id.value), rule.id.span, &lists, sink);
            rule.applies.iter().for_each(|applies| selects(cx, applies, sink));
        }
        selects(cx, &policy.spec.applies, sink);
        if policy.spec.rules.is_empty() && cx.is_whole(policy.span) {
            empty("rules", "policy", policy.metadata.name.value.as_str(), policy.metadata.name.span, sink);
        }
    }
    for approval in every(&cx.all.approvals) {
        let stages = &approval.spec.stages;
        once("stage", stages.iter().map(|stage| (stage.id.value.as_str(), stage.id.span)), sink);
        if stages.is_empty() && cx.is_whole(approval.span) {
            empty(
                "stages",
                "approval",
                approval.metadata.name.value.as_str(),
                approval.metadata.name.span,
                sink,
            );
        }
        for stage in stages.iter().filter(|stage| stage.quorum.value == 0) {
            sink.push(
                law("out-of-range", stage.quorum.span, format!("stage `{}` needs nobody", stage.id.value))
                    .help("write a quorum of at least 1"),
            );
        }
    }
    cx.all.budgets.values().for_each(|budget| selects(cx, &budget.spec.applies, sink));
    cx.all.scenarios.values().for_each(|spec| scenario(cx, spec, sink));
}

/// A list that is written and empty names nobody and nothing: what it was meant to hold does not happen.
fn nothing(what: &dyn Display, place: Span, lists: &[(&str, Option<bool>)], sink: &mut Vec<Diagnostic>) {
    for (field, _) in lists.iter().filter(|(_, is_empty)| *is_empty == Some(true)) {
        sink.push(
            law("missing-field", place, format!("`{field}` of {what} is an empty list"))
                .help(format!("name what is meant, or leave `{field}` out"))
                .consequence("the engine refuses the catalogue: nothing would ever be meant"),
        );
    }
}

fn selects(cx: &Context<'_>, applies: &Selector, sink: &mut Vec<Diagnostic>) {
    let lists = [
        ("capabilities", applies.capabilities.as_ref().map(Vec::is_empty)),
        ("runbooks", applies.runbooks.as_ref().map(Vec::is_empty)),
        ("risk", applies.risk.as_ref().map(Vec::is_empty)),
        ("effect", applies.effect.as_ref().map(Vec::is_empty)),
        ("environments", applies.environments.as_ref().map(Vec::is_empty)),
        ("modes", applies.modes.as_ref().map(Vec::is_empty)),
    ];
    nothing(&"`applies`", cx.first_line(applies.span), &lists, sink);
}

fn empty(field: &str, kind: &str, name: &str, place: Span, sink: &mut Vec<Diagnostic>) {
    sink.push(
        law("missing-field", place, format!("{kind} `{name}` has no {field}"))
            .help(format!("list at least one of its {field}")),
    );
}

/// Each id once in its list.
pub(super) fn once<'a>(what: &str, ids: impl Iterator<Item = (&'a str, Span)>, sink: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for (id, span) in ids {
        if let Some(first) = seen.get(id) {
            sink.push(
                law("duplicate-key", span, format!("a second {what} `{id}`"))
                    .related(*first, "the first")
                    .help("give each an id of its own"),
            );
        } else {
            seen.insert(id, span);
        }
    }
}

/// Exactly one of these fields.
pub(super) fn exactly_one(
    cx: &Context<'_>,
    whole: Span,
    what: &dyn Display,
    fields: &[(&str, bool)],
    place: Span,
    sink: &mut Vec<Diagnostic>,
) {
    let given = || fields.iter().filter(|(_, given)| *given);
    if given().count() == 1 {
        return;
    }
    let given: Vec<String> = given().map(|(name, _)| format!("`{name}`")).collect();
    let all: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let help = format!("write exactly one of {}", crate::decode::listed(&all));
    if given.is_empty() && cx.is_whole(whole) {
        sink.push(
            law("missing-field", place, format!("{what} has none of {}", crate::decode::listed(&all)))
                .help(help),
        );
    } else if given.len() > 1 {
        sink.push(law("wrong-type", place, format!("{what} has {}", given.join(" and "))).help(help));
    }
}

fn runbook(cx: &Context<'_>, runbook: &Runbook, sink: &mut Vec<Diagnostic>) {
    let steps = &runbook.spec.steps;
    let name = &runbook.metadata.name;
    if steps.is_empty() && cx.is_whole(runbook.span) {
        empty("steps", "runbook", name.value.as_str(), name.span, sink);
    }
    if cx.is_whole(runbook.span) {
        let modes = [("modes", Some(runbook.spec.modes.is_empty()))];
        nothing(&format_args!("runbook `{}`", name.value), name.span, &modes, sink);
    }
    for step in steps {
        self::step(cx, step, sink);
    }
}

fn step(cx: &Context<'_>, step: &Step, sink: &mut Vec<Diagnostic>) {
    let id = &step.id;
    let bodies = [
        ("uses", step.uses.is_some()),
        ("runbook", step.runbook.is_some()),
        ("approve", step.approve.is_some()),
        ("wait", step.wait.is_some()),
        ("signal", step.signal.is_some()),
        ("export", step.export.is_some()),
    ];
    exactly_one(cx, step.span, &format_args!("step `{}`", id.value), &bodies, id.span, sink);
    if step.approve.is_some() && step.show.is_empty() && cx.is_whole(step.span) {
        sink.push(
            law("missing-field", id.span, format!("gate `{}` shows nothing", id.value))
                .help("add `show`: what people agree to"),
        );
    }
    if let Some(signal) = step.signal.as_ref().filter(|signal| signal.from.is_empty())
        && cx.is_whole(step.span)
    {
        sink.push(
            law(
                "missing-field",
                signal.name.span,
                format!("`from` of signal `{}` is empty", signal.name.value),
            )
            .help("name who may send it")
            .consequence("the engine refuses the catalogue: the step could only expire"),
        );
    }
    once("guard", step.guards.iter().map(|guard| (guard.id.value.as_str(), guard.id.span)), sink);
    once("ensure", step.ensures.iter().map(|guard| (guard.id.value.as_str(), guard.id.span)), sink);
    once("need", step.needs.iter().map(|need| (need.step.value.as_str(), need.step.span)), sink);
    let Some(each) = &step.for_each else { return };
    if step.uses.is_none() && step.runbook.is_none() {
        sink.push(
            law(
                "wrong-type",
                cx.first_line(each.span),
                format!("step `{}` has a `forEach` without `uses` or `runbook`", id.value),
            )
            .help("only capabilities and sub-runs run once for each item"),
        );
    }
    if let Some(name) = each.as_.as_ref().filter(|name| TAKEN.contains(&name.value.as_str())) {
        sink.push(
            law("bad-name", name.span, format!("`{}` is a reserved word or a fact's name", name.value))
                .help("give the item another name"),
        );
    }
    for (bound, what) in [(each.max_items.as_ref(), "maxItems"), (Some(&each.max_parallel), "maxParallel")] {
        if let Some(bound) = bound.filter(|bound| bound.value == 0) {
            sink.push(law("out-of-range", bound.span, format!("`{what}` is 0")).help("write at least 1"));
        }
    }
}

fn connector(cx: &Context<'_>, connector: &Connector, sink: &mut Vec<Diagnostic>) {
    let (spec, name) = (&connector.spec, &connector.metadata.name);
    let due = match spec.type_.value {
        ConnectorType::Http => ("http", spec.http.is_none()),
        ConnectorType::Exec => ("exec", spec.exec.is_none()),
        ConnectorType::Mock => ("mock", false),
    };
    if due.1 && cx.is_whole(connector.span) {
        sink.push(
            law(
                "missing-field",
                spec.type_.span,
                format!("connector `{}` of type {} has no `{}`", name.value, due.0, due.0),
            )
            .help(format!("add `{}`", due.0)),
        );
    }
    if let Some(auth) = spec.http.as_ref().and_then(|http| http.auth.as_ref()) {
        let bearer: &Option<SecretRef> = &auth.bearer;
        let fields = [
            ("bearer", bearer.is_some()),
            ("basic", auth.basic.is_some()),
            ("header", auth.header.is_some()),
        ];
        exactly_one(cx, auth.span, &"`auth`", &fields, cx.first_line(auth.span), sink);
    }
    spec.exec.iter().for_each(|exec| variables(&exec.env, sink));
    for (_, operation) in spec.operations.iter() {
        variables(&operation.env, sink);
        if let Some(body) = &operation.body {
            exactly_one(
                cx,
                body.span,
                &"`body`",
                &[("json", body.json.is_some()), ("form", body.form.is_some())],
                cx.first_line(body.span),
                sink,
            );
        }
    }
}

/// Names of environment variables: what holds `=` or nothing would set another one, or none.
fn variables(env: &Named<EnvValue>, sink: &mut Vec<Diagnostic>) {
    for (name, entry) in &env.0 {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !letters || name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            sink.push(
                law("bad-name", entry.key_span, format!("`{name}` is no name of an environment variable"))
                    .help("write letters, digits and `_`, like `LC_ALL`"),
            );
        }
    }
}

fn scenario(cx: &Context<'_>, scenario: &Scenario, sink: &mut Vec<Diagnostic>) {
    for (name, entry) in &scenario.spec.given.operations.0 {
        for answer in &entry.value.0 {
            let fields = [("output", answer.output.is_some()), ("error", answer.error.is_some())];
            exactly_one(
                cx,
                answer.span,
                &format_args!("the answer of `{name}`"),
                &fields,
                cx.first_line(answer.span),
                sink,
            );
        }
    }
    for act in &scenario.spec.act {
        self::act(cx, act, sink);
    }
    inputs(cx, scenario, sink);
}

/// Inputs that no run takes; those that are wrong on purpose are how a refusal is tested.
fn inputs(cx: &Context<'_>, scenario: &Scenario, sink: &mut Vec<Diagnostic>) {
    if scenario.spec.expect.state.value == Ending::Refused {
        return;
    }
    let Ok(runbook) = cx.all.runbook(&scenario.spec.run) else { return };
    for (name, value) in scenario.spec.inputs.iter() {
        let Some(field) = runbook.spec.inputs.get(name) else { continue };
        if let Err(why) = super::fields::fits(field, &value.value.0) {
            let message = format!("`{name}` can never be taken: {why}");
            sink.push(
                law("argument-type-mismatch", value.span, message)
                    .related(field.span, "what the runbook takes")
                    .help("give a value that fits, or expect `state: refused`")
                    .consequence("the engine would refuse every such start (`input_invalid`)"),
            );
        }
    }
}

fn act(cx: &Context<'_>, act: &Act, sink: &mut Vec<Diagnostic>) {
    let place = cx.first_line(act.span);
    let verbs = [
        ("approve", act.approve.is_some()),
        ("reject", act.reject.is_some()),
        ("withdraw", act.withdraw.is_some()),
        ("signal", act.signal.is_some()),
        ("cancel", act.cancel.is_some()),
        ("pause", act.pause.is_some()),
        ("resume", act.resume.is_some()),
        ("resolve", act.resolve.is_some()),
        ("kill", act.kill.is_some()),
        ("revive", act.revive.is_some()),
        ("advance", act.advance.is_some()),
        ("crash", act.crash.is_some()),
    ];
    exactly_one(cx, act.span, &"the act", &verbs, place, sink);
    let decides = act.approve.is_some() || act.reject.is_some() || act.withdraw.is_some();
    if decides && act.by.is_none() && cx.is_whole(act.span) {
        sink.push(
            law("missing-field", place, "the act does not say who decides").help("add `by`: the person"),
        );
    }
}
