//! Exemptions at run time: what people said about them, and whether one holds for a step at an instant. One that
//! nobody agreed to, whose agreements do not count any more, or whose time is over is inert; nothing here can make
//! one hold for longer, for more people or for more rules than it says.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::decode::Spanned;
use ordain_spec::digest::Digest;
use ordain_spec::kind::approval::{ApprovalSpec, Rationale, Stage};
use ordain_spec::kind::field::FieldMap;
use ordain_spec::kind::metadata::Risk;
use ordain_spec::kind::scalar::{Effect, Mode, Name, Principal, Slug};
use ordain_spec::kind::scenario::Assurance;
use ordain_spec::kind::{Exemption, Roster};
use ordain_spec::source::Span;
use serde::{Deserialize, Serialize};

use crate::actor::{self, Actor};
use crate::approval::{self, Applicant, NotSigned, StageState, Standing};
use crate::ids::ApprovalId;
use crate::reason::Reason;
use crate::run::{Decide, Verdict};

/// The stage at which people agree to an exemption.
pub const STAGE: &str = "exemption";

/// What people said about exemptions, by the digest that they saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exemptions(pub BTreeMap<Digest, Asked>);

/// What people said about one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Its name.
    pub name: Arc<str>,
    /// Who agreed, and did not take it back.
    #[serde(default)]
    pub granted: Vec<Grant>,
    /// Who said no; final for this digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Grant>,
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How sure it is that it was the person's own act.
    pub assurance: Assurance,
    /// Why.
    pub rationale: String,
}

impl Exemptions {
    /// What was said about that digest.
    #[must_use]
    pub fn of(&self, digest: &Digest) -> Option<&Asked> {
        self.0.get(digest)
    }

    /// Takes down what a person said.
    pub(crate) fn said(&mut self, name: &Arc<str>, digest: Digest, verdict: Verdict, grant: Grant) {
        let none = || Asked { name: Arc::clone(name), granted: Vec::new(), rejected: None };
        let asked = self.0.entry(digest).or_insert_with(none);
        match verdict {
            Verdict::Approve => asked.granted.push(grant),
            Verdict::Withdraw => asked.granted.retain(|other| other.by.id != grant.by.id),
            Verdict::Reject => asked.rejected = Some(grant),
        }
    }
}

/// For what it would hold: one item of one step.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// Who acts.
    pub actor: &'a Actor,
    /// How risky it is.
    pub risk: Risk,
    /// What it does outside.
    pub effect: Effect,
    /// Whether it touches the outside.
    pub mode: Mode,
    /// The recorded instant.
    pub at: Timestamp,
}

/// What exemptions there are, and what people said about them.
#[derive(Debug, Clone, Copy)]
pub struct Exempting<'a> {
    /// What the active catalogue declares.
    pub declared: &'a BTreeMap<Name, Arc<Exemption>>,
    /// What people said.
    pub asked: &'a Exemptions,
    /// Who is who.
    pub roster: Option<&'a Roster>,
    /// Who acts.
    pub actor: &'a Actor,
}

/// Why an exemption does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Inert {
    /// Its time has not come.
    #[error("it begins later")]
    Early,
    /// Its time is over.
    #[error("it is over")]
    Over,
    /// What is critical or irreversible is never exempt.
    #[error("what is critical or irreversible is never exempt")]
    TooGrave,
    /// Somebody said no.
    #[error("it was rejected")]
    Rejected,
    /// Not everybody agreed who must.
    #[error("not everybody has agreed who must")]
    Unapproved,
    /// Somebody who agreed may not any more, or asked for it, or is who acts.
    #[error("an agreement does not count")]
    Discounted,
    /// A live step of this risk takes no asserted decision.
    #[error("an agreement is only asserted")]
    Asserted,
}

