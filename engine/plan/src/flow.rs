//! Runbooks that nobody writes and no reference means. The flow of an export: preview and release, then the delivery
//! where a capability hands the file over. The delivery of a notice: one step that tells. Each is made of its spec alone.

use std::collections::BTreeMap;

use ordain_spec::decode::Spanned;
use ordain_spec::digest::Digest;
use ordain_spec::expr::Arg;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::field::{FieldMap, Named};
use ordain_spec::kind::metadata::Metadata;
use ordain_spec::kind::runbook::{Concurrency, Need, NeedOn, OnFailure, OnLimit, Roles, RunbookSpec, Step};
use ordain_spec::kind::scalar::{DurationMs, Identifier, Mode, Name, Prose, Reference};
use ordain_spec::kind::{Export, Notice, Runbook};
use ordain_spec::source::Span;
use serde_json::json;

/// The step that previews and releases.
pub const RELEASE: &str = "release";

/// The step that hands the file over.
pub const DELIVER: &str = "deliver";

/// The step that tells.
pub const TELL: &str = "tell";

/// Deliveries of one notice at once; the others queue, and what finds the queue full is refused.
const AT_ONCE: u64 = 4;

/// The same limit as of a runbook that says nothing; waiting for people does not count.
const TIMEOUT_MS: u64 = 24 * 3_600_000;

/// The runbook that carries out an export; none where a name of ours cannot be made, which never happens.
pub(crate) fn runbook(export: &Export) -> Option<Runbook> {
    let mut release = step(RELEASE)?;
    release.export = Some(export.metadata.name.clone());
    let mut steps = vec![release];
    if let Deliver::Uses { uses, with } = &export.spec.deliver.value {
        steps.push(delivery(uses, with)?);
    }
    let name = Name::of_flow(&export.metadata.name.value);
    let digest = Digest::of_json(&json!({"flow": export.digest.to_string()}));
    Some(made(name, "Previews, releases and delivers.", &export.metadata, digest, steps))
}

/// The runbook that delivers a notice to people: it is started with the arguments of the capability, `takes`. None
/// where a name of ours cannot be made, which never happens.
pub(crate) fn telling(notice: &Notice, takes: &FieldMap) -> Option<Runbook> {
    let mut tell = step(TELL)?;
    tell.uses = Some(notice.spec.uses.clone());
    tell.with = notice.spec.with.clone();
    let name = Name::of_notice(&notice.metadata.name.value);
    let digest = Digest::of_json(&json!({"notice": notice.digest.to_string()}));
    let mut runbook = made(name, "Tells people.", &notice.metadata, digest, vec![tell]);
    runbook.spec.inputs = takes.clone();
    runbook.spec.concurrency = Some(Concurrency {
        key: None,
        limit: Spanned::nowhere(AT_ONCE),
        on_limit: Spanned::nowhere(OnLimit::Queue),
        lock: None,
        span: Span::nowhere(),
    });
    Some(runbook)
}

fn made(name: Name, summary: &str, of: &Metadata, digest: Digest, steps: Vec<Step>) -> Runbook {
    Runbook {
        metadata: Metadata {
            name: Spanned::nowhere(name),
            version: of.version.clone(),
            owner: of.owner.clone(),
            summary: Spanned::nowhere(Prose(summary.into())),
            tags: Named::default(),
            span: Span::nowhere(),
        },
        spec: RunbookSpec {
            inputs: FieldMap::default(),
            modes: [Mode::Mock, Mode::Live].map(Spanned::nowhere).to_vec(),
            roles: Roles::standard(),
            constants: Named(BTreeMap::new()),
            timeout: Spanned::nowhere(DurationMs(TIMEOUT_MS)),
            concurrency: None,
            on_failure: Spanned::nowhere(OnFailure::Stop),
            steps,
            outputs: Named::default(),
            description: None,
            span: Span::nowhere(),
        },
        digest,
        span: Span::nowhere(),
    }
}

fn delivery(uses: &Spanned<Reference>, with: &Named<Arg>) -> Option<Step> {
    let mut deliver = step(DELIVER)?;
    let release = Spanned::nowhere(Identifier::new(RELEASE)?);
    deliver.needs =
        vec![Need { step: release, on: Spanned::nowhere(NeedOn::Success), span: Span::nowhere() }];
    deliver.uses = Some(uses.clone());
    deliver.with = with.clone();
    Some(deliver)
}

fn step(id: &str) -> Option<Step> {
    Some(Step {
        id: Spanned::nowhere(Identifier::new(id)?),
        needs: Vec::new(),
        uses: None,
        runbook: None,
        approve: None,
        wait: None,
        signal: None,
        export: None,
        with: Named::default(),
        when: None,
        guards: Vec::new(),
        ensures: Vec::new(),
        approval: None,
        show: Named::default(),
        repeat: None,
        retry: None,
        for_each: None,
        on_failure: None,
        timeout: None,
        description: None,
        span: Span::nowhere(),
    })
}
