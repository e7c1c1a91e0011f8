//! One spec on one screen: what it says and, for a capability, everything that governs it.

use std::collections::BTreeSet;

use ordain_plan::render::{Ink, Line, Look};
use ordain_spec::catalogue::{Declarations, IndexEntry};
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::selector::{Selector, Subject};
use ordain_spec::kind::{Capability, Kind};
use serde_json::Value;

use crate::context::Loaded;
use crate::render::card::Card;
use crate::render::table::risk_ink;
use crate::render::{list, text, value};

const LABELS: usize = 14;

/// The card.
pub fn card(loaded: &Loaded, entry: &IndexEntry, shown: &Value, look: Look) -> String {
    let mut card = Card::new(look, LABELS);
    let mut head = Line::default().with(Ink::Strong, entry.name.as_str());
    if let Some(version) = &entry.version {
        head.add(Ink::Plain, &format!(" {version}"));
    }
    head.add(Ink::Dim, &format!("  {}", entry.kind));
    card.line(&head);
    let metadata = shown.get("metadata").unwrap_or(&Value::Null);
    card.line(&Line::default().with(Ink::Plain, text(metadata, "summary"))).blank();
    card.plain("owner", text(metadata, "owner"));
    if let Some(tags) = metadata.get("tags").and_then(Value::as_object) {
        let tags: Vec<String> = tags.iter().map(|(tag, word)| format!("{tag} {}", value(word))).collect();
        card.plain("tags", &tags.join(", "));
    }
    let declarations: &Declarations = &loaded.catalogue;
    match (entry.kind, declarations.capability_by_digest(entry.digest)) {
        (Kind::Capability, Some(capability)) => {
            governance(&mut card, metadata, shown);
            governed_by(&mut card, loaded, capability);
        }
        _ => body(&mut card, shown),
    }
    used_by(&mut card, shown);
    card.blank();
    card.say("file", &Line::default().with(Ink::Dim, text(shown, "file")));
    card.say("digest", &Line::default().with(Ink::Dim, text(shown, "digest")));
    card.finish()
}

/// The five fields of governance, then what the capability asks for itself.
fn governance(card: &mut Card, metadata: &Value, shown: &Value) {
    let spec = shown.get("spec").unwrap_or(&Value::Null);
    let risk = text(metadata, "risk");
    let mut line = Line::default().with(risk_ink(risk), risk);
    line.add(Ink::Dim, "  effect ").add(Ink::Plain, text(spec, "effect"));
    card.say("risk", &line);
    card.plain(
        "if it fails",
        match text(metadata, "failureMode") {
            "retry" => "the step fails",
            "rollback" => "the step fails and the run rolls back",
            "halt" => "the run is stuck until a person resolves it",
            other => other,
        },
    );
    if let Some(rollback) = metadata.get("rollback") {
        let uses = text(rollback, "uses");
        let none = text(rollback, "none");
        let said =
            if uses.is_empty() { format!("{none}: {}", text(rollback, "why")) } else { uses.to_owned() };
        card.plain("undone by", &said);
    }
    let tests: Vec<String> = list(metadata, "tests").iter().map(value).collect();
    card.plain("tests", &tests.join(", "));
    card.blank();
    card.plain("calls", &format!("{}, operation {}", text(spec, "uses"), text(spec, "operation")));
    for (label, field) in [("takes", "input"), ("gives", "output")] {
        let fields = spec.get(field).and_then(Value::as_object);
        let names: Vec<String> = fields
            .into_iter()
            .flatten()
            .map(|(name, field)| format!("{name} {}", text(field, "type")))
            .collect();
        card.plain(label, &names.join(", "));
    }
    for guard in list(spec, "guards") {
        let mut line = Line::default().with(Ink::Plain, text(guard, "expr"));
        line.add(Ink::Dim, &format!("  {}", text(guard, "id")));
        card.say("only if", &line);
    }
    for cost in list(spec, "costs") {
        let max = cost.get("max").map(value).unwrap_or_default();
        card.plain("costs", &format!("{max} {} at most", text(cost, "unit")));
    }
    for quota in list(spec, "quotas") {
        let limit = quota.get("limit").map(value).unwrap_or_default();
        card.plain("quota", &format!("{limit} in {} for each {}", text(quota, "window"), text(quota, "per")));
    }
    if spec.get("approval").is_some() {
        card.say("asks", &Line::default().with(Ink::People, text(spec, "approval")));
    }
}

/// The policies and budgets that can apply to a use of it in this workspace.
fn governed_by(card: &mut Card, loaded: &Loaded, capability: &Capability) {
    let declarations: &Declarations = &loaded.catalogue;
    for policy in declarations.policies.values() {
        if applies(&policy.spec.applies, loaded, capability) {
            let mut words: BTreeSet<&str> = BTreeSet::new();
            for rule in &policy.spec.rules {
                words.insert(match rule {
                    rule if rule.allow.is_some() => "allows",
                    rule if rule.deny.is_some() => "denies",
                    rule if rule.require.is_some() => "asks",
                    _ => "masks",
                });
            }
            let words: Vec<&str> = words.into_iter().collect();
            let mut line = Line::default().with(Ink::Name, policy.metadata.name.value.as_str());
            line.add(Ink::Dim, &format!(" {} ({})", words.join(", "), policy.spec.enforcement.value));
            card.say("policy", &line);
        }
    }
    for budget in declarations.budgets.values() {
        if applies(&budget.spec.applies, loaded, capability) {
            let spec = &budget.spec;
            let mut line = Line::default().with(Ink::Name, budget.metadata.name.value.as_str());
            line.add(Ink::Dim, &format!(" {} {} a {}", spec.limit.value, spec.unit.value, spec.window.value));
            card.say("budget", &line);
        }
    }
}

/// True where some runbook, in some mode, can meet the selector with this capability.
fn applies(selector: &Selector, loaded: &Loaded, capability: &Capability) -> bool {
    let Some(risk) = &capability.metadata.risk else { return true };
    let runbooks: Vec<&str> = loaded.catalogue.runbooks.keys().map(|name| name.as_str()).collect();
    let modes = [Mode::Mock, Mode::Live];
    runbooks.iter().any(|runbook| {
        modes.iter().any(|mode| {
            selector.matches(&Subject {
                capability: capability.metadata.name.value.as_str(),
                risk: risk.value,
                effect: capability.spec.effect.value,
                runbook,
                environment: &loaded.grants.environment,
                mode: *mode,
            })
        })
    })
}

/// The fields of a spec as they were written.
fn body(card: &mut Card, shown: &Value) {
    let spec = shown.get("spec").cloned().unwrap_or_default();
    let yaml = serde_yaml::to_string(&spec).unwrap_or_default();
    card.blank();
    for line in yaml.lines() {
        card.verbatim(&Line::default().with(Ink::Plain, line));
    }
}

fn used_by(card: &mut Card, shown: &Value) {
    let users = list(shown, "usedBy");
    if users.is_empty() {
        return;
    }
    card.blank();
    for (at, user) in users.iter().enumerate() {
        let mut line = Line::default().with(Ink::Name, text(user, "name"));
        line.add(Ink::Dim, &format!(" {}, {}", text(user, "kind").to_lowercase(), text(user, "as")));
        card.say(if at == 0 { "used by" } else { "" }, &line);
    }
}
