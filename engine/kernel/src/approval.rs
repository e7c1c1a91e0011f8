//! Approvals: stages at which people agree. Pure rules over what the kernel keeps: who may decide, whether an
//! act counts, what a grant is bound to. Expiry refuses; only people decide; nothing here grants by itself.

mod binding;
mod eligible;
mod strict;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::kind::approval::{ApprovalSpec, Stage};
use ordain_spec::kind::field::FieldMap;
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::roster::ActorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::kind::scenario::Assurance;
use ordain_spec::kind::{Approval, Roster};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use binding::{
    Binding, BoundCall, NotSigned, Restoration, SignedRestoration, Statement, StatementDecision,
    binding_digest, read_key, verify_bytes, verify_signature,
};
pub use eligible::{Applicant, external, is_eligible, opening, same_person};
pub use strict::{at_least_as_strict, that_hold};

use crate::actor::{Actor, Claims};
use crate::reason::{Code, Reason};
use crate::value;

/// The most characters of a rationale.
pub const RATIONALE_MAX: usize = 4_000;

/// What a person does to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Agrees.
    Approve,
    /// Says no; final.
    Reject,
    /// Takes an own agreement back, before the step starts.
    Withdraw,
}

/// How a stage stands, as far as the rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageState {
    /// A stage before it is not granted.
    Pending,
    /// People may decide.
    Open,
    /// Enough agreed.
    Granted,
    /// Over: rejected, expired, withdrawn or void.
    Over,
}

/// The stage that is decided on, and what was said so far.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// How it stands.
    pub state: StageState,
    /// The definition that holds.
    pub definition: &'a ApprovalSpec,
    /// Its stage.
    pub stage: &'a Stage,
    /// Who was eligible when it opened.
    pub opened_for: &'a BTreeSet<Arc<str>>,
    /// When it refuses.
    pub expires_at: Timestamp,
    /// What every grant is for.
    pub digest: Digest,
    /// Ids of those who agreed in this stage.
    pub granted: &'a BTreeSet<Arc<str>>,
    /// Ids of those who agreed in any stage of this approval.
    pub granted_anywhere: &'a BTreeSet<Arc<str>>,
    /// The step's risk and the run's mode.
    pub risk: Risk,
    /// Whether the run touches the outside.
    pub mode: Mode,
    /// Who asked.
    pub applicant: Applicant<'a>,
}

/// A person's decision, as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// What.
    pub act: Act,
    /// Who.
    pub by: &'a Actor,
    /// How sure it is that it was the person's own act; none for tokens of programs.
    pub assurance: Option<Assurance>,
    /// Groups of the identity provider.
    pub claims: Option<&'a Claims>,
    /// The digest that the person saw.
    pub digest: Option<Digest>,
    /// Why.
    pub rationale: &'a str,
    /// What the person filled in.
    pub form: &'a Value,
}

/// Judges a decision. The form comes back as it is recorded: validated, defaults filled in.
///
/// # Errors
/// The first that is wrong, in the order of the language: the stage is open, not the requester or somebody
/// who stands for them, an eligible human, an own act, the right digest, rationale and form, not counted before.
pub fn judge(
    standing: &Standing<'_>,
    decided: &Decided<'_>,
    roster: &Roster,
    now: Timestamp,
) -> Result<Value, Reason> {
    is_open(standing, decided, now)?;
    is_somebody_else(standing, decided, roster)?;
    may_decide(standing, decided, roster, now)?;
    own_act(standing, decided)?;
    // A withdrawal takes back what was said about a digest, whatever it is by now.
    if decided.act != Act::Withdraw && decided.digest.is_some_and(|digest| digest != standing.digest) {
        return Err(Reason::new(Code::ApprovalVoid, "what was shown is not what would run"));
    }
    let form = words(standing, decided)?;
    counts(standing, decided, roster)?;
    Ok(form)
}

fn is_open(standing: &Standing<'_>, decided: &Decided<'_>, now: Timestamp) -> Result<(), Reason> {
    let open = match (decided.act, standing.state) {
        (_, StageState::Open) => true,
        (Act::Withdraw, StageState::Granted) => true,
        (Act::Approve | Act::Reject, StageState::Granted) | (_, StageState::Pending | StageState::Over) => {
            false
        }
    };
    if !open || now >= standing.expires_at {
        return Err(Reason::new(Code::AlreadyDecided, "the stage is not open"));
    }
    Ok(())
}

