//! Ingress: what a request must carry to come in, and how often it may come.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::kind::field::Named;
use crate::kind::scalar::{DurationMs, Mode, Name, Prose};

record! {
    /// What requests on these routes must carry. Several that cover a route must all be met: a further one
    /// can narrow, never widen.
    pub struct IngressSpec {
        /// The routes.
        pub routes: Vec<Spanned<Route>>,
        /// Of requests that start or change runs of these modes.
        pub modes: Vec<Spanned<Mode>> = vec![Spanned::nowhere(Mode::Mock), Spanned::nowhere(Mode::Live)],
        /// Headers that must be there once each, with what they may say, by name.
        pub headers: Named<HeaderRule> = Named::default(),
        /// How a request proves that it is whole, fresh and its sender's; not asked for when left out.
        pub signature: Option<RequestSignature> = None,
        /// How often; each refuses what comes beyond it (429, `rate_limited`).
        pub quotas: Vec<RequestQuota>,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// A group of routes of `/v1`.
    pub enum Route {
        /// Starting runs: `POST /runs`.
        Runs = "runs",
        /// Cancelling, pausing, resuming and resolving runs.
        Control = "control",
        /// Signals: `POST /runs/{id}/signals/{name}`.
        Signals = "signals",
        /// Decisions about approvals.
        Approvals = "approvals",
        /// Questions to policies: `POST /policy/authorize`.
        Authorize = "authorize",
        /// Previews, approvals and files of exports.
        Exports = "exports",
        /// Setting and lifting kill switches.
        KillSwitches = "kill-switches",
        /// Webhooks: `POST /hooks/{name}`.
        Hooks = "hooks",
        /// Whatever only reads.
        Reads = "reads",
    }
}

record! {
    /// What a header may say: exactly one of these.
    pub struct HeaderRule {
        /// The only values there are.
        pub values: Option<Spanned<Vec<Spanned<Arc<str>>>>> = None,
        /// RE2 without look-around; always matches the whole value.
        pub pattern: Option<Spanned<Arc<str>>> = None,
    }
}

record! {
    /// A signature over method, path, every header of `headers`, the digest of the body, time and nonce.
    pub struct RequestSignature {
        /// Whose key.
        pub key: Spanned<SignatureKey>,
        /// How far the sender's clock may be off; at most 5m. A nonce is remembered for twice as long.
        pub skew: Spanned<DurationMs>,
        /// Nonces remembered at once; a full table refuses.
        pub max_nonces: Spanned<u64> = Spanned::nowhere(100_000),
        /// The header with the signature.
        pub header: Spanned<Arc<str>> = Spanned::nowhere("X-Ordain-Signature".into()),
        /// The header with the time, in RFC 3339.
        pub timestamp: Spanned<Arc<str>> = Spanned::nowhere("X-Ordain-Timestamp".into()),
        /// The header with the nonce.
        pub nonce: Spanned<Arc<str>> = Spanned::nowhere("X-Ordain-Nonce".into()),
    }
}

/// Whose key a request is signed with: `roster`, or `{secret: name}`.
#[derive(Debug, Clone, PartialEq)]
pub enum SignatureKey {
    /// The Ed25519 key that the roster has for whoever asks.
    Roster,
    /// HMAC-SHA-256 with a shared secret.
    Secret(Spanned<Name>),
}

record! {
    /// How often requests may come.
    pub struct RequestQuota {
        /// One counter per …
        pub per: Spanned<RequestPer>,
        /// Requests within the window.
        pub limit: Spanned<u64>,
        /// Length of the sliding window; at most a day.
        pub window: Spanned<DurationMs>,
    }
}

closed! {
    /// What requests are counted for.
    pub enum RequestPer {
        /// Whoever asks.
        Principal = "principal",
        /// Each route.
        Route = "route",
        /// The tenant.
        Tenant = "tenant",
    }
}
