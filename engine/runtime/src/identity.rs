//! Who acts. In profile `dev` the login is the person of the roster whose `login` it is, and `--as` may
//! name somebody else, which is asserted; in `prod` nothing is asserted. Fails closed: without a person
//! nothing changes.

use ordain_kernel::actor::Actor;
use ordain_spec::kind::roster::{Person, RosterSpec};
use ordain_spec::kind::scalar::Principal;
use ordain_spec::kind::scenario::Assurance;
use ordain_spec::kind::workspace::Profile;

use crate::api::{ApiError, Caller};

/// An acting principal and how sure the engine is that it is its own act.
#[derive(Debug, Clone, PartialEq)]
pub struct Acting {
    /// Who.
    pub actor: Actor,
    /// How sure.
    pub assurance: Assurance,
}

/// Who the caller is.
///
/// # Errors
/// `unauthenticated` where nobody is named, the name is not in the roster, or the profile is `prod`.
pub fn acting(roster: &RosterSpec, profile: Profile, caller: &Caller) -> Result<Acting, ApiError> {
    if profile == Profile::Prod {
        return Err(ApiError::new(
            "unauthenticated",
            "in profile `prod` a local verb does not say who you are",
        )
        .hint("sign the decision with your key (`--key FILE`), or use a token (`ORDAIN_TOKEN`)"));
    }
    let by_login = caller.login.as_deref().and_then(|login| person_of_login(roster, login));
    let Some(named) = &caller.acting_as else {
        let (name, person) = by_login.ok_or_else(|| nobody(caller))?;
        return Ok(Acting { actor: actor(name, person), assurance: Assurance::Session });
    };
    let (name, person) = person_named(roster, named)?;
    let own = by_login.is_some_and(|(login_name, _)| login_name == name);
    let assurance = if own { Assurance::Session } else { Assurance::Asserted };
    Ok(Acting { actor: actor(name, person), assurance })
}

/// The person that `--as` names, without asking who the caller is: for decisions that are signed.
///
/// # Errors
/// `unauthenticated` where the name is not in the roster.
pub fn person_named<'a>(roster: &'a RosterSpec, named: &str) -> Result<(&'a str, &'a Person), ApiError> {
    let unknown = || {
        ApiError::new("unauthenticated", format!("`{named}` is nobody of the roster"))
            .hint("name a person of the roster: `--as user:NAME`")
    };
    let Some(Principal::User(name)) = Principal::new(named) else { return Err(unknown()) };
    let (name, entry) = roster.people.0.get_key_value(name.as_str()).ok_or_else(unknown)?;
    Ok((name, &entry.value))
}

/// The person who signs where no `--as` says who: whose login it is. The signature is what counts.
///
/// # Errors
/// `unauthenticated` where nobody of the roster has that login.
pub fn signer(roster: &RosterSpec, caller: &Caller) -> Result<String, ApiError> {
    let own = caller.login.as_deref().and_then(|login| person_of_login(roster, login));
    own.map(|(name, _)| format!("user:{name}")).ok_or_else(|| nobody(caller))
}

/// An actor of the roster.
#[must_use]
pub fn actor(name: &str, person: &Person) -> Actor {
    Actor {
        id: format!("user:{name}").into(),
        type_: person.type_.value,
        on_behalf_of: person.on_behalf_of.as_ref().map(|owner| owner.value.to_string().into()),
    }
}

fn person_of_login<'a>(roster: &'a RosterSpec, login: &str) -> Option<(&'a str, &'a Person)> {
    let mut found = roster
        .people
        .iter()
        .filter(|(_, person)| person.login.as_ref().is_some_and(|own| &*own.value == login))
        .map(|(name, person)| (&**name, person));
    let first = found.next();
    // Two people with one login are nobody in particular.
    if found.next().is_some() { None } else { first }
}

fn nobody(caller: &Caller) -> ApiError {
    let login = caller.login.as_deref().unwrap_or("unknown");
    ApiError::new("unauthenticated", format!("the login `{login}` is nobody of the roster"))
        .hint("say who acts with `--as user:NAME`, or give a person of the roster `login: …`")
}
