//! What people are asked for a step, and what they said so far. Data; the rules are in `decide::approval`.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::digest::Digest;
use ordain_spec::words;
use serde::{Deserialize, Serialize};

use super::event::{Asked, Grant};
use crate::actor::Actor;
use crate::ids::ApprovalId;

words! {
    /// How one stage of one step stands.
    pub enum StageState {
        /// A stage before it is not granted.
        Pending = "pending",
        /// People may decide.
        Open = "open",
        /// Enough agreed.
        Granted = "granted",
        /// Somebody said no.
        Rejected = "rejected",
        /// Nobody said enough in time.
        Expired = "expired",
        /// An agreement was taken back and the run went on without it.
        Withdrawn = "withdrawn",
        /// What was asked for is not what would run.
        Void = "void",
    }
}

/// Everything that people are asked for one step at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// What every grant is for.
    pub digest: Digest,
    /// The approvals, by name.
    pub requests: Vec<Request>,
    /// It is about a resolution.
    pub resolving: bool,
    /// Per item: which policies with which true rules the decision stood on.
    pub bases: Vec<Option<Digest>>,
    /// It is over: granted and used up, refused, or void.
    pub over: bool,
}

/// One approval of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its name.
    pub name: Arc<str>,
    /// The definition that holds.
    pub definition: Digest,
    /// One person counts once over all stages.
    pub distinct: bool,
    /// Its stages.
    pub stages: Vec<StageRun>,
    /// The budgets whose breach it covers.
    pub budgets: BTreeSet<String>,
}

/// One stage of one approval of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StageRun {
    /// Its id.
    pub id: ApprovalId,
    /// Its name.
    pub stage: Arc<str>,
    /// How many must agree.
    pub quorum: u64,
    /// How long it stays open.
    pub expires_ms: u64,
    /// How it stands.
    pub state: StageState,
    /// When it opened, and when it refuses.
    pub opened: Option<(Timestamp, Timestamp)>,
    /// Who could decide when it opened.
    pub eligible: BTreeSet<Arc<str>>,
    /// Who agreed.
    pub grants: Vec<Grant>,
    /// Who said no.
    pub rejection: Option<Box<Refusal>>,
}

/// A person's no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub rationale: String,
}

impl Request {
    /// What was asked, as it stands in the journal, with nothing said yet.
    #[must_use]
    pub fn new(asked: &Asked) -> Self {
        let stages = asked.stages.iter().map(|stage| StageRun {
            id: stage.id.clone(),
            stage: Arc::clone(&stage.stage),
            quorum: stage.quorum,
            expires_ms: stage.expires_ms,
            state: StageState::Pending,
            opened: None,
            eligible: BTreeSet::new(),
            grants: Vec::new(),
            rejection: None,
        });
        Self {
            name: Arc::clone(&asked.name),
            definition: asked.definition,
            distinct: asked.distinct,
            stages: stages.collect(),
            budgets: asked.budgets.clone(),
        }
    }

    /// True when every stage is granted.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.stages.iter().all(|stage| stage.state == StageState::Granted)
    }

    /// True when that person agreed in one of its stages.
    #[must_use]
    pub fn counts(&self, person: &str) -> bool {
        self.stages.iter().any(|stage| stage.grants.iter().any(|grant| *grant.by.id == *person))
    }
}

impl Hold {
    /// True when everybody agreed.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.requests.iter().all(Request::is_granted)
    }

    /// Every stage.
    pub fn stages(&self) -> impl Iterator<Item = &StageRun> {
        self.requests.iter().flat_map(|request| &request.stages)
    }

    /// The stage of that id.
    pub fn stage_mut(&mut self, id: &ApprovalId) -> Option<&mut StageRun> {
        self.requests.iter_mut().flat_map(|request| &mut request.stages).find(|stage| stage.id == *id)
    }

    /// The request and the stage of that id.
    #[must_use]
    pub fn find(&self, id: &ApprovalId) -> Option<(&Request, &StageRun)> {
        self.requests.iter().find_map(|request| {
            request.stages.iter().find(|stage| stage.id == *id).map(|stage| (request, stage))
        })
    }

    /// The earliest instant at which one of its stages refuses, open or granted.
    #[must_use]
    pub fn earliest_expiry(&self) -> Option<Timestamp> {
        self.stages().filter_map(|stage| stage.opened.map(|(_, until)| until)).min()
    }

    /// The earliest instant at which one of its open stages refuses.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Timestamp> {
        let open = self.stages().filter(|stage| stage.state == StageState::Open);
        open.filter_map(|stage| stage.opened.map(|(_, until)| until)).min()
    }
}
