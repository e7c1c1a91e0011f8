//! Who puts a copy of the store back. In profile `prod` that is a person with `role:admin`, by a signature with their
//! key over the copy and what it replaces: local verbs know nobody there. What stands in a store about that is believed
//! only where the signature holds. Decides; changes nothing.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use ordain_kernel::actor::{Actor, belongs};
use ordain_kernel::approval::{Restoration, SignedRestoration, verify_bytes};
use ordain_kernel::run::system::SystemEvent;
use ordain_spec::kind::Roster;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Principal;
use ordain_spec::kind::workspace::Profile;

use crate::api::{ApiError, Caller};
use crate::keys::Key;
use crate::seal::{self, Seal};
use crate::store::read::Reader;
use crate::workspace::Opened;
use crate::{identity, stance};

/// Somebody who may put a copy back.
pub struct Restorer<'k> {
    by: Actor,
    key: Option<&'k Key>,
}

impl<'k> Restorer<'k> {
    /// Who it is: with a key the person whose it is, else a person of the roster; in profile `dev` whoever has the
    /// files, where nobody is named. What takes records out of the log is for `role:admin`, as erasing is.
    ///
    /// # Errors
    /// When nobody is named, it is not their key, or they may not.
    pub async fn of(
        workspace: &Opened,
        discard_newer: bool,
        caller: &Caller,
        key: Option<&'k Key>,
    ) -> Result<Self, ApiError> {
        let profile = workspace.profile();
        let catalogue = workspace.active.as_ref().map(|active| &active.catalogue);
        let Some(roster) = catalogue.and_then(|catalogue| catalogue.roster.as_ref()) else {
            if profile == Profile::Prod || key.is_some() {
                let message = "the catalogue does not load: nobody can be named";
                return Err(ApiError::new("catalogue_refused", message)
                    .hint("`ordain lint` shows what is wrong and where"));
            }
            return Ok(Self { by: Actor::system(), key });
        };
        if let Some(key) = key {
            is_sealed(workspace).await?;
            let by = owner(roster, caller, key)?;
            let by = if discard_newer || profile == Profile::Prod { admin(roster, by)? } else { by };
            return Ok(Self { by, key: Some(key) });
        }
        let by = match identity::acting(&roster.spec, profile, caller) {
            Ok(acting) if discard_newer => admin(roster, acting.actor)?,
            Ok(acting) => acting.actor,
            Err(_) if profile == Profile::Dev && caller.acting_as.is_none() && !discard_newer => {
                Actor::system()
            }
            Err(error) if profile == Profile::Prod => {
                return Err(error.hint("sign with the key of a person with role:admin: `--key FILE`"));
            }
            Err(error) => return Err(error),
        };
        Ok(Self { by, key })
    }

    /// That it is done, signed where there is a key.
    pub fn event(self, restoration: Restoration) -> SystemEvent {
        let Restoration { head: from, records, replaced, .. } = restoration;
        let statement = Restoration { by: self.by.id.clone(), ..restoration };
        let signed = self.key.map(|key| {
            let signature = key.sign(&statement.bytes());
            Box::new(SignedRestoration { statement, signature })
        });
        SystemEvent::Restored { from, records, replaced, by: self.by, signed }
    }
}

/// Nobody is known by a roster that anybody can write.
async fn is_sealed(workspace: &Opened) -> Result<(), ApiError> {
    // Of a store that cannot be read nobody knows what was active.
    let newest = seal::newest(workspace).await.ok().flatten();
    let Seal { refusal, way_out, .. } = Seal::of(workspace, workspace.profile(), Timestamp::now(), newest);
    let Some(reason) = refusal else { return Ok(()) };
    Err(ApiError::new(reason.code.as_str(), reason.detail.unwrap_or_default()).hint(way_out))
}

/// The person whose key it is; the one that `--as` names, where somebody is named.
fn owner(roster: &Roster, caller: &Caller, key: &Key) -> Result<Actor, ApiError> {
    let public = key.public();
    let named = caller.acting_as.as_deref();
    let mut owners = roster.spec.people.iter().filter(|(name, person)| {
        person.type_.value == ActorType::Human
            && person.key.as_ref().is_some_and(|known| *known.value == *public)
            && named.is_none_or(|named| *named == format!("user:{name}"))
    });
    let owner = owners.next().map(|(name, person)| identity::actor(name, person));
    owner.ok_or_else(|| {
        ApiError::new("interactive_required", "the key is not that of a person of the roster")
            .hint("sign with the key whose public half stands in the roster (`people.<name>.key`)")
    })
}

fn admin(roster: &Roster, by: Actor) -> Result<Actor, ApiError> {
    let is = |role: &Principal| belongs(roster, &by.id, &BTreeSet::new(), role);
    if Principal::new("role:admin").as_ref().is_some_and(is) {
        return Ok(by);
    }
    Err(ApiError::new("not_permitted", format!("`{}` is not role:admin", by.id)).hint(
        "nothing was replaced; only `role:admin` takes records out of the log, or puts a copy back in `prod`",
    ))
}

/// A store that was opened in `prod`, or a copy of one, is put back as `prod` asks: a slip or a hand in the operator's
/// file makes nothing weaker.
///
/// # Errors
/// When the workspace says `dev` and one of the stores says `prod`.
pub async fn as_strict(workspace: &Opened, stores: [&Path; 2]) -> Result<(), ApiError> {
    if workspace.profile() == Profile::Prod {
        return Ok(());
    }
    for store in stores.into_iter().filter(|store| store.exists()) {
        // One that cannot be read, or was changed, says nothing.
        let Ok(reader) = Reader::open(store, None) else { continue };
        if let Ok(Ok(stance)) = stance::of(&reader).await
            && stance.profile == Profile::Prod
        {
            return Err(ApiError::new(
                "profile_downgrade",
                "the store, or the copy, was opened in profile `prod` and refuses `dev`",
            )
            .hint("nothing was replaced; set `profile: prod` in ordain.yaml again"));
        }
    }
    Ok(())
}

/// What a store says of how it was put back, as far as it is believed: in `prod` a person is named only where their
/// key signed.
#[must_use]
pub fn believed(event: SystemEvent, profile: Profile, roster: Option<&Roster>) -> SystemEvent {
    let SystemEvent::Restored { from, records, replaced, by, signed } = event else { return event };
    let holds = signed.as_ref().is_some_and(|signed| {
        let SignedRestoration { statement, signature } = &**signed;
        let said = (statement.head, statement.records, statement.replaced, &statement.by);
        let key = roster.and_then(|roster| {
            let person = roster.spec.people.get(by.id.strip_prefix("user:")?)?;
            Some(person.key.as_ref()?.value.to_string())
        });
        said == (from, records, replaced, &by.id)
            && key.is_some_and(|key| verify_bytes(&key, &statement.bytes(), signature).is_ok())
    });
    let signed = signed.filter(|_| holds);
    let by = if holds || profile == Profile::Dev { by } else { Actor::system() };
    SystemEvent::Restored { from, records, replaced, by, signed }
}
