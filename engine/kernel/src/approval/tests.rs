//! Tests of approvals: who may decide, what is checked in which order, what a grant is bound to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop where something is not as said")]

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::*;
use crate::decision::Basis;
use crate::fixture::{approval, roster};
use crate::ids::{ApprovalId, RunId};

const OPENED: &str = "2026-01-05T10:00:00Z";
const PEER: &str = "
stages:
  - {id: peer, anyOf: ['role:sre', 'user:dan', 'group:risk'], quorum: 2, expires: 4h,
     form: {ticket: {type: string, pattern: 'CHG-[0-9]{1,8}', optional: true}}}
  - {id: late, anyOf: ['user:dan'], expires: 8h, stepUp: true}
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn later(hours: i64) -> Timestamp {
    at(OPENED).checked_add(jiff::SignedDuration::from_hours(hours)).unwrap()
}

fn ids(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(format!("user:{name}"))).collect()
}

/// A decision to be judged; each test changes what it is about.
struct Case {
    definition: Approval,
    stage: usize,
    state: StageState,
    requester: &'static str,
    token_creator: Option<&'static str>,
    granted: BTreeSet<Arc<str>>,
    elsewhere: BTreeSet<Arc<str>>,
    opened_for: Option<BTreeSet<Arc<str>>>,
    risk: Risk,
    act: Act,
    by: &'static str,
    assurance: Option<Assurance>,
    claims: Option<Claims>,
    digest: Option<Digest>,
    rationale: &'static str,
    form: Value,
    now: Timestamp,
}

fn case(by: &'static str) -> Case {
    Case {
        definition: approval(PEER),
        stage: 0,
        state: StageState::Open,
        requester: "user:erin",
        token_creator: None,
        granted: BTreeSet::new(),
        elsewhere: BTreeSet::new(),
        opened_for: None,
        risk: Risk::High,
        act: Act::Approve,
        by,
        assurance: Some(Assurance::Signed),
        claims: None,
        digest: Some(Digest([5; 32])),
        rationale: "looked at the call and at the plan",
        form: Value::Null,
        now: later(1),
    }
}

impl Case {
    fn judged(&self) -> Result<Value, Reason> {
        let roster = roster();
        let stage = &self.definition.spec.stages[self.stage];
        let requester = Actor::of(&roster, self.requester).unwrap();
        let anywhere = self.granted.union(&self.elsewhere).cloned().collect();
        let opened_for = self.opened_for.clone().unwrap_or_else(|| opening(&roster, stage));
        let standing = Standing {
            state: self.state,
            definition: &self.definition.spec,
            stage,
            opened_for: &opened_for,
            expires_at: expires_at(stage, at(OPENED)),
            digest: Digest([5; 32]),
            granted: &self.granted,
            granted_anywhere: &anywhere,
            risk: self.risk,
            mode: Mode::Live,
            applicant: Applicant { token_creator: self.token_creator, ..Applicant::of(&requester) },
        };
        let by = Actor::of(&roster, self.by).unwrap_or_else(|| Actor {
            id: self.by.into(),
            type_: ActorType::Human,
            on_behalf_of: None,
        });
        let decided = Decided {
            act: self.act,
            by: &by,
            assurance: self.assurance,
            claims: self.claims.as_ref(),
            digest: self.digest,
            rationale: self.rationale,
            form: &self.form,
        };
        judge(&standing, &decided, &roster, self.now)
    }

    fn refused(&self) -> Option<Code> {
        self.judged().err().map(|reason| reason.code)
    }
}

#[test]
fn eligible_people_decide_and_others_do_not() {
    let table = [
        ("user:alice", None),
        ("user:bob", None),
        ("user:carol", None),
        ("user:dan", None),
        ("user:erin", Some(Code::SelfApproval)),
        ("user:deploy-bot", Some(Code::NotEligible)),
        ("user:planner", Some(Code::NotEligible)),
        ("user:nobody", Some(Code::NotEligible)),
        ("system", Some(Code::NotEligible)),
    ];
    for (by, expected) in table {
        assert_eq!(case(by).refused(), expected, "{by}");
    }
}

