//! Who acts, and whom the roster says they are. Membership is always asked of the roster at hand; nothing is
//! remembered, and somebody who is in no roster belongs to nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::kind::Roster;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Principal;
use serde::{Deserialize, Serialize};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// `user:alice`, or `system`.
    pub id: Arc<str>,
    /// What it is.
    #[serde(rename = "type")]
    pub type_: ActorType,
    /// For whom an agent acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Arc<str>>,
}

/// Groups that the identity provider claimed for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Names of groups.
    pub groups: BTreeSet<Arc<str>>,
    /// When they were claimed.
    pub at: Timestamp,
}

/// How old claims may be.
pub const CLAIMS_MAX_AGE_MS: i64 = 12 * 3_600_000;

impl Claims {
    /// Their groups, as long as they are not too old; clocks that went back make them too old as well.
    #[must_use]
    pub fn fresh(&self, now: Timestamp) -> Option<&BTreeSet<Arc<str>>> {
        let age = now.as_millisecond().saturating_sub(self.at.as_millisecond());
        (0..=CLAIMS_MAX_AGE_MS).contains(&age).then_some(&self.groups)
    }
}

impl Actor {
    /// The engine itself.
    #[must_use]
    pub fn system() -> Self {
        Self { id: "system".into(), type_: ActorType::System, on_behalf_of: None }
    }

    /// Somebody of the roster: `user:alice`.
    #[must_use]
    pub fn of(roster: &Roster, id: &str) -> Option<Self> {
        let person = person(roster, id)?;
        Some(Self {
            id: id.into(),
            type_: person.type_.value,
            on_behalf_of: person.on_behalf_of.as_ref().map(|of| of.value.to_string().into()),
        })
    }

    /// The name without `user:`; empty for the engine itself.
    #[must_use]
    pub fn name(&self) -> &str {
        self.id.strip_prefix("user:").unwrap_or_default()
    }

    /// For whom it acts in the end: `onBehalfOf`, or itself.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.on_behalf_of.as_deref().unwrap_or(&self.id)
    }
}

pub use ordain_spec::check::people::{belongs, person, principals};

/// The humans whom the principals name, through groups and roles: `user:alice`. Members of external groups
/// are known by their claims only and are not among them.
#[must_use]
pub fn humans<'p>(
    roster: &Roster,
    principals: impl IntoIterator<Item = &'p Principal>,
) -> BTreeSet<Arc<str>> {
    let names = ordain_spec::check::people::humans(roster, principals).into_iter();
    names.map(|name| format!("user:{name}").into()).collect()
}
