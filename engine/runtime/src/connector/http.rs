//! The HTTP connector: one request, one bounded answer.
//!
//! It never follows a redirect, never asks a proxy, never reuses a connection, and connects only to addresses it
//! has checked itself. It opens nothing that the call did not ask for and the workspace did not grant.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordain_spec::shown::beginning;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};

use crate::connector::address;
use crate::connector::reply::{Answer, decode_json, retry_after};
use crate::permit::Permit;
use crate::ports::{
    Cancel, Connector, FaultKind, HttpAuth, HttpBody, HttpCall, Later, PreparedCall, RawReply, Resolve,
    Target,
};
use crate::secret::Secret;
use crate::secrets::{Masker, Secrets};

/// Bytes of headers that an answer may have.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Bytes of a URL that we make.
const MAX_URL_BYTES: usize = 16 * 1024;

/// Calls over HTTP.
pub struct HttpConnector {
    secrets: Arc<dyn Secrets>,
    resolver: Arc<dyn Resolve>,
}

/// Why a call ends before anything was sent.
type Unsent = (FaultKind, String);

fn refused<T>(detail: impl Into<String>) -> Result<T, Unsent> {
    Err((FaultKind::Refused, detail.into()))
}

impl HttpConnector {
    /// With a provider of secrets and a resolver.
    #[must_use]
    pub fn new(secrets: Arc<dyn Secrets>, resolver: Arc<dyn Resolve>) -> Self {
        Self { secrets, resolver }
    }

    /// One exchange. Only [`Connector::call`], which consumes a permit, and the harness against its own scripted
    /// server come here.
    pub(super) async fn exchange(
        &self,
        call: &HttpCall,
        deadline: Option<Instant>,
        cancel: &Cancel,
    ) -> RawReply {
        let own = Instant::now() + Duration::from_millis(call.timeout_ms);
        let limit = deadline.map_or(own, |deadline| deadline.min(own));
        let proof = match self.proof(call, limit).await {
            Ok(proof) => proof,
            Err((kind, detail)) => return RawReply::unsent(kind, detail),
        };
        let reply = self.send(call, &proof, limit, cancel).await;
        reply.masked(&proof.masker)
    }

    async fn proof(&self, call: &HttpCall, limit: Instant) -> Result<Proof, Unsent> {
        let name = match &call.auth {
            HttpAuth::None => return Ok(Proof { header: None, masker: Masker::default() }),
            HttpAuth::Bearer { secret }
            | HttpAuth::Basic { secret, .. }
            | HttpAuth::Header { secret, .. } => secret,
        };
        if !call.grant.secrets.contains(name) {
            return Err((FaultKind::Missing, format!("secret `{name}` is not granted to this connector")));
        }
        let secret = match within(limit, self.secrets.read(name)).await {
            None => return Err((FaultKind::Timeout, format!("reading secret `{name}` took too long"))),
            Some(read) => read.map_err(|error| (FaultKind::Missing, error.to_string()))?,
        };
        Proof::new(&call.auth, secret)
    }