fn is_somebody_else(standing: &Standing<'_>, decided: &Decided<'_>, roster: &Roster) -> Result<(), Reason> {
    let allowed = standing.definition.requester_may_approve.value && standing.risk < Risk::High;
    let by = &*decided.by.id;
    if standing.applicant.is_stood_for_by(roster, by, allowed) {
        return Err(Reason::new(Code::SelfApproval, format!("`{by}` asked for it, or stands for who did")));
    }
    Ok(())
}

fn may_decide(
    standing: &Standing<'_>,
    decided: &Decided<'_>,
    roster: &Roster,
    now: Timestamp,
) -> Result<(), Reason> {
    let by = &*decided.by.id;
    let refused = |why: &str| Err(Reason::new(Code::NotEligible, format!("`{by}` {why}")));
    let human = crate::actor::person(roster, by).is_some_and(|who| who.type_.value == ActorType::Human);
    if !human || decided.by.type_ != ActorType::Human {
        return refused("is no person of the roster");
    }
    let claims = decided.claims.and_then(|claims| claims.fresh(now));
    if !is_eligible(roster, standing.stage, by, claims) {
        return refused("may not decide at this stage");
    }
    // Members of external groups are not known when a stage opens; their fresh claims stand for that instant.
    let by_claims_alone = !is_eligible(roster, standing.stage, by, None);
    if !standing.opened_for.contains(by) && !by_claims_alone {
        return refused("could not decide when the stage opened");
    }
    Ok(())
}

fn own_act(standing: &Standing<'_>, decided: &Decided<'_>) -> Result<(), Reason> {
    let refused = |why: &str| Err(Reason::new(Code::InteractiveRequired, why));
    let Some(assurance) = decided.assurance else {
        return refused("a token cannot decide");
    };
    // Saying no, or taking back, is never asked for more than being oneself.
    if decided.act == Act::Approve {
        if standing.stage.step_up.value && assurance < Assurance::StepUp {
            return refused("this stage asks for a signature or a fresh second factor");
        }
        let live = standing.mode == Mode::Live && standing.risk >= Risk::High;
        if live && assurance == Assurance::Asserted {
            return refused("a live step of this risk takes no asserted decision");
        }
    }
    Ok(())
}

fn words(standing: &Standing<'_>, decided: &Decided<'_>) -> Result<Value, Reason> {
    value::no_hidden_characters("rationale", decided.rationale)?;
    let length = decided.rationale.trim().chars().count();
    let least = usize::try_from(standing.definition.rationale.min_length).unwrap_or(usize::MAX);
    if length < least {
        return Err(Reason::new(Code::InputInvalid, format!("`rationale`: at least {least} characters")));
    }
    if length > RATIONALE_MAX {
        return Err(Reason::new(
            Code::InputInvalid,
            format!("`rationale`: at most {RATIONALE_MAX} characters"),
        ));
    }
    if decided.act != Act::Approve {
        return Ok(Value::Null);
    }
    filled_in(&standing.stage.form, decided.form)
}

fn filled_in(form: &FieldMap, filled: &Value) -> Result<Value, Reason> {
    let empty = Value::Object(serde_json::Map::new());
    let filled = if filled.is_null() { &empty } else { filled };
    value::validate(form, filled).map_err(|reason| {
        let detail = reason.detail.as_deref().unwrap_or_default();
        Reason { detail: Some(format!("form: {detail}")), ..reason }
    })
}

fn counts(standing: &Standing<'_>, decided: &Decided<'_>, roster: &Roster) -> Result<(), Reason> {
    let by = &*decided.by.id;
    match decided.act {
        Act::Withdraw if !standing.granted.contains(by) => {
            Err(Reason::new(Code::NotEligible, format!("`{by}` agreed to nothing here")))
        }
        Act::Approve => {
            let among = |ids: &BTreeSet<Arc<str>>| ids.iter().any(|id| same_person(roster, id, by));
            let distinct = standing.definition.distinct.value && among(standing.granted_anywhere);
            if distinct || among(standing.granted) {
                return Err(Reason::new(Code::AlreadyDecided, format!("`{by}` has agreed already")));
            }
            Ok(())
        }
        Act::Reject | Act::Withdraw => Ok(()),
    }
}