#[test]
fn whoever_stands_for_the_requester_does_not_count() {
    let table = [
        ("user:alice", "user:alice", None, true),
        ("user:alice", "user:alicia", None, true),
        ("user:alice", "user:bob", None, false),
        ("user:planner", "user:carol", None, true),
        ("user:planner", "user:alice", None, true),
        ("user:planner", "user:alicia", None, true),
        ("user:planner", "user:bob", None, false),
        ("user:deploy-bot", "user:bob", None, true),
        ("user:deploy-bot", "user:dan", None, false),
        ("user:deploy-bot", "user:dan", Some("user:dan"), true),
    ];
    for (requester, by, token_creator, refused) in table {
        let case = Case { requester, token_creator, ..case(by) };
        assert_eq!(case.refused(), refused.then_some(Code::SelfApproval), "{by} for {requester}");
    }
}

#[test]
fn the_requester_may_only_where_declared_and_never_at_high_risk() {
    let definition =
        || approval("{requesterMayApprove: true, stages: [{id: a, anyOf: ['role:sre'], expires: 1d}]}");
    let own = |risk| Case { definition: definition(), requester: "user:alice", risk, ..case("user:alice") };
    assert_eq!(own(Risk::Medium).refused(), None);
    assert_eq!(own(Risk::High).refused(), Some(Code::SelfApproval));
    let agent = Case { requester: "user:planner", ..own(Risk::Medium) };
    assert_eq!(agent.refused(), Some(Code::SelfApproval), "an agent's principal is no requester in own name");
}

#[test]
fn checks_come_in_the_order_of_the_language() {
    // Everything is wrong at once; one after the other is mended.
    let mut wrong = Case {
        state: StageState::Granted,
        requester: "user:bob",
        assurance: None,
        digest: Some(Digest([6; 32])),
        rationale: "short",
        granted: ids(&["dan"]),
        opened_for: Some(BTreeSet::new()),
        ..case("user:bob")
    };
    let mut seen = vec![wrong.refused().unwrap()];
    wrong.state = StageState::Open;
    seen.push(wrong.refused().unwrap());
    wrong.requester = "user:erin";
    wrong.by = "user:dan";
    seen.push(wrong.refused().unwrap());
    wrong.opened_for = None;
    seen.push(wrong.refused().unwrap());
    wrong.assurance = Some(Assurance::Signed);
    seen.push(wrong.refused().unwrap());
    wrong.digest = Some(Digest([5; 32]));
    seen.push(wrong.refused().unwrap());
    wrong.rationale = "this is a good reason";
    seen.push(wrong.refused().unwrap());
    wrong.granted = BTreeSet::new();
    assert_eq!(wrong.refused(), None);
    assert_eq!(
        seen,
        [
            Code::AlreadyDecided,
            Code::SelfApproval,
            Code::NotEligible,
            Code::InteractiveRequired,
            Code::ApprovalVoid,
            Code::InputInvalid,
            Code::AlreadyDecided,
        ]
    );
}

#[test]
fn one_person_counts_once_also_under_another_identity_and_over_all_stages() {
    let twice = Case { granted: ids(&["alice"]), ..case("user:alicia") };
    assert_eq!(twice.refused(), Some(Code::AlreadyDecided));
    let other_stage = Case { stage: 1, elsewhere: ids(&["dan"]), ..case("user:dan") };
    assert_eq!(other_stage.refused(), Some(Code::AlreadyDecided));
    let mut shared = Case { stage: 1, elsewhere: ids(&["dan"]), ..case("user:dan") };
    shared.definition.spec.distinct.value = false;
    assert_eq!(shared.refused(), None);
    let rejecting = Case { granted: ids(&["alice"]), act: Act::Reject, ..case("user:alice") };
    assert_eq!(rejecting.refused(), None, "a person may think better of it and say no");
}

#[test]
fn assurance_is_asked_for_what_it_is_worth() {
    let table = [
        (1, Risk::Low, Assurance::Session, Some(Code::InteractiveRequired)),
        (1, Risk::Low, Assurance::StepUp, None),
        (1, Risk::Low, Assurance::Signed, None),
        (0, Risk::High, Assurance::Asserted, Some(Code::InteractiveRequired)),
        (0, Risk::Medium, Assurance::Asserted, None),
        (0, Risk::Critical, Assurance::Session, None),
    ];
    for (stage, risk, assurance, expected) in table {
        let case = Case { stage, risk, assurance: Some(assurance), ..case("user:dan") };
        assert_eq!(case.refused(), expected, "{stage} {risk} {assurance}");
    }
}

