//! Tests of decisions: a table of cases, then what must hold for any set of policies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use ordain_spec::expr::{FactMap, Value};
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::scalar::{Effect, Mode};
use proptest::prelude::*;

use super::*;
use crate::fixture::policy;
use crate::ids::RunId;
use crate::reason::Code;
use ordain_spec::kind::Kind;

fn facts(amount: Option<i64>) -> FactMap {
    let mut facts = FactMap::default();
    let input = amount.map(|amount| ("amount", Value::Int(amount)));
    facts.facts.insert("input".into(), Value::map(input));
    facts.facts.insert("actor".into(), Value::map([("type", Value::text("agent"))]));
    facts.principals.insert("role:sre".into());
    facts
}

fn ask(
    policies: &[Policy],
    facts: &FactMap,
    required: &[Required],
    granted: &[&str],
    undo: bool,
) -> Decision {
    let granted = granted.iter().map(|name| Arc::from(*name)).collect();
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let question = Question {
        subject: Subject {
            capability: "payments.refund",
            risk: Risk::High,
            effect: Effect::Write,
            runbook: "refund",
            environment: "production",
            mode: Mode::Live,
        },
        facts,
        required,
        granted: &granted,
        step: "refund",
        exempting: Exempting {
            declared: &BTreeMap::new(),
            asked: &crate::exemption::Exemptions::default(),
            roster: None,
            actor: &crate::actor::Actor::system(),
        },
        id: &DecisionId::derive(RunId::new(at, [1; 10]), 7),
        at,
        salt: &Digest([3; 32]),
    };
    if undo { decide_undo(policies, &question) } else { decide(policies, &question) }
}

fn plain(policies: &[Policy]) -> Decision {
    ask(policies, &facts(Some(100)), &[], &[], false)
}

fn codes(decision: &Decision) -> Vec<Code> {
    decision.reasons.iter().map(|reason| reason.code).collect()
}

fn allowing() -> Policy {
    policy("allow", "{applies: {}, rules: [{id: may, allow: 'input.amount <= 500', reason: ok}]}")
}

#[test]
fn each_rule_of_the_language_decides_as_it_says() {
    let deny = "{applies: {}, restrictsOnly: true, rules: [{id: no, deny: EXPR, reason: why}]}";
    let denying = |expr: &str| policy("deny", &deny.replace("EXPR", &format!("'{expr}'")));
    let table: Vec<(&str, Vec<Policy>, Outcome, Vec<Code>)> = vec![
        ("nothing allows", vec![], Outcome::Deny, vec![Code::NoRuleAllows]),
        ("a rule allows", vec![allowing()], Outcome::Allow, vec![]),
        (
            "a deny is true",
            vec![allowing(), denying("input.amount > 50")],
            Outcome::Deny,
            vec![Code::PolicyDenied],
        ),
        ("a deny is false", vec![allowing(), denying("input.amount > 500")], Outcome::Allow, vec![]),
        (
            "a deny errs",
            vec![allowing(), denying("input.amount / 0 == 1")],
            Outcome::Deny,
            vec![Code::PolicyError],
        ),
        (
            "a fact is missing",
            vec![allowing(), denying("input.gone == 1")],
            Outcome::Deny,
            vec![Code::FactMissing],
        ),
        (
            "an error is not absorbed",
            vec![allowing(), denying("!(input.gone == 1 || true)")],
            Outcome::Deny,
            vec![Code::FactMissing],
        ),
        ("no boolean", vec![allowing(), denying("input.amount")], Outcome::Deny, vec![Code::PolicyError]),
        (
            "every policy that has allow rules must allow",
            vec![allowing(), policy("other", "{applies: {}, rules: [{id: a, allow: 'false', reason: r}]}")],
            Outcome::Deny,
            vec![Code::NoRuleAllows],
        ),
        (
            "a policy about something else says nothing",
            vec![
                allowing(),
                policy(
                    "other",
                    "{applies: {capabilities: [db.*]}, rules: [{id: a, allow: 'false', reason: r}]}",
                ),
            ],
            Outcome::Allow,
            vec![],
        ),
        (
            "a shadow policy never decides",
            vec![
                allowing(),
                policy("s", "{enforcement: shadow, applies: {}, rules: [{id: a, deny: 'true', reason: r}]}"),
            ],
            Outcome::Allow,
            vec![],
        ),
        (
            "a shadow policy never allows",
            vec![policy(
                "s",
                "{enforcement: shadow, applies: {}, rules: [{id: a, allow: 'true', reason: r}]}",
            )],
            Outcome::Deny,
            vec![Code::NoRuleAllows],
        ),
        (
            "`to` somebody else is false",
            vec![policy(
                "t",
                "{applies: {}, rules: [{id: a, allow: 'true', to: ['role:admin'], reason: r}]}",
            )],
            Outcome::Deny,
            vec![Code::NoRuleAllows],
        ),
        (
            "`to` this actor",
            vec![policy(
                "t",
                "{applies: {}, rules: [{id: a, allow: 'true', to: ['role:admin', 'role:sre'], reason: r}]}",
            )],
            Outcome::Allow,
            vec![],
        ),
        (
            "a rule whose `when` is false is not evaluated",
            vec![
                allowing(),
                policy(
                    "w",
                    "{applies: {}, restrictsOnly: true, rules: [{id: d, when: 'has(input.gone)', deny: 'input.gone == 1', reason: r}]}",
                ),
            ],
            Outcome::Allow,
            vec![],
        ),
        (
            "a rule's own `applies` narrows",
            vec![
                allowing(),
                policy(
                    "n",
                    "{applies: {}, restrictsOnly: true, rules: [{id: d, deny: 'true', applies: {modes: [mock]}, reason: r}]}",
                ),
            ],
            Outcome::Allow,
            vec![],
        ),
        (
            "an approval is asked for",
            vec![
                allowing(),
                policy(
                    "q",
                    "{applies: {}, restrictsOnly: true, rules: [{id: two, require: four-eyes, reason: r}]}",
                ),
            ],
            Outcome::Hold,
            vec![Code::ApprovalRequired],
        ),
    ];
    for (name, policies, outcome, expected) in table {
        let decision = plain(&policies);
        assert_eq!((decision.outcome, codes(&decision)), (outcome, expected), "{name}");
    }
}

