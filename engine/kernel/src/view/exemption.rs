//! The document of an exemption that people are asked for: which rule would not hold, for whom, where and until when.
//! One shape with the approvals of steps.

use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::Exemption;
use serde_json::{Value, json};

use crate::exemption::{self, Grant, STAGE};
use crate::ids::ApprovalId;
use crate::reason::{Code, Source};
use crate::world::World;

/// Every exemption of the active catalogue, one document each, by name.
#[must_use]
pub fn exemptions(world: &World, now: Timestamp) -> Vec<Value> {
    let declared = world.active.iter().flat_map(|active| active.catalogue.exemptions.values());
    declared.map(|exemption| document(exemption, world, now)).collect()
}

/// The one whose approval has that id.
#[must_use]
pub fn exemption(world: &World, id: &ApprovalId, now: Timestamp) -> Option<Value> {
    let found = exemption::find(&world.active.as_ref()?.catalogue.exemptions, id)?;
    Some(document(found, world, now))
}

fn document(exemption: &Arc<Exemption>, world: &World, now: Timestamp) -> Value {
    let (spec, roster) = (&exemption.spec, world.roster());
    let asked = world.exemptions.of(&exemption.digest);
    let state = exemption::state(exemption, asked, roster, now);
    let eligible = match state {
        crate::run::hold::StageState::Open => exemption::missing(exemption, asked, roster),
        _ => std::collections::BTreeSet::new(),
    };
    let said = |grant: &Grant| json!({"by": grant.by.id, "at": grant.at.to_string(), "assurance": grant.assurance.as_str()});
    let refused =
        |grant: &Grant| json!({"by": grant.by.id, "at": grant.at.to_string(), "rationale": grant.rationale});
    let mut granted: Vec<Value> = asked.into_iter().flat_map(|asked| &asked.granted).map(said).collect();
    let signed = spec.approved_by.iter().map(|by| by.value.to_string()).filter(|by| {
        let counted = asked.into_iter().flat_map(|asked| &asked.granted).any(|grant| *grant.by.id == **by);
        !counted && roster.is_some_and(|roster| exemption::is_signed(exemption, roster, by))
    });
    granted.extend(signed.map(|by| json!({"by": by, "assurance": "signed"})));
    let source = Source {
        kind: ordain_spec::kind::Kind::Policy,
        name: spec.exempts.policy.value.shared(),
        rule: Some(spec.exempts.rule.value.shared()),
    };
    let mut document = json!({
        "id": ApprovalId::of_exemption(&exemption.digest).as_str(),
        "subject": "exemption",
        "approval": exemption.metadata.name.value.as_str(),
        "stage": STAGE,
        "state": state.as_str(),
        "digest": exemption.digest.to_string(),
        "requester": spec.requested_by.value.to_string(),
        "needed": spec.approved_by.len(),
        "granted": granted,
        "eligible": eligible,
        "openedAt": spec.from.value.0.to_string(),
        "expiresAt": spec.expires.as_ref().map(|expires| expires.value.0.to_string()),
        "reasons": [crate::reason::Reason { source: Some(source), ..Code::ApprovalRequired.reason() }],
        "calls": [],
        "show": {
            "policy": spec.exempts.policy.value.as_str(),
            "rule": spec.exempts.rule.value.as_str(),
            "capabilities": spec.scope.capabilities.iter().map(|name| name.value.0.as_str()).collect::<Vec<_>>(),
            "actors": spec.scope.actors.iter().map(|actor| actor.value.0.to_string()).collect::<Vec<_>>(),
            "environments": spec.scope.environments.iter().map(|name| &*name.value.0).collect::<Vec<_>>(),
            "reason": spec.reason.as_ref().map(|reason| &*reason.value),
            "from": spec.from.value.0.to_string(),
            "until": spec.expires.as_ref().map(|expires| expires.value.0.to_string()),
        },
        "undo": [],
        "rejections": asked.iter().filter_map(|asked| asked.rejected.as_ref()).map(refused).collect::<Vec<_>>(),
    });
    if let (Some(risk), Some(fields)) = (risk(exemption, world), document.as_object_mut()) {
        fields.insert("risk".into(), json!(risk));
    }
    document
}

/// The highest risk of what it is for.
fn risk(exemption: &Exemption, world: &World) -> Option<&'static str> {
    let catalogue = &world.active.as_ref()?.catalogue;
    let named = exemption.spec.scope.capabilities.iter().map(|name| &name.value.0);
    let releases = named.filter_map(|name| catalogue.capabilities.get(name)).flat_map(|all| all.values());
    let risks = releases.filter_map(|capability| capability.metadata.risk.as_ref());
    risks.map(|risk| risk.value).max().map(|risk| risk.as_str())
}
