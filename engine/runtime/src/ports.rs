//! What the driver and the connectors say to each other: resolved calls without templates, raw replies, outcomes.
//!
//! Plain data and one small trait. Nothing here opens a socket, starts a program or reads a secret's value; a call
//! names its secrets, the connector fetches them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::connector::breaker::BreakerLimits;
use crate::permit::Permit;

/// A boxed future, so that ports can be trait objects.
pub type Later<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Reason codes that connectors give.
pub mod code {
    /// No answer in time.
    pub const CONNECTOR_TIMEOUT: &str = "connector_timeout";
    /// The other side, or the guard before it, said no.
    pub const CONNECTOR_REFUSED: &str = "connector_refused";
    /// The breaker is open.
    pub const BREAKER_OPEN: &str = "breaker_open";
    /// A computed argument may not stand where it stands.
    pub const ARGUMENT_REFUSED: &str = "argument_refused";
    /// Sent, but not known what came of it.
    pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";
    /// The answer does not fit the declared output.
    pub const OUTPUT_INVALID: &str = "output_invalid";
    /// A connection, setting, secret or grant is missing.
    pub const CONNECTION_MISSING: &str = "connection_missing";
    /// A live call of something that only has declared answers.
    pub const MODE_NOT_ALLOWED: &str = "mode_not_allowed";
    /// Cancelled before anything was sent.
    pub const CANCELLED: &str = "cancelled";
    /// A write operation on a connector that only reads.
    pub const READ_ONLY_CONNECTOR: &str = "read_only_connector";
    /// An expression of the operation has no value.
    pub const EXPRESSION_ERROR: &str = "expression_error";
    /// Ours.
    pub const SYSTEM_FAULT: &str = "system_fault";
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Done, with the operation's output.
    Succeeded {
        /// The declared output.
        output: Map<String, Value>,
        /// What should be known beside it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
    },
    /// The answer was no; nothing happened.
    Refused {
        /// Reason code.
        code: String,
        /// For people; secrets masked.
        detail: String,
        /// May be tried again.
        retryable: bool,
        /// Not before this many milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
    /// Sent, but no complete valid answer came.
    Unknown {
        /// Reason code.
        code: String,
        /// For people; secrets masked.
        detail: String,
    },
}

/// What an operation changes outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Nothing.
    Read,
    /// Something that can be undone or repeated.
    Write,
    /// Something that cannot.
    Irreversible,
}

/// Whether an effect may reach the other side twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeat {
    /// By key or by nature: twice is once.
    Safe,
    /// `idempotency: none`.
    Never,
}

/// How a reply is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The capability's effect.
    pub effect: Effect,
    /// The capability's idempotency.
    pub repeat: Repeat,
    /// Status or exit codes that mean success.
    pub success: Vec<i64>,
    /// Status or exit codes of a refusal that may be tried again.
    pub retryable: Vec<i64>,
}

/// A resolved call: no template, no setting left.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedCall {
    /// The connector's name, under which its breaker is kept.
    pub connector: String,
    /// When the connector stops trying.
    pub breaker: BreakerLimits,
    /// How the reply is judged.
    pub terms: Terms,
    /// What to do.
    pub target: Target,
}

/// What a call does.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An HTTP request.
    Http(Box<HttpCall>),
    /// A program.
    Exec(Box<ExecCall>),
    /// A connector of type `mock`: never called live.
    Mock,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    /// `https://host[:port][/path]`; plain http only to loopback.
    pub base_url: String,
    /// The method, in capitals.
    pub method: String,
    /// The path below the base URL, every segment already encoded ([`crate::connector::http::encode_segment`]).
    pub segments: Vec<String>,
    /// Query parameters, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: HttpBody,
    /// How it proves itself.
    pub auth: HttpAuth,
    /// What the workspace grants.
    pub grant: HostGrant,
    /// Limit of the attempt.
    pub timeout_ms: u64,
    /// Bound of the reply's body, in bytes.
    pub max_response: u64,
}

/// The body of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpBody {
    /// None.
    Empty,
    /// JSON.
    Json(Value),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
}

/// How an HTTP call proves itself; secrets by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpAuth {
    /// Not at all.
    None,
    /// `Authorization: Bearer …`
    Bearer {
        /// The secret's name.
        secret: String,
    },
    /// HTTP basic authentication.
    Basic {
        /// The user name.
        user: String,
        /// The password's name.
        secret: String,
    },
    /// A header that holds the secret.
    Header {
        /// The header.
        header: String,
        /// The secret's name.
        secret: String,
    },
}

/// Where an HTTP connector may speak to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostGrant {
    /// `host` (on whatever port) or `host:port`.
    pub hosts: Vec<String>,
    /// Private networks, also needed for loopback.
    pub allow_private: Vec<ipnet::IpNet>,
    /// Secrets by name.
    pub secrets: Vec<String>,
}

/// One argument of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecArg {
    /// The text.
    pub text: String,
    /// Some of it was computed.
    pub computed: bool,
    /// It begins with something computed.
    pub begins_computed: bool,
}

