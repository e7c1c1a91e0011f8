//! Every place where an expression stands, checked against the facts of that place. What is wrong with an
//! expression is said by `expr`; here is only which facts it may read and what is wanted of it.

use std::sync::Arc;

use super::calls::User;
use super::context::{Context, law};
use super::depends;
use super::flow::Flow;
use super::memory::{About, Memory};
use super::rows;
use super::scope::{self, Outputs, Steps};
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::diagnostic::{Diagnostic, Edit, Fix};
use crate::edit::{Side, Written, field_into};
use crate::expr::{Arg, Checked, Expect, Expr, Known, Scope, Type, check, facts};
use crate::kind::capability::{Guard, Idempotency};
use crate::kind::connector::{EnvValue, Operation};
use crate::kind::field::{FieldMap, Named};
use crate::kind::metadata::Rollback;
use crate::kind::runbook::Step;
use crate::kind::scalar::Sensitivity;
use crate::kind::{Capability, Connector, Policy, Runbook};
use crate::source::Span;

/// Checks every expression and template of the catalogue; says what runbooks give.
pub(super) fn check_all(cx: &Context<'_>, memory: &mut Memory, sink: &mut Vec<Diagnostic>) -> Outputs {
    for capability in every(&cx.all.capabilities) {
        let key = depends::capability(cx, capability);
        memory.problems(About::Places, cx.stamp(capability.span), key, sink, |sink| {
            capability_places(cx, capability, sink);
        });
    }
    for connector in every(&cx.all.connectors) {
        let key = depends::connector(cx, connector);
        memory.problems(About::Places, cx.stamp(connector.span), key, sink, |sink| {
            for (name, operation) in connector.spec.operations.iter() {
                operation_places(cx, connector, name, operation, sink);
            }
        });
    }
    let outputs = all_outputs(cx, memory);
    for runbook in every(&cx.all.runbooks) {
        if let Some(flow) = cx.flow(runbook) {
            let key = depends::runbook(cx, runbook, &outputs);
            memory.problems(About::Places, cx.stamp(runbook.span), key, sink, |sink| {
                runbook_places(cx, runbook, flow, &outputs, sink);
            });
        }
    }
    for policy in cx.all.policies.values() {
        let key = depends::policy(cx, policy);
        memory.problems(About::Places, cx.stamp(policy.span), key, sink, |sink| {
            policy_places(cx, policy, sink);
        });
    }
    around_places(cx, sink);
    super::tainted_flow::check_outputs(cx, &outputs, sink);
    outputs
}

/// What stands around runs: exports, notices, triggers.
pub(super) fn around_places(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for export in cx.all.exports.values() {
        let scope = rows::of_export(cx.all, export.spec.source.value);
        if let Some(filter) = &export.spec.filter {
            Place { cx, scope: &scope, known: Known::default(), sink }.condition(filter);
        }
    }
    for used in &cx.calls {
        let (Some(with), whole) = (used.with(), used.by) else { continue };
        let (scope, filter) = match whole {
            User::Notice(notice) => (rows::of_notice(cx.all, &notice.spec), notice.spec.filter.as_ref()),
            User::Delivery(_) | User::Step(..) => (rows::file(), None),
        };
        let mut place = Place { cx, scope: &scope, known: Known::default(), sink };
        if let Some(filter) = filter {
            place.condition(filter);
        }
        let highest = arguments(with, Some(&used.capability.spec.input), &mut place);
        clearance(cx, used.capability, &used.said(), used.place(), highest, sink);
    }
    for trigger in cx.all.triggers.values() {
        let runbook = cx.all.runbook(&trigger.spec.runbook).ok();
        let scope = rows::event(&trigger.spec);
        let mut place = Place { cx, scope: &scope, known: Known::default(), sink };
        arguments(&trigger.spec.inputs, runbook.map(|runbook| &runbook.spec.inputs), &mut place);
    }
}

