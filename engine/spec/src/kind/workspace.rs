//! Workspace: the operator's file, `ordain.yaml`. Never part of a catalogue.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::Expr;
use crate::kind::connector::Network;
use crate::kind::field::Named;
use crate::kind::scalar::Slug;

record! {
    /// Where and with which keys; all that a spec cannot say.
    pub struct WorkspaceSpec {
        /// Folders of the catalogue, or `std`.
        pub catalogue: Vec<Spanned<Arc<str>>> = vec![Spanned::nowhere("specs".into())],
        /// A fact of runs.
        pub environment: Spanned<Arc<str>> = Spanned::nowhere("local".into()),
        /// How strict the engine is.
        pub profile: Spanned<Profile> = Spanned::nowhere(Profile::Dev),
        /// What specs name by `{setting: …}`.
        pub settings: Named<Spanned<Arc<str>>> = Named::default(),
        /// What each connector is granted, by its name.
        pub connections: Named<Connection> = Named::default(),
        /// Where secrets come from.
        pub secrets: Option<Secrets> = None,
        /// Keys whose signatures count.
        pub trust: Vec<TrustedKey> = Vec::new(),
        /// What lint makes of weights.
        pub lint: LintSettings = LintSettings::standard(),
        /// The author's own rules over the resolved catalogue.
        pub invariants: Vec<Invariant> = Vec::new(),
    }
}

closed! {
    /// How strict the engine is.
    pub enum Profile {
        /// For trying out.
        Dev = "dev",
        /// For real.
        Prod = "prod",
    }
}

record! {
    /// What a connector is granted.
    pub struct Connection {
        /// `host` or `host:port`.
        pub hosts: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Secrets by name.
        pub secrets: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Private networks (CIDR), also needed for loopback.
        pub allow_private: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Programs: path → `any` or a SHA-256 in hex.
        pub programs: Named<Spanned<Arc<str>>> = Named::default(),
        /// Folders with all below.
        pub read: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// Folders with all below.
        pub write: Vec<Spanned<Arc<str>>> = Vec::new(),
        /// What programs may reach.
        pub network: Spanned<Network> = Spanned::nowhere(Network::None),
    }
}

record! {
    /// Where secrets come from.
    pub struct Secrets {
        /// How.
        pub provider: Spanned<SecretProvider>,
        /// `env`: before the name in capitals.
        pub prefix: Option<Spanned<Arc<str>>> = None,
        /// `file`: the folder.
        pub dir: Option<Spanned<Arc<str>>> = None,
        /// `command`: the program.
        pub program: Option<Spanned<Arc<str>>> = None,
        /// `command`: its first arguments; the name comes last.
        pub args: Vec<Spanned<Arc<str>>> = Vec::new(),
    }
}

closed! {
    /// How secrets are fetched.
    pub enum SecretProvider {
        /// Environment variables.
        Env = "env",
        /// Files of a folder.
        File = "file",
        /// A program's output.
        Command = "command",
    }
}

record! {
    /// A key whose signatures count.
    pub struct TrustedKey {
        /// Its name.
        pub id: Spanned<Arc<str>>,
        /// `ed25519:` and base64.
        pub key: Spanned<Arc<str>>,
    }
}

record! {
    /// What lint makes of weights.
    pub struct LintSettings {
        /// Levels or slugs that block.
        pub deny: Vec<Spanned<Arc<str>>> = Vec::new(),
    }
}

impl LintSettings {
    /// Nothing said.
    #[must_use]
    pub const fn standard() -> Self {
        Self { deny: Vec::new(), span: crate::source::Span::nowhere() }
    }
}

record! {
    /// A rule of the author's own, reported under `x-<id>`.
    pub struct Invariant {
        /// Its name.
        pub id: Spanned<Slug>,
        /// Over `catalogue`; must be true.
        pub expr: Expr,
        /// For people.
        pub message: Option<crate::kind::scalar::Prose> = None,
    }
}
