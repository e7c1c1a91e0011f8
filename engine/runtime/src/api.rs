//! What can be asked of a workspace: every verb that needs the store, as data. The same requests are
//! answered in the process that holds the store and over its socket; documents are those of the
//! reference (JSON shapes). Nothing here reads the store or decides.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Who asks. Over the socket the login is the peer's, whatever was written here.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Caller {
    /// Name of the operating system's user.
    pub login: Option<String>,
    /// `--as user:…`
    pub acting_as: Option<String>,
    /// `ORDAIN_TOKEN`
    pub token: Option<String>,
}

/// A question or a wish.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Request {
    /// Starts a run. Answer: `{run}` or `{refused}`.
    Start {
        /// `name` or `name@requirement`
        runbook: String,
        /// By name.
        inputs: Map<String, Value>,
        /// Touch the outside.
        live: bool,
    },
    /// The same runbook requirement, inputs and mode again, under the active catalogue.
    Rerun {
        /// Id or unique prefix.
        run: String,
        /// Needed again where the run was live.
        live: bool,
    },
    /// A run as it is. Answer: `{run}`.
    Show {
        /// Id or unique prefix.
        run: String,
    },
    /// A run once it has more events than `after`, or is parked: `{run, seq, parked}`.
    Watch {
        /// Id or unique prefix.
        run: String,
        /// The `seq` that the caller has seen; 0 at first.
        after: u64,
    },
    /// Runs, newest first.
    Runs {
        /// Only in this state.
        state: Option<String>,
        /// Only of this runbook.
        runbook: Option<String>,
        /// At most so many.
        limit: u32,
        /// Of the page before.
        cursor: Option<String>,
    },
    /// Explains a decision, or those of a run.
    Why {
        /// A decision or a run: id or unique prefix.
        target: String,
        /// Only of this step.
        step: Option<String>,
    },
    /// What waits for people.
    Approvals {
        /// Only in this state; `open` where nothing is said, `all` for all.
        state: Option<String>,
    },
    /// One approval, for deciding. Answer: `{approvals: [one]}`.
    Approval {
        /// Id or unique prefix.
        id: String,
    },
    /// Approves, rejects or withdraws.
    Decide {
        /// Id or unique prefix.
        id: String,
        /// What is decided.
        decision: Decision,
        /// Why.
        rationale: String,
        /// What the person filled in.
        form: Map<String, Value>,
        /// The digest that the person was shown.
        digest: String,
        /// Over the statement of the decision, base64.
        signature: Option<String>,
    },
    /// Sends a signal.
    Signal {
        /// Id or unique prefix.
        run: String,
        /// Its name.
        name: String,
        /// What it carries.
        fields: Map<String, Value>,
    },
    /// Cancels a run.
    Cancel {
        /// Id or unique prefix.
        run: String,
        /// Undo what was done.
        rollback: bool,
        /// Why.
        reason: Option<String>,
    },
    /// Holds a run.
    Pause {
        /// Id or unique prefix.
        run: String,
        /// Why.
        reason: Option<String>,
    },
    /// Lets a paused run go on.
    Resume {
        /// Id or unique prefix.
        run: String,
        /// Why.
        reason: Option<String>,
    },
    /// Says what became of a stuck step.
    Resolve {
        /// Id or unique prefix.
        run: String,
        /// The step.
        step: String,
        /// `succeeded failed undone again`
        outcome: String,
        /// Why.
        reason: String,
        /// Declared outputs.
        outputs: Map<String, Value>,
    },
    /// Sets a kill switch.
    Kill {
        /// `all`, `capability:…` …
        selector: String,
        /// Why.
        reason: String,
        /// RFC 3339; lifts itself then.
        until: Option<String>,
        /// Matching runs pause instead of being denied.
        pause: bool,
    },
    /// The kill switches that are set.
    Kills,
    /// Lifts a kill switch.
    Revive {
        /// As it was set.
        selector: String,
        /// Why.
        reason: String,
    },
    /// Makes a preview of an export. Answer: `{run}` or `{refused}`; the run is driven like any other.
    Preview {
        /// The export.
        export: String,
        /// Deliver for real.
        live: bool,
    },
    /// The previews of an export, newest first. Answer: `{previews: […]}`.
    Previews {
        /// The export.
        export: String,
    },
    /// One preview with its file, for whoever may see it. Answer: `{preview, file}`.
    Previewed {
        /// The export.
        export: String,
        /// Id or unique prefix.
        id: String,
        /// It must have been released.
        released: bool,
    },
    /// Counters of budgets.
    Budgets,
    /// Counters of quotas.
    Quotas,
    /// Sets the counters of a capability's quotas to nothing.
    ResetQuota {
        /// The capability.
        name: String,
        /// Why.
        reason: String,
    },
    /// The last records of the audit log.
    AuditTail {
        /// Only of this run.
        run: Option<String>,
        /// At most so many.
        limit: u32,
    },
    /// Verifies every chain of the audit log, and that it is the one that its checkpoints were signed over.
    AuditVerify {
        /// Only what came after its newest checkpoint.
        #[serde(default)]
        from_checkpoint: bool,
        /// A checkpoint that was kept elsewhere.
        #[serde(default)]
        checkpoint: Option<String>,
    },
    /// Is there a record for everything that runs did?
    AuditCompleteness,
    /// Builds the views anew from the journal.
    Rebuild,
    /// Erases the payloads of runs that settled longer ago than this.
    Prune {
        /// In ms; as the declared Retention says where nothing is said.
        older_than: Option<u64>,
        /// Only says what would be erased.
        dry_run: bool,
    },
    /// Puts every payload under the present key.
    Reencrypt,
    /// Lets another key sign the log from here on.
    Rekey,
    /// Probes every connector that says how its health is seen, and says how each is. What a probe finds is
    /// recorded where it is news; asking again is the same as asking once. Answer: `{health: […]}`.
    Probe,
    /// What happened between two instants: runs, decisions, approvals, budgets.
    Report {
        /// RFC 3339; from the beginning where nothing is said.
        since: Option<String>,
        /// RFC 3339, exclusive; to the end where nothing is said.
        until: Option<String>,
    },
    /// Which catalogue, how many runs: for `doctor`.
    Status,
}