/// Checks the expressions of the one spec that stands at a place.
pub(super) fn check_at(cx: &Context<'_>, at: Span, sink: &mut Vec<Diagnostic>) {
    let holds = |span: Span| span.file == at.file && span.start <= at.start && at.start <= span.end;
    every(&cx.all.capabilities)
        .filter(|spec| holds(spec.span))
        .for_each(|spec| capability_places(cx, spec, sink));
    for connector in every(&cx.all.connectors).filter(|spec| holds(spec.span)) {
        for (name, operation) in connector.spec.operations.iter() {
            operation_places(cx, connector, name, operation, sink);
        }
    }
    for runbook in every(&cx.all.runbooks).filter(|spec| holds(spec.span)) {
        let outputs = all_outputs(cx, &mut Memory::default());
        if let Some(flow) = cx.flow(runbook) {
            runbook_places(cx, runbook, flow, &outputs, sink);
        }
    }
    cx.all.policies.values().filter(|spec| holds(spec.span)).for_each(|spec| policy_places(cx, spec, sink));
    around_places(cx, sink);
}

/// Collects the findings of one place after another and what they imply for the later ones.
struct Place<'s, 'a> {
    cx: &'s Context<'a>,
    scope: &'s Scope,
    known: Known,
    sink: &'s mut Vec<Diagnostic>,
}

impl Place<'_, '_> {
    fn expr(&mut self, expr: &Expr, expect: Expect<'_>) -> Checked {
        self.cx.asked(expr, self.scope);
        let mut checked = check(expr, self.scope, expect, &self.known);
        self.sink.append(&mut checked.diagnostics);
        checked
    }

    /// A condition that holds from here on.
    fn condition(&mut self, expr: &Expr) {
        let implied = self.expr(expr, Expect::Bool).implies;
        self.known.extend(&implied);
    }

    fn guards(&mut self, guards: &[Guard]) {
        guards.iter().for_each(|guard| self.condition(&guard.expr));
    }

    fn arg(&mut self, arg: &Arg, expected: Option<&Type>) -> Checked {
        arg.exprs().into_iter().for_each(|expr| self.cx.asked(expr, self.scope));
        let mut checked = arg.check(self.scope, expected, &self.known);
        self.sink.append(&mut checked.diagnostics);
        checked
    }

    fn args(&mut self, args: &Named<Arg>) {
        args.iter().for_each(|(_, arg)| {
            self.arg(arg, None);
        });
    }
}

fn personal(scope: &Scope) -> Scope {
    scope.clone().clearance(Sensitivity::Personal)
}

pub(super) fn capability_places(cx: &Context<'_>, capability: &Capability, sink: &mut Vec<Diagnostic>) {
    let scope = cx.capability_scope(capability);
    let guarded = personal(&scope);
    let spec = &capability.spec;
    if let Some(with) = &spec.with {
        Place { cx, scope: &scope, known: Known::default(), sink }.args(with);
    }
    let mut place = Place { cx, scope: &guarded, known: Known::default(), sink };
    if let Some(Spanned { value: Idempotency::Key(key), .. }) = &spec.idempotency {
        place.expr(key, Expect::Anything);
    }
    for cost in &spec.costs {
        place.expr(&cost.estimate, Expect::Type(&Type::Int));
    }
    place.guards(&spec.guards);
    let settled =
        Scope::new([("input", scope::declared(&spec.input)), ("output", scope::declared(&spec.output))]);
    let mut place = Place { cx, scope: &settled, known: Known::default(), sink };
    for cost in &spec.costs {
        if let Some(actual) = &cost.actual {
            place.expr(actual, Expect::Type(&Type::Int));
        }
    }
    rollback_places(cx, capability, settled.with("run", facts::run()), sink);
}

fn rollback_places(cx: &Context<'_>, capability: &Capability, scope: Scope, sink: &mut Vec<Diagnostic>) {
    let Some(Spanned { value: Rollback::Uses { uses, with }, .. }) = &capability.metadata.rollback else {
        return;
    };
    let undoing = cx.all.capability(uses).ok();
    arguments(
        with,
        undoing.map(|undoing| &undoing.spec.input),
        &mut Place { cx, scope: &scope, known: Known::default(), sink },
    );
}

