//! Real sockets on loopback, a server that does what it is told, a resolver that answers as it likes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::connector::reply::{LONGEST_RETRY_AFTER_MS, settle};
use crate::ports::{CancelSwitch, Effect, HostGrant, Outcome, Repeat, Terms};
use crate::secrets::SecretError;

/// What the server does with each connection after it has read the request's head and body.
type Act = Box<dyn Fn(&mut TcpStream, usize) + Send>;

struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn acting(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                log.lock().unwrap().push(read_request(&mut stream));
                act(&mut stream, number);
            }
        });
        Self { port, seen }
    }

    fn saying(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::acting(Box::new(move |stream, _| {
            let _ = stream.write_all(answer.as_bytes());
        }))
    }

    fn answering(status: &str, body: &str) -> Self {
        Self::saying(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    fn call(&self) -> HttpCall {
        call(&format!("http://127.0.0.1:{}", self.port))
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

fn call(base_url: &str) -> HttpCall {
    let authority = base_url.split("//").nth(1).unwrap().split('/').next().unwrap().to_owned();
    HttpCall {
        base_url: base_url.into(),
        method: "POST".into(),
        segments: vec!["refunds".into()],
        query: Vec::new(),
        headers: Vec::new(),
        body: HttpBody::Json(json!({"amount": 5})),
        auth: HttpAuth::None,
        grant: HostGrant {
            hosts: vec![authority],
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            secrets: Vec::new(),
        },
        timeout_ms: 10_000,
        max_response: 64 * 1024,
    }
}

struct Canary;

const CANARY: &str = "canary/5ecre7+\"value\"";

impl Secrets for Canary {
    fn read<'a>(&'a self, name: &'a str) -> Later<'a, Result<Secret, SecretError>> {
        Box::pin(async move {
            match name {
                "key" => Ok(Secret::new(CANARY.into()).unwrap()),
                "torn" => Ok(Secret::new("two\nlines".into()).unwrap()),
                _ => Err(SecretError::Missing { name: name.into(), place: "the test".into() }),
            }
        })
    }
}

/// Answers what it is told, something else each time, and counts.
#[derive(Default)]
struct Scripted {
    answers: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolve for Scripted {
    fn addresses<'a>(&'a self, host: &'a str) -> Later<'a, std::io::Result<Vec<IpAddr>>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        let answers = self.answers.get(host).cloned();
        Box::pin(async move {
            let answers = answers.ok_or(std::io::ErrorKind::NotFound)?;
            Ok(answers[turn.min(answers.len() - 1)].clone())
        })
    }
}

fn resolving(host: &str, answers: &[&[&str]]) -> Arc<Scripted> {
    let answers = answers.iter().map(|list| list.iter().map(|a| a.parse().unwrap()).collect()).collect();
    Arc::new(Scripted { answers: [(host.to_owned(), answers)].into(), ..Scripted::default() })
}

fn exchange_with(call: &HttpCall, resolver: Arc<dyn Resolve>, cancel: &Cancel) -> RawReply {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connector = HttpConnector::new(Arc::new(Canary), resolver);
    runtime.block_on(connector.exchange(call, None, cancel))
}

fn exchange(call: &HttpCall) -> RawReply {
    exchange_with(call, Arc::new(Scripted::default()), &Cancel::never())
}

fn judged(reply: &RawReply, effect: Effect, repeat: Repeat) -> Outcome {
    let terms = Terms { effect, repeat, success: vec![200], retryable: vec![429, 503] };
    settle(reply, &terms, |facts| Ok(facts.clone()))
}

fn kind(reply: &RawReply) -> Option<FaultKind> {
    reply.fault.as_ref().map(|fault| fault.kind)
}

fn refused_unsent(reply: &RawReply, kind_wanted: FaultKind) {
    assert_eq!(kind(reply), Some(kind_wanted), "{reply:?}");
    assert!(!reply.sent);
    assert!(matches!(judged(reply, Effect::Write, Repeat::Never), Outcome::Refused { .. }));
}

#[test]
fn a_request_says_what_it_should_and_nothing_else() {
    let server = Server::answering("200 OK", r#"{"id": "re_1"}"#);
    let mut call = server.call();
    call.base_url.push_str("/v1/");
    call.segments = vec!["refunds".into(), encode_segment("a/b?c#d é%2e"), "x".into()];
    call.query = vec![("q".into(), "a&b=c d".into())];
    call.headers = vec![("Idempotency-Key".into(), "k1".into())];
    let reply = exchange(&call);
    assert_eq!(reply.status, Some(200), "{reply:?}");
    assert_eq!(reply.json, Some(json!({"id": "re_1"})));
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with("POST /v1/refunds/a%2Fb%3Fc%23d%20%C3%A9%252e/x?q=a%26b%3Dc+d HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(body, r#"{"amount":5}"#);
    let mut names: Vec<String> =
        head.lines().skip(1).map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect();
    names.sort();
    assert_eq!(names, ["accept", "content-length", "content-type", "host", "idempotency-key", "user-agent"]);
}

#[test]
fn a_form_is_encoded() {
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    call.body = HttpBody::Form(vec![("payment".into(), "p&x=1".into()), ("a".into(), "é ".into())]);
    assert_eq!(exchange(&call).status, Some(200));
    assert!(server.requests()[0].ends_with("\r\n\r\npayment=p%26x%3D1&a=%C3%A9+"));
}

#[test]
fn outcomes_follow_the_table() {
    let cases = [
        ("200 OK", "succeeded", "succeeded", "succeeded"),
        ("404 Not Found", "no", "no", "no"),
        ("429 Too Many Requests", "again", "again", "again"),
        ("503 Service Unavailable", "unknown", "again", "again"),
        ("500 Internal Server Error", "unknown", "unknown", "again"),
        ("201 Created", "unknown", "unknown", "again"),
        ("302 Found", "unknown", "unknown", "again"),
    ];
    for (status, never, safe, read) in cases {
        let reply = exchange(&Server::answering(status, "{}").call());
        let word = |effect, repeat| match judged(&reply, effect, repeat) {
            Outcome::Succeeded { .. } => "succeeded",
            Outcome::Refused { retryable: true, .. } => "again",
            Outcome::Refused { retryable: false, .. } => "no",
            Outcome::Unknown { .. } => "unknown",
        };
        assert_eq!(word(Effect::Write, Repeat::Never), never, "{status}, none");
        assert_eq!(word(Effect::Irreversible, Repeat::Safe), safe, "{status}, safe");
        assert_eq!(word(Effect::Read, Repeat::Safe), read, "{status}, read");
    }
}

#[test]
fn an_output_that_does_not_fit_is_unknown_and_of_a_read_refused() {
    let reply = exchange(&Server::answering("200 OK", "{}").call());
    let terms = |effect| Terms { effect, repeat: Repeat::Safe, success: vec![200], retryable: vec![] };
    let misfit = |_: &serde_json::Map<String, serde_json::Value>| Err("`id` is missing".to_owned());
    assert!(
        matches!(settle(&reply, &terms(Effect::Write), misfit), Outcome::Unknown { code, .. } if code == "output_invalid")
    );
    let read = settle(&reply, &terms(Effect::Read), misfit);
    assert!(matches!(read, Outcome::Refused { code, retryable: true, .. } if code == "output_invalid"));
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let private = Server::answering("200 OK", "secret of the inside");
    let target = format!("http://127.0.0.1:{}/latest/meta-data", private.port);
    let server =
        Server::saying(format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"));
    let mut call = server.call();
    call.grant.hosts.push(format!("127.0.0.1:{}", private.port));
    let reply = exchange(&call);
    assert_eq!(reply.status, Some(302));
    assert_eq!(reply.headers["location"], target, "the fault fired");
    assert_eq!(server.requests().len(), 1);
    assert!(private.requests().is_empty(), "it was followed");
}

#[test]
fn slow_endless_short_and_broken_answers_are_not_answers() {
    let slow = Server::acting(Box::new(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n").unwrap();
        while stream.write_all(b".").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }));
    let mut call = slow.call();
    call.timeout_ms = 1_200;
    let began = Instant::now();
    let reply = exchange(&call);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (kind(&reply), reply.status, reply.sent),
        (Some(FaultKind::Timeout), Some(200), true),
        "{reply:?}"
    );
    assert!(
        matches!(judged(&reply, Effect::Write, Repeat::Safe), Outcome::Unknown { code, .. } if code == "connector_timeout")
    );
    assert!(
        matches!(judged(&reply, Effect::Read, Repeat::Safe), Outcome::Refused { code, .. } if code == "connector_timeout")
    );

    let endless = Server::acting(Box::new(|stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        while stream.write_all(format!("1000\r\n{}\r\n", "x".repeat(4096)).as_bytes()).is_ok() {}
    }));
    assert_eq!(kind(&exchange(&endless.call())), Some(FaultKind::TooLarge));

    let boasting = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    assert_eq!(kind(&exchange(&boasting.call())), Some(FaultKind::TooLarge));

    let short = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"id\": 1}");
    let reply = exchange(&short.call());
    assert_eq!((kind(&reply), reply.json), (Some(FaultKind::Broken), None));

    let reset = Server::acting(Box::new(|stream, _| stream.shutdown(Shutdown::Both).unwrap()));
    let reply = exchange(&reset.call());
    assert_eq!((kind(&reply), reply.sent), (Some(FaultKind::Broken), true), "{reply:?}");
    assert!(matches!(judged(&reply, Effect::Write, Repeat::Never), Outcome::Unknown { .. }));
    assert_eq!(reset.requests().len(), 1, "it was sent again");

    let nonsense = Server::saying("220 mail.example.org ESMTP\r\n");
    assert_eq!(kind(&exchange(&nonsense.call())), Some(FaultKind::Broken));

    let headers =
        Server::saying(format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "h".repeat(100_000)));
    assert!(matches!(kind(&exchange(&headers.call())), Some(FaultKind::TooLarge | FaultKind::Broken)));
}

#[test]
fn a_no_with_an_endless_page_is_still_a_no() {
    let server = Server::saying(format!(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 999999\r\n\r\n{}",
        "x".repeat(70_000)
    ));
    let reply = exchange(&server.call());
    assert_eq!(kind(&reply), Some(FaultKind::TooLarge));
    assert!(matches!(
        judged(&reply, Effect::Write, Repeat::Never),
        Outcome::Refused { retryable: false, .. }
    ));
}

#[test]
fn an_absurd_retry_after_is_cut() {
    for (value, wanted) in [
        ("999999999999999999999999999", Some(LONGEST_RETRY_AFTER_MS)),
        ("7", Some(7_000)),
        ("-5", None),
        ("soon", None),
        ("Fri, 31 Dec 9998 23:59:59 GMT", Some(LONGEST_RETRY_AFTER_MS)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
    ] {
        let head =
            format!("HTTP/1.1 429 Too Many Requests\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n");
        let reply = exchange(&Server::saying(head).call());
        let outcome = judged(&reply, Effect::Write, Repeat::Never);
        match outcome {
            Outcome::Refused { retryable: true, retry_after_ms, .. } => {
                assert_eq!(retry_after_ms, wanted, "{value}")
            }
            other => panic!("{value}: {other:?}"),
        }
    }
}

#[test]
fn nobody_there_is_a_refusal_that_may_be_repeated() {
    // Nobody listens there; a port that was free a moment ago may be another test's by now.
    let reply = exchange(&call("http://127.0.0.2:9"));
    refused_unsent(&reply, FaultKind::Unreachable);
    assert!(matches!(judged(&reply, Effect::Write, Repeat::Never), Outcome::Refused { retryable: true, .. }));
    // A TLS handshake that never ends: connected, but no byte of the request left.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut call = call(&format!("https://127.0.0.1:{}", silent.local_addr().unwrap().port()));
    call.timeout_ms = 1_500;
    refused_unsent(&exchange(&call), FaultKind::Timeout);
}

#[test]
fn hosts_are_granted_exactly() {
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    for hosts in [
        vec![],
        vec![format!("127.0.0.1:{}", server.port ^ 1)],
        vec!["*".into()],
        vec![format!("127.0.0.2:{}", server.port)],
    ] {
        call.grant.hosts = hosts;
        refused_unsent(&exchange(&call), FaultKind::Missing);
    }
    assert!(grants_base_url("https://api.stripe.com/v1", &["api.stripe.com".into()]));
    assert!(grants_base_url("https://api.stripe.com/v1", &["API.stripe.com:443".into()]));
    assert!(grants_base_url("https://api.stripe.com:8443/v1", &["api.stripe.com".into()]));
    assert!(!grants_base_url("https://api.stripe.com:8443/v1", &["api.stripe.com:443".into()]));
    assert!(!grants_base_url("https://stripe.com/", &["api.stripe.com".into(), ".stripe.com".into()]));
    assert!(!grants_base_url("https://api.stripe.com.evil.org/", &["api.stripe.com".into()]));
    assert!(!grants_base_url("https://api.stripe.com@evil.org/", &["api.stripe.com".into()]));
    assert!(grants_base_url("http://[::1]:80/", &["::1".into()]));
    assert!(server.requests().is_empty());
}

#[test]
fn addresses_are_checked_and_pinned_so_a_second_answer_changes_nothing() {
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    call.base_url = format!("http://api.test:{}", server.port);
    call.grant.hosts = vec![format!("api.test:{}", server.port)];
    // First a permitted address, then the cloud's metadata service: only the first answer counts.
    let resolver = resolving("api.test", &[&["127.0.0.1"], &["169.254.169.254"]]);
    let reply = exchange_with(&call, Arc::clone(&resolver) as Arc<dyn Resolve>, &Cancel::never());
    assert_eq!(reply.status, Some(200), "{reply:?}");
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1, "it asked again");
    // The rebound name is refused on the next call, before anything is sent.
    let reply = exchange_with(&call, resolver, &Cancel::never());
    refused_unsent(&reply, FaultKind::Refused);
    for inside in ["169.254.169.254", "::ffff:127.0.0.1", "10.0.0.1", "0.0.0.0", "fe80::1", "::1"] {
        let reply = exchange_with(&call, resolving("api.test", &[&[inside]]), &Cancel::never());
        refused_unsent(&reply, FaultKind::Refused);
    }
    // Of a mixed answer only what is permitted is connected to.
    let reply =
        exchange_with(&call, resolving("api.test", &[&["169.254.169.254", "127.0.0.1"]]), &Cancel::never());
    assert_eq!(reply.status, Some(200), "{reply:?}");
    refused_unsent(
        &exchange_with(&call, resolving("other", &[&["127.0.0.1"]]), &Cancel::never()),
        FaultKind::Unreachable,
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn loopback_wants_its_grant_and_plain_http_wants_loopback() {
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    call.grant.allow_private.clear();
    refused_unsent(&exchange(&call), FaultKind::Refused);
    let mut call = server.call();
    call.base_url = "http://public.test".into();
    call.grant.hosts = vec!["public.test".into()];
    call.grant.allow_private = vec!["0.0.0.0/0".parse().unwrap()];
    refused_unsent(
        &exchange_with(&call, resolving("public.test", &[&["93.184.216.34"]]), &Cancel::never()),
        FaultKind::Refused,
    );
    refused_unsent(
        &exchange_with(&call, resolving("public.test", &[&["10.0.0.5"]]), &Cancel::never()),
        FaultKind::Refused,
    );
    for base in [
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://u:p@127.0.0.1",
        "http://127.0.0.1/?a=b",
        "127.0.0.1",
        "http://2130706433:1/",
    ] {
        call.base_url = base.into();
        assert!(!exchange(&call).sent, "{base}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn proxy_variables_are_ignored() {
    let proxy = Server::answering("200 OK", "from the proxy");
    let server = Server::answering("200 OK", "from the server");
    // Variables of this process cannot be set in a test without `unsafe`; a child has them from the beginning.
    if std::env::var("HTTP_PROXY").is_err() {
        let me = std::env::current_exe().unwrap();
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let child = std::process::Command::new(me)
            .args(["--exact", "connector::http::tests::proxy_variables_are_ignored", "--nocapture"])
            .env("HTTP_PROXY", &url)
            .env("http_proxy", &url)
            .env("ALL_PROXY", &url)
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
        assert!(proxy.requests().is_empty());
        return;
    }
    assert_eq!(exchange(&server.call()).text.as_deref(), Some("from the server"));
}

#[test]
fn header_values_and_segments_cannot_break_out() {
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    for value in ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"] {
        call.headers = vec![("X-Note".into(), value.into())];
        refused_unsent(&exchange(&call), FaultKind::Argument);
    }
    for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "bad name", "X\r\nY"] {
        call.headers = vec![(name.into(), "x".into())];
        refused_unsent(&exchange(&call), FaultKind::Refused);
    }
    call.headers.clear();
    for segment in ["..", ".", "%2e%2E", ".%2e", "a/b", "a?b", "a#b", "a b", "a\\b"] {
        call.segments = vec!["refunds".into(), segment.into()];
        refused_unsent(&exchange(&call), FaultKind::Argument);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_secret_is_sent_and_comes_back_in_no_encoding() {
    use base64::Engine as _;
    let standard = &base64::engine::general_purpose::STANDARD;
    for auth in [
        HttpAuth::Bearer { secret: "key".into() },
        HttpAuth::Basic { user: "me".into(), secret: "key".into() },
        HttpAuth::Header { header: "X-Api-Key".into(), secret: "key".into() },
    ] {
        // A server that echoes what it was sent, in every encoding it can think of.
        let server = Server::acting(Box::new(move |stream, _| {
            let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
            let url: String = url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
            let json = serde_json::to_string(CANARY).unwrap();
            let body = json!({
                "plain": CANARY, "hex": hex, "upper": hex.to_uppercase(), "url": url, "json": json,
                "base64": standard.encode(CANARY), "inside": standard.encode(format!("user=x&key={CANARY}&b=1")),
                "basic": standard.encode(format!("me:{CANARY}")), CANARY: 1, "list": [[format!("<{CANARY}>")]],
                "html": CANARY.replace('"', "&quot;"),
            });
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nX-Echo: {url}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).unwrap();
        }));
        let mut call = server.call();
        call.auth = auth.clone();
        refused_unsent(&exchange(&call), FaultKind::Missing);
        call.grant.secrets = vec!["key".into()];
        let reply = exchange(&call);
        assert_eq!(reply.status, Some(200), "{auth:?}: {reply:?}");
        let request = server.requests().remove(0);
        let sent = match &auth {
            HttpAuth::Bearer { .. } => format!("authorization: Bearer {CANARY}\r\n"),
            HttpAuth::Basic { .. } => {
                format!("authorization: Basic {}\r\n", standard.encode(format!("me:{CANARY}")))
            }
            _ => format!("x-api-key: {CANARY}\r\n"),
        };
        assert!(request.contains(&sent), "the secret was not sent: {request}");
        let shown = format!("{reply:?} {}", serde_json::to_string(&reply.facts()).unwrap());
        for leak in ["5ecre7", "356563726537", "NWVjcmU3", "VlY3JlN", "1ZWNyZT"] {
            assert!(!shown.contains(leak), "{auth:?} leaks {leak}: {shown}");
        }
        assert!(shown.contains("[secret]"));
    }
    let server = Server::answering("200 OK", "");
    let mut call = server.call();
    call.auth = HttpAuth::Bearer { secret: "torn".into() };
    call.grant.secrets = vec!["torn".into()];
    refused_unsent(&exchange(&call), FaultKind::Missing);
    assert!(server.requests().is_empty());
}

#[test]
fn a_cancel_ends_the_exchange() {
    let (switch, cancel) = CancelSwitch::new();
    let switch = Mutex::new(Some(switch));
    let server = Server::acting(Box::new(move |stream, _| {
        switch.lock().unwrap().take().unwrap().cancel();
        let _ = stream.read(&mut [0]);
    }));
    let reply = exchange_with(&server.call(), Arc::new(Scripted::default()), &cancel);
    assert_eq!((kind(&reply), reply.sent), (Some(FaultKind::Cancelled), true), "{reply:?}");
    refused_unsent(
        &exchange_with(&server.call(), Arc::new(Scripted::default()), &cancel),
        FaultKind::Cancelled,
    );
}

#[test]
fn a_head_request_has_no_body_whatever_it_announces() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    let mut call = server.call();
    call.method = "HEAD".into();
    call.body = HttpBody::Empty;
    let reply = exchange(&call);
    assert_eq!((reply.status, kind(&reply)), (Some(200), None), "{reply:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_encoded_segment_is_one_segment_and_reads_back(value in "\\PC{1,40}") {
        prop_assume!(value != "." && value != "..");
        let mut call = call("http://127.0.0.1:1");
        call.segments = vec!["a".into(), encode_segment(&value), "b".into()];
        let url = url_of(&call).unwrap();
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        let pair = format!("v={}", segments[1].replace('+', "%2B"));
        let read = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned();
        prop_assert_eq!(read, value);
    }

    #[test]
    fn whatever_a_server_says_there_is_a_reply_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), good in any::<bool>()) {
        let mut answer = if good { b"HTTP/1.1 200 OK\r\n".to_vec() } else { Vec::new() };
        answer.extend_from_slice(&bytes);
        let server = Server::acting(Box::new(move |stream, _| { let _ = stream.write_all(&answer); let _ = stream.shutdown(Shutdown::Write); }));
        let mut call = server.call();
        call.timeout_ms = 2_000;
        let reply = exchange(&call);
        prop_assert!(reply.sent);
        prop_assert!(reply.fault.is_some() || reply.status.is_some());
    }
}
