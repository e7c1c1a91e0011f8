//! Decisions: whether one item of one step may go on, over every policy that applies. All rules are evaluated,
//! nothing is cached, and what cannot be evaluated denies. There is no other place that allows.

mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::expr::Facts;
use ordain_spec::kind::Policy;
use ordain_spec::kind::policy::Enforcement;
use ordain_spec::kind::scalar::Reference;
use ordain_spec::kind::selector::Subject;
use serde::{Deserialize, Serialize};

pub use judge::{decide, decide_undo};

use crate::exemption::Exempting;
use crate::ids::DecisionId;
use crate::reason::{Reason, Source};
use crate::run::aged::Observed;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// What the step is: which policies and rules are about it.
    pub subject: Subject<'a>,
    /// `input capability step actor run budget now`, and whom `to` and `actor.is` are true for.
    pub facts: &'a dyn Facts,
    /// The approvals that capability, step and budgets ask for.
    pub required: &'a [Required],
    /// Names of approvals that are granted for exactly this.
    pub granted: &'a BTreeSet<Arc<str>>,
    /// The step, for reasons.
    pub step: &'a str,
    /// What is declared as exempt, and what people said about it.
    pub exempting: Exempting<'a>,
    /// The id of the decision.
    pub id: &'a DecisionId,
    /// The instant that is recorded.
    pub at: Timestamp,
    /// The run's salt of digests of values.
    pub salt: &'a Digest,
}

/// An approval that something asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Required {
    /// Its name.
    pub name: Arc<str>,
    /// As it was written: `four-eyes@^1`.
    pub reference: Arc<str>,
    /// Who asks.
    pub source: Source,
    /// The author's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
}

impl Required {
    /// What a reference asks for, and for whom.
    #[must_use]
    pub fn new(reference: &Reference, source: Source) -> Self {
        Self { name: reference.name.shared(), reference: reference.to_string().into(), source, reason: None }
    }
}

/// What a decision says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It may go on.
    Allow,
    /// People have to agree first.
    Hold,
    /// It may not.
    Deny,
}

/// A decision, with everything it stood on but the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// When.
    pub at: Timestamp,
    /// What it says.
    pub outcome: Outcome,
    /// Every policy that applies, by name.
    pub policies: Vec<PolicyRecord>,
    /// Names of the approvals that are asked for, granted or not.
    pub approvals: Vec<Arc<str>>,
    /// What is asked for and not granted; empty unless it holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outstanding: Vec<Required>,
    /// Output fields that are masked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub masks: BTreeSet<Arc<str>>,
    /// Why it denies or holds; the reasons of the rules that allow are in `policies`.
    pub reasons: Vec<Reason>,
    /// Salted digests of the facts that rules read, by path; a fact that was not there is left out.
    pub facts: BTreeMap<Arc<str>, Digest>,
    /// Facts that age, as the step's expressions read them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed>,
}

/// One policy of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRecord {
    /// Its name.
    pub name: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// Whether it decides.
    pub enforcement: Enforcement,
    /// Its rules, by id.
    pub rules: Vec<RuleRecord>,
}

/// One rule of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleRecord {
    /// Its id.
    pub id: Arc<str>,
    /// What it does when it is true.
    pub kind: RuleKind,
    /// What it came to.
    pub value: RuleValue,
    /// The author's reason.
    pub reason: Option<Arc<str>>,
    /// What went wrong: names and types, never values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Exemptions from it that are about this step at this instant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<ExemptionRecord>,
}

/// An exemption that is about a rule that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExemptionRecord {
    /// Its name.
    pub name: Arc<str>,
    /// Its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What it does to the rule.
    pub state: ExemptionState,
    /// Why it does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Arc<str>>,
}

/// What an exemption does to its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExemptionState {
    /// The rule does not hold.
    Held,
    /// Nothing: the rule holds.
    Inert,
}

/// What a rule does when it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// Allows.
    Allow,
    /// Denies.
    Deny,
    /// Asks for an approval.
    Require,
    /// Masks output fields.
    Mask,
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleValue {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It could not be evaluated.
    Error,
    /// It is not about this step: its `applies` does not select it, its `when` is false, or an exemption holds.
    Inert,
}

/// What of a policy a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// Its name.
    pub name: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// The rules that were true, by id.
    pub rules: Vec<Arc<str>>,
}

impl Decision {
    /// The same, seeing also how old the facts are that the step stands on: one that is too old denies.
    #[must_use]
    pub fn seeing(mut self, observed: Vec<Observed>, step: &Arc<str>) -> Self {
        let stale = observed.iter().filter(|one| one.is_stale(self.at));
        let reasons: Vec<Reason> = stale.map(|one| one.reason(self.at).at(Arc::clone(step))).collect();
        self.observed = observed;
        if !reasons.is_empty() {
            if self.outcome != Outcome::Deny {
                self.reasons.clear();
            }
            self.outcome = Outcome::Deny;
            self.outstanding.clear();
            self.masks.clear();
            self.reasons.splice(0..0, reasons);
        }
        self
    }

    /// The part that grants are bound to: for each enforced policy that applies its digest and which rules
    /// were true. Shadow policies never decide, so nothing is bound to them.
    #[must_use]
    pub fn basis(&self) -> Vec<Basis> {
        let enforced = self.policies.iter().filter(|policy| policy.enforcement == Enforcement::Enforce);
        let basis = |policy: &PolicyRecord| Basis {
            name: Arc::clone(&policy.name),
            digest: policy.digest,
            rules: policy
                .rules
                .iter()
                .filter(|rule| rule.value == RuleValue::True)
                .map(|rule| Arc::clone(&rule.id))
                .collect(),
        };
        enforced.map(basis).collect()
    }
}

/// The policies of a catalogue that are about a step, by name: the order of files says nothing.
fn applicable<'a>(policies: impl IntoIterator<Item = &'a Policy>, subject: &Subject<'_>) -> Vec<&'a Policy> {
    let mut found: Vec<&Policy> =
        policies.into_iter().filter(|policy| policy.spec.applies.matches(subject)).collect();
    found
        .sort_by(|a, b| a.metadata.name.as_str().cmp(b.metadata.name.as_str()).then(a.digest.cmp(&b.digest)));
    found
}