/// Whether an exemption holds for that step at that instant.
///
/// # Errors
/// Why it is inert.
pub fn holds(
    exemption: &Exemption,
    asked: Option<&Asked>,
    roster: Option<&Roster>,
    step: &Use<'_>,
) -> Result<(), Inert> {
    let spec = &exemption.spec;
    if step.at < spec.from.value.0 {
        return Err(Inert::Early);
    }
    // One without an end, which no checked catalogue has, is over.
    if spec.expires.as_ref().is_none_or(|expires| expires.value.0 <= step.at) {
        return Err(Inert::Over);
    }
    if step.risk == Risk::Critical || step.effect == Effect::Irreversible {
        return Err(Inert::TooGrave);
    }
    if asked.is_some_and(|asked| asked.rejected.is_some()) {
        return Err(Inert::Rejected);
    }
    let roster = roster.ok_or(Inert::Unapproved)?;
    if spec.approved_by.is_empty() {
        return Err(Inert::Unapproved);
    }
    spec.approved_by.iter().try_for_each(|by| agreed(exemption, asked, roster, &by.value, step))
}

/// Whether the one whom `approvedBy` names agreed, and it still counts.
fn agreed(
    exemption: &Exemption,
    asked: Option<&Asked>,
    roster: &Roster,
    by: &Principal,
    step: &Use<'_>,
) -> Result<(), Inert> {
    let id = by.to_string();
    let grant = asked.into_iter().flat_map(|asked| &asked.granted).find(|grant| *grant.by.id == *id);
    let (at, assurance) = match grant {
        Some(grant) => (grant.at, grant.assurance),
        None if is_signed(exemption, roster, &id) => (step.at, Assurance::Signed),
        None => return Err(Inert::Unapproved),
    };
    let stands = |who: &Actor| Applicant::of(who).is_stood_for_by(roster, &id, false);
    let applicant = applicant(exemption, roster);
    let counts = at <= step.at
        && actor::person(roster, &id).is_some_and(|person| person.type_.value == HUMAN)
        && !applicant.as_ref().is_none_or(stands)
        && !stands(step.actor);
    if !counts {
        return Err(Inert::Discounted);
    }
    if step.mode == Mode::Live && step.risk >= Risk::High && assurance == Assurance::Asserted {
        return Err(Inert::Asserted);
    }
    Ok(())
}

const HUMAN: ordain_spec::kind::roster::ActorType = ordain_spec::kind::roster::ActorType::Human;

/// Who asks for it; none for somebody who is in no roster.
fn applicant(exemption: &Exemption, roster: &Roster) -> Option<Actor> {
    Actor::of(roster, &exemption.spec.requested_by.value.to_string())
}

/// The bytes that `signatures` sign: a line that says what kind of statement it is, then the digest's text.
#[must_use]
pub fn signed_bytes(digest: &Digest) -> Vec<u8> {
    format!("ordain/exemption/v1\n{digest}").into_bytes()
}

/// True when the file carries that person's signature of this exemption.
#[must_use]
pub fn is_signed(exemption: &Exemption, roster: &Roster, by: &str) -> bool {
    let Some(key) = actor::person(roster, by).and_then(|person| person.key.as_ref()) else { return false };
    let mut own = exemption.spec.signatures.iter().filter(|one| one.by.value.to_string() == by);
    own.any(|one| verified(&key.value, &exemption.digest, &one.sig.value).is_ok())
}

fn verified(key: &str, digest: &Digest, signature: &str) -> Result<(), NotSigned> {
    let signature = signature.strip_prefix("ed25519:").unwrap_or(signature);
    approval::verify_bytes(key, &signed_bytes(digest), signature)
}

/// How an exemption stands, for people.
#[must_use]
pub fn state(
    exemption: &Exemption,
    asked: Option<&Asked>,
    roster: Option<&Roster>,
    now: Timestamp,
) -> crate::run::hold::StageState {
    use crate::run::hold::StageState as Shown;
    if asked.is_some_and(|asked| asked.rejected.is_some()) {
        return Shown::Rejected;
    }
    if exemption.spec.expires.as_ref().is_none_or(|expires| expires.value.0 <= now) {
        return Shown::Expired;
    }
    if missing(exemption, asked, roster).is_empty() { Shown::Granted } else { Shown::Open }
}

