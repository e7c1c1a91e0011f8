//! `ordain connector test NAME`: does a connector, as it is declared, hold what every connector must hold?
//!
//! Its operations are exercised against a scripted other side on this machine: a server on loopback that stays
//! silent, lies, refuses and echoes; small programs that do the same. The real other side is never spoken to, no real
//! secret is read and no template is rendered, so it needs no permit and has no effect outside.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use ordain_plan::ResolvedConnection;
use ordain_spec::kind::Connector as Declared;
use ordain_spec::kind::connector::{Access, ConnectorType, Operation};
use ordain_spec::kind::scalar;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::connector::exec::{Enforcement, ExecConnector};
use crate::connector::http::{HttpConnector, SystemResolver};
use crate::connector::reply::{Judgement, answered, judge, terms_of};
use crate::connector::sandbox::{SandboxLauncher, capabilities_of_machine};
use crate::ports::{
    Cancel, EnvText, ExecArg, ExecCall, FaultKind, HostGrant, HttpAuth, HttpBody, HttpCall, Later, Network,
    Outcome, Pin, RawReply, Stdout, Terms,
};
use crate::secret::Secret;
use crate::secrets::{SecretError, Secrets};

/// The name of the secret that the scripted other side is given.
const CANARY: &str = "harness-canary";

/// How long the scripted other side stays silent at most: the declared timeout, cut to this.
const PATIENCE: Duration = Duration::from_millis(400);

/// How much later than its timeout an attempt may end.
const GRACE: Duration = Duration::from_secs(10);

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which: `connection`, `health`, `timeout`, `bad-reply`, `auth-error`, `read-only`, `redaction`, `sandbox`.
    pub id: String,
    /// Does it hold?
    pub ok: bool,
    /// For people.
    pub detail: String,
}

/// What is tested.
pub struct Subject<'a> {
    /// The connector as declared.
    pub connector: &'a Declared,
    /// What the workspace grants it; nothing where only mock runs are possible.
    pub connection: Option<&'a ResolvedConnection>,
    /// How programs are started.
    pub launcher: SandboxLauncher,
    /// What happens where the machine cannot enforce what is declared.
    pub enforcement: Enforcement,
}

/// Tries everything and says what holds.
pub async fn examine(subject: &Subject<'_>) -> Vec<Check> {
    let mut checks = vec![connection(subject)];
    match subject.connector.spec.type_.value {
        ConnectorType::Http => match Http::new() {
            Ok(harness) => checks.extend(harness.examine(subject.connector).await),
            Err(detail) => checks.push(check("health", vec![detail], "")),
        },
        ConnectorType::Exec => {
            checks.extend(Exec::new(subject).examine(subject.connector).await);
            checks.push(sandbox(subject).await);
        }
        ConnectorType::Mock => {}
    }
    checks.push(read_only(subject.connector));
    checks
}

fn check(id: &str, faults: Vec<String>, good: impl Into<String>) -> Check {
    let ok = faults.is_empty();
    Check { id: id.to_owned(), ok, detail: if ok { good.into() } else { faults.join("; ") } }
}

/// Does the workspace grant it what a live call needs? Nothing is opened.
fn connection(subject: &Subject<'_>) -> Check {
    let kind = subject.connector.spec.type_.value;
    let Some(connection) = subject.connection else {
        let faults = if kind == ConnectorType::Mock {
            Vec::new()
        } else {
            vec!["the workspace has no connection of this name: mock runs only".to_owned()]
        };
        return check("connection", faults, "a connector of type `mock` needs none");
    };
    let mut faults = Vec::new();
    for program in connection.grants.programs.keys() {
        if kind == ConnectorType::Exec && !Path::new(&**program).is_file() {
            faults.push(format!("program `{program}` is not there"));
        }
    }
    check("connection", faults, "granted by the workspace")
}

async fn sandbox(subject: &Subject<'_>) -> Check {
    let launcher = subject.launcher.clone();
    let report = tokio::task::spawn_blocking(move || capabilities_of_machine(&launcher)).await;
    let faults = match report {
        Ok(Ok(report)) => report.gaps(),
        Ok(Err(why)) => vec![why],
        Err(_) => vec!["the launcher was lost".to_owned()],
    };
    check("sandbox", faults, "paths, network and processes are held by the kernel of this machine")
}