/// True when so many agreed that the stage takes no more.
#[must_use]
pub fn has_quorum(stage: &Stage, granted: usize) -> bool {
    granted as u64 >= stage.quorum.value
}

/// A grant, as far as it is looked at again when the step starts.
#[derive(Debug, Clone, Copy)]
pub struct Granted<'a> {
    /// Who agreed.
    pub by: &'a str,
    /// Groups of the identity provider, recorded with the decision.
    pub claims: Option<&'a Claims>,
}

/// Looks again at those who agreed at a stage, when the step is about to start: each must still be eligible and still
/// not stand for the requester, and enough of them must be left.
///
/// # Errors
/// `approval_void` with whoever does not count any more.
pub fn recheck(
    definition: &ApprovalSpec,
    stage: &Stage,
    risk: Risk,
    applicant: &Applicant<'_>,
    grants: &[Granted<'_>],
    roster: &Roster,
    now: Timestamp,
) -> Result<(), Reason> {
    let allowed = definition.requester_may_approve.value && risk < Risk::High;
    let mut left: Vec<&str> = Vec::new();
    let mut gone = Vec::new();
    for grant in grants {
        let claims = grant.claims.and_then(|claims| claims.fresh(now));
        let human =
            crate::actor::person(roster, grant.by).is_some_and(|who| who.type_.value == ActorType::Human);
        let counts = human
            && is_eligible(roster, stage, grant.by, claims)
            && !applicant.is_stood_for_by(roster, grant.by, allowed)
            && !left.iter().any(|other| same_person(roster, other, grant.by));
        if counts { left.push(grant.by) } else { gone.push(format!("`{}`", grant.by)) }
    }
    if gone.is_empty() && has_quorum(stage, left.len()) {
        return Ok(());
    }
    let detail = if gone.is_empty() {
        "too few agreed".to_owned()
    } else {
        format!("the agreement of {} does not count any more", gone.join(", "))
    };
    Err(Reason::new(Code::ApprovalVoid, detail))
}

/// When a stage that opens now refuses. A stage without `expires`, which no checked catalogue has, refuses
/// at once.
#[must_use]
pub fn expires_at(stage: &Stage, opened: Timestamp) -> Timestamp {
    let ms = stage.expires.as_ref().map_or(0, |expires| i64::try_from(expires.value.0).unwrap_or(i64::MAX));
    opened.checked_add(jiff::SignedDuration::from_millis(ms)).unwrap_or(Timestamp::MAX)
}

/// Who is told again, and when: reminders and escalation are words to people, they decide nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// When.
    pub at: Timestamp,
    /// Whom: those who may decide, or those of `escalate`.
    pub to: Vec<Arc<str>>,
    /// True for an escalation.
    pub escalation: bool,
}

/// What is told between the opening and the expiry of a stage.
#[must_use]
pub fn tellings(approval: &Approval, stage: &Stage, opened: Timestamp) -> Vec<Telling> {
    let spec = &approval.spec;
    let end = expires_at(stage, opened);
    let after = |ms: u64| {
        let span = jiff::SignedDuration::from_millis(i64::try_from(ms).ok()?);
        opened.checked_add(span).ok().filter(|at| *at < end)
    };
    let texts = |principals: &[ordain_spec::decode::Spanned<ordain_spec::kind::scalar::Principal>]| {
        principals.iter().map(|principal| principal.value.to_string().into()).collect::<Vec<Arc<str>>>()
    };
    let mut tellings = Vec::new();
    if let Some(every) = spec.remind.as_ref().map(|every| every.value.0).filter(|ms| *ms > 0) {
        let times = (1..=100_u64).map_while(|n| after(every.checked_mul(n)?));
        tellings.extend(times.map(|at| Telling { at, to: texts(&stage.any_of), escalation: false }));
    }
    if let Some(escalate) = &spec.escalate
        && let Some(at) = after(escalate.after.value.0)
    {
        tellings.push(Telling { at, to: texts(&escalate.to), escalation: true });
    }
    tellings.sort_by_key(|telling| telling.at);
    tellings
}
