//! Connector: how actions are carried out.

use std::sync::Arc;

use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::field::Named;
use crate::kind::scalar::{DurationMs, Effect, Name, Prose, Sensitivity, SizeBytes, Slug};

record! {
    /// A way to the outside and its operations.
    pub struct ConnectorSpec {
        /// What it is.
        pub type_: Spanned<ConnectorType>,
        /// The most its operations may change.
        pub access: Spanned<Access> = Spanned::nowhere(Access::Read),
        /// The most sensitive value it may be given.
        pub clearance: Spanned<Sensitivity> = Spanned::nowhere(Sensitivity::Internal),
        /// Of type `http`.
        pub http: Option<HttpSpec> = None,
        /// Of type `exec`.
        pub exec: Option<ExecSpec> = None,
        /// When it stops trying for a while.
        pub breaker: Breaker = Breaker::standard(),
        /// What it can do, by name ([`Slug`]).
        pub operations: Named<Operation>,
        /// How its health is seen.
        pub health: Option<Health> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// Types of connectors.
    pub enum ConnectorType {
        /// HTTP requests.
        Http = "http",
        /// Programs.
        Exec = "exec",
        /// Declared answers only.
        Mock = "mock",
    }
}

closed! {
    /// The most a connector may change.
    pub enum Access {
        /// Nothing.
        Read = "read",
        /// What its operations declare.
        Write = "write",
    }
}

/// A text written in the spec, or the operator's setting of that name.
#[derive(Debug, Clone, PartialEq)]
pub enum Settable {
    /// Written here.
    Literal(Spanned<Arc<str>>),
    /// `{setting: name}`
    Setting(Spanned<Name>),
}

record! {
    /// Where an HTTP connector speaks to.
    pub struct HttpSpec {
        /// https, or http to loopback; never computed.
        pub base_url: Settable,
        /// How it proves itself.
        pub auth: Option<HttpAuth> = None,
    }
}

record! {
    /// How an HTTP connector proves itself: one of these.
    pub struct HttpAuth {
        /// `Authorization: Bearer …`
        pub bearer: Option<SecretRef> = None,
        /// HTTP basic authentication.
        pub basic: Option<BasicAuth> = None,
        /// A header that holds the secret.
        pub header: Option<HeaderAuth> = None,
    }
}

record! {
    /// A secret, by name.
    pub struct SecretRef {
        /// The name that the workspace's provider knows.
        pub secret: Spanned<Name>,
    }
}

record! {
    /// User name and password.
    pub struct BasicAuth {
        /// The user name.
        pub user: Spanned<Arc<str>>,
        /// The password, by name.
        pub secret: Spanned<Name>,
    }
}

record! {
    /// A secret in a header.
    pub struct HeaderAuth {
        /// The header.
        pub name: Spanned<Arc<str>>,
        /// Its value, by name.
        pub secret: Spanned<Name>,
    }
}

record! {
    /// The program of an exec connector and what it may touch.
    pub struct ExecSpec {
        /// Absolute path; never a shell.
        pub program: Settable,
        /// What it may reach.
        pub network: Spanned<Network> = Spanned::nowhere(Network::None),
        /// Folders and files it may read, with all below.
        pub read: Vec<Settable> = Vec::new(),
        /// Folders and files it may write, with all below.
        pub write: Vec<Settable> = Vec::new(),
        /// Working folder; the root when left out.
        pub cwd: Option<Settable> = None,
        /// Environment of every operation; empty otherwise.
        pub env: Named<EnvValue> = Named::default(),
    }
}

closed! {
    /// What a program may reach.
    pub enum Network {
        /// Nothing.
        None = "none",
        /// What the machine reaches.
        Host = "host",
    }
}

/// A value of an environment variable.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    /// A text, possibly with `${ … }`.
    Text(Arg),
    /// `{setting: name}`
    Setting(Spanned<Name>),
    /// `{secret: name}`
    Secret(Spanned<Name>),
}

record! {
    /// When a connector stops trying for a while.
    pub struct Breaker {
        /// Failures in a row that open it.
        pub failures: u64 = 5,
        /// First pause.
        pub backoff: DurationMs = DurationMs(1_000),
        /// Longest pause.
        pub max_backoff: DurationMs = DurationMs(60_000),
    }
}

