//! The harness on connectors as they are declared, on broken ones, and on a harness that must notice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use ordain_spec::decode::{Decode, Decoder};
use ordain_spec::digest::Digest;
use ordain_spec::kind::connector::ConnectorSpec;
use ordain_spec::kind::metadata::Metadata;
use ordain_spec::source::{FileId, Notation};
use ordain_spec::tree::{Node, Value, yaml};

use super::*;
use crate::connector::exec::tests::launcher;

const HTTP: &str = "
apiVersion: ordain/v1
kind: Connector
metadata: {name: stripe, version: 2.1.0, owner: 'group:payments', summary: Card payments.}
spec:
  type: http
  access: write
  http: {baseUrl: {setting: stripe-url}, auth: {bearer: {secret: stripe-key}}}
  operations:
    create-refund:
      effect: write
      method: POST
      path: /refunds
      body: {form: {payment: '${ input.payment }'}}
      success: [201]
      retryable: [429, 503]
      output: {id: response.json.id}
      timeout: 10s
      maxResponse: 64KiB
      mock: {output: {id: re_1}}
    find:
      effect: read
      path: /refunds
      output: {id: response.json.id}
      timeout: 200ms
      maxResponse: 1KiB
      mock: {output: {id: re_1}}
";

const EXEC: &str = "
apiVersion: ordain/v1
kind: Connector
metadata: {name: archiver, version: 1.0.0, owner: 'group:data', summary: Packs.}
spec:
  type: exec
  access: write
  exec: {program: /usr/bin/tar}
  operations:
    pack: {effect: write, args: ['--create'], timeout: 10m, maxOutput: 1KiB, mock: {output: {}}}
";

fn field<'n>(node: &'n Node, name: &str) -> &'n Node {
    let Value::Map(map) = &node.value else { panic!("no map") };
    map.get(name).map(|(_, value)| value).expect(name)
}

fn declared(text: &str) -> Declared {
    let mut problems = Vec::new();
    let documents = yaml::read(FileId(0), text, &mut problems);
    let mut cx = Decoder::for_text(text, Notation::Yaml);
    let metadata = Metadata::decode(field(&documents[0], "metadata"), &mut cx).expect("metadata");
    let spec = ConnectorSpec::decode(field(&documents[0], "spec"), &mut cx).expect("a spec");
    problems.extend(cx.finish());
    assert!(problems.is_empty(), "{problems:?}");
    Declared { metadata, spec, digest: Digest::of(b"test"), span: documents[0].span }
}

fn examined(text: &str) -> BTreeMap<String, Check> {
    let connector = declared(text);
    let subject = Subject {
        connector: &connector,
        connection: None,
        launcher: launcher(),
        enforcement: Enforcement::Reported,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(examine(&subject)).into_iter().map(|check| (check.id.clone(), check)).collect()
}

#[test]
fn an_http_connector_holds_what_every_one_must() {
    let checks = examined(HTTP);
    for id in ["health", "timeout", "bad-reply", "auth-error", "read-only", "redaction"] {
        assert!(checks[id].ok, "{:?}", checks[id]);
    }
    assert!(!checks["connection"].ok, "nothing is granted: {:?}", checks["connection"]);
    for auth in ["{basic: {user: me, secret: stripe-key}}", "{header: {name: X-Key, secret: stripe-key}}"] {
        let checks = examined(&HTTP.replace("{bearer: {secret: stripe-key}}", auth));
        assert!(checks["redaction"].ok, "{auth}: {:?}", checks["redaction"]);
    }
}

#[test]
fn an_exec_connector_holds_what_every_one_must() {
    let checks = examined(EXEC);
    for id in ["health", "timeout", "bad-reply", "auth-error", "read-only", "redaction", "sandbox"] {
        assert!(checks[id].ok, "{:?}", checks[id]);
    }
}

#[test]
fn a_connector_that_takes_a_no_for_success_is_found_out() {
    let checks = examined(&HTTP.replace("success: [201]", "success: [201, 401]"));
    assert!(!checks["auth-error"].ok, "{:?}", checks["auth-error"]);
    assert!(checks["auth-error"].detail.contains("create-refund"));
}

#[test]
fn a_write_on_a_connector_that_reads_is_found_out() {
    let checks = examined(&HTTP.replace("access: write", "access: read"));
    assert!(!checks["read-only"].ok && checks["read-only"].detail.contains("create-refund"), "{checks:?}");
    let posted = HTTP.replace("      effect: read\n", "      effect: read\n      method: POST\n");
    let checks = examined(&posted);
    assert!(!checks["read-only"].ok && checks["read-only"].detail.contains("`find`"), "{checks:?}");
}

#[test]
fn what_is_shown_of_a_reply_would_show_a_leak() {
    let canary = Canary::new().unwrap();
    let value = canary.0.expose().to_owned();
    let fault = crate::ports::Fault { kind: FaultKind::Broken, detail: value.clone() };
    for reply in [
        RawReply { said: value.clone(), ..RawReply::default() },
        RawReply { text: Some(format!("a{value}b")), ..RawReply::default() },
        RawReply { json: Some(serde_json::json!([{"x": value}])), ..RawReply::default() },
        RawReply { fault: Some(fault), ..RawReply::default() },
        RawReply {
            status: Some(200),
            headers: [("x".to_owned(), value.clone())].into(),
            ..RawReply::default()
        },
    ] {
        assert!(canary.seen_in(&shown(&reply)), "{reply:?}");
    }
    assert!(!canary.seen_in(&shown(&RawReply::default())));
}
