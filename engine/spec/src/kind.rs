//! The kinds of the spec language, typed. Only shapes here: what the shapes mean together is `check`.

pub mod approval;
pub mod budget;
pub mod capability;
pub mod connector;
pub mod ending;
pub mod exemption;
pub mod export;
pub mod field;
pub mod format;
pub mod implied;
pub mod ingress;
pub mod meta_schema;
pub mod metadata;
pub mod notice;
pub mod policy;
pub mod retention;
pub mod roster;
pub mod runbook;
pub mod scalar;
pub mod scenario;
pub mod selector;
pub mod shapes;
pub mod trigger;
pub mod workspace;

use crate::{digest::Digest, source::Span};

/// One spec of a catalogue: its metadata, its body, its digest, its place.
#[derive(Debug, Clone)]
pub struct Declared<M, S> {
    /// `metadata`
    pub metadata: M,
    /// `spec`
    pub spec: S,
    /// SHA-256 over the canonical form, without prose and places.
    pub digest: Digest,
    /// The whole document.
    pub span: Span,
}

/// A governed action.
pub type Capability = Declared<metadata::CapabilityMetadata, capability::CapabilitySpec>;
/// How actions are carried out.
pub type Connector = Declared<metadata::Metadata, connector::ConnectorSpec>;
/// A DAG of steps.
pub type Runbook = Declared<metadata::Metadata, runbook::RunbookSpec>;
/// Who may do what, under which conditions.
pub type Policy = Declared<metadata::Metadata, policy::PolicySpec>;
/// Stages at which people agree.
pub type Approval = Declared<metadata::Metadata, approval::ApprovalSpec>;
/// What may be spent.
pub type Budget = Declared<metadata::Metadata, budget::BudgetSpec>;
/// People, groups, roles.
pub type Roster = Declared<metadata::Metadata, roster::RosterSpec>;
/// A test of specs.
pub type Scenario = Declared<metadata::Metadata, scenario::ScenarioSpec>;
/// What may leave.
pub type Export = Declared<metadata::Metadata, export::ExportSpec>;
/// The one allow-list of what else may be shown and leave.
pub type MetaSchema = Declared<metadata::Metadata, meta_schema::MetaSchemaSpec>;
/// A rule that does not hold for a while.
pub type Exemption = Declared<metadata::Metadata, exemption::ExemptionSpec>;
/// Who is told when something was recorded.
pub type Notice = Declared<metadata::Metadata, notice::NoticeSpec>;
/// What a request must carry to come in.
pub type Ingress = Declared<metadata::Metadata, ingress::IngressSpec>;
/// How long what is kept.
pub type Retention = Declared<metadata::Metadata, retention::RetentionSpec>;
/// What starts a runbook without a person asking.
pub type Trigger = Declared<metadata::Metadata, trigger::TriggerSpec>;

closed! {
    /// The kinds that a catalogue holds, and the workspace file.
    pub enum Kind {
        /// A governed action.
        Capability = "Capability",
        /// How actions are carried out.
        Connector = "Connector",
        /// A DAG of steps.
        Runbook = "Runbook",
        /// Who may do what.
        Policy = "Policy",
        /// Stages at which people agree.
        Approval = "Approval",
        /// What may be spent.
        Budget = "Budget",
        /// People, groups, roles.
        Roster = "Roster",
        /// A test of specs.
        Scenario = "Scenario",
        /// What may leave.
        Export = "Export",
        /// The one allow-list of what else may be shown and leave.
        MetaSchema = "MetaSchema",
        /// A rule that does not hold for a while.
        Exemption = "Exemption",
        /// Who is told when something was recorded.
        Notice = "Notice",
        /// What a request must carry to come in.
        Ingress = "Ingress",
        /// How long what is kept.
        Retention = "Retention",
        /// What starts a runbook without a person asking.
        Trigger = "Trigger",
        /// The operator's file.
        Workspace = "Workspace",
    }
}

impl Kind {
    /// True for the kinds whose specs carry a `version`.
    #[must_use]
    pub const fn has_version(self) -> bool {
        matches!(
            self,
            Self::Capability
                | Self::Connector
                | Self::Runbook
                | Self::Approval
                | Self::Policy
                | Self::Budget
                | Self::Export
        )
    }
}