impl Breaker {
    /// `{failures: 5, backoff: 1s, maxBackoff: 60s}`
    #[must_use]
    pub const fn standard() -> Self {
        Self {
            failures: 5,
            backoff: DurationMs(1_000),
            max_backoff: DurationMs(60_000),
            span: crate::source::Span::nowhere(),
        }
    }
}

record! {
    /// How the health of a connector is seen.
    pub struct Health {
        /// A read operation without input.
        pub operation: Spanned<Slug>,
        /// How often.
        pub every: Spanned<DurationMs>,
    }
}

record! {
    /// One thing a connector can do.
    pub struct Operation keyed Slug {
        /// What it changes outside; at most its capability's.
        pub effect: Spanned<Effect>,
        /// http: the method.
        pub method: Option<Spanned<Method>> = None,
        /// http: path below the base URL; parameters are encoded per segment.
        pub path: Option<Spanned<Arg>> = None,
        /// http: query parameters, encoded.
        pub query: Named<Arg> = Named::default(),
        /// http: headers.
        pub headers: Named<Arg> = Named::default(),
        /// http: the body.
        pub body: Option<Body> = None,
        /// exec: the arguments, never a shell.
        pub args: Option<Vec<Spanned<Arg>>> = None,
        /// exec: further environment.
        pub env: Named<EnvValue> = Named::default(),
        /// exec: what is written to its standard input.
        pub stdin: Option<Stdin> = None,
        /// exec: how its standard output is read (default `none`).
        pub stdout: Option<Spanned<Stdout>> = None,
        /// Status or exit codes that mean success. Default `[200]`, exec `[0]`.
        pub success: Option<Vec<Spanned<i64>>> = None,
        /// Status or exit codes of a refusal that may be tried again.
        pub retryable: Vec<Spanned<i64>> = Vec::new(),
        /// What it gives, over `input call run response`.
        pub output: Named<Expr> = Named::default(),
        /// Limit of one attempt; mandatory but in type `mock` (law `missing-timeout`).
        pub timeout: Option<Spanned<DurationMs>> = None,
        /// http: mandatory bound of the reply's body (law `unbounded-response`).
        pub max_response: Option<Spanned<SizeBytes>> = None,
        /// exec: mandatory bound of the output (law `unbounded-response`).
        pub max_output: Option<Spanned<SizeBytes>> = None,
        /// The declared answer of mock runs; its absence is the law `missing-mock`.
        pub mock: Option<Mock> = None,
        /// Why a method beyond GET and HEAD changes nothing.
        pub read_only: Option<Spanned<Prose>> = None,
        /// Makes a read operation a source of facts that age.
        pub fact: Option<FactSource> = None,
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// HTTP methods.
    pub enum Method {
        /// GET
        Get = "GET",
        /// HEAD
        Head = "HEAD",
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
        /// DELETE
        Delete = "DELETE",
    }
}

record! {
    /// The body of a request: one of these.
    pub struct Body {
        /// Sent as JSON.
        pub json: Option<Arg> = None,
        /// Sent as `application/x-www-form-urlencoded`.
        pub form: Option<Named<Arg>> = None,
    }
}

record! {
    /// What a program reads.
    pub struct Stdin {
        /// Sent as JSON.
        pub json: Arg,
    }
}

closed! {
    /// How a program's standard output is read.
    pub enum Stdout {
        /// As JSON.
        Json = "json",
        /// As text.
        Text = "text",
        /// Not at all.
        None = "none",
    }
}

record! {
    /// How long an observed fact holds.
    pub struct FactSource {
        /// Older at decision time denies.
        pub max_age: Spanned<DurationMs>,
    }
}

/// Declared answers: one, or several tried in order of which the last has no `when`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mock(pub Vec<MockAnswer>);

record! {
    /// One declared answer: `output` or `error`.
    pub struct MockAnswer {
        /// Over `input call`.
        pub when: Option<Expr> = None,
        /// What the operation gives.
        pub output: Option<Named<Arg>> = None,
        /// How it fails.
        pub error: Option<Spanned<MockError>> = None,
    }
}

closed! {
    /// How a declared answer fails.
    pub enum MockError {
        /// Refused, may be tried again.
        Retryable = "retryable",
        /// Refused.
        Permanent = "permanent",
        /// No answer.
        Timeout = "timeout",
    }
}
