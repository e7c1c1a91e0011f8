//! A field stands where it means something.

use std::fmt::Display;

use ordain_spec::catalogue::every;
use ordain_spec::kind::connector::{ConnectorType, Operation};
use ordain_spec::kind::field::{Field, FieldMap, FieldType};
use ordain_spec::kind::roster::{ActorType, Person};
use ordain_spec::kind::runbook::Step;
use ordain_spec::kind::scalar::Effect;
use ordain_spec::kind::Connector;
use ordain_spec::source::Span;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("field-not-applicable", Severity::Error, include_str!("field-not-applicable.md"), find).about(About::Declarations);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        connector_fields(connector, found);
    }
    for runbook in every(&cx.all.runbooks) {
        runbook.spec.steps.iter().for_each(|step| step_fields(step, found));
        let signals = runbook.spec.steps.iter().filter_map(|step| step.signal.as_ref());
        let maps = signals.map(|signal| &signal.fields).chain([&runbook.spec.inputs]);
        maps.for_each(|fields| schemas(fields, found));
    }
    for capability in every(&cx.all.capabilities) {
        schemas(&capability.spec.input, found);
        schemas(&capability.spec.output, found);
    }
    for approval in every(&cx.all.approvals) {
        approval.spec.stages.iter().for_each(|stage| schemas(&stage.form, found));
    }
    for (name, entry) in cx.all.roster.iter().flat_map(|roster| &roster.spec.people.0) {
        person(name, entry.key_span, &entry.value, found);
    }
}

/// Reports the fields that are given although they do not apply, in one diagnostic.
fn report(given: &[(&str, bool)], place: Span, whose: &dyn Display, why: &dyn Display, found: &mut Vec<Diagnostic>) {
    let idle: Vec<String> = given.iter().filter(|(_, given)| *given).map(|(name, _)| format!("`{name}`")).collect();
    if idle.is_empty() {
        return;
    }
    let message = format!("{} of {whose} {} nothing: {why}", idle.join(", "), if idle.len() == 1 { "means" } else { "mean" });
    found.push(
        RULE.at(place, message)
            .help("remove what does not apply, or say what was meant in its place")
            .consequence("the engine would load it and never look at it"),
    );
}

fn connector_fields(connector: &Connector, found: &mut Vec<Diagnostic>) {
    let (spec, name) = (&connector.spec, &connector.metadata.name);
    let kind = spec.type_.value;
    let why = format!("it is of type {kind}");
    let own = [
        ("http", spec.http.is_some() && kind != ConnectorType::Http),
        ("exec", spec.exec.is_some() && kind != ConnectorType::Exec),
    ];
    report(&own, name.span, &format_args!("connector `{}`", name.value), &why, found);
    for (id, entry) in &spec.operations.0 {
        let operation = &entry.value;
        let mut given = Vec::new();
        if kind != ConnectorType::Http {
            given.extend(of_http(operation));
        }
        if kind != ConnectorType::Exec {
            given.extend(of_exec(operation));
        }
        if kind == ConnectorType::Mock {
            given.retain(|(name, _)| !matches!(*name, "method" | "path"));
        }
        report(&given, entry.key_span, &format_args!("operation `{id}`"), &why, found);
        let effect = operation.effect.value;
        let fact = [("fact", operation.fact.is_some() && effect != Effect::Read)];
        report(&fact, entry.key_span, &format_args!("operation `{id}`"), &format_args!("its effect is {effect}"), found);
    }
}

/// A person holds nobody else's credentials by being one, and acts for himself.
fn person(name: &str, place: Span, person: &Person, found: &mut Vec<Diagnostic>) {
    if person.type_.value == ActorType::Human {
        let given = [("custodians", !person.custodians.is_empty()), ("onBehalfOf", person.on_behalf_of.is_some())];
        report(&given, place, &format_args!("`{name}`"), &"it is human", found);
    }
}

fn schemas(fields: &FieldMap, found: &mut Vec<Diagnostic>) {
    for (name, entry) in &fields.0 {
        schema(name, entry.key_span, &entry.value, found);
    }
}

/// Constraints that values of the type do not have: a bound that nothing keeps.
fn schema(name: &str, place: Span, field: &Field, found: &mut Vec<Diagnostic>) {
    let kind = field.type_.value;
    let is_text = kind == FieldType::String;
    let is_number = matches!(kind, FieldType::Integer | FieldType::Number);
    let is_list = kind == FieldType::Array;
    let given = [
        ("minLength", field.min_length.is_some() && !is_text),
        ("maxLength", field.max_length.is_some() && !is_text),
        ("pattern", field.pattern.is_some() && !is_text),
        ("format", field.format.is_some() && !is_text),
        ("minimum", field.minimum.is_some() && !is_number),
        ("maximum", field.maximum.is_some() && !is_number),
        ("items", field.items.is_some() && !is_list),
        ("minItems", field.min_items.is_some() && !is_list),
        ("maxItems", field.max_items.is_some() && !is_list),
        ("fields", field.fields.is_some() && kind != FieldType::Object),
    ];
    report(&given, place, &format_args!("`{name}`"), &format_args!("it is of type {kind}"), found);
    if let Some(items) = &field.items {
        let name = format!("{name}[]");
        let given = [("optional", items.optional), ("default", items.default.is_some())];
        report(&given, place, &format_args!("`{name}`"), &"an item is there or not", found);
        schema(&name, place, items, found);
    }
    field.fields.iter().for_each(|fields| schemas(fields, found));
}

fn of_http(operation: &Operation) -> [(&'static str, bool); 7] {
    [
        ("method", operation.method.is_some()),
        ("path", operation.path.is_some()),
        ("query", !operation.query.is_empty()),
        ("headers", !operation.headers.is_empty()),
        ("body", operation.body.is_some()),
        ("maxResponse", operation.max_response.is_some()),
        ("readOnly", operation.read_only.is_some()),
    ]
}

fn of_exec(operation: &Operation) -> [(&'static str, bool); 5] {
    [
        ("args", operation.args.is_some()),
        ("env", !operation.env.is_empty()),
        ("stdin", operation.stdin.is_some()),
        ("stdout", operation.stdout.is_some()),
        ("maxOutput", operation.max_output.is_some()),
    ]
}

/// What only a step that calls something has.
fn step_fields(step: &Step, found: &mut Vec<Diagnostic>) {
    let calls = step.uses.is_some();
    let runs = step.runbook.is_some();
    let asks = step.approve.is_some();
    let given = [
        ("with", !step.with.is_empty() && !calls && !runs && step.export.is_none()),
        ("repeat", step.repeat.is_some() && !calls),
        ("retry", step.retry.is_some() && !calls),
        ("approval", step.approval.is_some() && !calls && !runs),
        ("timeout", step.timeout.is_some() && !calls),
        ("show", !step.show.is_empty() && !calls && !runs && !asks),
    ];
    let kind = [("runbook", runs), ("approve", asks), ("wait", step.wait.is_some()), ("signal", step.signal.is_some()), ("export", step.export.is_some())];
    let Some((kind, _)) = kind.iter().find(|(_, is)| *is) else { return };
    report(&given, step.id.span, &format_args!("step `{}`", step.id.value), &format_args!("it is a `{kind}` step"), found);
}
