//! Tests of exemptions: when one holds, who may agree, and that none ever allows more than its absence of expiry says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::fixture;
use crate::reason::Code;

const EXEMPTION: &str = "
exempts: {policy: production, rule: two}
scope: {capabilities: [db.vacuum], actors: ['user:alice'], environments: [production]}
reason: The second reviewer starts on the thirtieth.
requestedBy: user:alice
approvedBy: ['user:dan', 'user:erin']
from: 2026-01-05T10:00:00Z
expires: 2026-01-12T10:00:00Z
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn actor(id: &str) -> Actor {
    Actor::of(&fixture::roster(), id).unwrap()
}

fn grant(by: &str, assurance: Assurance) -> Grant {
    Grant { by: actor(by), at: at("2026-01-05T09:00:00Z"), assurance, rationale: "as agreed".into() }
}

fn asked(granted: &[&str]) -> Asked {
    let granted = granted.iter().map(|by| grant(by, Assurance::Session)).collect();
    Asked { name: "vacuum-alone".into(), granted, rejected: None }
}

fn step(actor: &Actor) -> Use<'_> {
    let at = at("2026-01-06T10:00:00Z");
    Use { actor, risk: Risk::Medium, effect: Effect::Write, mode: Mode::Live, at }
}

fn both() -> Asked {
    asked(&["user:dan", "user:erin"])
}

fn checked(asked: Option<&Asked>, step: &Use<'_>) -> Result<(), Inert> {
    holds(&fixture::exemption("vacuum-alone", EXEMPTION), asked, Some(&fixture::roster()), step)
}

#[test]
fn it_holds_from_its_first_instant_to_the_one_before_its_last() {
    let alice = actor("user:alice");
    let said = both();
    for (instant, expected) in [
        ("2026-01-05T09:59:59.999Z", Err(Inert::Early)),
        ("2026-01-05T10:00:00Z", Ok(())),
        ("2026-01-12T09:59:59.999Z", Ok(())),
        ("2026-01-12T10:00:00Z", Err(Inert::Over)),
        ("2027-01-12T10:00:00Z", Err(Inert::Over)),
    ] {
        assert_eq!(checked(Some(&said), &Use { at: at(instant), ..step(&alice) }), expected, "{instant}");
    }
}

#[test]
fn it_is_inert_until_each_of_those_it_names_has_agreed_and_their_word_counts() {
    let alice = actor("user:alice");
    let rejected = Asked { rejected: Some(grant("user:dan", Assurance::Session)), ..both() };
    let asserted = Asked {
        granted: vec![grant("user:dan", Assurance::Asserted), grant("user:erin", Assurance::Signed)],
        ..both()
    };
    let live = step(&alice);
    let risky = Use { risk: Risk::High, ..live };
    let table = [
        ("nobody", None, live, Err(Inert::Unapproved)),
        ("one of two", Some(asked(&["user:dan"])), live, Err(Inert::Unapproved)),
        ("somebody else", Some(asked(&["user:dan", "user:carol"])), live, Err(Inert::Unapproved)),
        ("both", Some(both()), live, Ok(())),
        ("both, and a no", Some(rejected), live, Err(Inert::Rejected)),
        ("asserted", Some(asserted.clone()), live, Ok(())),
        ("asserted, high and live", Some(asserted.clone()), risky, Err(Inert::Asserted)),
        ("asserted, high and mock", Some(asserted), Use { mode: Mode::Mock, ..risky }, Ok(())),
        ("high and live", Some(both()), risky, Ok(())),
        ("critical", Some(both()), Use { risk: Risk::Critical, ..live }, Err(Inert::TooGrave)),
        ("irreversible", Some(both()), Use { effect: Effect::Irreversible, ..live }, Err(Inert::TooGrave)),
    ];
    for (what, said, step, expected) in table {
        assert_eq!(checked(said.as_ref(), &step), expected, "{what}");
    }
    let dan = actor("user:dan");
    assert_eq!(checked(Some(&both()), &step(&dan)), Err(Inert::Discounted), "who acts agreed");
    let exemption = fixture::exemption("vacuum-alone", EXEMPTION);
    assert_eq!(holds(&exemption, Some(&both()), None, &live), Err(Inert::Unapproved), "no roster");
    let early = Use { at: at("2026-01-05T10:00:00Z"), ..live };
    let mut late = both();
    late.granted[0].at = at("2026-01-05T10:00:00.001Z");
    assert_eq!(checked(Some(&late), &early), Err(Inert::Discounted), "agreed later than it is used");
}