#[test]
fn expiry_refuses_at_its_instant() {
    assert_eq!(Case { now: at("2026-01-05T13:59:59.999Z"), ..case("user:dan") }.refused(), None);
    assert_eq!(Case { now: later(4), ..case("user:dan") }.refused(), Some(Code::AlreadyDecided));
    let mut without = case("user:dan");
    without.definition.spec.stages[0].expires = None;
    assert_eq!(without.refused(), Some(Code::AlreadyDecided), "without an expiry it refuses at once");
}

#[test]
fn members_of_external_groups_are_known_by_fresh_claims() {
    let claims = |hours: i64| Some(Claims { groups: ["risk".into()].into(), at: later(1 - hours) });
    let erin = |claims| Case { requester: "user:bob", claims, ..case("user:erin") };
    assert_eq!(erin(None).refused(), Some(Code::NotEligible));
    assert_eq!(erin(claims(0)).refused(), None);
    assert_eq!(erin(claims(12)).refused(), None);
    assert_eq!(erin(claims(13)).refused(), Some(Code::NotEligible));
    assert_eq!(erin(claims(-1)).refused(), Some(Code::NotEligible), "claims from the future");
}

#[test]
fn somebody_who_joined_after_the_opening_does_not_count() {
    let joined = Case { opened_for: Some(ids(&["bob"])), ..case("user:alice") };
    assert_eq!(joined.refused(), Some(Code::NotEligible));
}

#[test]
fn words_are_asked_for_and_checked() {
    let say = |rationale| Case { rationale, ..case("user:dan") }.refused();
    assert_eq!(say("          x          "), Some(Code::InputInvalid), "blanks say nothing");
    assert_eq!(say("looks good\u{200b} to me"), Some(Code::InputInvalid), "hidden text");
    assert_eq!(
        Case { rationale: "no", act: Act::Reject, ..case("user:dan") }.refused(),
        Some(Code::InputInvalid)
    );
    let form = |form: Value| Case { form, ..case("user:dan") }.judged();
    assert_eq!(form(json!({"ticket": "CHG-12"})).unwrap(), json!({"ticket": "CHG-12"}));
    let detail = form(json!({"ticket": "INC-12"})).unwrap_err().detail.unwrap();
    assert!(detail.contains("`ticket`") && !detail.contains("INC-12"), "{detail}");
    assert_eq!(form(json!({"extra": 1})).unwrap_err().code, Code::InputInvalid);
}

#[test]
fn an_agreement_is_taken_back_by_whoever_gave_it() {
    let back = |granted: &[&str], state| Case {
        act: Act::Withdraw,
        granted: ids(granted),
        state,
        digest: None,
        ..case("user:dan")
    };
    assert_eq!(back(&["dan"], StageState::Open).refused(), None);
    assert_eq!(back(&["dan"], StageState::Granted).refused(), None);
    assert_eq!(back(&["bob"], StageState::Open).refused(), Some(Code::NotEligible));
    assert_eq!(back(&["dan"], StageState::Over).refused(), Some(Code::AlreadyDecided));
}

#[test]
fn grants_are_looked_at_again_before_the_step_starts() {
    let (definition, roster) = (approval(PEER), roster());
    let requester = Actor::of(&roster, "user:erin").unwrap();
    let applicant = Applicant::of(&requester);
    let grant = |by| Granted { by, claims: None };
    let check = |grants: &[Granted<'_>]| {
        let stage = &definition.spec.stages[0];
        recheck(&definition.spec, stage, Risk::High, &applicant, grants, &roster, later(1))
            .map_err(|reason| reason.code)
    };
    assert_eq!(check(&[grant("user:bob"), grant("user:dan")]), Ok(()));
    assert_eq!(check(&[grant("user:bob")]), Err(Code::ApprovalVoid), "too few");
    assert_eq!(check(&[grant("user:bob"), grant("user:gone")]), Err(Code::ApprovalVoid), "left the roster");
    assert_eq!(check(&[grant("user:bob"), grant("user:planner")]), Err(Code::ApprovalVoid), "no human");
    assert_eq!(check(&[grant("user:alice"), grant("user:alicia")]), Err(Code::ApprovalVoid), "one person");
    assert_eq!(check(&[grant("user:bob"), grant("user:erin")]), Err(Code::ApprovalVoid), "asked for it");
}

