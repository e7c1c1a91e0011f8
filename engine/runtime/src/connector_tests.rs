//! All connectors together: dispatch, breaker, guard of `mock`, with permits as the gate makes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::net::TcpListener;
use std::time::Duration;

use super::*;
use crate::connector::reply::settle;
use crate::permit::{Attempt, Phase};
use crate::ports::{
    Effect, ExecArg, ExecCall, HostGrant, HttpAuth, HttpBody, HttpCall, Network, Outcome, Pin, Repeat,
    Stdout, Terms,
};
use crate::secrets::NoSecrets;
use breaker::BreakerLimits;

fn permit(deadline: Option<Instant>) -> Permit {
    Permit::for_stored_attempt(Attempt {
        run: "run".into(),
        step: "step".into(),
        item: None,
        number: 1,
        phase: Phase::Do,
        idempotency_key: "key".into(),
        deadline,
    })
}

fn live() -> Live {
    let launcher = exec::tests::launcher();
    Live::new(Arc::new(NoSecrets), Arc::new(SystemResolver), launcher, Enforcement::Required)
}

fn prepared(connector: &str, target: Target) -> PreparedCall {
    let terms =
        Terms { effect: Effect::Write, repeat: Repeat::Never, success: vec![200, 0], retryable: vec![] };
    let breaker = BreakerLimits { failures: 2, backoff_ms: 60_000, max_backoff_ms: 60_000 };
    PreparedCall { connector: connector.into(), breaker, terms, target }
}

fn nobody_there() -> Target {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    Target::Http(Box::new(HttpCall {
        base_url: format!("http://127.0.0.1:{port}"),
        method: "GET".into(),
        segments: vec![],
        query: vec![],
        headers: vec![],
        body: HttpBody::Empty,
        auth: HttpAuth::None,
        grant: HostGrant {
            hosts: vec!["127.0.0.1".into()],
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            secrets: vec![],
        },
        timeout_ms: 5_000,
        max_response: 1024,
    }))
}

fn program(program: &str, args: &[&str]) -> Target {
    Target::Exec(Box::new(ExecCall {
        program: program.into(),
        pin: Pin::Any,
        args: args.iter().map(|arg| ExecArg::literal(*arg)).collect(),
        env: BTreeMap::new(),
        secrets: vec![],
        cwd: None,
        stdin: None,
        read: vec![],
        write: vec![],
        network: Network::None,
        stdout: Stdout::Text,
        timeout_ms: 10_000,
        max_output: 1024,
    }))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn the_breaker_of_one_connector_opens_and_no_other() {
    block_on(async {
        let live = live();
        for _ in 0..2 {
            let reply = live.call(permit(None), prepared("down", nobody_there()), Cancel::never()).await;
            assert_eq!(reply.fault.unwrap().kind, FaultKind::Unreachable);
        }
        assert!(live.is_open("down") && !live.is_open("up"));
        let call = prepared("down", program("/usr/bin/true", &[]));
        let terms = call.terms.clone();
        let reply = live.call(permit(None), call, Cancel::never()).await;
        assert!(!reply.sent && reply.exit_code.is_none(), "an open breaker let it through: {reply:?}");
        let outcome = settle(&reply, &terms, |facts| Ok(facts.clone()));
        assert!(
            matches!(&outcome, Outcome::Refused { code, retryable: true, retry_after_ms: Some(wait), .. }
                if code == "breaker_open" && *wait > 0 && *wait <= 60_000),
            "{outcome:?}"
        );
        let up =
            live.call(permit(None), prepared("up", program("/usr/bin/echo", &["hi"])), Cancel::never()).await;
        assert_eq!(up.text.as_deref(), Some("hi\n"), "{up:?}");
    });
}

#[test]
fn a_program_that_says_no_is_no_failure_of_the_connector() {
    block_on(async {
        let live = live();
        for _ in 0..4 {
            let call = prepared("c", program("/usr/bin/false", &[]));
            assert_eq!(live.call(permit(None), call, Cancel::never()).await.exit_code, Some(1));
        }
        assert!(!live.is_open("c"));
    });
}

#[test]
fn a_live_call_of_a_mock_is_refused() {
    let reply = block_on(live().call(permit(None), prepared("m", Target::Mock), Cancel::never()));
    let terms = prepared("m", Target::Mock).terms;
    let outcome = settle(&reply, &terms, |facts| Ok(facts.clone()));
    assert!(matches!(outcome, Outcome::Refused { code, retryable: false, .. } if code == "mode_not_allowed"));
}

#[test]
fn the_deadline_of_the_permit_holds_where_it_is_nearer() {
    block_on(async {
        let soon = Some(Instant::now() + Duration::from_millis(400));
        let reply = live()
            .call(permit(soon), prepared("c", program("/usr/bin/sleep", &["30"])), Cancel::never())
            .await;
        assert_eq!(reply.fault.unwrap().kind, FaultKind::Timeout);
        let past = Some(Instant::now());
        let reply =
            live().call(permit(past), prepared("c", program("/usr/bin/true", &[])), Cancel::never()).await;
        assert!(!reply.sent, "it was started past its deadline: {reply:?}");
        let reply = live().call(permit(past), prepared("c", nobody_there()), Cancel::never()).await;
        assert_eq!((reply.sent, reply.fault.unwrap().kind), (false, FaultKind::Timeout));
    });
}
