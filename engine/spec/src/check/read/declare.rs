//! One document of a known kind: its metadata and its spec, typed, with the digest of what they mean.

use super::envelope::{API_VERSION, Envelope, inserted, missing};
use super::join::{Join, META_SCHEMA, RETENTION, alone, release, roster, single};
use crate::catalogue::digest_of;
use crate::decode::{Decode, Decoder, Spanned};
use crate::diagnostic::Diagnostic;
use crate::kind::metadata::{CapabilityMetadata, Metadata};
use crate::kind::scalar::{Name, Version};
use crate::kind::{Declared, Kind};
use crate::tree::Node;

/// What every kind's metadata has.
pub(super) trait Head: Decode {
    fn name(&self) -> &Spanned<Name>;
    fn version(&self) -> Option<&Spanned<Version>>;
}

impl Head for Metadata {
    fn name(&self) -> &Spanned<Name> {
        &self.name
    }
    fn version(&self) -> Option<&Spanned<Version>> {
        self.version.as_ref()
    }
}

impl Head for CapabilityMetadata {
    fn name(&self) -> &Spanned<Name> {
        &self.name
    }
    fn version(&self) -> Option<&Spanned<Version>> {
        self.version.as_ref()
    }
}

/// Reads a spec of any kind, and says where it belongs.
pub(super) fn declare(envelope: &Envelope<'_>, node: &Node, cx: &mut Decoder<'_>) -> Option<Join> {
    let kind = envelope.kind;
    Some(match kind {
        Kind::Capability => release(decode(envelope, node, cx)?, kind, |all| &mut all.capabilities),
        Kind::Connector => release(decode(envelope, node, cx)?, kind, |all| &mut all.connectors),
        Kind::Runbook => release(decode(envelope, node, cx)?, kind, |all| &mut all.runbooks),
        Kind::Approval => release(decode(envelope, node, cx)?, kind, |all| &mut all.approvals),
        Kind::Policy => single(decode(envelope, node, cx)?, kind, |all| &mut all.policies),
        Kind::Budget => single(decode(envelope, node, cx)?, kind, |all| &mut all.budgets),
        Kind::Scenario => single(decode(envelope, node, cx)?, kind, |all| &mut all.scenarios),
        Kind::Export => single(decode(envelope, node, cx)?, kind, |all| &mut all.exports),
        Kind::Exemption => single(decode(envelope, node, cx)?, kind, |all| &mut all.exemptions),
        Kind::Notice => single(decode(envelope, node, cx)?, kind, |all| &mut all.notices),
        Kind::Ingress => single(decode(envelope, node, cx)?, kind, |all| &mut all.ingresses),
        Kind::Trigger => single(decode(envelope, node, cx)?, kind, |all| &mut all.triggers),
        Kind::MetaSchema => alone(decode(envelope, node, cx)?, |all| &mut all.meta_schema, &META_SCHEMA),
        Kind::Retention => alone(decode(envelope, node, cx)?, |all| &mut all.retention, &RETENTION),
        Kind::Roster => roster(decode(envelope, node, cx)?),
        Kind::Workspace => return None,
    })
}

/// Metadata and body; both are read before either being unreadable ends it.
fn decode<M: Head, S: Decode>(
    envelope: &Envelope<'_>,
    node: &Node,
    cx: &mut Decoder<'_>,
) -> Option<Declared<M, S>> {
    let metadata: Option<M> = match envelope.metadata {
        Some((_, metadata)) => M::decode(metadata, cx),
        None => {
            missing(node, "metadata", cx);
            None
        }
    };
    let spec: Option<S> = match envelope.spec {
        Some((_, spec)) => S::decode(spec, cx),
        None => {
            missing(node, "spec", cx);
            None
        }
    };
    let (metadata, spec) = (metadata?, spec?);
    version_applies(&metadata, envelope, cx);
    let mut canonical = spec.canonical().unwrap_or_default();
    crate::kind::implied::leave_out(envelope.kind, metadata.name().as_str(), &mut canonical);
    let digest = digest_of(&serde_json::json!({
        "apiVersion": API_VERSION,
        "kind": envelope.kind.as_str(),
        "metadata": metadata.canonical(),
        "spec": canonical,
    }));
    Some(Declared { metadata, spec, digest, span: node.span })
}

fn version_applies<M: Head>(metadata: &M, envelope: &Envelope<'_>, cx: &mut Decoder<'_>) {
    let kind = envelope.kind;
    match (metadata.version(), kind.has_version()) {
        (None, true) => {
            let Some((key, node)) = envelope.metadata else { return };
            let written = node.as_map().is_some_and(|map| map.get("version").is_some());
            if written {
                return;
            }
            let problem = Diagnostic::law("missing-field", cx.first_line(node), "`version` is missing")
                .label("the metadata begins here")
                .related(key.span, format!("a {kind} has a version"))
                .help("add `version`: a release like `1.0.0`")
                .consequence("the engine refuses the catalogue");
            let added = inserted(node.span, "version", cx);
            cx.report(match added {
                Some(edit) => problem.fix(false, vec![edit]),
                None => problem,
            });
        }
        (Some(version), false) => cx.report(
            Diagnostic::law("unknown-field", version.span, format!("a {kind} has no `version`"))
                .help("remove it")
                .consequence("the engine refuses the catalogue: an unknown field is never ignored"),
        ),
        _ => {}
    }
}
