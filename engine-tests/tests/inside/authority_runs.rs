//! Authority never grows by taking away what grants it, nor by adding what limits it: catalogues are mutated one
//! place at a time, and every run that a control refused before must be refused after. Order and file names
//! change nothing. Runs go through the real kernel, with declared answers and a clock that jumps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use engine_tests::memory::{Case, Files, People, Seen, checked, files_of, outcome, outcome_after};
use engine_tests::root;
use ordain_kernel::actor::Actor;
use ordain_kernel::run::system::SystemCommand;
use ordain_plan::Grants;
use ordain_spec::catalogue::Catalogue;
use ordain_spec::check::read_workspace;
use ordain_spec::source::{FileId, Notation, SourceFile};
use serde_json::{Value, json};

/// A catalogue as documents that can be changed.
#[derive(Clone)]
struct Documents(Vec<Value>);

impl Documents {
    fn of(name: &str) -> (Self, Files, Grants) {
        let folder = root().join("engine-tests/fixtures/catalogues").join(name);
        let files = files_of(&folder.join("specs"));
        let mut documents = Vec::new();
        for (path, text) in files.iter().filter(|(path, _)| !path.ends_with(".kdl")) {
            for document in serde_yaml::Deserializer::from_str(text) {
                let document: Value = serde::Deserialize::deserialize(document).expect(path);
                documents.push(document);
            }
        }
        let text = std::fs::read_to_string(folder.join("ordain.yaml")).unwrap();
        let file = SourceFile::new("ordain.yaml".into(), text.into(), Notation::Yaml);
        let spec = read_workspace(FileId(0), &file, &mut Vec::new()).unwrap();
        (Self(documents), files, Grants::from(&spec))
    }

    /// JSON is YAML, so the same reader reads it. What stands only in KDL is added as it is.
    fn files(&self, others: &Files) -> Files {
        let own = self.0.iter().enumerate();
        let mut files: Files =
            own.map(|(number, spec)| (format!("specs/{number:03}.yaml"), format!("{spec:#}\n"))).collect();
        files.extend(
            others.iter().filter(|(path, _)| path.ends_with(".kdl")).map(|(p, t)| (p.clone(), t.clone())),
        );
        files
    }

    fn of_kind(&self, kind: &str) -> Vec<usize> {
        (0..self.0.len()).filter(|at| self.0[*at]["kind"] == kind).collect()
    }
}

/// Every scenario's start, asked for by every person of the roster, before silent and before eager reviewers.
fn cases(documents: &Documents) -> Vec<Case> {
    let roster = &documents.0[documents.of_kind("Roster")[0]];
    let people: Vec<String> =
        roster["spec"]["people"].as_object().unwrap().keys().map(|name| format!("user:{name}")).collect();
    let mut cases: Vec<Case> = Vec::new();
    for at in documents.of_kind("Scenario") {
        let spec = &documents.0[at]["spec"];
        for who in &people {
            for crowd in [People::Silent, People::Eager] {
                let case = Case {
                    runbook: spec["run"].as_str().unwrap().to_owned(),
                    inputs: spec.get("inputs").cloned().unwrap_or_else(|| json!({})),
                    who: who.clone(),
                    at: spec["at"].as_str().unwrap().parse().unwrap(),
                    people: crowd,
                };
                if !cases.contains(&case) {
                    cases.push(case);
                }
            }
        }
    }
    cases
}

/// A catalogue, what it refuses, and who asked for it.
struct Base {
    documents: Documents,
    others: Files,
    grants: Grants,
    refused: Vec<(Case, Seen)>,
    allowed: usize,
}

impl Base {
    fn of(name: &str) -> Self {
        let (documents, others, grants) = Documents::of(name);
        let catalogue = load(&documents.files(&others)).unwrap_or_else(|why| panic!("{name}: {why}"));
        let mut base = Self { documents, others, grants, refused: Vec::new(), allowed: 0 };
        for case in cases(&base.documents) {
            let seen = outcome(&catalogue, &base.grants, &case);
            if seen.state == "refused" || seen.withheld().next().is_some() {
                base.refused.push((case, seen));
            } else {
                base.allowed += 1;
            }
        }
        assert!(base.allowed > 0 && base.refused.len() > 1, "{name} shows both");
        base
    }

