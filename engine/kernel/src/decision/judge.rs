//! The judgement: every rule of every policy that applies, then the one table that says what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_spec::digest::Digest;
use ordain_spec::expr::{COST_LIMIT, EvalError, EvalErrorKind, Expr, Facts, Path, Value};
use ordain_spec::kind::policy::{Enforcement, Rule};
use ordain_spec::kind::selector::Subject;
use ordain_spec::kind::{Exemption, Kind, Policy};

use super::{
    Decision, ExemptionRecord, ExemptionState, Outcome, PolicyRecord, Question, Required, RuleKind,
    RuleRecord, RuleValue, applicable,
};
use crate::audit::salted_digest;
use crate::exemption::{self, Exempting, Use};
use crate::reason::{Code, Reason, Source};

/// Decides about one item of a step that is about to do something.
#[must_use]
pub fn decide<'a>(policies: impl IntoIterator<Item = &'a Policy>, question: &Question<'_>) -> Decision {
    judge(&applicable(policies, &question.subject), question, |_| true, true)
}

/// Decides about an undo: only `deny` rules are asked, it needs no rule that allows and no approval.
#[must_use]
pub fn decide_undo<'a>(policies: impl IntoIterator<Item = &'a Policy>, question: &Question<'_>) -> Decision {
    judge(&applicable(policies, &question.subject), question, |kind| kind == RuleKind::Deny, false)
}

/// What the rules of the enforced policies came to.
#[derive(Default)]
struct Findings {
    errors: Vec<Reason>,
    denials: Vec<Reason>,
    unallowed: Vec<Reason>,
    someone_allows: bool,
    required: Vec<Required>,
    masks: BTreeSet<Arc<str>>,
}

fn judge(
    policies: &[&Policy],
    question: &Question<'_>,
    asked: fn(RuleKind) -> bool,
    forward: bool,
) -> Decision {
    let mut findings = Findings::default();
    let mut records = Vec::with_capacity(policies.len());
    let mut seen = Reads::default();
    for policy in policies {
        let mut rules: Vec<(RuleRecord, &Rule, Option<Code>)> = policy
            .spec
            .rules
            .iter()
            .filter_map(|rule| Some((kind(rule)?, rule)))
            .filter(|(kind, _)| asked(*kind))
            .map(|(kind, rule)| evaluated(kind, rule, question, &mut seen))
            .collect();
        for (record, ..) in &mut rules {
            record.exemptions = exemptions(policy, record, question);
            if record.exemptions.iter().any(|one| one.state == ExemptionState::Held) {
                record.value = RuleValue::Inert;
            }
        }
        rules.sort_by(|(a, ..), (b, ..)| a.id.cmp(&b.id));
        if policy.spec.enforcement.value == Enforcement::Enforce {
            findings.take(policy, &rules, forward);
        }
        records.push(PolicyRecord {
            name: policy.metadata.name.value.shared(),
            digest: policy.digest,
            enforcement: policy.spec.enforcement.value,
            rules: rules.into_iter().map(|(record, ..)| record).collect(),
        });
    }
    let facts = seen.digests(question.facts, question.salt);
    findings.conclude(question, records, facts, forward)
}

impl Findings {
    fn take(&mut self, policy: &Policy, rules: &[(RuleRecord, &Rule, Option<Code>)], forward: bool) {
        let name = policy.metadata.name.value.shared();
        let (mut has_allow, mut allows) = (false, false);
        for (record, rule, error) in rules {
            has_allow |= record.kind == RuleKind::Allow;
            let mut reason = error.unwrap_or(Code::PolicyDenied).reason();
            reason.reason.clone_from(&record.reason);
            reason.detail.clone_from(&record.detail);
            let source =
                Source { kind: Kind::Policy, name: Arc::clone(&name), rule: Some(Arc::clone(&record.id)) };
            match (record.value, record.kind) {
                (RuleValue::Error, _) => self.errors.push(Reason { source: Some(source), ..reason }),
                (RuleValue::True, RuleKind::Deny) => {
                    self.denials.push(Reason { source: Some(source), ..reason });
                }
                (RuleValue::True, RuleKind::Allow) => allows = true,
                (RuleValue::True, RuleKind::Require) => {
                    self.required.extend(rule.require.as_ref().map(|approval| Required {
                        reason: record.reason.clone(),
                        ..Required::new(&approval.value, source)
                    }));
                }
                (RuleValue::True, RuleKind::Mask) => {
                    let fields = rule.mask.iter().flatten();
                    self.masks.extend(fields.map(|field| Arc::clone(&field.value)));
                }
                (RuleValue::False | RuleValue::Inert, _) => {}
            }
        }
        if forward && has_allow && !allows {
            self.unallowed.push(Code::NoRuleAllows.reason().from(Kind::Policy, name));
        }
        self.someone_allows |= allows;
    }