    async fn send(&self, call: &HttpCall, proof: &Proof, limit: Instant, cancel: &Cancel) -> RawReply {
        let (request, client) = match tokio::select! {
            biased;
            () = cancel.cancelled() => Err((FaultKind::Cancelled, "cancelled before it was sent".to_owned())),
            ready = self.ready(call, proof, limit) => ready,
        } {
            Ok(ready) => ready,
            Err((kind, detail)) => return RawReply::unsent(kind, detail),
        };
        if Instant::now() >= limit {
            return RawReply::unsent(FaultKind::Timeout, "no time was left to send it");
        }
        let mut answer = Answer::sent();
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => Some((FaultKind::Cancelled, "cancelled while it ran".to_owned())),
            done = within(limit, converse(&client, request, call.max_response, &mut answer)) => match done {
                None => Some((FaultKind::Timeout, "no complete answer in time".to_owned())),
                Some(Err(fault)) => Some(fault),
                Some(Ok(())) => None,
            },
        };
        answer.into_reply(ended)
    }

    /// Everything that can be decided before the first byte leaves: URL, grant, headers, addresses.
    async fn ready(
        &self,
        call: &HttpCall,
        proof: &Proof,
        limit: Instant,
    ) -> Result<(reqwest::Request, Client), Unsent> {
        let url = url_of(call)?;
        let method = method_of(&call.method)?;
        let mut headers = headers_of(call)?;
        if let Some((name, value)) = &proof.header {
            headers.insert(name.clone(), value.clone());
        }
        let body = body_of(&call.body, &mut headers)?;
        let addresses = self.addresses(&url, call, limit).await?;
        let client = client_for(&url, &addresses, limit)?;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(reqwest::Body::from);
        Ok((request, client))
    }

    /// Resolves once, keeps what may be connected to.
    async fn addresses(&self, url: &Url, call: &HttpCall, limit: Instant) -> Result<Vec<SocketAddr>, Unsent> {
        let (host, port) = host_and_port(url)?;
        let found = match bare_host(&host).parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => match within(limit, self.resolver.addresses(&host)).await {
                None => return Err((FaultKind::Timeout, format!("resolving `{host}` took too long"))),
                Some(Err(error)) => {
                    return Err((
                        FaultKind::Unreachable,
                        format!("`{host}` cannot be resolved ({})", error.kind()),
                    ));
                }
                Some(Ok(found)) => found,
            },
        };
        if found.is_empty() {
            return Err((FaultKind::Unreachable, format!("`{host}` has no address")));
        }
        let plain = url.scheme() == "http";
        let kept: Vec<SocketAddr> = found
            .iter()
            .filter(|address| address::permitted(**address, &call.grant.allow_private))
            .filter(|address| !plain || address::is_loopback(**address))
            .map(|address| SocketAddr::new(*address, port))
            .collect();
        if kept.is_empty() {
            let listed: Vec<String> = found.iter().take(4).map(ToString::to_string).collect();
            let why = if plain { "plain http reaches permitted loopback only" } else { "not permitted" };
            return refused(format!("`{host}` is at {}: {why}", listed.join(", ")));
        }
        Ok(kept)
    }
}

impl Connector for HttpConnector {
    fn call<'a>(&'a self, permit: Permit, call: PreparedCall, cancel: Cancel) -> Later<'a, RawReply> {
        Box::pin(async move {
            match call.target {
                Target::Http(call) => self.exchange(&call, permit.deadline(), &cancel).await,
                _ => RawReply::unsent(FaultKind::System, "a call of another type reached the http connector"),
            }
        })
    }
}

/// The header that proves who calls, and what hides it.
struct Proof {
    header: Option<(HeaderName, HeaderValue)>,
    masker: Masker,
}

impl Proof {
    fn new(auth: &HttpAuth, secret: Secret) -> Result<Self, Unsent> {
        let unusable = || (FaultKind::Missing, "the secret cannot stand in a header".to_owned());
        let (name, value) = match auth {
            HttpAuth::None => return Ok(Self { header: None, masker: Masker::new([&secret]) }),
            HttpAuth::Bearer { .. } => {
                (reqwest::header::AUTHORIZATION, format!("Bearer {}", secret.expose()))
            }
            HttpAuth::Basic { user, .. } => {
                use base64::Engine as _;
                let pair = zeroize::Zeroizing::new(format!("{user}:{}", secret.expose()));
                let pair = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
                (reqwest::header::AUTHORIZATION, format!("Basic {pair}"))
            }
            HttpAuth::Header { header, .. } => {
                let name = HeaderName::from_bytes(header.as_bytes())
                    .map_err(|_| (FaultKind::Refused, format!("`{}` is no header", beginning(header, 80))))?;
                if is_ours(&name) {
                    return refused(format!("header `{name}` is not the call's to set"));
                }
                (name, secret.expose().to_owned())
            }
        };
        let composed = Secret::new(value).map_err(|_| unusable())?;
        let mut header = HeaderValue::from_str(composed.expose()).map_err(|_| unusable())?;
        header.set_sensitive(true);
        let pair = composed.expose().split_once(' ').map(|(_, pair)| pair.to_owned());
        let pair = pair.and_then(|pair| Secret::new(pair).ok());
        let masker = Masker::new([Some(&secret), Some(&composed), pair.as_ref()].into_iter().flatten());
        Ok(Self { header: Some((name, header)), masker })
    }
}