    /// Asks all that was refused again, under the changed catalogue. A catalogue that does not load refuses.
    fn must_refuse(&self, changed: &Documents, what: &str) -> bool {
        let Ok(catalogue) = load(&changed.files(&self.others)) else { return false };
        self.must_refuse_under(&catalogue, what);
        true
    }

    fn must_refuse_under(&self, catalogue: &Arc<Catalogue>, what: &str) {
        for (case, before) in &self.refused {
            let after = outcome(catalogue, &self.grants, case);
            widened(case, before, &after, what);
        }
    }
}

/// Fails where a step that was withheld is now attempted, or a start that was refused is now made.
fn widened(case: &Case, before: &Seen, after: &Seen, what: &str) {
    if before.state == "refused" {
        assert_eq!(after.attempted, BTreeSet::new(), "{what}: {case:?} was refused, now {after:?}");
    }
    for step in before.withheld() {
        assert!(!after.attempted.contains(step), "{what}: {case:?} attempts `{step}`\n{before:?}\n{after:?}");
    }
}

fn load(files: &Files) -> Result<Arc<Catalogue>, String> {
    let checked = checked(files);
    checked.catalogue.ok_or_else(|| {
        checked
            .diagnostics
            .iter()
            .map(|found| format!("{}: {}", found.code, found.message))
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// Those that refuse somebody something.
const CATALOGUES: [&str; 2] = ["payments", "kitchen-sink"];

/// Every place of a tree as a JSON pointer, whose last part is a key or an index.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, below) in fields {
                let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                into.push(here.clone());
                places(below, &here, into);
            }
        }
        Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                let here = format!("{at}/{index}");
                into.push(here.clone());
                places(below, &here, into);
            }
        }
        _ => {}
    }
}

