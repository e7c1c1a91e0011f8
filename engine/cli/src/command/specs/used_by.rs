//! What uses a spec: every reference in the catalogue that resolves to it.

use ordain_spec::catalogue::{Declarations, IndexEntry, every};
use ordain_spec::kind::budget::OnBreach;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::scalar::{Name, Reference};
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
    found.around();
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

    /// Exports, exemptions, notices and triggers.
    fn around(&mut self) {
        let declarations = self.declarations;
        for export in declarations.exports.values() {
            let user = (Kind::Export, export.metadata.name.value.as_str());
            if let Some(approval) = &export.spec.approval {
                self.reference(Kind::Approval, &approval.value, user, "approval");
            }
            if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
                self.reference(Kind::Capability, &uses.value, user, "deliver");
            }
            for field in export.spec.fields.iter().filter(|_| self.spec.kind == Kind::MetaSchema).cloned() {
                if declarations.meta_schema.iter().any(|meta| meta.spec.fields.get(&field.value).is_some()) {
                    self.add(user.0, user.1, &format!("field {}", field.value));
                }
            }
        }
        for exemption in declarations.exemptions.values() {
            let user = (Kind::Exemption, exemption.metadata.name.value.as_str());
            let exempts = &exemption.spec.exempts;
            self.named(Kind::Policy, &exempts.policy.value, user, &format!("rule {}", exempts.rule.value));
            for capability in &exemption.spec.scope.capabilities {
                self.named(Kind::Capability, &capability.value.0, user, "scope");
            }
        }
        for notice in declarations.notices.values() {
            let user = (Kind::Notice, notice.metadata.name.value.as_str());
            self.reference(Kind::Capability, &notice.spec.uses.value, user, "uses");
        }
        for trigger in declarations.triggers.values() {
            let user = (Kind::Trigger, trigger.metadata.name.value.as_str());
            self.reference(Kind::Runbook, &trigger.spec.runbook.value, user, "runbook");
        }
    }

    /// What is named without a release means every one of them.
    fn named(&mut self, kind: Kind, name: &Name, user: (Kind, &str), role: &str) {
        if kind == self.spec.kind && *name == self.spec.name {
            self.add(user.0, user.1, role);
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
            if let Some(export) = &step.export {
                self.named(Kind::Export, &export.value, user, &role);
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