/// Encodes one path parameter: everything but letters, digits and `-._~` becomes `%XX`, so it stays one segment.
#[must_use]
pub fn encode_segment(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Runs a future up to an instant.
async fn within<T>(limit: Instant, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout_at(tokio::time::Instant::from_std(limit), future).await.ok()
}

fn url_of(call: &HttpCall) -> Result<Url, Unsent> {
    let shown = beginning(&call.base_url, 120);
    let Ok(mut url) = Url::parse(&call.base_url) else {
        return refused(format!("`{shown}` is no URL"));
    };
    if !matches!(url.scheme(), "https" | "http") {
        return refused(format!("`{shown}` is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("the base URL holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused(format!("the base URL `{shown}` has a query or a fragment"));
    }
    granted(&url, &call.grant.hosts)?;
    if !call.segments.is_empty() {
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in &call.segments {
            path.push('/');
            path.push_str(checked_segment(segment)?);
        }
        url.set_path(&path);
        if url.path() != path {
            return Err((
                FaultKind::Argument,
                "the path would be read differently than it is written".into(),
            ));
        }
    }
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    if url.as_str().len() > MAX_URL_BYTES {
        return Err((FaultKind::Argument, "the URL is longer than 16 KiB".into()));
    }
    Ok(url)
}

/// Encoded already; no dot segment, which URLs would fold away.
fn checked_segment(segment: &str) -> Result<&str, Unsent> {
    let folded = segment.to_ascii_lowercase().replace("%2e", ".");
    if folded == "." || folded == ".." {
        return Err((FaultKind::Argument, "a path parameter may not be `.` or `..`".into()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte);
    if segment.bytes().all(plain) {
        Ok(segment)
    } else {
        Err((FaultKind::Argument, "a path segment is not encoded".into()))
    }
}

fn host_and_port(url: &Url) -> Result<(String, u16), Unsent> {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => refused("the URL has no host"),
    }
}

fn bare_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Exactly `host`, on whatever port, or exactly `host:port`. Nothing is a pattern.
fn granted(url: &Url, hosts: &[String]) -> Result<(), Unsent> {
    let (host, port) = host_and_port(url)?;
    if is_granted(&host, port, hosts) {
        Ok(())
    } else {
        Err((FaultKind::Missing, format!("host `{host}` with port {port} is not granted to this connector")))
    }
}

fn is_granted(host: &str, port: u16, hosts: &[String]) -> bool {
    let with_port = format!("{host}:{port}");
    hosts.iter().any(|entry| {
        let entry = entry.to_ascii_lowercase();
        entry == with_port || entry == host || entry == bare_host(host)
    })
}

/// Does the workspace grant this base URL? For the check at a run's start.
#[must_use]
pub fn grants_base_url(base_url: &str, hosts: &[String]) -> bool {
    Url::parse(base_url).is_ok_and(|url| granted(&url, hosts).is_ok())
}

fn method_of(method: &str) -> Result<Method, Unsent> {
    match method {
        "GET" => Ok(Method::GET),
        "HEAD" => Ok(Method::HEAD),
        "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "PATCH" => Ok(Method::PATCH),
        "DELETE" => Ok(Method::DELETE),
        other => refused(format!("`{}` is no method of an operation", beginning(other, 40))),
    }
}

fn is_ours(name: &HeaderName) -> bool {
    ordain_spec::check::is_of_transport(name.as_str())
}

fn headers_of(call: &HttpCall) -> Result<HeaderMap, Unsent> {
    let mut headers = HeaderMap::new();
    headers.insert(
        reqwest::header::USER_AGENT,
        HeaderValue::from_static(concat!("ordain/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in &call.headers {
        let shown = beginning(name, 80);
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return refused(format!("`{shown}` is no header"));
        };
        if is_ours(&name) {
            return refused(format!("header `{shown}` is not the call's to set"));
        }
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err((FaultKind::Argument, format!("the value of header `{shown}` holds a line end")));
        }
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Err((
                FaultKind::Argument,
                format!("the value of header `{shown}` holds a control character"),
            ));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}

fn body_of(body: &HttpBody, headers: &mut HeaderMap) -> Result<Option<Vec<u8>>, Unsent> {
    let (bytes, kind) = match body {
        HttpBody::Empty => return Ok(None),
        HttpBody::Json(value) => match serde_json::to_vec(value) {
            Ok(bytes) => (bytes, "application/json"),
            Err(_) => return Err((FaultKind::Argument, "the body cannot be written as JSON".into())),
        },
        HttpBody::Form(fields) => {
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            (form.into_bytes(), "application/x-www-form-urlencoded")
        }
    };
    headers.entry(reqwest::header::CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
    Ok(Some(bytes))
}

/// A client for exactly these addresses and this one call.
fn client_for(url: &Url, addresses: &[SocketAddr], limit: Instant) -> Result<Client, Unsent> {
    let (host, _) = host_and_port(url)?;
    let left = limit.saturating_duration_since(Instant::now());
    // A little less than what is left, so that "never connected" is known before "no answer in time".
    let connect = left.saturating_sub((left / 4).min(Duration::from_millis(250)));
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(connect)
        .dns_resolver(NoDns)
        .resolve_to_addrs(bare_host(&host), addresses);
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    } else {
        builder = builder.https_only(true);
    }
    builder.build().map_err(|error| (FaultKind::System, format!("no HTTP client: {}", chain(&error))))
}

/// Answers nothing: every address is pinned before.
struct NoDns;

impl reqwest::dns::Resolve for NoDns {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async { Err("names are resolved and checked before the connection".into()) })
    }
}

/// Sends and reads; `answer` holds what is known so far, whenever this is cut off.
async fn converse(
    client: &Client,
    request: reqwest::Request,
    max_response: u64,
    answer: &mut Answer,
) -> Result<(), (FaultKind, String)> {
    answer.bodiless = request.method() == Method::HEAD;
    let mut response = client.execute(request).await.map_err(|error| {
        if error.is_connect() {
            answer.sent = false;
            let kind = if error.is_timeout() { FaultKind::Timeout } else { FaultKind::Unreachable };
            (kind, format!("not connected: {}", chain(&error)))
        } else {
            (FaultKind::Broken, format!("the exchange broke: {}", chain(&error)))
        }
    })?;
    answer.status = Some(response.status().as_u16());
    answer.headers = headers_from(response.headers())?;
    answer.retry_after_ms = answer.headers.get("retry-after").and_then(|value| retry_after(value));
    if response.content_length().is_some_and(|length| length > max_response) && !answer.bodiless {
        return Err((FaultKind::TooLarge, format!("the answer announces more than {max_response} bytes")));
    }
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| (FaultKind::Broken, format!("the answer broke off: {}", chain(&error))))?
    {
        if (answer.body.len() + chunk.len()) as u64 > max_response {
            return Err((FaultKind::TooLarge, format!("the answer is longer than {max_response} bytes")));
        }
        answer.body.extend_from_slice(&chunk);
    }
    match decode_json(&answer.body) {
        Ok(json) => answer.json = Some(json),
        Err(why) => answer.no_json = Some(no_json(&answer.headers, why)),
    }
    Ok(())
}

/// Why an answer is no JSON; nobody asked for an encoding, so none is undone.
fn no_json(headers: &BTreeMap<String, String>, why: String) -> String {
    match headers.get("content-encoding") {
        Some(encoding) => format!("it is encoded as `{}`, which was not asked for", beginning(encoding, 40)),
        None => why,
    }
}

fn headers_from(headers: &HeaderMap) -> Result<BTreeMap<String, String>, (FaultKind, String)> {
    let mut found = BTreeMap::<String, String>::new();
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len();
        if bytes > MAX_HEADER_BYTES {
            return Err((FaultKind::TooLarge, "the answer's headers are longer than 64 KiB".into()));
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        found
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    Ok(found)
}

/// An error with its causes, without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "no cause given".into() } else { beginning(&text, 300) }
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn addresses<'a>(&'a self, host: &'a str) -> Later<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