#[test]
fn the_stricter_definition_holds_and_both_where_they_cannot_be_compared() {
    let roster = roster();
    let make = |stages: &str, rest: &str| Arc::new(approval(&format!("{{stages: [{stages}]{rest}}}")));
    let base = make("{id: a, anyOf: ['user:bob', 'user:dan'], expires: 4h}", "");
    let stricter = [
        make("{id: a, anyOf: ['user:bob', 'user:dan'], expires: 2h}", ""),
        make("{id: a, anyOf: ['user:dan'], expires: 4h}", ""),
        make("{id: a, anyOf: ['user:bob', 'user:dan'], expires: 4h, quorum: 2}", ""),
        make("{id: a, anyOf: ['user:bob', 'user:dan'], expires: 4h, stepUp: true}", ""),
        make("{id: a, anyOf: ['user:bob', 'user:dan'], expires: 4h}", ", rationale: {minLength: 20}"),
        make(
            "{id: a, anyOf: ['user:bob', 'user:dan'], expires: 4h}, {id: b, anyOf: ['user:erin'], expires: 4h}",
            "",
        ),
    ];
    for strict in &stricter {
        let hold = |pinned, active| that_hold(&roster, pinned, Some(active));
        assert_eq!(digests(&hold(&base, strict)), [strict.digest]);
        assert_eq!(digests(&hold(strict, &base)), [strict.digest]);
    }
    let other = make("{id: a, anyOf: ['user:erin', 'user:dan'], expires: 4h, quorum: 2}", "");
    assert_eq!(that_hold(&roster, &base, Some(&other)).len(), 2);
    assert_eq!(
        digests(&that_hold(&roster, &base, None)),
        [base.digest],
        "withdrawn from the catalogue: still asked"
    );
    assert_eq!(digests(&that_hold(&roster, &base, Some(&base))), [base.digest]);
}

fn digests(approvals: &[Arc<Approval>]) -> Vec<Digest> {
    approvals.iter().map(|approval| approval.digest).collect()
}

#[test]
fn whatever_changes_the_meaning_changes_what_is_granted() {
    let (arguments, show, rollback) =
        (vec![json!({"amount": 1})], json!({"lag": 2}), json!({"refund": "re_1"}));
    let policies = vec![Basis { name: "p".into(), digest: Digest([1; 32]), rules: vec!["a".into()] }];
    let call = BoundCall {
        capability: Digest([2; 32]),
        connector: Digest([3; 32]),
        operation: "create-refund",
        connection: Some(Digest([4; 32])),
    };
    let base = Binding {
        run: RunId::new(at(OPENED), [1; 10]),
        mode: Mode::Live,
        environment: "production",
        plan: Digest([9; 32]),
        step: "refund",
        arguments: &arguments,
        show: &show,
        call: Some(call),
        rollback: &rollback,
        policies: &policies,
    };
    let two = vec![json!({"amount": 1}), json!({"amount": 1})];
    let other_rules = vec![Basis { rules: vec!["a".into(), "b".into()], ..policies[0].clone() }];
    let other_policy = vec![Basis { digest: Digest([8; 32]), ..policies[0].clone() }];
    let changed = [
        Binding { run: RunId::new(at(OPENED), [2; 10]), ..base.clone() },
        Binding { mode: Mode::Mock, ..base.clone() },
        Binding { environment: "staging", ..base.clone() },
        Binding { plan: Digest([8; 32]), ..base.clone() },
        Binding { step: "other", ..base.clone() },
        Binding { arguments: &two, ..base.clone() },
        Binding { show: &Value::Null, ..base.clone() },
        Binding { call: None, ..base.clone() },
        Binding { call: Some(BoundCall { capability: Digest([0; 32]), ..call }), ..base.clone() },
        Binding { call: Some(BoundCall { connector: Digest([0; 32]), ..call }), ..base.clone() },
        Binding { call: Some(BoundCall { operation: "pay-out", ..call }), ..base.clone() },
        Binding { call: Some(BoundCall { connection: None, ..call }), ..base.clone() },
        Binding { rollback: &Value::Null, ..base.clone() },
        Binding { policies: &other_rules, ..base.clone() },
        Binding { policies: &other_policy, ..base.clone() },
        Binding { policies: &[], ..base.clone() },
    ];
    let mut seen = BTreeSet::from([binding_digest(&base)]);
    assert_eq!(binding_digest(&base.clone()), binding_digest(&base));
    for binding in &changed {
        assert!(seen.insert(binding_digest(binding)), "{binding:?}");
    }
}