/// A connector that reads declares nothing that writes, and what is declared a read looks like one.
fn read_only(connector: &Declared) -> Check {
    let mut faults = Vec::new();
    for (name, operation) in connector.spec.operations.iter() {
        let writes = operation.effect.value != scalar::Effect::Read;
        if writes && connector.spec.access.value == Access::Read {
            faults.push(format!("operation `{name}` writes, the connector only reads"));
        }
        let method = operation.method.as_ref().map_or("GET", |method| method.value.as_str());
        if !writes && !matches!(method, "GET" | "HEAD") && operation.read_only.is_none() {
            faults.push(format!("operation `{name}` is a read by {method} and does not say why"));
        }
    }
    check("read-only", faults, "no operation writes beyond what the connector declares")
}

fn patience(operation: &Operation) -> Duration {
    let declared =
        operation.timeout.as_ref().map_or(PATIENCE, |timeout| Duration::from_millis(timeout.value.0));
    declared.min(PATIENCE)
}

/// A secret of the harness's own.
struct Canary(Secret);

impl Canary {
    fn new() -> Result<Self, String> {
        let mut bytes = [0_u8; 24];
        getrandom::fill(&mut bytes).map_err(|_| "the machine gives no random bytes")?;
        let value = base64::engine::general_purpose::STANDARD.encode(bytes);
        Secret::new(format!("canary-{value}")).map(Self).map_err(str::to_owned)
    }

    fn seen_in(&self, text: &str) -> bool {
        let value = self.0.expose();
        let encoded = base64::engine::general_purpose::STANDARD.encode(value);
        text.contains(value) || text.contains(&encoded)
    }
}

impl Secrets for Canary {
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>> {
        Box::pin(async move {
            match name {
                CANARY => Ok(self.0.duplicate()),
                _ => Err(SecretError::Missing {
                    name: name.into(),
                    place: "the harness has its own only".into(),
                }),
            }
        })
    }
}

/// Everything of a reply that goes on into outputs, records and pages.
fn shown(reply: &RawReply) -> String {
    let facts = serde_json::to_string(&reply.facts()).unwrap_or_default();
    format!("{facts} {} {} {:?}", reply.said, reply.warnings.join(" "), reply.fault)
}

/// What must become of a reply.
fn expect_no_success(what: &str, reply: &RawReply, terms: &Terms) -> Option<String> {
    (judge(reply, terms) == Judgement::Answered).then(|| format!("{what} was taken for success"))
}

fn expect_timeout(reply: &RawReply, terms: &Terms, took: Duration, patience: Duration) -> Option<String> {
    if reply.fault.as_ref().map(|fault| fault.kind) != Some(FaultKind::Timeout) {
        return Some("silence did not end in a timeout".to_owned());
    }
    if took > patience + GRACE {
        return Some(format!("it ended {} ms after its timeout", took.saturating_sub(patience).as_millis()));
    }
    expect_no_success("silence", reply, terms)
}

// ── http ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What the scripted server does with each request.
#[derive(Clone)]
enum Script {
    /// Never answers.
    Silence,
    /// Says this.
    Say(String),
    /// Answers with this status and what it was sent, as it is and in base64.
    Echo(i64),
}