#[test]
fn a_signature_in_the_file_counts_for_its_own_digest_and_key_only() {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = format!("ed25519:{}", base64(key.verifying_key().as_bytes()));
    let mut roster = fixture::roster();
    let person = roster.spec.people.0.iter_mut().find(|(name, _)| &***name == "dan").unwrap();
    person.1.value.key = Some(Spanned::nowhere(public.into()));
    let signed = |digest: &Digest| {
        let sig = base64(&key.sign(&signed_bytes(digest)).to_bytes());
        format!("{EXEMPTION}signatures: [{{by: 'user:dan', sig: 'ed25519:{sig}'}}]\n")
    };
    let mut exemption = fixture::exemption("vacuum-alone", EXEMPTION);
    let digest = exemption.digest;
    let with = |text: &str| Exemption { digest, ..fixture::exemption("vacuum-alone", text) };
    let erin = asked(&["user:erin"]);
    let alice = actor("user:alice");
    assert_eq!(holds(&with(&signed(&digest)), Some(&erin), Some(&roster), &step(&alice)), Ok(()));
    assert_eq!(missing(&with(&signed(&digest)), Some(&erin), Some(&roster)), BTreeSet::new());
    let foreign = with(&signed(&Digest([9; 32])));
    assert_eq!(holds(&foreign, Some(&erin), Some(&roster), &step(&alice)), Err(Inert::Unapproved));
    let stolen = with(&signed(&digest).replace("by: 'user:dan'", "by: 'user:erin'"));
    assert_eq!(holds(&stolen, None, Some(&roster), &step(&alice)), Err(Inert::Unapproved));
    exemption.digest = Digest([1; 32]);
    assert!(!is_signed(&exemption, &roster, "user:dan"));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decide(by: &str, verdict: Verdict) -> Decide {
    Decide {
        approval: ApprovalId::of_exemption(&fixture::exemption("vacuum-alone", EXEMPTION).digest),
        by: actor(by),
        verdict,
        rationale: "agreed in the review".into(),
        form: Value::Null,
        digest: None,
        assurance: Some(Assurance::Session),
        claims: None,
        token_creator: None,
        signature: None,
    }
}

#[test]
fn decisions_are_judged_in_the_order_of_any_approval() {
    let exemption = fixture::exemption("vacuum-alone", EXEMPTION);
    let roster = fixture::roster();
    let now = at("2026-01-05T11:00:00Z");
    let judged = |said: Option<&Asked>, decide: &Decide, now: Timestamp| {
        judge(&exemption, said, &roster, decide, now).map_err(|reason| reason.code)
    };
    let dan = decide("user:dan", Verdict::Approve);
    assert_eq!(judged(None, &dan, now), Ok(()));
    let over = at("2026-01-12T10:00:00Z");
    assert_eq!(judged(None, &dan, over), Err(Code::AlreadyDecided), "after its end");
    for (who, code) in [
        ("user:alice", Code::SelfApproval),
        ("user:alicia", Code::SelfApproval),
        ("user:carol", Code::NotEligible),
        ("user:planner", Code::NotEligible),
    ] {
        assert_eq!(judged(None, &decide(who, Verdict::Approve), now), Err(code), "{who}");
    }
    assert_eq!(judged(None, &Decide { assurance: None, ..dan.clone() }, now), Err(Code::InteractiveRequired));
    let stale = Decide { digest: Some(Digest([0; 32])), ..dan.clone() };
    assert_eq!(judged(None, &stale, now), Err(Code::ApprovalVoid));
    let short = Decide { rationale: "ok".into(), ..dan.clone() };
    assert_eq!(judged(None, &short, now), Err(Code::InputInvalid));
    assert_eq!(judged(Some(&asked(&["user:dan"])), &dan, now), Err(Code::AlreadyDecided));
    assert_eq!(judged(Some(&both()), &dan, now), Err(Code::AlreadyDecided), "granted takes no more");
    assert_eq!(judged(Some(&both()), &decide("user:dan", Verdict::Reject), now), Err(Code::AlreadyDecided));
    assert_eq!(judged(Some(&both()), &decide("user:dan", Verdict::Withdraw), now), Ok(()));
    assert_eq!(judged(None, &decide("user:dan", Verdict::Withdraw), now), Err(Code::NotEligible));
    let rejected = Asked { rejected: Some(grant("user:erin", Assurance::Session)), ..asked(&[]) };
    assert_eq!(judged(Some(&rejected), &dan, now), Err(Code::AlreadyDecided));
}

#[test]
fn what_is_taken_back_makes_it_wait_again() {
    let exemption = fixture::exemption("vacuum-alone", EXEMPTION);
    let mut all = Exemptions::default();
    let name: Arc<str> = "vacuum-alone".into();
    let roster = fixture::roster();
    let shown = |all: &Exemptions| {
        state(&exemption, all.of(&exemption.digest), Some(&roster), at("2026-01-06T10:00:00Z")).as_str()
    };
    assert_eq!(shown(&all), "open");
    for by in ["user:dan", "user:erin"] {
        all.said(&name, exemption.digest, Verdict::Approve, grant(by, Assurance::Session));
    }
    assert_eq!(shown(&all), "granted");
    all.said(&name, exemption.digest, Verdict::Withdraw, grant("user:dan", Assurance::Session));
    assert_eq!(shown(&all), "open");
    all.said(&name, exemption.digest, Verdict::Reject, grant("user:dan", Assurance::Session));
    assert_eq!(shown(&all), "rejected");
}

proptest! {
    #[test]
    fn fewer_agreements_a_later_start_and_an_earlier_end_never_hold_more(
        said in prop::collection::vec(prop::sample::select(vec!["user:dan", "user:erin", "user:carol"]), 0..4),
        dropped in 0_usize..4,
        hours in 0_i64..240,
        shorter in 0_i64..240,
        later in 0_i64..240,
    ) {
        let alice = actor("user:alice");
        let at = at("2026-01-05T00:00:00Z").checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        let step = Use { at, ..step(&alice) };
        let more = asked(&said);
        let mut less = more.clone();
        if dropped < less.granted.len() { less.granted.remove(dropped); }
        let exemption = fixture::exemption("vacuum-alone", EXEMPTION);
        let mut narrower = exemption.clone();
        let moved = |at: Timestamp, hours: i64| at.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        narrower.spec.from.value.0 = moved(narrower.spec.from.value.0, later);
        let expires = narrower.spec.expires.as_mut().unwrap();
        expires.value.0 = moved(expires.value.0, -shorter);
        let roster = fixture::roster();
        let wide = holds(&exemption, Some(&more), Some(&roster), &step).is_ok();
        prop_assert!(wide || holds(&exemption, Some(&less), Some(&roster), &step).is_err());
        prop_assert!(wide || holds(&narrower, Some(&more), Some(&roster), &step).is_err());
        prop_assert!(holds(&exemption, None, Some(&roster), &step).is_err());
    }
}