#[test]
fn a_signature_is_good_for_one_key_and_one_statement() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = SigningKey::from_bytes(&[42; 32]);
    let public = format!("ed25519:{}", base64.encode(key.verifying_key().as_bytes()));
    let statement = Statement {
        approval: ApprovalId::derive(RunId::new(at(OPENED), [1; 10]), "refund", "four-eyes", "peer", 0),
        digest: Digest([5; 32]),
        decision: Act::Approve,
        rationale: "looked at it".into(),
        form: json!({}),
        by: "user:alice".into(),
        at: None,
    };
    let signature = base64.encode(key.sign(&statement.bytes()).to_bytes());
    assert_eq!(verify_signature(&public, &statement, &signature), Ok(()));
    let others = [
        Statement { decision: Act::Reject, ..statement.clone() },
        Statement { digest: Digest([6; 32]), ..statement.clone() },
        Statement { rationale: "looked at it.".into(), ..statement.clone() },
        Statement { form: json!({"a": 1}), ..statement.clone() },
        Statement { by: "user:bob".into(), ..statement.clone() },
        Statement { at: Some(at(OPENED)), ..statement.clone() },
    ];
    for other in &others {
        assert_eq!(verify_signature(&public, other, &signature), Err(NotSigned::Mismatch), "{other:?}");
    }
    let stranger = SigningKey::from_bytes(&[43; 32]);
    let foreign = format!("ed25519:{}", base64.encode(stranger.verifying_key().as_bytes()));
    assert_eq!(verify_signature(&foreign, &statement, &signature), Err(NotSigned::Mismatch));
    assert_eq!(verify_signature(&public, &statement, "AAAA"), Err(NotSigned::Signature));
    assert_eq!(verify_signature("ed25519:AAAA", &statement, &signature), Err(NotSigned::Key));
    assert_eq!(
        verify_signature(public.trim_start_matches("ed25519:"), &statement, &signature),
        Err(NotSigned::Key)
    );
    let zero = format!("ed25519:{}", base64.encode([0_u8; 32]));
    assert_eq!(verify_signature(&zero, &statement, &signature), Err(NotSigned::Key), "a weak key");
}

#[test]
fn reminders_and_escalation_are_told_before_the_stage_ends() {
    let definition = approval(
        "{stages: [{id: a, anyOf: ['user:bob'], expires: 4h}], remind: 90m, escalate: {after: 2h, to: ['user:dan']}}",
    );
    let told = tellings(&definition, &definition.spec.stages[0], at(OPENED));
    let told: Vec<(String, bool)> = told.iter().map(|one| (one.at.to_string(), one.escalation)).collect();
    let expected =
        [("2026-01-05T11:30:00Z", false), ("2026-01-05T12:00:00Z", true), ("2026-01-05T13:00:00Z", false)];
    assert_eq!(told, expected.map(|(at, escalation)| (at.to_owned(), escalation)));
}

#[test]
fn the_people_who_are_asked_are_humans_through_groups_and_roles() {
    let definition = approval(PEER);
    let stage = &definition.spec.stages[0];
    assert_eq!(opening(&roster(), stage), ids(&["alice", "alicia", "bob", "carol", "dan"]));
    assert_eq!(external(&roster(), stage), ["group:risk".into()].into());
}