/// The scripted server.
struct Server {
    port: u16,
    heard: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(script: Script) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (heard, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let (log, count) = (Arc::clone(&heard), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                // The caller may leave whenever it likes: that is what is tested.
                let _ = answer(stream, &script, &log).await;
            }
        });
        Ok(Self { port, heard, asked, task })
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(mut stream: TcpStream, script: &Script, log: &Mutex<String>) -> std::io::Result<()> {
    let mut bytes = vec![0_u8; 16 * 1024];
    let mut request = String::new();
    while !request.contains("\r\n\r\n") && request.len() < 64 * 1024 {
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            break;
        }
        request.push_str(&String::from_utf8_lossy(bytes.get(..read).unwrap_or_default()));
    }
    log.lock().unwrap_or_else(PoisonError::into_inner).push_str(&request);
    match script {
        // Until the caller leaves.
        Script::Silence => while stream.read(&mut bytes).await? > 0 {},
        Script::Say(text) => stream.write_all(text.as_bytes()).await?,
        Script::Echo(status) => {
            let head = request.split("\r\n\r\n").next().unwrap_or_default();
            let encoded = base64::engine::general_purpose::STANDARD.encode(head);
            let body = serde_json::json!({"plain": head, "base64": encoded}).to_string();
            let first = head.lines().find(|line| line.contains("anary")).unwrap_or_default();
            let text = format!(
                "HTTP/1.1 {status} -\r\nX-Echo: {first}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await?;
        }
    }
    stream.shutdown().await
}

struct Http {
    connector: HttpConnector,
    canary: Arc<Canary>,
}

impl Http {
    fn new() -> Result<Self, String> {
        let canary = Arc::new(Canary::new()?);
        let secrets = Arc::clone(&canary) as Arc<dyn Secrets>;
        Ok(Self { connector: HttpConnector::new(secrets, Arc::new(SystemResolver)), canary })
    }

    async fn examine(&self, connector: &Declared) -> Vec<Check> {
        let auth = harness_auth(connector);
        let (mut health, mut timeout, mut bad, mut denied, mut leaks) =
            (vec![], vec![], vec![], vec![], vec![]);
        for (name, operation) in connector.spec.operations.iter() {
            let of = |fault: Option<String>| fault.map(|fault| format!("operation `{name}`: {fault}"));
            health.extend(of(self.health(operation, &auth).await));
            timeout.extend(of(self.timeout(operation, &auth).await));
            bad.extend(of(self.bad_reply(operation, &auth).await));
            denied.extend(of(self.auth_error(operation, &auth).await));
            leaks.extend(of(self.redaction(operation, &auth).await));
        }
        let sends = if auth == HttpAuth::None {
            "it sends no secret"
        } else {
            "an echoed secret is masked everywhere"
        };
        vec![
            check("health", health, "every operation reaches a server that answers"),
            check("timeout", timeout, "silence ends in time and is never success"),
            check("bad-reply", bad, "cut, oversized, foreign and redirecting answers are never success"),
            check("auth-error", denied, "401 and 403 refuse"),
            check("redaction", leaks, sends),
        ]
    }

    async fn ask(&self, operation: &Operation, auth: &HttpAuth, script: Script, limit: Duration) -> Asked {
        let server = match Server::start(script).await {
            Ok(server) => server,
            Err(error) => return Err(format!("no server on loopback ({})", error.kind())),
        };
        let call = HttpCall {
            base_url: format!("http://127.0.0.1:{}", server.port),
            method: operation.method.as_ref().map_or("GET", |method| method.value.as_str()).to_owned(),
            segments: vec!["harness".to_owned()],
            query: Vec::new(),
            headers: Vec::new(),
            body: match &operation.body {
                Some(body) if body.json.is_some() => HttpBody::Json(serde_json::json!({})),
                Some(_) => HttpBody::Form(Vec::new()),
                None => HttpBody::Empty,
            },
            auth: auth.clone(),
            grant: HostGrant {
                hosts: vec![format!("127.0.0.1:{}", server.port)],
                allow_private: vec![ipnet::IpNet::from(std::net::IpAddr::from([127, 0, 0, 1]))],
                secrets: vec![CANARY.to_owned()],
            },
            timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            max_response: operation.max_response.as_ref().map_or(64 * 1024, |size| size.value.0),
        };
        Ok((self.connector.exchange(&call, None, &Cancel::never()).await, server))
    }

