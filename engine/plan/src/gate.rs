//! What the policies and budgets of the catalogue may add to a step: for people who read a plan, and
//! for the bound on approvals. The decision itself is made anew at run time, by the kernel.

use ordain_spec::catalogue::Catalogue;
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::kind::policy::{Enforcement, Rule};
use ordain_spec::kind::selector::{Selector, Subject};
use ordain_spec::kind::{Capability, Runbook};

use crate::connection::Grants;
use crate::model::{Gate, GateSource};

/// The approvals that enforced policies and budgets may ask for when the capability is used by a step
/// of the runbook, in the order of their names.
pub fn expected(
    catalogue: &Catalogue,
    grants: &Grants,
    runbook: &Runbook,
    capability: &Capability,
) -> Vec<Gate> {
    let place = Place { grants, runbook, capability };
    let mut gates = Vec::new();
    for policy in catalogue.policies.values() {
        let spec = &policy.spec;
        if spec.enforcement.value != Enforcement::Enforce {
            continue;
        }
        for rule in &spec.rules {
            if let Some(approval) = &rule.require
                && let Some(everywhere) = place.meets(&[Some(&spec.applies), rule.applies.as_ref()])
            {
                gates.push(Gate {
                    approval: approval.value.name.shared(),
                    source: GateSource::Policy {
                        name: policy.metadata.name.value.shared(),
                        rule: rule.id.value.shared(),
                    },
                    certain: everywhere && is_unconditional(rule),
                    when: rule.when.as_ref().map(crate::words::expression),
                });
            }
        }
    }
    for budget in catalogue.budgets.values() {
        if let OnBreach::Approval(approval) = &budget.spec.on_breach.value
            && place.meets(&[Some(&budget.spec.applies)]).is_some()
        {
            gates.push(Gate {
                approval: approval.value.name.shared(),
                source: GateSource::Budget { name: budget.metadata.name.value.shared() },
                certain: false,
                when: None,
            });
        }
    }
    gates.sort_by(|a, b| (&a.approval, &a.source).cmp(&(&b.approval, &b.source)));
    gates
}

fn is_unconditional(rule: &Rule) -> bool {
    rule.when.is_none() && rule.to.is_none()
}

/// A use of a capability, in any of the runbook's modes.
struct Place<'a> {
    grants: &'a Grants,
    runbook: &'a Runbook,
    capability: &'a Capability,
}

impl Place<'_> {
    /// `None` where the selectors meet the use in no mode, else whether they do in every mode.
    fn meets(&self, selectors: &[Option<&Selector>]) -> Option<bool> {
        let Some(risk) = self.capability.metadata.risk.as_ref() else { return Some(false) };
        let mut modes = self.runbook.spec.modes.iter().map(|mode| {
            let subject = Subject {
                capability: self.capability.metadata.name.value.as_str(),
                risk: risk.value,
                effect: self.capability.spec.effect.value,
                runbook: self.runbook.metadata.name.value.as_str(),
                environment: &self.grants.environment,
                mode: mode.value,
            };
            selectors.iter().flatten().all(|selector| selector.matches(&subject))
        });
        let first = modes.next()?;
        let (any, all) = modes.fold((first, first), |(any, all), met| (any || met, all && met));
        any.then_some(all)
    }
}
