//! Notice: who is told when something was recorded.

use crate::decode::Spanned;
use crate::expr::{Arg, Expr};
use crate::kind::field::Named;
use crate::kind::scalar::{Prose, Reference};

record! {
    /// Tells somebody about audit records. Its failure never blocks a run.
    pub struct NoticeSpec {
        /// The actions it is about.
        pub on: Vec<Spanned<AuditAction>>,
        /// Which records, over `row`; all when left out.
        pub filter: Option<Expr> = None,
        /// The capability that tells. It may need no approval.
        pub uses: Spanned<Reference>,
        /// Its arguments, over `row`.
        pub with: Named<Arg> = Named::default(),
        /// For people.
        pub description: Option<Prose> = None,
    }
}

closed! {
    /// What an audit record says that happened.
    pub enum AuditAction {
        /// A run began.
        RunStarted = "run.started",
        /// A start made no run.
        RunRefused = "run.refused",
        /// Somebody called a run off.
        RunCancelling = "run.cancelling",
        /// A message came from outside.
        RunSignalled = "run.signalled",
        /// A run ended.
        RunSettled = "run.settled",
        /// A run was held.
        RunPaused = "run.paused",
        /// A run was let go on.
        RunResumed = "run.resumed",
        /// Somebody said what became of a stuck step.
        RunResolved = "run.resolved",
        /// A step has all that it needs.
        StepReady = "step.ready",
        /// A step waits for people.
        StepHeld = "step.held",
        /// An attempt begins: the intent.
        StepAttempt = "step.attempt",
        /// A step ended.
        StepSettled = "step.settled",
        /// A step was undone.
        StepUndone = "step.undone",
        /// The policies allowed.
        DecisionAllow = "decision.allow",
        /// The policies asked for people.
        DecisionHold = "decision.hold",
        /// The policies denied.
        DecisionDeny = "decision.deny",
        /// A stage opened.
        ApprovalOpened = "approval.opened",
        /// Somebody agreed.
        ApprovalGranted = "approval.granted",
        /// Somebody said no.
        ApprovalRejected = "approval.rejected",
        /// Somebody took an agreement back.
        ApprovalWithdrawn = "approval.withdrawn",
        /// Nobody agreed in time.
        ApprovalExpired = "approval.expired",
        /// What was granted is not what would run.
        ApprovalVoid = "approval.void",
        /// A budget passed a mark.
        BudgetWarned = "budget.warned",
        /// A budget did not suffice.
        BudgetBreached = "budget.breached",
        /// A kill switch was set.
        KillSet = "kill.set",
        /// A kill switch was lifted.
        KillLifted = "kill.lifted",
        /// A catalogue became the active one.
        CatalogueActivated = "catalogue.activated",
        /// A catalogue was not taken.
        CatalogueRefused = "catalogue.refused",
        /// The workspace file changed between two starts.
        WorkspaceChanged = "workspace.changed",
        /// An export was previewed.
        ExportPreviewed = "export.previewed",
        /// An export was approved.
        ExportApproved = "export.approved",
        /// An export left.
        ExportReleased = "export.released",
        /// A token was made.
        TokenCreated = "token.created",
        /// A token was taken back.
        TokenRevoked = "token.revoked",
        /// Somebody was not let in (sampled).
        AuthRefused = "auth.refused",
        /// A connector became healthy or degraded.
        HealthChanged = "health.changed",
        /// An exemption was approved.
        ExemptionApproved = "exemption.approved",
        /// An exemption was taken back.
        ExemptionWithdrawn = "exemption.withdrawn",
        /// Somebody said no to an exemption.
        ExemptionRejected = "exemption.rejected",
        /// Counters of a quota were set to nothing.
        QuotaReset = "quota.reset",
        /// A notice could not be given.
        NoticeFailed = "notice.failed",
        /// A checkpoint of the log was signed.
        CheckpointSigned = "checkpoint.signed",
        /// Payloads of settled runs were erased.
        StorePruned = "store.pruned",
        /// A copy of the store was put back.
        StoreRestored = "store.restored",
        /// Every payload stands under one key.
        StoreEncrypted = "store.encrypted",
        /// Another key signs the log from here on.
        LogRekeyed = "log.rekeyed",
    }
}

impl AuditAction {
    /// True where the record is about a run: its row has the fields of that run.
    #[must_use]
    pub const fn has_run(self) -> bool {
        match self {
            Self::RunStarted
            | Self::RunCancelling
            | Self::RunSignalled
            | Self::RunSettled
            | Self::RunPaused
            | Self::RunResumed
            | Self::RunResolved
            | Self::StepReady
            | Self::StepHeld
            | Self::StepAttempt
            | Self::StepSettled
            | Self::StepUndone
            | Self::DecisionAllow
            | Self::DecisionHold
            | Self::DecisionDeny
            | Self::ApprovalOpened
            | Self::ApprovalGranted
            | Self::ApprovalRejected
            | Self::ApprovalWithdrawn
            | Self::ApprovalExpired
            | Self::ApprovalVoid
            | Self::BudgetWarned
            | Self::BudgetBreached => true,
            Self::RunRefused
            | Self::KillSet
            | Self::KillLifted
            | Self::CatalogueActivated
            | Self::CatalogueRefused
            | Self::WorkspaceChanged
            | Self::ExportPreviewed
            | Self::ExportApproved
            | Self::ExportReleased
            | Self::TokenCreated
            | Self::TokenRevoked
            | Self::AuthRefused
            | Self::HealthChanged
            | Self::ExemptionApproved
            | Self::ExemptionWithdrawn
            | Self::ExemptionRejected
            | Self::QuotaReset
            | Self::NoticeFailed
            | Self::CheckpointSigned
            | Self::StorePruned
            | Self::StoreRestored
            | Self::StoreEncrypted
            | Self::LogRekeyed => false,
        }
    }
}