/// Arguments of a call against the fields it takes. Names are the business of their own laws.
fn arguments(with: &Named<Arg>, takes: Option<&FieldMap>, place: &mut Place<'_, '_>) -> Sensitivity {
    let mut highest = Sensitivity::Public;
    for (name, arg) in with.iter() {
        let field = takes.and_then(|takes| takes.get(name));
        let (wanted, before) = (field.map(Type::declared), place.sink.len());
        let checked = place.arg(arg, wanted.as_ref());
        // Of the right type, it may still be longer, greater or of another form than the field allows.
        if let Some(field) = field.filter(|_| place.sink.len() == before)
            && let Some((span, why)) = super::fields::misfit(field, arg)
        {
            let message = format!("`{name}` can never be taken: {why}");
            let problem = law("argument-type-mismatch", span, message);
            place.sink.push(problem.related(field.span, "what is taken"));
        }
        highest = highest.max(checked.sensitivity);
    }
    highest
}

pub(super) fn operation_places(
    cx: &Context<'_>,
    connector: &Connector,
    name: &str,
    operation: &Operation,
    sink: &mut Vec<Diagnostic>,
) {
    let input = scope::operation_input(cx, connector, name);
    let sent = Scope::new([("input", input.clone()), ("call", facts::call()), ("run", facts::run())]);
    let mut place = Place { cx, scope: &sent, known: Known::default(), sink };
    if let Some(path) = &operation.path {
        place.arg(&path.value, None);
    }
    place.args(&operation.query);
    place.args(&operation.headers);
    if let Some(body) = &operation.body {
        body.json.iter().for_each(|json| {
            place.arg(json, None);
        });
        body.form.iter().for_each(|form| place.args(form));
    }
    for arg in operation.args.iter().flatten() {
        place.arg(&arg.value, None);
    }
    if let Some(stdin) = &operation.stdin {
        place.arg(&stdin.json, None);
    }
    let connector_env = connector.spec.exec.iter().flat_map(|exec| exec.env.iter());
    for (_, value) in connector_env.chain(operation.env.iter()) {
        if let EnvValue::Text(text) = value {
            place.arg(text, None);
        }
    }
    let answered = sent.with("response", scope::response(connector, operation));
    let outputs = super::outputs_due(cx, connector, name);
    let mut place = Place { cx, scope: &answered, known: Known::default(), sink };
    for (output, expr) in operation.output.iter() {
        let before = place.sink.len();
        match outputs.get(output) {
            Some(ty) => place.expr(expr, Expect::Argument(ty)),
            None => place.expr(expr, Expect::Anything),
        };
        misfits_are_outputs(place.sink, before);
    }
    mock_places(cx, operation, &outputs, input, sink);
    answers_fit(cx.callers(connector, name), operation, sink);
}

/// A declared answer that no capability would take: every mock run would end in it.
fn answers_fit(callers: &[&Arc<Capability>], operation: &Operation, sink: &mut Vec<Diagnostic>) {
    let answers = operation.mock.iter().flat_map(|mock| &mock.0).filter_map(|answer| answer.output.as_ref());
    for (name, arg) in answers.flat_map(Named::iter) {
        // Of the wrong type it was said already.
        if sink.iter().any(|problem| problem.primary.as_ref().is_some_and(|label| label.span == arg.span)) {
            continue;
        }
        let due = |capability: &&Arc<Capability>| {
            let field = capability.spec.output.get(name)?;
            let (span, why) = super::fields::misfit(field, arg)?;
            Some((span, why, field.span, capability.metadata.name.value.clone()))
        };
        if let Some((span, why, declared, capability)) = callers.iter().find_map(due) {
            let message = format!("`{name}` can never be an output of capability `{capability}`: {why}");
            sink.push(
                law("output-mismatch", span, message)
                    .related(declared, "what it promises")
                    .help("answer with a value that fits, or widen what the capability promises")
                    .consequence(
                        "the engine refuses the catalogue: every mock run would end in `output_invalid`",
                    ),
            );
        }
    }
}

fn mock_places(
    cx: &Context<'_>,
    operation: &Operation,
    outputs: &std::collections::BTreeMap<Arc<str>, Type>,
    input: crate::expr::Field,
    sink: &mut Vec<Diagnostic>,
) {
    let scope = Scope::new([("input", input), ("call", facts::call())]);
    for answer in operation.mock.iter().flat_map(|mock| &mock.0) {
        let mut place = Place { cx, scope: &scope, known: Known::default(), sink };
        if let Some(when) = &answer.when {
            place.condition(when);
        }
        for (output, arg) in answer.output.iter().flat_map(Named::iter) {
            let before = place.sink.len();
            place.arg(arg, outputs.get(output));
            misfits_are_outputs(place.sink, before);
        }
    }
}

