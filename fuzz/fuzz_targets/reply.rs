//! Any bytes as what the other side says: read as strict JSON, judged under every term, masked. Reading is
//! stricter than serde's and agrees with it; a read never has an unknown outcome; no secret stays.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ordain_runtime::connector::reply::{decode_json, settle};
use ordain_runtime::ports::{Effect, Fault, FaultKind, Outcome, RawReply, Repeat, Terms};
use ordain_runtime::secret::Secret;
use ordain_runtime::secrets::Masker;

static MASKER: LazyLock<Masker> = LazyLock::new(|| {
    let secret = Secret::new("s3cret-value".to_owned()).expect("a secret");
    Masker::new([&secret])
});

fuzz_target!(|bytes: &[u8]| {
    let Some((head, body)) = bytes.split_first_chunk::<4>() else { return };
    let json = decode_json(body).ok();
    if let Some(json) = &json {
        assert_eq!(Some(json), serde_json::from_slice::<serde_json::Value>(body).ok().as_ref());
    }
    let kinds = [
        FaultKind::Refused,
        FaultKind::Argument,
        FaultKind::Missing,
        FaultKind::Unreachable,
        FaultKind::Timeout,
        FaultKind::Broken,
        FaultKind::TooLarge,
        FaultKind::Cancelled,
        FaultKind::Mode,
        FaultKind::Breaker,
        FaultKind::System,
    ];
    let fault = kinds.get(usize::from(head[0] % 16)).map(|kind| Fault { kind: *kind, detail: "it ended".into() });
    let http = head[1] & 1 == 0;
    let reply = RawReply {
        sent: head[1] & 2 == 0,
        status: http.then_some(100 + u16::from(head[2]) * 2),
        exit_code: (!http).then_some(i32::from(head[2])),
        text: std::str::from_utf8(body).ok().map(str::to_owned),
        json,
        fault,
        ..RawReply::default()
    };
    let reply = reply.masked(&MASKER);
    for text in reply.text.iter().chain(reply.json.as_ref().map(ToString::to_string).iter()) {
        assert!(!text.contains("s3cret-value"), "{text}");
    }
    let effect = [Effect::Read, Effect::Write, Effect::Irreversible][usize::from(head[3] % 3)];
    let repeat = if head[3] & 0x80 == 0 { Repeat::Safe } else { Repeat::Never };
    let terms = Terms { effect, repeat, success: vec![0, 200, 204], retryable: vec![429, 503, 75] };
    let outcome = settle(&reply, &terms, |response| match response.get("json") {
        Some(serde_json::Value::Object(fields)) => Ok(fields.clone()),
        _ => Err("no object".into()),
    });
    match outcome {
        Outcome::Unknown { .. } => assert!(effect != Effect::Read && reply.sent, "{reply:?}"),
        Outcome::Succeeded { .. } => assert!(reply.sent && reply.fault.is_none(), "{reply:?}"),
        Outcome::Refused { .. } => {}
    }
});
