//! What a catalogue declares, by kind, name and release; and the catalogue itself, which only
//! [`crate::check::check`] makes. Must never resolve a reference in more than one way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::decode::Spanned;
use crate::diagnostic::nearest;
use crate::digest::Digest;
use crate::kind::scalar::{Name, Principal, Reference, Version};
use crate::kind::selector::Selector;
use crate::kind::{
    Approval, Budget, Capability, Connector, Exemption, Export, Ingress, Kind, MetaSchema, Notice, Policy,
    Retention, Roster, Runbook, Scenario, Trigger,
};
use crate::source::{Sources, Span};

/// Specs of a kind of which several releases may stand side by side.
pub type Releases<T> = BTreeMap<Name, BTreeMap<Version, Arc<T>>>;

/// Everything that was declared and could be read, checked or not.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// Governed actions.
    pub capabilities: Releases<Capability>,
    /// Ways to the outside.
    pub connectors: Releases<Connector>,
    /// What runs.
    pub runbooks: Releases<Runbook>,
    /// Who agrees.
    pub approvals: Releases<Approval>,
    /// Who may do what.
    pub policies: BTreeMap<Name, Arc<Policy>>,
    /// What may be spent.
    pub budgets: BTreeMap<Name, Arc<Budget>>,
    /// Tests of specs.
    pub scenarios: BTreeMap<Name, Arc<Scenario>>,
    /// Who is who.
    pub roster: Option<Arc<Roster>>,
    /// What may leave.
    pub exports: BTreeMap<Name, Arc<Export>>,
    /// What else may be shown and leave.
    pub meta_schema: Option<Arc<MetaSchema>>,
    /// Rules that do not hold for a while.
    pub exemptions: BTreeMap<Name, Arc<Exemption>>,
    /// Who is told what.
    pub notices: BTreeMap<Name, Arc<Notice>>,
    /// What requests must carry.
    pub ingresses: BTreeMap<Name, Arc<Ingress>>,
    /// How long what is kept.
    pub retention: Option<Arc<Retention>>,
    /// What starts runbooks.
    pub triggers: BTreeMap<Name, Arc<Trigger>>,
    /// The files, in the order of their paths: what spans of diagnostics are about.
    pub sources: Arc<Sources>,
    /// What authors let pass in comments, in the order of files and places. No part of any digest.
    pub suppressions: Vec<crate::suppression::Suppression>,
    /// Specs whose documents could not be read as a whole; references to them are not reported again.
    pub(crate) unread: BTreeSet<(Kind, Arc<str>)>,
}

/// Why a reference means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// Nothing of that kind has the name.
    Unknown {
        /// The name nearest to it.
        nearest: Option<Name>,
        /// True where the name is declared but could not be read.
        unread: bool,
    },
    /// No release fulfils the requirement.
    NoRelease {
        /// The releases there are.
        releases: Vec<Version>,
    },
    /// No requirement, and several releases.
    Floating {
        /// The releases there are.
        releases: Vec<Version>,
    },
}