/// A value that does not fit what a capability gives is no argument but an output.
fn misfits_are_outputs(sink: &mut [Diagnostic], from: usize) {
    for diagnostic in sink.iter_mut().skip(from) {
        if diagnostic.code == "argument-type-mismatch" {
            diagnostic.code = "output-mismatch";
        }
    }
}

/// What every runbook gives, sub-runs first.
pub(super) fn all_outputs(cx: &Context<'_>, memory: &mut Memory) -> Outputs {
    let mut outputs = Outputs::default();
    for runbook in super::subruns::children_first(cx) {
        let Some(flow) = cx.flow(runbook) else { continue };
        let key = depends::runbook(cx, runbook, &outputs);
        let given = memory.given(cx.stamp(runbook.span), key.clone(), || {
            scope::gives(&Steps::of(cx, runbook, flow, &outputs), runbook)
        });
        outputs.given.insert(runbook.digest, given);
        outputs.keys.insert(runbook.digest, key);
    }
    outputs
}

pub(super) fn runbook_places<'a>(
    cx: &Context<'a>,
    runbook: &'a Runbook,
    flow: &Flow<'a>,
    outputs: &Outputs,
    sink: &mut Vec<Diagnostic>,
) {
    let steps = Steps::of(cx, runbook, flow, outputs);
    if let Some(key) = runbook.spec.concurrency.as_ref().and_then(|concurrency| concurrency.key.as_ref()) {
        Place { cx, scope: &personal(&steps.start()), known: Known::default(), sink }
            .expr(key, Expect::Anything);
    }
    for (at, step) in runbook.spec.steps.iter().enumerate() {
        let before = sink.len();
        step_places(cx, runbook, &steps, at, step, sink);
        for diagnostic in sink.iter_mut().skip(before) {
            if diagnostic.code == "skippable-output-unguarded" && diagnostic.fix.is_none() {
                diagnostic.fix = guarding(cx, step, diagnostic);
            }
        }
    }
    let exprs: Vec<&Expr> = runbook.spec.outputs.iter().map(|(_, expr)| expr).collect();
    if !exprs.is_empty() {
        let scope = steps.end(&exprs);
        let mut place = Place { cx, scope: &scope, known: Known::default(), sink };
        for expr in exprs {
            place.expr(expr, Expect::Anything);
        }
    }
}

/// The repair of a step that reads what may be absent: it runs only where that is there.
fn guarding(cx: &Context<'_>, step: &Step, problem: &Diagnostic) -> Option<Fix> {
    let file = cx.all.sources.get(step.span.file)?;
    let read = problem.primary.as_ref()?.span;
    let path = file.slice(read);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
    if !path.starts_with("steps.") || !path.chars().all(plain) {
        return None;
    }
    let has = format!("has({path})");
    let edits = match &step.when {
        // Of a condition that itself reads it nothing is known.
        Some(when) if when.span().start <= read.start && read.end <= when.span().end => return None,
        Some(when) => {
            let Span { file, start, end } = when.span();
            let at = |at, text| Edit { span: Span::new(file, at, at), text };
            vec![at(start, format!("{has} && (")), at(end, ")".to_owned())]
        }
        None => {
            let when = ("when", Written::Text(&has));
            vec![field_into(&file.text, file.notation, step.span, when, Side::Head)?]
        }
    };
    Some(Fix { safe: false, edits })
}

/// All expressions of a step.
#[must_use]
pub fn step_exprs(step: &Step) -> Vec<&Expr> {
    let mut exprs: Vec<&Expr> = Vec::new();
    exprs.extend(&step.when);
    exprs.extend(step.for_each.iter().map(|each| &each.in_));
    exprs.extend(step.with.iter().chain(step.show.iter()).flat_map(|(_, arg)| arg.exprs()));
    exprs.extend(step.guards.iter().chain(&step.ensures).map(|guard| &guard.expr));
    exprs.extend(step.repeat.iter().map(|repeat| &repeat.until));
    exprs
}

