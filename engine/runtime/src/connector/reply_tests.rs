//! Decoding of replies: strict, total, and the table of outcomes without holes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn json_is_read_strictly() {
    assert_eq!(
        decode_json(br#" {"a": [1, -2, 1.5, "x", null, true]} "#),
        Ok(json!({"a": [1, -2, 1.5, "x", null, true]}))
    );
    for bad in [
        &br#"{"a":1,"a":2}"#[..],
        b"{} {}",
        b"",
        b"{",
        b"\xff",
        b"\"\xc3\"",
        b"9007199254740992",
        b"-9007199254740992",
        b"18446744073709551615",
        b"NaN",
        b"1e999",
        b"[1,]",
        b"\"\\ud800\"",
    ] {
        assert!(decode_json(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert!(decode_json(b"9007199254740991").is_ok());
    let deep = "[".repeat(5_000) + &"]".repeat(5_000);
    assert!(decode_json(deep.as_bytes()).is_err());
}

fn outcomes() -> impl Strategy<Value = (RawReply, Terms)> {
    let fault = proptest::option::of(prop_oneof![
        Just(FaultKind::Timeout),
        Just(FaultKind::Broken),
        Just(FaultKind::TooLarge),
        Just(FaultKind::Cancelled),
        Just(FaultKind::Refused),
        Just(FaultKind::System),
        Just(FaultKind::Unreachable),
    ]);
    let effect = prop_oneof![Just(Effect::Read), Just(Effect::Write), Just(Effect::Irreversible)];
    let repeat = prop_oneof![Just(Repeat::Safe), Just(Repeat::Never)];
    let codes = || proptest::collection::vec(prop_oneof![200_i64..600, 0_i64..3], 0..4);
    (
        any::<bool>(),
        proptest::option::of(100_u16..600),
        proptest::option::of(0..4_i32),
        fault,
        effect,
        repeat,
        codes(),
        codes(),
    )
        .prop_map(|(sent, status, exit_code, fault, effect, repeat, success, retryable)| {
            let fault = fault.map(|kind| Fault { kind, detail: String::new() });
            let exit_code = exit_code.filter(|_| status.is_none());
            let reply = RawReply { sent, status, exit_code, fault, ..RawReply::default() };
            (reply, Terms { effect, repeat, success, retryable })
        })
}

proptest! {
    #[test]
    fn decoding_never_panics_and_reads_what_serde_reads(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = decode_json(&bytes) {
            prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), value);
        }
    }

    #[test]
    fn decoded_json_is_stable(text in "[\\[\\]{}\":,0-9a-c.e\\- \\\\un]{0,60}") {
        if let Ok(value) = decode_json(text.as_bytes()) {
            prop_assert_eq!(decode_json(value.to_string().as_bytes()).unwrap(), value);
        }
    }

    #[test]
    fn retry_after_is_total_and_bounded(text in "\\PC{0,40}") {
        if let Some(wait) = retry_after(&text) {
            prop_assert!(wait <= LONGEST_RETRY_AFTER_MS);
        }
    }

    #[test]
    fn the_table_has_no_hole((reply, terms) in outcomes()) {
        let outcome = settle(&reply, &terms, |_| Err("misfit".into()));
        let plain_no = reply.status.is_some_and(|status| (400..500).contains(&status));
        if terms.effect == Effect::Read {
            prop_assert!(!matches!(outcome, Outcome::Unknown { .. }), "a read is never unknown");
        } else if reply.sent && terms.repeat == Repeat::Never && !plain_no {
            prop_assert!(matches!(outcome, Outcome::Unknown { .. }), "sent, once only, not a 4xx: {outcome:?}");
        }
        if !reply.sent {
            prop_assert!(matches!(outcome, Outcome::Refused { .. }), "nothing was sent, so nothing happened");
        }
        let done = settle(&reply, &terms, |facts| Ok(facts.clone()));
        if matches!(done, Outcome::Succeeded { .. }) {
            let code = reply.status.map(i64::from).or(reply.exit_code.map(i64::from)).unwrap();
            prop_assert!(reply.sent && reply.fault.is_none() && terms.success.contains(&code));
        }
    }
}
