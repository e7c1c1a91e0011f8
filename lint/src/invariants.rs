//! The author's own rules: `invariants` of the operator's file, over a catalogue that breaks no law. An invariant
//! that has no value is a finding as one that is false is: nothing passes because it could not be judged.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use ordain_spec::check::scope::catalogue_facts;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::expr::{COST_LIMIT, Culprit, FactMap, Value};
use ordain_spec::kind::Kind;
use ordain_spec::kind::workspace::Invariant;
use ordain_spec::source::Span;

use crate::rules::Context;

/// More places than that say no more.
const SHOWN: usize = 10;

const CONSEQUENCE: &str = "the engine would load it all the same: invariants are the author's rules";

/// What does not hold, under `x-<id>`.
pub fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let (Some(catalogue), Some(workspace)) = (cx.catalogue(), &cx.subject.workspace) else { return };
    let is_refused = cx.subject.diagnostics.iter().any(|problem| problem.severity == Severity::Law);
    if workspace.invariants.is_empty() || is_refused {
        return;
    }
    let mut facts = FactMap::default();
    if let Ok(value) = Value::from_json(&catalogue_facts(catalogue)) {
        facts.facts.insert("catalogue".into(), value);
    }
    found.extend(workspace.invariants.iter().filter_map(|invariant| judge(cx, invariant, &facts)));
}

fn judge(cx: &Context<'_>, invariant: &Invariant, facts: &FactMap) -> Option<Diagnostic> {
    let id = invariant.id.value.as_str();
    let problem = |span, message| {
        Diagnostic::new(slug(id), Severity::Error, Some(span), message).consequence(CONSEQUENCE)
    };
    let broken = match invariant.expr.is_true(facts, COST_LIMIT) {
        Ok(true) => return None,
        Ok(false) => invariant.expr.culprits(facts, COST_LIMIT),
        Err(error) => {
            let message = format!("invariant `{id}` has no value: {error}");
            return Some(problem(error.span, message).help("test with `has()` what not every spec has"));
        }
    };
    let names: Vec<String> = broken.iter().filter_map(called).collect();
    let message = match names.split_first() {
        None => format!("invariant `{id}` does not hold"),
        Some((first, [])) => format!("invariant `{id}` does not hold: {first} breaks it"),
        Some((first, more)) => {
            format!("invariant `{id}` does not hold: {first} breaks it, and {} more", more.len())
        }
    };
    let mut problem = problem(invariant.id.span, message);
    for (culprit, name) in broken.iter().filter_map(|one| Some((one, called(one)?))).take(SHOWN) {
        if let Some(span) = place(cx, culprit) {
            problem = problem.related(span, format!("{name} breaks it"));
        }
    }
    let help = invariant.message.as_ref().map_or("change the specs, or the invariant", |message| &*message.0);
    Some(problem.help(help))
}

/// ``capability `db.drop` ``; nothing for an item that is no spec.
fn called(culprit: &Culprit) -> Option<String> {
    let kind = kind(culprit)?;
    Some(format!("{} `{}`", kind.as_str().to_lowercase(), text(culprit, "name")?))
}

fn text<'c>(culprit: &'c Culprit, field: &str) -> Option<&'c str> {
    match culprit.item.get(field)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

/// What the list of a culprit holds.
fn kind(culprit: &Culprit) -> Option<Kind> {
    match culprit.list.as_ref()?.to_string().strip_prefix("catalogue.")? {
        "capabilities" => Some(Kind::Capability),
        "connectors" => Some(Kind::Connector),
        "runbooks" => Some(Kind::Runbook),
        "policies" => Some(Kind::Policy),
        "approvals" => Some(Kind::Approval),
        "budgets" => Some(Kind::Budget),
        _ => None,
    }
}

fn place(cx: &Context<'_>, culprit: &Culprit) -> Option<Span> {
    let (kind, name, version) = (kind(culprit)?, text(culprit, "name")?, text(culprit, "version"));
    let heads = cx.all.heads();
    let is_it = |head: &&ordain_spec::catalogue::Head<'_>| {
        let release = head.version.map(|version| version.value.to_string());
        head.kind == kind && head.name.value.as_str() == name && release.as_deref() == version
    };
    heads.iter().find(is_it).map(|head| head.name.span)
}

/// `x-<id>`. Slugs live as long as the process; those of authors are few, and each is kept once.
fn slug(id: &str) -> &'static str {
    static SLUGS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut slugs = SLUGS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = format!("x-{id}");
    if let Some(known) = slugs.get(text.as_str()) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into_boxed_str());
    slugs.insert(kept);
    kept
}