#[test]
fn all_rules_are_evaluated_whatever_the_others_say() {
    let both = policy(
        "both",
        "
applies: {}
rules:
  - {id: z, deny: 'input.amount > 1', reason: z_reason}
  - {id: a, deny: 'true', reason: a_reason}
  - {id: e, deny: 'input.gone', reason: e_reason}
  - {id: m, allow: 'true', reason: m_reason}
",
    );
    let decision = plain(&[both]);
    let values: Vec<_> = decision.policies[0].rules.iter().map(|rule| (&*rule.id, rule.value)).collect();
    let expected =
        vec![("a", RuleValue::True), ("e", RuleValue::Error), ("m", RuleValue::True), ("z", RuleValue::True)];
    assert_eq!(values, expected);
    assert_eq!(codes(&decision), [Code::FactMissing, Code::PolicyDenied, Code::PolicyDenied]);
    assert_eq!(decision.reasons[1].reason.as_deref(), Some("a_reason"));
}

#[test]
fn an_approval_of_the_capability_holds_until_it_is_granted() {
    let source = Source { kind: Kind::Capability, name: "payments.refund".into(), rule: None };
    let required =
        [Required { name: "four-eyes".into(), reference: "four-eyes@^1".into(), source, reason: None }];
    let held = ask(&[allowing()], &facts(Some(1)), &required, &[], false);
    assert_eq!(held.outcome, Outcome::Hold);
    assert_eq!(held.outstanding, required);
    let allowed = ask(&[allowing()], &facts(Some(1)), &required, &["four-eyes"], false);
    assert_eq!((allowed.outcome, &*allowed.approvals), (Outcome::Allow, &["four-eyes".into()][..]));
    let denied = ask(&[], &facts(Some(1)), &required, &["four-eyes"], false);
    assert_eq!(denied.outcome, Outcome::Deny, "an approval is no rule that allows");
}

#[test]
fn an_undo_passes_deny_rules_only() {
    let policies = [policy(
        "p",
        "
applies: {}
rules:
  - {id: d, deny: 'input.amount > 500', reason: d}
  - {id: q, require: four-eyes, reason: q}
  - {id: a, allow: 'false', reason: a}
",
    )];
    assert_eq!(ask(&policies, &facts(Some(1)), &[], &[], true).outcome, Outcome::Allow);
    assert_eq!(ask(&policies, &facts(Some(501)), &[], &[], true).outcome, Outcome::Deny);
    assert_eq!(ask(&policies, &facts(None), &[], &[], true).outcome, Outcome::Deny);
}

#[test]
fn masks_are_united_and_facts_stand_as_salted_digests_only() {
    let masks = policy(
        "m",
        "{applies: {}, restrictsOnly: true, rules: [{id: m, mask: [note], reason: r}, {id: n, mask: [name], when: 'input.amount > 1', reason: r}]}",
    );
    let decision = plain(&[allowing(), masks]);
    assert_eq!(decision.masks, ["name".into(), "note".into()].into());
    let digest = crate::audit::salted_digest(&Digest([3; 32]), &serde_json::json!(100));
    assert_eq!(decision.facts, [("input.amount".into(), digest)].into());
    let json = serde_json::to_value(&decision).unwrap();
    assert_eq!(serde_json::from_value::<Decision>(json).unwrap(), decision);
}