    fn conclude(
        mut self,
        question: &Question<'_>,
        policies: Vec<PolicyRecord>,
        facts: BTreeMap<Arc<str>, Digest>,
        forward: bool,
    ) -> Decision {
        if forward && !self.someone_allows && self.unallowed.is_empty() {
            self.unallowed
                .push(Reason::new(Code::NoRuleAllows, "no policy that applies has a rule that allows"));
        }
        let mut reasons = self.errors;
        reasons.append(&mut self.denials);
        reasons.append(&mut self.unallowed);
        self.required.extend(question.required.iter().filter(|_| forward).cloned());
        self.required.sort();
        self.required.dedup();
        let names: BTreeSet<Arc<str>> = self.required.iter().map(|one| Arc::clone(&one.name)).collect();
        let mut outstanding = Vec::new();
        let outcome = if reasons.is_empty() {
            self.required.retain(|one| !question.granted.contains(&one.name));
            outstanding = self.required;
            reasons.extend(outstanding.iter().map(required));
            if outstanding.is_empty() { Outcome::Allow } else { Outcome::Hold }
        } else {
            Outcome::Deny
        };
        for reason in &mut reasons {
            reason.step = Some(question.step.into());
        }
        Decision {
            id: question.id.clone(),
            at: question.at,
            outcome,
            policies,
            approvals: names.into_iter().collect(),
            outstanding,
            masks: if outcome == Outcome::Deny { BTreeSet::new() } else { self.masks },
            reasons,
            facts,
            observed: Vec::new(),
        }
    }
}

fn required(one: &Required) -> Reason {
    let mut reason = Reason::new(Code::ApprovalRequired, format!("`{}`", one.reference));
    reason.reason.clone_from(&one.reason);
    Reason { source: Some(one.source.clone()), ..reason }
}

/// What a rule does; a rule that does not say so exactly once is refused by the language.
const fn kind(rule: &Rule) -> Option<RuleKind> {
    match (&rule.allow, &rule.deny, &rule.require, &rule.mask) {
        (Some(_), None, None, None) => Some(RuleKind::Allow),
        (None, Some(_), None, None) => Some(RuleKind::Deny),
        (None, None, Some(_), None) => Some(RuleKind::Require),
        (None, None, None, Some(_)) => Some(RuleKind::Mask),
        // It cannot come from a checked catalogue. As a denial without expression it is an error, and denies.
        _ => Some(RuleKind::Deny),
    }
}

fn evaluated<'r>(
    kind: RuleKind,
    rule: &'r Rule,
    question: &Question<'_>,
    seen: &mut Reads<'r>,
) -> (RuleRecord, &'r Rule, Option<Code>) {
    let (value, error) = match evaluate(kind, rule, question, seen) {
        Ok(value) => (value, None),
        Err(error) => (RuleValue::Error, Some(error)),
    };
    let code = error.as_ref().map(|(code, _)| *code);
    let record = RuleRecord {
        id: rule.id.value.shared(),
        kind,
        value,
        reason: rule.reason.as_ref().map(|reason| reason.value.shared()),
        detail: error.map(|(_, detail)| detail),
        exemptions: Vec::new(),
    };
    (record, rule, code)
}