impl Declarations {
    /// True where every document could be read.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.unread.is_empty()
    }

    /// True where such a spec may be written although it is not declared: its document, or one of which nothing
    /// can be told, could not be read.
    pub(crate) fn may_be_unread(&self, kind: Kind, name: &str) -> bool {
        self.unread.iter().any(|(of, unread)| unread.is_empty() || *of == kind && **unread == *name)
    }

    /// The same of any spec of a kind.
    pub(crate) fn any_unread(&self, kind: Kind) -> bool {
        self.unread.iter().any(|(of, unread)| unread.is_empty() || *of == kind)
    }

    /// The capability that a reference means: the highest release that fulfils it.
    ///
    /// # Errors
    /// When nothing has the name, no release fulfils the requirement, or there is none and several releases.
    pub fn capability(&self, reference: &Reference) -> Result<&Arc<Capability>, Unresolved> {
        self.resolve(&self.capabilities, Kind::Capability, reference)
    }

    /// The connector that a reference means.
    ///
    /// # Errors
    /// As of [`Declarations::capability`].
    pub fn connector(&self, reference: &Reference) -> Result<&Arc<Connector>, Unresolved> {
        self.resolve(&self.connectors, Kind::Connector, reference)
    }

    /// The runbook that a reference means.
    ///
    /// # Errors
    /// As of [`Declarations::capability`].
    pub fn runbook(&self, reference: &Reference) -> Result<&Arc<Runbook>, Unresolved> {
        self.resolve(&self.runbooks, Kind::Runbook, reference)
    }

    /// The approval that a reference means.
    ///
    /// # Errors
    /// As of [`Declarations::capability`].
    pub fn approval(&self, reference: &Reference) -> Result<&Arc<Approval>, Unresolved> {
        self.resolve(&self.approvals, Kind::Approval, reference)
    }

    fn resolve<'a, T>(
        &self,
        declared: &'a Releases<T>,
        kind: Kind,
        reference: &Reference,
    ) -> Result<&'a Arc<T>, Unresolved> {
        let unread = self.may_be_unread(kind, reference.name.as_str());
        let unknown = || Unresolved::Unknown {
            nearest: nearest(reference.name.as_str(), declared.keys().map(Name::as_str)).and_then(Name::new),
            unread,
        };
        let releases = declared.get(&reference.name).ok_or_else(unknown)?;
        let known = || releases.keys().cloned().collect();
        match &reference.requirement {
            Some(requirement) => releases
                .iter()
                .rev()
                .find(|(version, _)| requirement.matches(version))
                .map(|(_, spec)| spec)
                .ok_or_else(|| if unread { unknown() } else { Unresolved::NoRelease { releases: known() } }),
            None if releases.len() > 1 => Err(Unresolved::Floating { releases: known() }),
            None => releases.values().next().ok_or_else(unknown),
        }
    }

    /// The capabilities whose names a selector takes, in their order; all of them where it takes any.
    #[must_use]
    pub fn capabilities_of(&self, selector: &Selector) -> Vec<&Arc<Capability>> {
        let Some(patterns) = &selector.capabilities else { return every(&self.capabilities).collect() };
        let named = patterns.iter().flat_map(|pattern| pattern.value.within(&self.capabilities));
        let named: BTreeMap<_, _> = named.collect();
        named.into_values().flat_map(BTreeMap::values).collect()
    }

    /// The capability of that digest.
    #[must_use]
    pub fn capability_by_digest(&self, digest: Digest) -> Option<&Arc<Capability>> {
        every(&self.capabilities).find(|spec| spec.digest == digest)
    }

    /// The connector of that digest.
    #[must_use]
    pub fn connector_by_digest(&self, digest: Digest) -> Option<&Arc<Connector>> {
        every(&self.connectors).find(|spec| spec.digest == digest)
    }

    /// The runbook of that digest.
    #[must_use]
    pub fn runbook_by_digest(&self, digest: Digest) -> Option<&Arc<Runbook>> {
        every(&self.runbooks).find(|spec| spec.digest == digest)
    }

    /// The approval of that digest.
    #[must_use]
    pub fn approval_by_digest(&self, digest: Digest) -> Option<&Arc<Approval>> {
        every(&self.approvals).find(|spec| spec.digest == digest)
    }

    /// What every spec has, whatever its kind: kind by kind, in the order of names and releases.
    #[must_use]
    pub fn heads(&self) -> Vec<Head<'_>> {
        let mut heads = Vec::new();
        macro_rules! add {
            ($($kind:ident: $specs:expr;)*) => {$(
                heads.extend($specs.map(|spec| Head {
                    kind: Kind::$kind,
                    name: &spec.metadata.name,
                    version: spec.metadata.version.as_ref(),
                    owner: spec.metadata.owner.as_ref(),
                    metadata: spec.metadata.span,
                    span: spec.span,
                    digest: spec.digest,
                }));
            )*};
        }
        add! {
            Capability: every(&self.capabilities);
            Connector: every(&self.connectors);
            Runbook: every(&self.runbooks);
            Approval: every(&self.approvals);
            Policy: self.policies.values();
            Budget: self.budgets.values();
            Scenario: self.scenarios.values();
            Roster: self.roster.iter();
            Export: self.exports.values();
            MetaSchema: self.meta_schema.iter();
            Exemption: self.exemptions.values();
            Notice: self.notices.values();
            Ingress: self.ingresses.values();
            Retention: self.retention.iter();
            Trigger: self.triggers.values();
        }
        heads
    }

    /// Kind, name, release and digest of every spec, sorted.
    #[must_use]
    pub fn index(&self) -> Vec<IndexEntry> {
        let mut index: Vec<IndexEntry> = self.heads().iter().map(Head::entry).collect();
        index.sort();
        index
    }
}

/// What every spec has, whatever its kind.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'a Spanned<Name>,
    /// Its release, where its kind has one.
    pub version: Option<&'a Spanned<Version>>,
    /// Who answers for it.
    pub owner: Option<&'a Spanned<Principal>>,
    /// The place of its metadata.
    pub metadata: Span,
    /// The whole document.
    pub span: Span,
    /// Its digest.
    pub digest: Digest,
}

impl Head<'_> {
    /// What the index says of it.
    #[must_use]
    pub fn entry(&self) -> IndexEntry {
        IndexEntry {
            kind: self.kind,
            name: self.name.value.clone(),
            version: self.version.map(|version| version.value.clone()),
            digest: self.digest,
        }
    }
}

/// Every release of every name, in the order of names and releases.
pub fn every<T>(declared: &Releases<T>) -> impl Iterator<Item = &Arc<T>> {
    declared.values().flat_map(BTreeMap::values)
}

/// One spec of a catalogue as its index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Its release, where its kind has one.
    pub version: Option<Version>,
    /// Its digest.
    pub digest: Digest,
}

impl Ord for IndexEntry {
    /// By the words of the kind, so that the order is the same whatever order kinds are declared in.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key =
            |entry: &Self| (entry.kind.as_str(), entry.name.clone(), entry.version.clone(), entry.digest);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for IndexEntry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Declarations that break no law. Only [`crate::check::check`] makes one.
#[derive(Debug, Clone)]
pub struct Catalogue {
    declarations: Declarations,
    /// Told when it is first asked for: who only looks for faults never asks.
    digest: OnceLock<Digest>,
}

impl Catalogue {
    /// Only for `check`, after no law was found broken.
    pub(crate) fn checked(declarations: Declarations) -> Self {
        Self { declarations, digest: OnceLock::new() }
    }

    /// SHA-256 over the canonical JSON of the sorted `[kind, name, version, digest]` of all specs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| index_digest(&self.declarations.index()))
    }
}

impl std::ops::Deref for Catalogue {
    type Target = Declarations;
    fn deref(&self) -> &Declarations {
        &self.declarations
    }
}

fn index_digest(index: &[IndexEntry]) -> Digest {
    let rows: Vec<serde_json::Value> = index
        .iter()
        .map(|entry| {
            let version = entry.version.as_ref().map(ToString::to_string);
            serde_json::json!([entry.kind.as_str(), entry.name.as_str(), version, entry.digest.to_string()])
        })
        .collect();
    digest_of(&serde_json::Value::Array(rows))
}

/// SHA-256 over the canonical JSON of a value. Integers of the language lie within 2^53, so that
/// canonical JSON holds each of them exactly.
pub(crate) fn digest_of(value: &serde_json::Value) -> Digest {
    Digest::of_json(value)
}
