//! What the documents of each kind look like, as data.

use super::{
    Kind, approval, budget, capability, connector, exemption, export, ingress, meta_schema, metadata, notice,
    policy, retention, roster, runbook, scenario, trigger, workspace,
};
use crate::decode::{Record, RecordShape};

/// The shapes of a document's `metadata` and `spec`.
#[derive(Debug, Clone, Copy)]
pub struct DocumentShape {
    /// `None` for the workspace file, which has no metadata.
    pub metadata: Option<&'static RecordShape>,
    /// The fields of `spec`.
    pub spec: &'static RecordShape,
}

impl Kind {
    /// What documents of the kind look like.
    #[must_use]
    pub fn shape(self) -> DocumentShape {
        let metadata = metadata::Metadata::record();
        let (metadata, spec) = match self {
            Self::Capability => {
                (Some(metadata::CapabilityMetadata::record()), capability::CapabilitySpec::record())
            }
            Self::Connector => (Some(metadata), connector::ConnectorSpec::record()),
            Self::Runbook => (Some(metadata), runbook::RunbookSpec::record()),
            Self::Policy => (Some(metadata), policy::PolicySpec::record()),
            Self::Approval => (Some(metadata), approval::ApprovalSpec::record()),
            Self::Budget => (Some(metadata), budget::BudgetSpec::record()),
            Self::Roster => (Some(metadata), roster::RosterSpec::record()),
            Self::Scenario => (Some(metadata), scenario::ScenarioSpec::record()),
            Self::Export => (Some(metadata), export::ExportSpec::record()),
            Self::MetaSchema => (Some(metadata), meta_schema::MetaSchemaSpec::record()),
            Self::Exemption => (Some(metadata), exemption::ExemptionSpec::record()),
            Self::Notice => (Some(metadata), notice::NoticeSpec::record()),
            Self::Ingress => (Some(metadata), ingress::IngressSpec::record()),
            Self::Retention => (Some(metadata), retention::RetentionSpec::record()),
            Self::Trigger => (Some(metadata), trigger::TriggerSpec::record()),
            Self::Workspace => (None, workspace::WorkspaceSpec::record()),
        };
        DocumentShape { metadata, spec }
    }
}