impl ExecArg {
    /// An argument that stands in the spec as it is.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self { text: text.into(), computed: false, begins_computed: false }
    }

    /// An argument that was computed as a whole.
    #[must_use]
    pub fn computed(text: impl Into<String>) -> Self {
        Self { text: text.into(), computed: true, begins_computed: true }
    }
}

/// A value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvText {
    /// A text.
    Plain(String),
    /// A secret, by name.
    Secret(String),
}

/// How a program's standard output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdout {
    /// As JSON.
    Json,
    /// As text.
    Text,
    /// Not at all.
    None,
}

/// Which file a program may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// Whatever stands at its path.
    Any,
    /// Only this content, SHA-256 in small hex.
    Sha256(String),
}

/// A program to run.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecCall {
    /// Absolute path.
    pub program: PathBuf,
    /// Which file it may be.
    pub pin: Pin,
    /// Its arguments, never a shell's.
    pub args: Vec<ExecArg>,
    /// Its whole environment.
    pub env: BTreeMap<String, EnvText>,
    /// Names of secrets that the workspace grants.
    pub secrets: Vec<String>,
    /// Its working folder; the root when left out.
    pub cwd: Option<PathBuf>,
    /// What it reads.
    pub stdin: Option<Value>,
    /// Folders it may read (already cut down to the grant, see [`crate::connector::exec::intersect`]).
    pub read: Vec<PathBuf>,
    /// Folders it may write.
    pub write: Vec<PathBuf>,
    /// May it reach what the machine reaches.
    pub network: Network,
    /// How its output is read.
    pub stdout: Stdout,
    /// Limit of the attempt.
    pub timeout_ms: u64,
    /// Bound of its output, in bytes.
    pub max_output: u64,
}

/// What a program may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Nothing.
    None,
    /// What the machine reaches.
    Host,
}

/// Why there is no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The call itself may not be made (grant, address, header, path).
    Refused,
    /// A computed argument stands where it may not.
    Argument,
    /// A secret or grant is missing.
    Missing,
    /// The other side could not be reached.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Cut off, or not the protocol.
    Broken,
    /// More than the declared bound.
    TooLarge,
    /// Cancelled.
    Cancelled,
    /// Only declared answers exist.
    Mode,
    /// The breaker is open.
    Breaker,
    /// Ours.
    System,
}

/// Why there is no complete answer, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which.
    pub kind: FaultKind,
    /// For people; secrets masked.
    pub detail: String,
}

/// What came back, before it is judged. Secrets are masked in all of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RawReply {
    /// Something may have reached the other side.
    pub sent: bool,
    /// http: the status.
    pub status: Option<u16>,
    /// exec: the exit code.
    pub exit_code: Option<i32>,
    /// http: headers, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body or output, where it is text.
    pub text: Option<String>,
    /// The body or output, where it is JSON.
    pub json: Option<Value>,
    /// Why it is no JSON, without the text itself.
    pub no_json: Option<String>,
    /// What the other side asked to wait.
    pub retry_after_ms: Option<u64>,
    /// Why it is not complete.
    pub fault: Option<Fault>,
    /// For people: what a program said on its standard error.
    pub said: String,
    /// What should be known beside it, as what the machine did not enforce.
    pub warnings: Vec<String>,
}

impl RawReply {
    /// A reply that never was: nothing left this machine.
    #[must_use]
    pub fn unsent(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { fault: Some(Fault { kind, detail: detail.into() }), ..Self::default() }
    }

    /// The fact `response` of an operation's `output`: `status headers json text exitCode`, present where they are.
    #[must_use]
    pub fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        if let Some(status) = self.status {
            facts.insert("status".into(), status.into());
            let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into()));
            facts.insert("headers".into(), Value::Object(headers.collect()));
        }
        if let Some(code) = self.exit_code {
            facts.insert("exitCode".into(), code.into());
        }
        if let Some(text) = &self.text {
            facts.insert("text".into(), text.clone().into());
        }
        if let Some(json) = &self.json {
            facts.insert("json".into(), json.clone());
        }
        facts
    }
}

/// Something outside that can be called, with a permit.
pub trait Connector: Send + Sync {
    /// Makes the call. Always ends: at the call's timeout, the permit's deadline or the cancel at the latest.
    fn call<'a>(&'a self, permit: Permit, call: PreparedCall, cancel: Cancel) -> Later<'a, RawReply>;
}

/// Turns names into addresses. Injected, so that tests can answer differently the second time.
pub trait Resolve: Send + Sync {
    /// All addresses of a host.
    fn addresses<'a>(&'a self, host: &'a str) -> Later<'a, std::io::Result<Vec<std::net::IpAddr>>>;
}

/// Who can cancel a call.
#[derive(Debug)]
pub struct CancelSwitch(watch::Sender<bool>);

/// Tells a call that it is over.
#[derive(Debug, Clone)]
pub struct Cancel(watch::Receiver<bool>);

impl CancelSwitch {
    /// A switch and what it switches.
    #[must_use]
    pub fn new() -> (Self, Cancel) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancel(receiver))
    }

    /// Cancels; calls that have ended are not touched.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Never cancelled.
    #[must_use]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Waits until it is cancelled; for ever where nobody can.
    pub async fn cancelled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Is it?
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }
}
