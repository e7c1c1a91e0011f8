//! What something means, for a person who points at it.

use std::fmt::Write as _;

use ordain_spec::catalogue::every;
use ordain_spec::decode::Shape;
use ordain_spec::expr::{Field, Presence, Scope, Type, duration_text};
use ordain_spec::kind::Kind;
use ordain_spec::source::Span;

use super::cursor::{Cursor, On};
use super::names::{Mention, Name};
use super::space::Space;
use super::tokens::chains;
use super::words;

/// What is said about a place: Markdown, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Markdown.
    pub text: String,
    /// What it is about.
    pub span: Span,
}

/// What a name stands for.
#[must_use]
pub fn name(space: &Space, mention: &Mention) -> Option<Said> {
    let text = match &mention.name {
        Name::Spec(kind, name) => spec(space, *kind, name)?,
        Name::Operation(connector, operation) => operation_of(space, connector, operation)?,
        Name::Principal(principal) => people(space, principal)?,
        Name::Step(runbook, id) => format!("step `{id}` of runbook `{runbook}`"),
        Name::Stage(approval, id) => format!("stage `{id}` of approval `{approval}`"),
        Name::Rule(policy, id) => format!("rule `{id}` of policy `{policy}`"),
        Name::Input(kind, spec, field) => field_of(space, *kind, spec, field, true)?,
        Name::Output(kind, spec, field) => field_of(space, *kind, spec, field, false)?,
    };
    Some(Said { text, span: mention.span })
}

/// A spec: what it is, who answers for it, what it needs.
#[must_use]
pub fn spec(space: &Space, kind: Kind, name: &str) -> Option<String> {
    let all = &space.subject.checked.declarations;
    macro_rules! newest {
        ($specs:expr) => {{
            let spec = $specs.get(name)?.values().next_back()?;
            (
                head(
                    kind,
                    &spec.metadata.name.value,
                    spec.metadata.version.as_ref(),
                    spec.metadata.owner.as_ref(),
                    &spec.metadata.summary.value.0,
                ),
                spec,
            )
        }};
    }
    macro_rules! single {
        ($specs:expr) => {{
            let spec = $specs.get(name)?;
            (
                head(
                    kind,
                    &spec.metadata.name.value,
                    spec.metadata.version.as_ref(),
                    spec.metadata.owner.as_ref(),
                    &spec.metadata.summary.value.0,
                ),
                spec,
            )
        }};
    }
    Some(match kind {
        Kind::Capability => {
            let (mut text, capability) = newest!(all.capabilities);
            capability_needs(capability, &mut text);
            text
        }
        Kind::Connector => {
            let (mut text, connector) = newest!(all.connectors);
            let spec = &connector.spec;
            let _ = write!(
                text,
                "\n\n- type: {}, access: {}, clearance: {}",
                spec.type_.value, spec.access.value, spec.clearance.value
            );
            let operations: Vec<String> =
                spec.operations.iter().map(|(name, _)| format!("`{name}`")).collect();
            let _ = write!(text, "\n- operations: {}", operations.join(", "));
            text
        }
        Kind::Runbook => {
            let (mut text, runbook) = newest!(all.runbooks);
            let steps: Vec<String> =
                runbook.spec.steps.iter().map(|step| format!("`{}`", step.id.value)).collect();
            let _ = write!(text, "\n\n- steps: {}", steps.join(", "));
            let inputs: Vec<String> =
                runbook.spec.inputs.iter().map(|(name, _)| format!("`{name}`")).collect();
            if !inputs.is_empty() {
                let _ = write!(text, "\n- inputs: {}", inputs.join(", "));
            }
            text
        }
        Kind::Approval => {
            let (mut text, approval) = newest!(all.approvals);
            text.push('\n');
            for stage in &approval.spec.stages {
                let who: Vec<String> = stage.any_of.iter().map(|who| format!("`{}`", who.value)).collect();
                let _ = write!(
                    text,
                    "\n- stage `{}`: {} of {}",
                    stage.id.value,
                    stage.quorum.value,
                    who.join(", ")
                );
            }
            text
        }
        Kind::Policy => single!(all.policies).0,
        Kind::Budget => {
            let (mut text, budget) = single!(all.budgets);
            let spec = &budget.spec;
            let _ = write!(text, "\n\n- {} {} a {}", spec.limit.value, spec.unit.value, spec.window.value);
            text
        }
        Kind::Scenario => single!(all.scenarios).0,
        _ => return None,
    })
}

fn head(
    kind: Kind,
    name: &impl std::fmt::Display,
    version: Option<&impl std::ops::Deref<Target = impl std::fmt::Display>>,
    owner: Option<&impl std::ops::Deref<Target = impl std::fmt::Display>>,
    summary: &str,
) -> String {
    let version = version.map(|version| format!(" {}", **version)).unwrap_or_default();
    let owner = owner.map(|owner| format!("\n\n- owner: `{}`", **owner)).unwrap_or_default();
    format!("**{} `{name}`**{version}\n\n{summary}{owner}", kind.as_str().to_lowercase())
}