    async fn health(&self, operation: &Operation, auth: &HttpAuth) -> Option<String> {
        let terms = terms_of(operation, 200);
        let status = terms.success.first().copied().unwrap_or(200);
        let script = Script::Say(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n"));
        let (reply, _server) = match self.ask(operation, auth, script, GRACE).await {
            Ok(asked) => asked,
            Err(fault) => return Some(fault),
        };
        let unheard = answered(&reply, &terms).is_err();
        unheard.then(|| format!("status {status} was not taken for success: {}", shown(&reply)))
    }

    async fn timeout(&self, operation: &Operation, auth: &HttpAuth) -> Option<String> {
        let (limit, began) = (patience(operation), Instant::now());
        match self.ask(operation, auth, Script::Silence, limit).await {
            Ok((reply, _)) => expect_timeout(&reply, &terms_of(operation, 200), began.elapsed(), limit),
            Err(fault) => Some(fault),
        }
    }

    async fn bad_reply(&self, operation: &Operation, auth: &HttpAuth) -> Option<String> {
        let terms = terms_of(operation, 200);
        let status = terms.success.first().copied().unwrap_or(200);
        let bound = operation.max_response.as_ref().map_or(64 * 1024, |size| size.value.0);
        let mut scripts = vec![
            ("an answer that broke off", format!("HTTP/1.1 {status} -\r\nContent-Length: 50\r\n\r\n{{}}")),
            (
                "an oversized answer",
                format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n\r\n{{}}", bound.saturating_add(1)),
            ),
            ("a foreign protocol", "220 ready\r\n".to_owned()),
        ];
        if operation.method.as_ref().is_some_and(|method| method.value.as_str() == "HEAD") {
            // The answer to HEAD has no body whatever it announces.
            scripts.retain(|(what, _)| *what == "a foreign protocol");
        }
        if !terms.success.contains(&302) {
            let away = "HTTP/1.1 302 -\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
            scripts.push(("a redirect", away.to_owned()));
        }
        for (what, text) in scripts {
            let (reply, server) = match self.ask(operation, auth, Script::Say(text), GRACE).await {
                Ok(asked) => asked,
                Err(fault) => return Some(fault),
            };
            if let Some(fault) = expect_no_success(what, &reply, &terms) {
                return Some(fault);
            }
            if server.asked.load(Ordering::SeqCst) != 1 {
                return Some(format!("{what} was asked for more than once"));
            }
        }
        None
    }

    async fn auth_error(&self, operation: &Operation, auth: &HttpAuth) -> Option<String> {
        let terms = terms_of(operation, 200);
        for status in [401, 403] {
            let script = Script::Say(format!("HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n"));
            let reply = match self.ask(operation, auth, script, GRACE).await {
                Ok((reply, _)) => reply,
                Err(fault) => return Some(fault),
            };
            if !matches!(judge(&reply, &terms), Judgement::Over(Outcome::Refused { .. })) {
                return Some(format!("status {status} was no refusal"));
            }
        }
        None
    }

    async fn redaction(&self, operation: &Operation, auth: &HttpAuth) -> Option<String> {
        let status = terms_of(operation, 200).success.first().copied().unwrap_or(200);
        let (reply, server) = match self.ask(operation, auth, Script::Echo(status), GRACE).await {
            Ok(asked) => asked,
            Err(fault) => return Some(fault),
        };
        if *auth != HttpAuth::None && !self.sent(&server.heard(), auth) {
            return Some("the secret was not sent".to_owned());
        }
        self.canary.seen_in(&shown(&reply)).then(|| "an echoed secret came through".to_owned())
    }

    fn sent(&self, request: &str, auth: &HttpAuth) -> bool {
        let value = self.canary.0.expose();
        match auth {
            HttpAuth::Basic { user, .. } => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{value}"));
                request.contains(&pair)
            }
            _ => request.contains(value),
        }
    }
}

type Asked = Result<(RawReply, Server), String>;

/// The connector's way to prove itself, with the harness's secret.
fn harness_auth(connector: &Declared) -> HttpAuth {
    let Some(auth) = connector.spec.http.as_ref().and_then(|http| http.auth.as_ref()) else {
        return HttpAuth::None;
    };
    let secret = CANARY.to_owned();
    match (&auth.bearer, &auth.basic, &auth.header) {
        (Some(_), ..) => HttpAuth::Bearer { secret },
        (_, Some(basic), _) => HttpAuth::Basic { user: basic.user.value.to_string(), secret },
        (.., Some(header)) => HttpAuth::Header { header: header.name.value.to_string(), secret },
        _ => HttpAuth::None,
    }
}

