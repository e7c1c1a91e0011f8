//! What uses a spec: every reference in the catalogue that resolves to it.

use ordain_spec::catalogue::{Declarations, IndexEntry, every};
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::scalar::Reference;
use ordain_spec::kind::{Capability, Kind, Runbook};
use serde_json::{Value, json};

/// `[{kind, name, as}]` in the order of kinds and names; `as` says in which role.
pub fn used_by(declarations: &Declarations, spec: &IndexEntry) -> Vec<Value> {
    let mut found = Found { declarations, spec, users: Vec::new() };
    every(&declarations.capabilities).for_each(|capability| found.capability(capability));
    every(&declarations.runbooks).for_each(|runbook| found.runbook(runbook));
    for policy in declarations.policies.values() {
        for rule in &policy.spec.rules {
            if let Some(require) = &rule.require {
                let name = policy.metadata.name.value.as_str();
                found.reference(
                    Kind::Approval,
                    &require.value,
                    (Kind::Policy, name),
                    &format!("rule {}", rule.id.value),
                );
            }
        }
    }
    for budget in declarations.budgets.values() {
        if let OnBreach::Approval(approval) = &budget.spec.on_breach.value {
            let name = budget.metadata.name.value.as_str();
            found.reference(Kind::Approval, &approval.value, (Kind::Budget, name), "on breach");
        }
    }
    for scenario in declarations.scenarios.values() {
        let name = scenario.metadata.name.value.as_str();
        found.reference(Kind::Runbook, &scenario.spec.run.value, (Kind::Scenario, name), "run");
    }
    if spec.kind == Kind::Scenario {
        for capability in every(&declarations.capabilities) {
            if capability.metadata.tests.iter().any(|test| test.value == spec.name) {
                found.add(Kind::Capability, capability.metadata.name.value.as_str(), "test");
            }
        }
    }
    found.users
}

struct Found<'a> {
    declarations: &'a Declarations,
    spec: &'a IndexEntry,
    users: Vec<Value>,
}

impl Found<'_> {
    fn capability(&mut self, capability: &Capability) {
        let user = (Kind::Capability, capability.metadata.name.value.as_str());
        self.reference(
            Kind::Connector,
            &capability.spec.uses.value,
            user,
            &format!("operation {}", capability.spec.operation.value),
        );
        if let Some(approval) = &capability.spec.approval {
            self.reference(Kind::Approval, &approval.value, user, "approval");
        }
        if let Some(Rollback::Uses { uses, .. }) =
            capability.metadata.rollback.as_ref().map(|rollback| &rollback.value)
        {
            self.reference(Kind::Capability, &uses.value, user, "rollback");
        }
    }

    fn runbook(&mut self, runbook: &Runbook) {
        let user = (Kind::Runbook, runbook.metadata.name.value.as_str());
        for step in &runbook.spec.steps {
            let role = format!("step {}", step.id.value);
            let references = [
                (Kind::Capability, &step.uses),
                (Kind::Runbook, &step.runbook),
                (Kind::Approval, &step.approve),
                (Kind::Approval, &step.approval),
            ];
            for (kind, reference) in references {
                if let Some(reference) = reference {
                    self.reference(kind, &reference.value, user, &role);
                }
            }
        }
    }

    /// Counts only where the reference means this very release.
    fn reference(&mut self, kind: Kind, reference: &Reference, user: (Kind, &str), role: &str) {
        if kind != self.spec.kind || reference.name != self.spec.name {
            return;
        }
        let resolved = match kind {
            Kind::Capability => self.declarations.capability(reference).ok().map(|spec| spec.digest),
            Kind::Connector => self.declarations.connector(reference).ok().map(|spec| spec.digest),
            Kind::Runbook => self.declarations.runbook(reference).ok().map(|spec| spec.digest),
            Kind::Approval => self.declarations.approval(reference).ok().map(|spec| spec.digest),
            _ => None,
        };
        if resolved == Some(self.spec.digest) {
            self.add(user.0, user.1, role);
        }
    }

    fn add(&mut self, kind: Kind, name: &str, role: &str) {
        self.users.push(json!({"kind": kind.as_str(), "name": name, "as": role}));
    }
}
