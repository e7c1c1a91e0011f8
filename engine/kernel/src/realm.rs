//! Many runs on one writer: starts, cascades between runs (sub-runs, locks, kill switches), and what is to be
//! stored. The store's host and the rehearsal are both a realm plus something.
//!
//! No clock, no IO. The host stores a [`Batch`] in one transaction and performs its effects only then; where
//! storing fails it forgets the realm and builds it anew from the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_plan::Plan;
use ordain_spec::kind::scalar::Mode;
use serde_json::Value;

use crate::actor::Actor;
use crate::audit::AuditRecord;
use crate::ids::RunId;
use crate::reason::Reason;
use crate::run::{Command, Effect, Event, Rejection, Run};
use crate::run::system::{SystemCommand, SystemEvent};
use crate::world::{Active, World};

/// A wish to start a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRequest {
    /// `name` or `name@requirement`
    pub runbook: String,
    /// By name, as given.
    pub inputs: Value,
    /// Whether it touches the outside.
    pub mode: Mode,
    /// Who asks.
    pub requester: Actor,
    /// Where; the workspace's where nothing is said (scenarios say it).
    pub environment: Option<Arc<str>>,
    /// The active catalogue is signed by a trusted key; only asked in profile `prod`.
    pub signed: bool,
}

/// What became of a wish to start a run. The batch is stored in both cases.
#[derive(Debug)]
pub enum StartOutcome {
    /// There is a run.
    Started {
        /// Its id.
        run: RunId,
        /// What is to be stored.
        batch: Batch,
    },
    /// There is none.
    Refused {
        /// Why.
        reasons: Vec<Reason>,
        /// The record of it.
        batch: Batch,
    },
}

/// What one command led to, in all runs: stored in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which it happened.
    pub entries: Vec<Entry>,
    /// Runs whose views changed.
    pub touched: BTreeSet<RunId>,
    /// What the outside should do once the batch is stored.
    pub effects: Vec<Effect>,
}

/// One event and its records.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The run; none for the workspace.
    pub run: Option<RunId>,
    /// Place in the run's journal, from 1; 0 for the workspace.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
    /// The same as JSON, for storing.
    pub json: String,
    /// Its audit records, chained.
    pub audit: Vec<AuditRecord>,
}

/// What happened, to a run or to the workspace.
#[derive(Debug, Clone)]
pub enum Body {
    /// To a run.
    Run(Event),
    /// To the workspace.
    System(SystemEvent),
}