// ── exec ──────────────────────────────────────────────────────────────────────────────────────────────────────────

struct Exec {
    connector: Result<(ExecConnector, Arc<Canary>), String>,
}

impl Exec {
    fn new(subject: &Subject<'_>) -> Self {
        let connector = Canary::new().map(|canary| {
            let canary = Arc::new(canary);
            let secrets = Arc::clone(&canary) as Arc<dyn Secrets>;
            (ExecConnector::new(secrets, subject.launcher.clone(), subject.enforcement), canary)
        });
        Self { connector }
    }

    async fn examine(&self, connector: &Declared) -> Vec<Check> {
        let (exec, canary) = match &self.connector {
            Ok(parts) => parts,
            Err(fault) => return vec![check("health", vec![fault.clone()], "")],
        };
        let (mut health, mut timeout, mut bad, mut denied, mut leaks) =
            (vec![], vec![], vec![], vec![], vec![]);
        for (name, operation) in connector.spec.operations.iter() {
            let of = |fault: Option<String>| fault.map(|fault| format!("operation `{name}`: {fault}"));
            // The scripted programs end with the codes of their own, so that is what success is here.
            let terms = Terms { success: vec![0], ..terms_of(operation, 0) };
            let (limit, began) = (patience(operation), Instant::now());
            let silent = run(exec, operation, "/usr/bin/sleep", &["60"], limit).await;
            timeout.extend(of(expect_timeout(&silent, &terms, began.elapsed(), limit)));
            let well = run(exec, operation, "/usr/bin/true", &[], GRACE).await;
            if judge(&well, &terms) != Judgement::Answered {
                health.extend(of(Some(format!("a program that ends well is no success: {}", shown(&well)))));
            }
            let endless = run(exec, operation, "/usr/bin/yes", &[], GRACE).await;
            bad.extend(of(expect_no_success("endless output", &endless, &terms)));
            let no = run(exec, operation, "/usr/bin/false", &[], GRACE).await;
            denied.extend(of(expect_no_success("a program that ended with 1", &no, &terms)));
            leaks.extend(of(redaction(exec, canary, operation).await));
        }
        vec![
            check("health", health, "a program starts and ends within the fence"),
            check("timeout", timeout, "silence ends in time and is never success"),
            check("bad-reply", bad, "endless output is cut and never success"),
            check("auth-error", denied, "a program that says no is never success"),
            check("redaction", leaks, "a secret that a program prints is masked everywhere"),
        ]
    }
}

fn program_call(operation: &Operation, program: &str, args: &[&str], limit: Duration) -> ExecCall {
    ExecCall {
        program: program.into(),
        pin: Pin::Any,
        args: args.iter().map(|arg| ExecArg::literal(*arg)).collect(),
        env: BTreeMap::new(),
        secrets: vec![CANARY.to_owned()],
        cwd: None,
        stdin: None,
        read: Vec::new(),
        write: Vec::new(),
        network: Network::None,
        stdout: Stdout::Text,
        timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        max_output: operation.max_output.as_ref().map_or(64 * 1024, |size| size.value.0).min(1024 * 1024),
    }
}

async fn run(
    exec: &ExecConnector,
    operation: &Operation,
    program: &str,
    args: &[&str],
    limit: Duration,
) -> RawReply {
    exec.run(&program_call(operation, program, args, limit), None, &Cancel::never()).await
}

async fn redaction(exec: &ExecConnector, canary: &Canary, operation: &Operation) -> Option<String> {
    let mut call = program_call(operation, "/usr/bin/printenv", &["CANARY"], GRACE);
    call.max_output = 64 * 1024;
    call.env.insert("CANARY".to_owned(), EnvText::Secret(CANARY.to_owned()));
    let reply = exec.run(&call, None, &Cancel::never()).await;
    if reply.exit_code != Some(0) {
        return Some(format!("the secret did not reach the program: {}", shown(&reply)));
    }
    canary.seen_in(&shown(&reply)).then(|| "a printed secret came through".to_owned())
}

#[cfg(test)]
#[path = "harness_tests.rs"]
mod tests;