fn capability_needs(capability: &ordain_spec::kind::Capability, text: &mut String) {
    let (metadata, spec) = (&capability.metadata, &capability.spec);
    let risk = metadata.risk.as_ref().map_or_else(|| "not given".to_owned(), |risk| risk.value.to_string());
    let _ = write!(text, "\n- risk: {risk}, effect: {}", spec.effect.value);
    if let Some(mode) = &metadata.failure_mode {
        let _ = write!(text, ", failure mode: {}", mode.value);
    }
    if let Some(approval) = &spec.approval {
        let _ = write!(text, "\n- approval: `{}`", approval.value.name);
    }
    for quota in &spec.quotas {
        let _ = write!(
            text,
            "\n- quota: {} in {} per {}",
            quota.limit.value,
            duration_text(i64::try_from(quota.window.value.0).unwrap_or(i64::MAX)),
            quota.per.value
        );
    }
    for cost in &spec.costs {
        let most = cost.max.as_ref().map(|max| format!(", at most {}", max.value)).unwrap_or_default();
        let _ = write!(text, "\n- costs: `{}` {}{most}", cost.estimate.source(), cost.unit.value);
    }
    let _ = write!(text, "\n- through: `{}` of connector `{}`", spec.operation.value, spec.uses.value.name);
    let fields = |map: &ordain_spec::kind::field::FieldMap| {
        map.iter()
            .map(|(name, field)| format!("`{name}` {}", Type::declared(field).describe()))
            .collect::<Vec<_>>()
    };
    for (what, map) in [("input", &spec.input), ("output", &spec.output)] {
        let fields = fields(map);
        if !fields.is_empty() {
            let _ = write!(text, "\n- {what}: {}", fields.join(", "));
        }
    }
}

fn operation_of(space: &Space, connector: &str, operation: &str) -> Option<String> {
    let all = &space.subject.checked.declarations;
    let spec = all.connectors.get(connector)?.values().next_back()?;
    let found = spec.spec.operations.get(operation)?;
    let effect = found.effect.value;
    Some(format!("operation `{operation}` of connector `{connector}`\n\n- effect: {effect}"))
}

fn people(space: &Space, principal: &str) -> Option<String> {
    let roster = space.subject.checked.declarations.roster.as_ref()?;
    let (sort, name) = principal.split_once(':')?;
    let listed = |members: &[ordain_spec::decode::Spanned<ordain_spec::kind::scalar::Principal>]| {
        members.iter().map(|member| format!("`{}`", member.value)).collect::<Vec<_>>().join(", ")
    };
    Some(match sort {
        "user" => {
            let person = roster.spec.people.get(name)?;
            let email = person.email.as_ref().map(|email| format!(", {}", email.value)).unwrap_or_default();
            format!("`{principal}`: {}{email}", person.type_.value)
        }
        "group" => match roster.spec.groups.get(name)? {
            ordain_spec::kind::roster::Group::Members(members) => {
                format!("`{principal}`: {}", listed(members))
            }
            ordain_spec::kind::roster::Group::External(group) => {
                format!("`{principal}`: an external group of at least {}", group.at_least.value)
            }
        },
        "role" => format!("`{principal}`: {}", listed(roster.spec.roles.get(name)?)),
        _ => return None,
    })
}

fn field_of(space: &Space, kind: Kind, spec: &str, name: &str, given: bool) -> Option<String> {
    let all = &space.subject.checked.declarations;
    let of = format!("of {} `{spec}`", kind.as_str().to_lowercase());
    let (field, what) = match (kind, given) {
        (Kind::Capability, true) => {
            (all.capabilities.get(spec)?.values().next_back()?.spec.input.get(name)?, "input")
        }
        (Kind::Capability, false) => {
            (all.capabilities.get(spec)?.values().next_back()?.spec.output.get(name)?, "output")
        }
        (Kind::Runbook, true) => {
            (all.runbooks.get(spec)?.values().next_back()?.spec.inputs.get(name)?, "input")
        }
        (_, false) => {
            let runbook = all.runbooks.get(spec)?.values().next_back()?;
            let expr = runbook.spec.outputs.get(name)?;
            return Some(format!("output `{name}` {of}\n\n`{}`", expr.source()));
        }
        _ => return None,
    };
    let note = field.description.as_ref().map(|note| format!("\n\n{}", note.0)).unwrap_or_default();
    Some(format!("{what} `{name}` {of}\n\n{}{note}", described(&Field::declared(field))))
}

/// Type, presence and sensitivity of a fact.
fn described(field: &Field) -> String {
    let mut text = format!("- {}", field.ty.describe());
    if let Type::Text { domain: Some(words), .. } = &field.ty {
        let words: Vec<String> = words.iter().take(12).map(|word| format!("`{word}`")).collect();
        let _ = write!(text, ": {}", words.join(", "));
    }
    match &field.presence {
        Presence::Always => {}
        Presence::Optional(why) | Presence::Skippable(why) | Presence::Mixed(why) => {
            let _ = write!(text, "\n- may be absent: {why}");
        }
        Presence::Refused { message, .. } => {
            let _ = write!(text, "\n- refused here: {message}");
        }
    }
    let _ = write!(text, "\n- sensitivity: {}", field.sensitivity);
    text
}

