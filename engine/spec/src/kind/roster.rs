//! Roster: people, groups, roles.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::field::Named;
use crate::kind::scalar::{Principal, Prose};

record! {
    /// Who is who.
    pub struct RosterSpec {
        /// By name ([`crate::kind::scalar::Name`]).
        pub people: Named<Person>,
        /// By name.
        pub groups: Named<Group> = Named::default(),
        /// By name. The rights `viewer operator reviewer auditor admin` are roles; further names are the author's.
        pub roles: Named<Vec<Spanned<Principal>>> = Named::default(),
        /// Single sign-on.
        pub identity: Option<Identity> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

record! {
    /// Somebody, or something that acts.
    pub struct Person keyed Name {
        /// What it is.
        pub type_: Spanned<ActorType>,
        /// Mandatory for humans.
        pub email: Option<Spanned<Arc<str>>> = None,
        /// Name of the operating system's user.
        pub login: Option<Spanned<Arc<str>>> = None,
        /// `ed25519:` and base64 of the public key.
        pub key: Option<Spanned<Arc<str>>> = None,
        /// Subject of the identity provider.
        pub subject: Option<Spanned<Arc<str>>> = None,
        /// The people who hold its credentials or direct it; mandatory for services and agents.
        pub custodians: Vec<Spanned<Principal>> = Vec::new(),
        /// For whom an agent acts.
        pub on_behalf_of: Option<Spanned<Principal>> = None,
    }
}

closed! {
    /// What an actor is. `system` is the engine itself and stands in no roster.
    pub enum ActorType {
        /// A person.
        Human = "human",
        /// A program with an identity.
        Service = "service",
        /// A program that decides for itself what to ask for.
        Agent = "agent",
        /// The engine itself.
        System = "system",
    }
}

/// A group: its members, or a promise about one that another system keeps.
#[derive(Debug, Clone, PartialEq)]
pub enum Group {
    /// Members by name.
    Members(Vec<Spanned<Principal>>),
    /// `{external: true, atLeast: n}`
    External(ExternalGroup),
}

record! {
    /// A group that the identity provider keeps.
    pub struct ExternalGroup {
        /// Always true.
        pub external: Spanned<bool>,
        /// How many people it has at least.
        pub at_least: Spanned<u64>,
    }
}

record! {
    /// Single sign-on (OIDC).
    pub struct Identity {
        /// URL of the issuer.
        pub issuer: Spanned<Arc<str>>,
        /// Audience of the tokens.
        pub audience: Spanned<Arc<str>>,
        /// The claim that lists groups.
        pub groups_claim: Spanned<Arc<str>>,
    }
}