impl Request {
    /// True for what leaves a trace; asking it twice is not the same as asking it once.
    #[must_use]
    pub const fn changes_something(&self) -> bool {
        match self {
            Self::Show { .. }
            | Self::Watch { .. }
            | Self::Runs { .. }
            | Self::Why { .. }
            | Self::Approvals { .. }
            | Self::Approval { .. }
            | Self::Kills
            | Self::Previews { .. }
            | Self::Previewed { .. }
            | Self::Budgets
            | Self::Quotas
            | Self::AuditTail { .. }
            | Self::AuditVerify { .. }
            | Self::AuditCompleteness
            | Self::Probe
            | Self::Report { .. }
            | Self::Status => false,
            Self::Start { .. }
            | Self::Preview { .. }
            | Self::Rerun { .. }
            | Self::Decide { .. }
            | Self::Signal { .. }
            | Self::Cancel { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Resolve { .. }
            | Self::Kill { .. }
            | Self::Revive { .. }
            | Self::ResetQuota { .. }
            | Self::Prune { .. }
            | Self::Reencrypt
            | Self::Rekey
            | Self::Rebuild => true,
        }
    }
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Grants.
    Approve,
    /// Refuses, finally.
    Reject,
    /// Takes back an own grant.
    Withdraw,
}

impl Decision {
    /// The same in the kernel's words.
    #[must_use]
    pub const fn act(self) -> ordain_kernel::approval::Act {
        match self {
            Self::Approve => ordain_kernel::approval::Act::Approve,
            Self::Reject => ordain_kernel::approval::Act::Reject,
            Self::Withdraw => ordain_kernel::approval::Act::Withdraw,
        }
    }
}

/// Why something could not be done: the `error` of the documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// From the registry of reason codes.
    pub code: String,
    /// For people.
    pub message: String,
    /// More of the same, where there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Value>,
    /// A way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ApiError {
    /// An error of that code.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), reasons: Vec::new(), hint: None }
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Nothing, or nothing that may be seen, has that name.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new("not_found", format!("no {what} `{name}`"))
    }

    /// Something of ours broke.
    #[must_use]
    pub fn fault(message: impl Into<String>) -> Self {
        Self::new("system_fault", message)
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        use crate::store::{StoreError, Trouble};
        let unavailable = Self::new("audit_unavailable", error.to_string());
        match error.trouble() {
            Trouble::Closing => crate::engine::gone(),
            Trouble::Held => Self::new("store_in_use", format!("another program works on the store: {error}"))
                .hint("end the program that holds `.ordain/ordain.db` open for writing, then try again"),
            Trouble::Damage => unavailable.hint(
                "nothing was done; `ordain audit verify` names the first bad record, `ordain restore FILE` puts a copy back",
            ),
            Trouble::Foreign => unavailable.hint(
                "nothing was done; `ordain restore FILE` puts a copy of the store there, and keeps what lies there beside; where nothing was ever recorded, move it away",
            ),
            Trouble::Version => {
                let error = match error {
                    StoreError::Format(_) => Self::fault(error.to_string()),
                    _ => unavailable,
                };
                error.hint("use the program that wrote it, or a newer one")
            }
            Trouble::Locked => Self::new("payloads_locked", error.to_string()).hint(
                "nothing was done; name the key under `payloads` in ordain.yaml and see that the provider of `secrets` hands it over",
            ),
            Trouble::Disk => {
                unavailable.hint("nothing was done; see to the disk and its permissions, then `ordain doctor`")
            }
        }
    }
}

/// The answer to a request.
pub type Answer = Result<Value, ApiError>;
