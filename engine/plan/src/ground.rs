//! What the plan of a runbook would stand on, told without making the plan: two catalogues that give a runbook the
//! same ground give it the same plan. Must name all that `compile` resolves.

use std::collections::BTreeMap;

use ordain_spec::catalogue::Catalogue;
use ordain_spec::digest::Digest;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::scalar::Reference;
use ordain_spec::kind::{Capability, Connector, Runbook};

use crate::connection::Grants;

/// The grounds of the runbooks of one catalogue, each told once.
pub struct Grounds<'c> {
    catalogue: &'c Catalogue,
    grants: &'c Grants,
    connections: BTreeMap<Digest, Digest>,
    told: BTreeMap<Digest, Option<Digest>>,
}

impl<'c> Grounds<'c> {
    /// Of this catalogue with these grants.
    #[must_use]
    pub const fn new(catalogue: &'c Catalogue, grants: &'c Grants) -> Self {
        Self { catalogue, grants, connections: BTreeMap::new(), told: BTreeMap::new() }
    }

    /// The ground of a runbook, sub-runs included; none where it names what the catalogue does not hold, or runs
    /// itself.
    pub fn of(&mut self, runbook: &Runbook) -> Option<Digest> {
        if let Some(told) = self.told.get(&runbook.digest) {
            return *told;
        }
        // Whoever comes here again on the way down runs himself.
        self.told.insert(runbook.digest, None);
        let ground = self.fresh(runbook);
        self.told.insert(runbook.digest, ground);
        ground
    }

    fn fresh(&mut self, runbook: &Runbook) -> Option<Digest> {
        let catalogue = self.catalogue;
        let mut below = vec![runbook.digest];
        for step in &runbook.spec.steps {
            if let Some(uses) = &step.uses {
                self.used(uses, &mut below)?;
            }
            if let Some(child) = &step.runbook {
                below.push(self.of(catalogue.runbook(child).ok()?)?);
            }
            if let Some(name) = &step.export {
                let export = catalogue.exports.get(&name.value)?;
                below.push(export.digest);
                if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
                    self.used(uses, &mut below)?;
                }
            }
        }
        Some(whole(&below))
    }

    /// A capability, and the one that undoes it.
    fn used(&mut self, uses: &Reference, below: &mut Vec<Digest>) -> Option<()> {
        let capability = self.catalogue.capability(uses).ok()?;
        self.carried_out(capability, below)?;
        if let Some(Rollback::Uses { uses, .. }) =
            capability.metadata.rollback.as_ref().map(|undo| &undo.value)
        {
            self.carried_out(self.catalogue.capability(uses).ok()?, below)?;
        }
        Some(())
    }

    fn carried_out(&mut self, capability: &Capability, below: &mut Vec<Digest>) -> Option<()> {
        let connector = self.catalogue.connector(&capability.spec.uses).ok()?;
        below.extend([capability.digest, connector.digest, self.connection(connector)]);
        Some(())
    }

    /// What a connector is granted.
    fn connection(&mut self, connector: &Connector) -> Digest {
        let granted =
            || self.grants.resolve(connector).map_or_else(|| whole(&[]), |connection| connection.digest);
        *self.connections.entry(connector.digest).or_insert_with(granted)
    }
}

fn whole(parts: &[Digest]) -> Digest {
    let parts: Vec<&[u8]> = parts.iter().map(|digest| digest.0.as_slice()).collect();
    Digest::of_parts(&parts)
}