fn without(document: &Value, place: &str) -> Value {
    let mut changed = document.clone();
    let (above, last) = place.rsplit_once('/').unwrap();
    match changed.pointer_mut(above) {
        Some(Value::Object(fields)) => {
            fields.remove(&last.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            items.remove(last.parse().unwrap());
        }
        _ => panic!("no place {place}"),
    }
    changed
}

/// True for what grants something, or is mandatory: taking it away may only refuse more. Left out are the places
/// that limit (deny and require rules, guards, approvals, budgets, quotas, bounds), whose absence the laws
/// and the reviewer of a change see.
fn grants_something(kind: &str, place: &str) -> bool {
    let part = |number: usize| place.split('/').nth(number).unwrap_or_default();
    match kind {
        "Capability" => {
            part(1) == "metadata"
                || ["/spec/input", "/spec/output", "/spec/effect", "/spec/uses", "/spec/operation"]
                    .iter()
                    .any(|p| place.starts_with(p))
        }
        "Connector" => part(1) == "metadata" || part(2) == "operations" || place == "/spec/access",
        "Runbook" => {
            let step = part(2) == "steps" && ["with", "uses", "runbook", "id"].contains(&part(4));
            part(1) == "metadata" || step || part(2) == "modes" || place.starts_with("/spec/inputs/")
        }
        "Policy" => {
            part(1) == "metadata"
                || part(2) == "enforcement"
                || (part(2) == "rules" && (part(4) == "allow" || part(4) == "reason" || part(4) == "id"))
        }
        "Roster" => true,
        "Approval" => part(1) == "metadata" || part(4) == "anyOf" || part(4) == "expires" || part(4) == "id",
        "Budget" => {
            part(1) == "metadata" || place == "/spec/limit" || place == "/spec/unit" || place == "/spec/grace"
        }
        _ => part(1) == "metadata",
    }
}

#[test]
fn taking_away_what_grants_never_turns_a_refusal_into_an_attempt() {
    // One place in seven; all of them (about a minute) with ORDAIN_EVERY=1.
    let every: usize = std::env::var("ORDAIN_EVERY").ok().and_then(|every| every.parse().ok()).unwrap_or(7);
    let (mut tried, mut loaded, mut number) = (0, 0, 0_usize);
    for name in CATALOGUES {
        let base = Base::of(name);
        for (at, document) in base.documents.0.iter().enumerate() {
            let kind = document["kind"].as_str().unwrap();
            let mut found = vec![String::new()];
            places(document, "", &mut found);
            for place in found.iter().filter(|place| grants_something(kind, place)) {
                number += 1;
                if !number.is_multiple_of(every) {
                    continue;
                }
                let mut changed = base.documents.clone();
                if place.is_empty() {
                    changed.0.remove(at);
                } else {
                    changed.0[at] = without(document, place);
                }
                tried += 1;
                let what = format!("{name}: {kind} {} without `{place}`", document["metadata"]["name"]);
                loaded += usize::from(base.must_refuse(&changed, &what));
            }
        }
    }
    assert!(tried > 300 / every && loaded > 30 / every, "{tried} changes, of which {loaded} still load");
}

#[test]
fn an_allow_rule_taken_away_is_never_an_allowance() {
    for name in CATALOGUES {
        let base = Base::of(name);
        for at in base.documents.of_kind("Policy") {
            let rules = base.documents.0[at]["spec"]["rules"].as_array().unwrap().len();
            for rule in 0..rules {
                if base.documents.0[at]["spec"]["rules"][rule].get("allow").is_none() {
                    continue;
                }
                let mut changed = base.documents.clone();
                changed.0[at]["spec"]["rules"].as_array_mut().unwrap().remove(rule);
                base.must_refuse(&changed, &format!("{name}: policy {at} without rule {rule}"));
            }
        }
    }
}

/// What limits, as it is added to a catalogue.
fn limits(documents: &Documents) -> Vec<(&'static str, Documents)> {
    let owner = documents.0[documents.of_kind("Capability")[0]]["metadata"]["owner"].clone();
    let add = |document: Value| {
        let mut changed = documents.clone();
        changed.0.push(document);
        changed
    };
    let policy = |spec: Value| {
        add(json!({"apiVersion": "ordain/v1", "kind": "Policy", "spec": spec,
                   "metadata": {"name": "added", "version": "1.0.0", "owner": owner, "summary": "Added."}}))
    };
    let budget = |limit: u64, window: &str, breach: &str| {
        add(json!({"apiVersion": "ordain/v1", "kind": "Budget",
                   "spec": {"unit": "calls", "limit": limit, "window": window, "applies": {}, "onBreach": breach},
                   "metadata": {"name": "added", "version": "1.0.0", "owner": owner, "summary": "Added."}}))
    };
    let each = |kind: &str, change: fn(&mut Value)| {
        let mut changed = documents.clone();
        for at in changed.of_kind(kind) {
            change(&mut changed.0[at]["spec"]);
        }
        changed
    };
    let nobody = json!([{"id": "no", "deny": "true", "reason": "added"}]);
    let few = json!([{"id": "one", "allow": "run.mode == \"mock\"", "reason": "added"}]);
    let err = json!([{"id": "err", "deny": "run.version == \"1.0.0\" && 1 / (size(run.id) - size(run.id)) == 1", "reason": "added"}]);
    let guard = |spec: &mut Value| {
        let mut guards = spec.get("guards").and_then(Value::as_array).cloned().unwrap_or_default();
        guards.push(json!({"id": "added", "expr": "run.mode == \"live\"", "reason": "added"}));
        spec["guards"] = json!(guards);
    };
    let quota =
        |spec: &mut Value| spec["quotas"] = json!([{"per": "capability", "limit": 1, "window": "1h"}]);
    let deny = |spec: &mut Value| {
        let rules = spec["rules"].as_array_mut().unwrap();
        rules.push(json!({"id": "added", "deny": "actor.type == \"human\"", "reason": "added"}));
    };
    let narrow = |spec: &mut Value| {
        for rule in
            spec["rules"].as_array_mut().unwrap().iter_mut().filter(|rule| rule.get("allow").is_some())
        {
            rule["when"] = json!("run.mode == \"live\"");
        }
    };
    vec![
        ("a policy that denies", policy(json!({"applies": {}, "restrictsOnly": true, "rules": nobody}))),
        ("a policy that errs", policy(json!({"applies": {}, "restrictsOnly": true, "rules": err}))),
        ("a policy that allows as well", policy(json!({"applies": {}, "rules": few}))),
        ("a budget of nothing", budget(0, "month", "deny")),
        ("a budget of one a run", budget(1, "run", "deny")),
        ("a budget that makes wait", budget(1, "hour", "throttle")),
        ("a guard on every capability", each("Capability", guard)),
        ("a quota on every capability", each("Capability", quota)),
        ("a deny rule in every policy", each("Policy", deny)),
        ("a condition on every allow rule", each("Policy", narrow)),
    ]
}

#[test]
fn adding_what_limits_never_turns_a_refusal_into_an_attempt() {
    for name in CATALOGUES {
        let base = Base::of(name);
        let loaded: Vec<&str> = limits(&base.documents)
            .into_iter()
            .filter(|(what, changed)| base.must_refuse(changed, &format!("{name} with {what}")))
            .map(|(what, _)| what)
            .collect();
        assert!(loaded.len() >= 7, "{name}: only {loaded:?} load");
    }
}

#[test]
fn a_required_approval_holds_what_was_free_and_frees_nothing() {
    let mut loaded = 0;
    for name in CATALOGUES {
        let base = Base::of(name);
        let owner = base.documents.0[base.documents.of_kind("Capability")[0]]["metadata"]["owner"].clone();
        for at in base.documents.of_kind("Approval") {
            let approval = base.documents.0[at]["metadata"]["name"].clone();
            let mut changed = base.documents.clone();
            changed.0.push(json!({"apiVersion": "ordain/v1", "kind": "Policy",
                "metadata": {"name": "added", "version": "1.0.0", "owner": owner, "summary": "Added."},
                "spec": {"applies": {}, "restrictsOnly": true,
                         "rules": [{"id": "ask", "require": approval, "reason": "added"}]}}));
            // A law may refuse it: an approval that the requester may give does not stand before high risk.
            let Ok(catalogue) = load(&changed.files(&base.others)) else { continue };
            loaded += 1;
            base.must_refuse_under(&catalogue, &format!("{name} with {approval} required everywhere"));
            for case in cases(&base.documents).into_iter().filter(|case| case.people == People::Silent) {
                let seen = outcome(&catalogue, &base.grants, &case);
                assert_eq!(seen.attempted, BTreeSet::new(), "{name}, {approval}: {case:?} asked nobody");
            }
        }
    }
    assert!(loaded >= 3, "{loaded}");
}

#[test]
fn a_kill_switch_only_stops() {
    for name in CATALOGUES {
        let base = Base::of(name);
        let catalogue = load(&base.documents.files(&base.others)).unwrap();
        let kill = |selector: &str| SystemCommand::Kill {
            selector: selector.parse().unwrap(),
            reason: "a test of it".into(),
            by: Actor::system(),
            until: None,
            pause: false,
        };
        let mut selectors = vec!["all".to_owned(), "tenant:default".to_owned()];
        for (kind, word) in [("Capability", "capability"), ("Connector", "connector"), ("Runbook", "runbook")]
        {
            let of_kind = base.documents.of_kind(kind).into_iter();
            selectors.extend(
                of_kind.map(|at| {
                    format!("{word}:{}", base.documents.0[at]["metadata"]["name"].as_str().unwrap())
                }),
            );
        }
        for selector in &selectors {
            for (case, before) in &base.refused {
                let after = outcome_after(&catalogue, &base.grants, case, |memory| {
                    let batch = memory.realm.system(kill(selector), case.at).unwrap();
                    memory.take(batch);
                });
                widened(case, before, &after, &format!("{name} with {selector} off"));
            }
        }
        for case in cases(&base.documents) {
            let after = outcome_after(&catalogue, &base.grants, &case, |memory| {
                let batch = memory.realm.system(kill("all"), case.at).unwrap();
                memory.take(batch);
            });
            assert_eq!(after.attempted, BTreeSet::new(), "{name}: all is off, and {case:?} runs");
        }
    }
}

#[test]
fn the_order_of_documents_and_the_names_of_files_change_nothing() {
    for name in ["minimal", "payments", "kitchen-sink"] {
        let (documents, others, grants) = Documents::of(name);
        let ordered = load(&documents.files(&others)).unwrap();
        let original = load(&others).unwrap();
        assert_eq!(original.digest(), ordered.digest(), "{name}: JSON is YAML");

        let mut turned = documents.clone();
        turned.0.reverse();
        let mut one_file = String::new();
        for document in &turned.0 {
            one_file.push_str(&format!("---\n{document:#}\n"));
        }
        let mut files: Files = [("specs/zz/all.yml".to_owned(), one_file)].into();
        let kdl = others.iter().filter(|(path, _)| path.ends_with(".kdl"));
        files.extend(kdl.map(|(path, text)| (format!("a-{}", path.replace('/', "-")), text.clone())));
        let turned = load(&files).unwrap();
        assert_eq!(original.digest(), turned.digest(), "{name}");
        for case in cases(&documents) {
            let (one, other) = (outcome(&original, &grants, &case), outcome(&turned, &grants, &case));
            assert_eq!(one, other, "{name}: {case:?}");
        }
    }
}
