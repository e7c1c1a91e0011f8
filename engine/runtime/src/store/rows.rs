//! What one transaction writes, and what is read back. Plain rows; JSON is text here.

use std::collections::BTreeMap;

/// One event of a run's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// The run.
    pub run: String,
    /// Its number within the run, from 1.
    pub seq: i64,
    /// When it was decided, in ms since the epoch.
    pub at: i64,
    /// Its place among all events of the store, from 1; given by the store.
    pub place: i64,
    /// JSON, with references in the places of payloads.
    pub event: String,
}

/// What a run carries: what one transaction brought of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadRow {
    /// The number of the first event that names one of them.
    pub seq: i64,
    /// JSON by reference.
    pub payloads: BTreeMap<String, String>,
}

impl PayloadRow {
    /// As it is stored: one JSON object.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body =
            String::with_capacity(2 + self.payloads.values().map(|text| 80 + text.len()).sum::<usize>());
        for (reference, text) in &self.payloads {
            body.push(if body.is_empty() { '{' } else { ',' });
            body.push('"');
            body.push_str(reference);
            body.push_str("\":");
            body.push_str(text);
        }
        body.push('}');
        body
    }
}

/// One record of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Place in the log; given by the store.
    pub seq: i64,
    /// The run, or none for the chain `system`.
    pub run: Option<String>,
    /// Canonical JSON without `seq`.
    pub record: String,
}

/// The view of a run by which runs are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub id: String,
    /// Name of its runbook.
    pub runbook: String,
    /// State of the run.
    pub state: String,
    /// Who asked for it.
    pub requester: String,
    /// `mock` or `live`.
    pub mode: String,
    /// The run that started it.
    pub parent: Option<String>,
    /// ms since the epoch.
    pub created_at: i64,
    /// ms since the epoch.
    pub settled_at: Option<i64>,
    /// Digest of the specs and grants that it was started under.
    pub specs: String,
    /// When its payloads were erased, in ms since the epoch.
    pub erased_at: Option<i64>,
}

/// The view of one stage at which people decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRow {
    /// The approval.
    pub id: String,
    /// Its run.
    pub run: String,
    /// `open granted rejected expired withdrawn void`
    pub state: String,
}

/// A row of what crosses runs; without a value it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldRow {
    /// Which table of the world.
    pub kind: String,
    /// Which row of it.
    pub key: String,
    /// JSON.
    pub value: Option<String>,
}

/// Everything that one transaction writes.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Events, in order.
    pub journal: Vec<JournalRow>,
    /// What runs carry, by run.
    pub payloads: BTreeMap<String, PayloadRow>,
    /// Runs whose payloads are erased, and when.
    pub erased: Vec<(String, i64)>,
    /// Records, in order; the store numbers them.
    pub audit: Vec<AuditRow>,
    /// Runs as they are now.
    pub runs: Vec<RunRow>,
    /// Approvals as they are now.
    pub approvals: Vec<ApprovalRow>,
    /// (decision, run)
    pub decisions: Vec<(String, String)>,
    /// What crosses runs, as it is now.
    pub world: Vec<WorldRow>,
    /// Facts about the store itself.
    pub meta: Vec<(String, String)>,
}

impl Rows {
    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.journal.is_empty()
            && self.payloads.is_empty()
            && self.erased.is_empty()
            && self.audit.is_empty()
            && self.runs.is_empty()
            && self.approvals.is_empty()
            && self.decisions.is_empty()
            && self.world.is_empty()
            && self.meta.is_empty()
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.journal.len()
            + self.payloads.len()
            + self.erased.len()
            + self.audit.len()
            + self.runs.len()
            + self.approvals.len()
            + self.decisions.len()
            + self.world.len()
            + self.meta.len()
    }
}

/// The specs and grants that runs were started under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Digest of both.
    pub digest: String,
    /// Digest of the catalogue.
    pub catalogue: String,
    /// JSON.
    pub grants: String,
    /// (path, text) of the catalogue's files.
    pub files: Vec<(String, std::sync::Arc<str>)>,
}
