//! How connectors are seen: healthy or degraded, by what probes of their health operation came to. For people to look
//! at, and never a reason to decide otherwise: what fails too often is the breaker's matter. No clock, no IO.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::ResolvedConnection;
use ordain_spec::catalogue::every;
use ordain_spec::kind::connector::{ConnectorType, Operation};
use ordain_spec::kind::scalar::Effect;
use ordain_spec::kind::{Connector, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::kill::Target;
use crate::reason::{Code, Reason};
use crate::world::{Active, World};

/// No connector is probed more often than this, whatever its spec says.
pub const LEAST_EVERY_MS: u64 = 5_000;

/// How a connector was seen last. One that was never probed is not seen at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Since when it is seen so.
    pub since: Timestamp,
    /// What the first probe that failed came to; none while it is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Code>,
}

/// How connectors are seen, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health(pub BTreeMap<Arc<str>, Seen>);

impl Health {
    /// True where a probe that came to this shows the connector otherwise than before.
    #[must_use]
    pub fn changes(&self, connector: &str, fault: Option<Code>) -> bool {
        self.0.get(connector).is_none_or(|seen| seen.fault.is_some() != fault.is_some())
    }
}

/// A look at one connector by its health operation.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The newest release that says how its health is seen.
    pub connector: Arc<Connector>,
    /// The operation.
    pub operation: Arc<str>,
    /// What the workspace grants the connector.
    pub connection: Arc<ResolvedConnection>,
}

/// Connectors that say how their health is seen, by name, in the newest release that does. Those of type `mock` reach
/// nothing whose health could be seen.
#[must_use]
pub fn declared(active: &Active) -> BTreeMap<Arc<str>, &Arc<Connector>> {
    let sees = |connector: &&Arc<Connector>| {
        connector.spec.health.is_some() && connector.spec.type_.value != ConnectorType::Mock
    };
    let connectors = every(&active.catalogue.connectors).filter(sees);
    connectors.map(|connector| (connector.metadata.name.value.shared(), connector)).collect()
}

/// How often each connector is probed, in ms; those that the workspace grants nothing are left out.
#[must_use]
pub fn probed(active: &Active) -> BTreeMap<Arc<str>, u64> {
    let granted = declared(active).into_iter().filter_map(|(name, connector)| {
        let health = connector.spec.health.as_ref()?;
        active.grants.resolve(connector)?;
        Some((name, health.every.value.0.max(LEAST_EVERY_MS)))
    });
    granted.collect()
}

/// May this connector be probed now? What every call is asked, as far as a probe has it: what is current (in `prod`
/// nothing is that nobody signed), the grant, that it only reads, and the kill switches.
///
/// # Errors
/// Why not. Nothing is known of the connector then.
pub fn admit(world: &World, name: &str, now: Timestamp) -> Result<Probe, Reason> {
    let active = world.active.as_ref().ok_or_else(|| Code::CatalogueUnavailable.reason())?;
    let said = |code, detail: &str| Reason::new(code, detail).from(Kind::Connector, name);
    let connectors = declared(active);
    let connector =
        connectors.get(name).ok_or_else(|| said(Code::NotFound, "it does not say how its health is seen"))?;
    let operation = operation(connector).ok_or_else(|| said(Code::NotFound, "no such operation"))?;
    if operation.1.effect.value != Effect::Read {
        return Err(said(Code::ReadOnlyConnector, "health is seen by reading only"));
    }
    let connection = active.grants.resolve(connector);
    let connection =
        connection.ok_or_else(|| said(Code::ConnectionMissing, "the workspace grants it nothing"))?;
    let actor = Actor::system();
    let target = Target {
        capability: None,
        connector: Some(name),
        runbook: "",
        actor: &actor,
        tenant: crate::realm::TENANT,
    };
    match world.kills.hit(&target, now) {
        Some(switch) => Err(switch.to_reason()),
        None => Ok(Probe {
            connector: Arc::clone(connector),
            operation: operation.0,
            connection: Arc::new(connection),
        }),
    }
}

fn operation(connector: &Connector) -> Option<(Arc<str>, &Operation)> {
    let name = connector.spec.health.as_ref()?.operation.value.shared();
    let operation = connector.spec.operations.get(&name)?;
    Some((name, operation))
}

/// `{health: […]}`: each connector that says how its health is seen.
#[must_use]
pub fn view(world: &World, now: Timestamp) -> Value {
    let names = world.active.iter().flat_map(|active| declared(active));
    let rows = names.map(|(name, connector)| {
        let health = connector.spec.health.as_ref();
        let mut row = json!({
            "connector": name,
            "operation": health.map(|health| health.operation.value.as_str()),
            "state": "unknown",
        });
        let admitted = admit(world, &name, now);
        let seen = world.health.0.get(&name);
        let Some(fields) = row.as_object_mut() else { return row };
        if let Err(reason) = &admitted {
            fields.insert("notProbed".into(), json!(reason));
        }
        if let Some(Seen { since, fault }) = seen.filter(|_| connection_of(world, connector)) {
            let state = if fault.is_some() { "degraded" } else { "healthy" };
            fields.insert("state".into(), state.into());
            fields.insert("since".into(), json!(since));
            if let Some(code) = fault {
                fields.insert("reasons".into(), json!([code.reason()]));
            }
        }
        row
    });
    json!({"health": rows.collect::<Vec<_>>()})
}

/// What was seen through a connection that is granted no more is not known now.
fn connection_of(world: &World, connector: &Connector) -> bool {
    world.active.as_ref().is_some_and(|active| active.grants.resolve(connector).is_some())
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