/// A field or word of the language.
#[must_use]
pub fn language(cursor: &Cursor<'_>) -> Option<Said> {
    let text = match &cursor.on {
        On::Field(_, Some(field)) => {
            let mut text = format!("**`{}`** of {}\n\n{}", field.name, cursor.record, field.doc);
            let must = if field.required {
                "mandatory".to_owned()
            } else {
                match &field.default {
                    Some(default) => format!("default: `{default}`"),
                    None => "may be left out".to_owned(),
                }
            };
            let _ = write!(text, "\n\n- {}\n- {must}", shape(&(field.shape)()));
            text
        }
        On::Field(_, None) => envelope(&cursor.field)?.to_owned(),
        On::Value(node, Shape::Words(words)) => {
            let value = node.as_text()?;
            let word = words.iter().find(|word| word.word == &*value.value)?;
            format!("**`{}`**\n\n{}", word.word, word.doc.trim())
        }
        _ => return None,
    };
    Some(Said { text, span: cursor.span() })
}

fn envelope(field: &str) -> Option<&'static str> {
    Some(match field {
        "apiVersion" => "**`apiVersion`**\n\nThe version of the language: `ordain/v1`.",
        "kind" => "**`kind`**\n\nWhat the document declares.",
        "metadata" => "**`metadata`**\n\nName, version, owner, summary: what every spec has.",
        "spec" => "**`spec`**\n\nWhat it says.",
        _ => return None,
    })
}

/// What is due, in words.
#[must_use]
pub fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "`true` or `false`".into(),
        Shape::Int { min, max } if *max >= (1 << 50) => {
            if *min == 0 {
                "an integer from 0".into()
            } else {
                "an integer".into()
            }
        }
        Shape::Int { min, max } => format!("an integer from {min} to {max}"),
        Shape::Number => "a number".into(),
        Shape::Text { what, .. } => (*what).to_owned(),
        Shape::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.word)).collect();
            format!("one of {}", words.join(", "))
        }
        Shape::List(item) => format!("a list: {}", self::shape(&item())),
        Shape::Map(item) => format!("a map, each entry {}", self::shape(&item())),
        Shape::Record(record) => {
            let doc = &record().doc;
            let first = doc.split(". ").next().unwrap_or_default().trim_end_matches('.');
            format!("a map: {first}")
        }
        Shape::OneOf(options) => options.iter().map(self::shape).collect::<Vec<_>>().join("; or "),
        Shape::Data => "any value; strings may hold `${ … }`".into(),
    }
}

/// A fact or function inside an expression.
#[must_use]
pub fn expression(
    space: &mut Space,
    path: &str,
    cursor: &Cursor<'_>,
    offset: u32,
    text: &str,
) -> Option<Said> {
    let On::Expression(value, span, part) = &cursor.on else { return None };
    let mut found = None;
    for chain in chains(&value.value, part.clone()) {
        for (at, token) in chain.iter().enumerate() {
            let place = token.place(value, *span);
            if place.start <= offset && offset <= place.end {
                found = Some((chain.iter().take(at + 1).copied().collect::<Vec<_>>(), place));
            }
        }
    }
    let (chain, place) = found?;
    let words: Vec<&str> = chain.iter().map(|token| token.text(&value.value)).collect();
    let last = *words.last()?;
    let called = matches!(chain.last()?.kind, super::tokens::Kind::Name { called: true });
    if called && let Some((call, what)) = words::function(last) {
        return Some(Said { text: format!("**`{call}`**\n\n{what}"), span: place });
    }
    let facts = super::complete::facts_of(space, path, text, cursor)?;
    let field = fact(&facts, &words)?;
    let note = (words.len() == 1)
        .then(|| words::root(last))
        .flatten()
        .map(|note| format!("{note}\n\n"))
        .unwrap_or_default();
    Some(Said { text: format!("**`{}`**\n\n{note}{}", words.join("."), described(&field)), span: place })
}

/// The field that a chain of names leads to.
#[must_use]
pub fn fact(scope: &Scope, words: &[&str]) -> Option<Field> {
    let (root, rest) = words.split_first()?;
    let mut field = scope.facts.get(*root)?.clone();
    for word in rest {
        field = step_into(&field, word)?;
    }
    Some(field)
}

fn step_into(field: &Field, word: &str) -> Option<Field> {
    match &field.ty {
        Type::Record(fields) => fields.get(word).cloned(),
        Type::Map(item) => {
            Some(Field::optional((**item).clone(), field.sensitivity, "each entry may be absent"))
        }
        Type::Any => Some(Field::always(Type::Any, field.sensitivity)),
        _ => None,
    }
}

/// How many specs use a capability, for a hover over its own name.
#[must_use]
pub fn used(space: &Space, name: &str) -> usize {
    let all = &space.subject.checked.declarations;
    let uses = |step: &ordain_spec::kind::runbook::Step| {
        step.uses.as_ref().is_some_and(|reference| reference.value.name.as_str() == name)
    };
    every(&all.runbooks).filter(|runbook| runbook.spec.steps.iter().any(uses)).count()
}