fn step_places(
    cx: &Context<'_>,
    runbook: &Runbook,
    steps: &Steps<'_, '_>,
    at: usize,
    step: &Step,
    sink: &mut Vec<Diagnostic>,
) {
    let name = runbook.metadata.name.value.as_str();
    let scope = steps.at(at, step, name, &step_exprs(step));
    let guarded = personal(&scope);
    let mut place = Place { cx, scope: &guarded, known: Known::default(), sink };
    if let Some(when) = &step.when {
        place.condition(when);
    }
    let mut item_scope = scope.clone();
    if let Some(each) = &step.for_each {
        let list = place.expr(&each.in_, Expect::List);
        let item = if let Type::List { item, .. } = list.ty { (*item).clone() } else { Type::Any };
        item_scope = item_scope
            .with(each.item_name(), crate::expr::Field::always(item, list.sensitivity))
            .with("index", crate::expr::Field::always(Type::Int, Sensitivity::Meta));
    }
    let known = place.known;
    let mut place = Place { cx, scope: &item_scope, known: known.clone(), sink };
    let highest = arguments(&step.with, takes(cx, step), &mut place);
    if let Some(Ok(capability)) = step.uses.as_ref().map(|reference| cx.all.capability(reference)) {
        clearance(cx, capability, &format!("step `{}`", step.id.value), step.id.span, highest, sink);
    }
    // Pages of approvals show up to `personal`; guards and `ensures` read up to it.
    let guarded = personal(&item_scope);
    let mut place = Place { cx, scope: &guarded, known, sink };
    let before = place.sink.len();
    place.args(&step.show);
    for diagnostic in place.sink.iter_mut().skip(before) {
        if diagnostic.code == "sensitive-fact-in-guard" {
            diagnostic.code = "sensitivity-too-high";
        }
    }
    place.guards(&step.guards);
    let known = place.known;
    if step.ensures.is_empty() && step.repeat.is_none() {
        return;
    }
    let own = steps.outputs_of_one(step).map_or(Type::Any, Type::record);
    let after = guarded.with("outputs", crate::expr::Field::always(own, Sensitivity::Public));
    let mut place = Place { cx, scope: &after, known, sink };
    if let Some(repeat) = &step.repeat {
        place.expr(&repeat.until, Expect::Bool);
    }
    place.guards(&step.ensures);
}

/// What a step's `with` is for.
pub(super) fn takes<'a>(cx: &Context<'a>, step: &Step) -> Option<&'a FieldMap> {
    if let Some(reference) = &step.uses {
        return cx.all.capability(reference).ok().map(|capability| &capability.spec.input);
    }
    let reference = step.runbook.as_ref()?;
    cx.all.runbook(reference).ok().map(|runbook| &runbook.spec.inputs)
}

/// A connector is given nothing more sensitive than its clearance.
fn clearance(
    cx: &Context<'_>,
    capability: &Capability,
    by: &str,
    place: Span,
    highest: Sensitivity,
    sink: &mut Vec<Diagnostic>,
) {
    let Some((connector, _)) = cx.operation(capability) else { return };
    let (clearance, name) = (&connector.spec.clearance, &connector.metadata.name);
    if highest > clearance.value {
        let message = format!(
            "{by} gives {highest} data to connector `{}`, which is cleared up to {}",
            name.value, clearance.value
        );
        let declared = if clearance.span.is_nowhere() { name.span } else { clearance.span };
        sink.push(
            law("sensitivity-too-high", place, message)
                .related(declared, "the connector")
                .help("leave it out of `with`, or have the connector's owner raise its `clearance`"),
        );
    }
}

pub(super) fn policy_places(cx: &Context<'_>, policy: &Policy, sink: &mut Vec<Diagnostic>) {
    for rule in &policy.spec.rules {
        let exprs = rule.when.iter().chain(&rule.allow).chain(&rule.deny);
        if rule.when.is_none() && rule.allow.is_none() && rule.deny.is_none() {
            continue;
        }
        let about = scope::about(cx, &policy.spec.applies, rule.applies.as_ref());
        let scopes: Vec<Scope> = exprs.clone().map(|expr| cx.rule_scope(&about, expr)).collect();
        let mut known = Known::default();
        for (expr, scope) in exprs.zip(&scopes) {
            let mut place = Place { cx, scope, known, sink };
            place.condition(expr);
            known = place.known;
        }
    }
}