#[test]
fn what_a_grant_is_bound_to_leaves_shadow_policies_out() {
    let shadow =
        policy("s", "{enforcement: shadow, applies: {}, rules: [{id: a, allow: 'true', reason: r}]}");
    let decision = plain(&[shadow, allowing()]);
    assert_eq!(decision.policies.len(), 2);
    let basis = decision.basis();
    assert_eq!(basis.len(), 1);
    assert_eq!((&*basis[0].name, &*basis[0].rules), ("allow", &["may".into()][..]));
}

/// Rules over one input that allow, deny, require, err, or are about others.
fn rule() -> impl Strategy<Value = String> {
    let expr = prop::sample::select(vec![
        "true",
        "false",
        "input.amount > 50",
        "input.amount < 50",
        "has(input.amount)",
        "input.gone == 1",
        "input.amount / 0 == 1",
        "actor.is(\"role:sre\")",
        "actor.type == \"agent\"",
    ]);
    let kind = prop::sample::select(vec!["allow", "deny"]);
    let condition = prop::sample::select(vec![
        "",
        ", when: 'input.amount > 70'",
        ", to: ['role:sre']",
        ", to: ['role:admin']",
    ]);
    (kind, expr, condition, 0..10_u8).prop_map(|(kind, expr, condition, asks)| match asks {
        0 => format!("require: four-eyes{condition}, reason: r}}"),
        1 => format!("mask: [note]{condition}, reason: r}}"),
        _ => format!("{kind}: '{expr}'{condition}, reason: r}}"),
    })
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(rule(), 1..5)
}

fn build(name: &str, rules: &[String], enforcement: &str) -> Policy {
    let rules: Vec<String> =
        rules.iter().enumerate().map(|(n, rule)| format!("  - {{id: r{n}, {rule}\n")).collect();
    policy(name, &format!("enforcement: {enforcement}\napplies: {{}}\nrules:\n{}", rules.concat()))
}

proptest! {
    #[test]
    fn the_order_of_policies_and_rules_says_nothing(
        sets in prop::collection::vec(rules(), 1..4), amount in prop::option::of(0_i64..100),
    ) {
        let policies: Vec<Policy> =
            sets.iter().enumerate().map(|(n, rules)| build(&format!("p{n}"), rules, "enforce")).collect();
        let mut turned: Vec<Policy> = policies.iter().rev().cloned().collect();
        for policy in &mut turned {
            policy.spec.rules.reverse();
        }
        let facts = facts(amount);
        prop_assert_eq!(ask(&policies, &facts, &[], &[], false), ask(&turned, &facts, &[], &[], false));
    }

    #[test]
    fn a_further_deny_requirement_or_policy_never_widens(
        sets in prop::collection::vec(rules(), 1..4), further in rule(), others in rules(),
        amount in prop::option::of(0_i64..100),
    ) {
        let facts = facts(amount);
        let make = |sets: &[Vec<String>]| -> Vec<Policy> {
            sets.iter().enumerate().map(|(n, rules)| build(&format!("p{n}"), rules, "enforce")).collect()
        };
        let before = ask(&make(&sets), &facts, &[], &[], false).outcome;
        if !further.starts_with("allow") {
            let mut narrowed = sets.clone();
            narrowed[0].push(further);
            prop_assert!(ask(&make(&narrowed), &facts, &[], &[], false).outcome >= before);
        }
        let covered = sets.iter().flatten().any(|rule| rule.starts_with("allow"));
        if covered {
            let mut more = sets.clone();
            more.push(others.clone());
            prop_assert!(ask(&make(&more), &facts, &[], &[], false).outcome >= before);
        }
        let mut shadowed = make(&sets);
        shadowed.push(build("shadow", &others, "shadow"));
        prop_assert_eq!(ask(&shadowed, &facts, &[], &[], false).outcome, before);
    }

    #[test]
    fn an_allow_rule_or_a_fact_less_never_widens(
        rules in rules(), amount in 0_i64..100, gone in 0..5_usize,
    ) {
        let all = build("p", &rules, "enforce");
        let other = allowing();
        let outcome = |policy: &Policy, amount| {
            ask(&[policy.clone(), other.clone()], &facts(amount), &[], &[], false).outcome
        };
        let mut fewer = all.clone();
        let is_allow = |n: usize| all.spec.rules.get(n).is_some_and(|rule| rule.allow.is_some());
        let allows = all.spec.rules.iter().filter(|rule| rule.allow.is_some()).count();
        // A policy that loses its last allow rule must say `restrictsOnly`, which is a change that is seen.
        if is_allow(gone) && allows > 1 && all.spec.rules[gone].when.is_none() {
            let removed = fewer.spec.rules.remove(gone);
            let errs = removed.allow.is_some_and(|expr| expr.eval(&facts(Some(amount)), 1000).is_err());
            if !errs {
                prop_assert!(outcome(&fewer, Some(amount)) >= outcome(&all, Some(amount)));
            }
        }
        // A rule that asks `has()` says itself what is to follow where the fact is missing.
        if rules.iter().all(|rule| !rule.contains("has(")) {
            prop_assert!(outcome(&all, None) >= outcome(&all, Some(amount)));
        }
    }
}