/// The exemptions from a rule that holds, as far as they name this step and who acts; each with what it does at
/// this instant. Errors are never exempt, and a rule that allows or masks neither.
fn exemptions(policy: &Policy, rule: &RuleRecord, question: &Question<'_>) -> Vec<ExemptionRecord> {
    if rule.value != RuleValue::True || !matches!(rule.kind, RuleKind::Deny | RuleKind::Require) {
        return Vec::new();
    }
    let Exempting { declared, asked, roster, actor } = question.exempting;
    let Subject { capability, environment, risk, effect, mode, .. } = question.subject;
    let step = Use { actor, risk, effect, mode, at: question.at };
    let meant = |exemption: &&Arc<Exemption>| {
        let (exempts, scope) = (&exemption.spec.exempts, &exemption.spec.scope);
        exempts.policy.value == policy.metadata.name.value
            && exempts.rule.value.as_str() == &*rule.id
            && scope.capabilities.iter().any(|name| name.value.0.as_str() == capability)
            && scope.environments.iter().any(|name| &*name.value.0 == environment)
            && scope.actors.iter().any(|actor| question.facts.actor_is(&actor.value.0.to_string()))
    };
    let record = |exemption: &Arc<Exemption>| {
        let inert = exemption::holds(exemption, asked.of(&exemption.digest), roster, &step).err();
        ExemptionRecord {
            name: exemption.metadata.name.value.shared(),
            digest: Some(exemption.digest),
            state: if inert.is_none() { ExemptionState::Held } else { ExemptionState::Inert },
            detail: inert.map(|inert| inert.to_string().into()),
        }
    };
    declared.values().filter(meant).map(record).collect()
}

type Evaluated<T> = Result<T, (Code, String)>;

fn evaluate<'r>(
    kind: RuleKind,
    rule: &'r Rule,
    question: &Question<'_>,
    seen: &mut Reads<'r>,
) -> Evaluated<RuleValue> {
    if rule.applies.as_ref().is_some_and(|applies| !applies.matches(&question.subject)) {
        return Ok(RuleValue::Inert);
    }
    if let Some(when) = &rule.when
        && !condition(when, question.facts, seen)?
    {
        return Ok(RuleValue::Inert);
    }
    let holds = match (kind, &rule.allow, &rule.deny) {
        (RuleKind::Allow, Some(expr), _) | (RuleKind::Deny, None, Some(expr)) => {
            condition(expr, question.facts, seen)?
        }
        (RuleKind::Require | RuleKind::Mask, ..) => true,
        _ => return Err((Code::PolicyError, "the rule does not say what it does".into())),
    };
    let meant = rule
        .to
        .as_ref()
        .is_none_or(|to| to.iter().any(|principal| question.facts.actor_is(&principal.value.to_string())));
    Ok(if holds && meant { RuleValue::True } else { RuleValue::False })
}

fn condition<'r>(expr: &'r Expr, facts: &dyn Facts, seen: &mut Reads<'r>) -> Evaluated<bool> {
    seen.add(expr);
    match expr.eval(facts, COST_LIMIT) {
        Ok(Value::Bool(value)) => Ok(value),
        Ok(other) => Err((Code::PolicyError, format!("{} where true or false is needed", other.describe()))),
        Err(error) => Err((code(&error), error.message)),
    }
}

const fn code(error: &EvalError) -> Code {
    match error.kind {
        EvalErrorKind::FactMissing | EvalErrorKind::Withheld => Code::FactMissing,
        EvalErrorKind::CostLimit => Code::CostLimit,
        _ => Code::PolicyError,
    }
}

/// The facts that rules read, by the texts of their paths.
#[derive(Default)]
struct Reads<'r>(BTreeMap<&'r Arc<str>, &'r Path>);

impl<'r> Reads<'r> {
    fn add(&mut self, expr: &'r Expr) {
        self.0.extend(expr.named_reads());
    }

    fn digests(&self, facts: &dyn Facts, salt: &Digest) -> BTreeMap<Arc<str>, Digest> {
        let digest = |(name, path): (&&Arc<str>, &&Path)| {
            let (root, steps) = path.0.split_first()?;
            let mut value = facts.fact(root)?;
            for step in steps {
                value = value.get(step)?.clone();
            }
            Some((Arc::clone(name), salted_digest(salt, &value.to_json())))
        };
        self.0.iter().filter_map(digest).collect()
    }
}