/// Those who have not agreed yet and must.
#[must_use]
pub fn missing(exemption: &Exemption, asked: Option<&Asked>, roster: Option<&Roster>) -> BTreeSet<Arc<str>> {
    let granted: BTreeSet<&str> =
        asked.into_iter().flat_map(|asked| &asked.granted).map(|grant| &*grant.by.id).collect();
    let due = exemption.spec.approved_by.iter().map(|by| by.value.to_string());
    due.filter(|by| !granted.contains(by.as_str()))
        .filter(|by| !roster.is_some_and(|roster| is_signed(exemption, roster, by)))
        .map(Arc::from)
        .collect()
}

/// The exemption whose approval has that id.
#[must_use]
pub fn find<'a>(declared: &'a BTreeMap<Name, Arc<Exemption>>, id: &ApprovalId) -> Option<&'a Arc<Exemption>> {
    declared.values().find(|exemption| ApprovalId::of_exemption(&exemption.digest) == *id)
}

/// Judges what a person says about an exemption, by the rules of any other approval: everybody whom `approvedBy`
/// names must agree, whoever asked may not.
///
/// # Errors
/// The first that is wrong, in the order of the language.
pub fn judge(
    exemption: &Exemption,
    asked: Option<&Asked>,
    roster: &Roster,
    decide: &Decide,
    now: Timestamp,
) -> Result<(), Reason> {
    use crate::run::hold::StageState as Shown;
    let definition = definition(exemption);
    let Some(stage) = definition.stages.first() else { return Ok(()) };
    let nobody = Actor { id: "".into(), type_: HUMAN, on_behalf_of: None };
    let requester = applicant(exemption, roster).unwrap_or(nobody);
    let granted: BTreeSet<Arc<str>> =
        asked.into_iter().flat_map(|asked| &asked.granted).map(|grant| Arc::clone(&grant.by.id)).collect();
    let everybody = exemption.spec.approved_by.iter().map(|by| by.value.to_string().into()).collect();
    let standing = Standing {
        state: match state(exemption, asked, Some(roster), now) {
            Shown::Open => StageState::Open,
            Shown::Granted => StageState::Granted,
            _ => StageState::Over,
        },
        definition: &definition,
        stage,
        opened_for: &everybody,
        expires_at: exemption.spec.expires.as_ref().map_or(now, |expires| expires.value.0),
        digest: exemption.digest,
        granted: &granted,
        granted_anywhere: &granted,
        // Where an asserted agreement does not suffice is looked at when the exemption would be used.
        risk: Risk::Low,
        mode: Mode::Mock,
        applicant: Applicant { token_creator: decide.token_creator.as_deref(), ..Applicant::of(&requester) },
    };
    approval::judge(&standing, &decide.decided(), roster, now).map(|_| ())
}

/// An exemption as an approval of one stage at which everybody must agree.
fn definition(exemption: &Exemption) -> ApprovalSpec {
    let by = &exemption.spec.approved_by;
    let stage = Stage {
        id: Spanned::nowhere(Slug::new(STAGE).unwrap_or_else(|| exemption.spec.exempts.rule.value.clone())),
        any_of: by.clone(),
        quorum: Spanned::nowhere(by.len() as u64),
        expires: None,
        step_up: Spanned::nowhere(false),
        form: FieldMap::default(),
        span: Span::nowhere(),
    };
    ApprovalSpec {
        stages: vec![stage],
        distinct: Spanned::nowhere(true),
        requester_may_approve: Spanned::nowhere(false),
        rationale: Rationale::standard(),
        remind: None,
        escalate: None,
        description: None,
        span: Span::nowhere(),
    }
}

/// The grants of an exemption that nobody but a scenario gave: as if everybody had signed at that instant.
#[must_use]
pub fn given(exemption: &Exemption, roster: &Roster, at: Timestamp) -> Asked {
    let grant = |by: &Spanned<Principal>| {
        let by = Actor::of(roster, &by.value.to_string())?;
        Some(Grant { by, at, assurance: Assurance::Signed, rationale: "given".to_owned() })
    };
    Asked {
        name: exemption.metadata.name.value.shared(),
        granted: exemption.spec.approved_by.iter().filter_map(grant).collect(),
        rejected: None,
    }
}
