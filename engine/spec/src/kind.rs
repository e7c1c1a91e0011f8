//! The kinds of the spec language, typed. Only shapes here: what the shapes mean together is `check`.

pub mod approval;
pub mod budget;
pub mod capability;
pub mod connector;
pub mod field;
pub mod implied;
pub mod metadata;
pub mod policy;
pub mod roster;
pub mod runbook;
pub mod scalar;
pub mod scenario;
pub mod selector;
pub mod shapes;
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
        /// The operator's file.
        Workspace = "Workspace",
    }
}
