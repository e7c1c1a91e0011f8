//! What runs stand on stays until they have settled.

use std::collections::BTreeSet;
use std::sync::Arc;

use ordain_spec::catalogue::{Declarations, every};
use ordain_spec::check::context::Context as Resolved;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Capability;
use ordain_spec::kind::export::Deliver;
use ordain_spec::kind::metadata::Rollback;
use ordain_spec::kind::scalar::Reference;
use ordain_spec::source::Span;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("capability-removed-in-use", Severity::Error, include_str!("capability-removed-in-use.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(before) = cx.before else { return };
    let mut said = BTreeSet::new();
    for used in all(&before.checked.declarations, cx.all) {
        let (capability, connector) = (&used.capability.metadata.name.value, &used.capability.spec.uses.value.name);
        let (gone, renamed) = if cx.all.capabilities.contains_key(capability) {
            if cx.all.connectors.contains_key(connector) {
                continue;
            }
            (format!("connector `{connector}`"), None)
        } else {
            (format!("capability `{capability}`"), renamed(cx, &before.checked.declarations, used.capability))
        };
        if !said.insert(gone.clone()) {
            continue;
        }
        let message = format!("{gone} is gone; {}", used.by);
        let problem = Diagnostic::new(RULE.slug, RULE.severity, used.now, message)
            .consequence("the engine would deny that step of every run in flight (`spec_withdrawn`)");
        const KEEP: &str = "keep a release of it until the runs that were started with it have settled";
        found.push(match renamed {
            Some((name, span)) => problem.help(format!("`{name}` asks the same operation, so this may be its new name: {KEEP}")).related(span, "perhaps its new name"),
            None => problem.help(KEEP),
        });
    }
}

/// A capability that something used.
struct Used<'a> {
    capability: &'a Arc<Capability>,
    /// What did, as it is said.
    by: String,
    /// Where that is declared now.
    now: Option<Span>,
}

/// Whatever runs of a catalogue can come to: steps, what undoes them, the delivery of exports, and notices.
fn all<'a>(old: &'a Declarations, new: &Declarations) -> Vec<Used<'a>> {
    let mut all = Vec::new();
    let mut add = |uses: &Reference, by: String, now: Option<Span>| {
        all.extend(old.capability(uses).ok().map(|capability| Used { capability, by, now }));
    };
    for used in Resolved::new(old, &[]).uses {
        let runbook = &used.runbook.metadata.name.value;
        let now = new.runbooks.get(runbook).and_then(|releases| releases.values().next_back());
        let now = now.map(|runbook| runbook.metadata.name.span);
        let step = format!("step `{}` of runbook `{runbook}`", used.step.id.value);
        add(&used.reference.value, format!("{step} used it"), now);
        if let Some(Rollback::Uses { uses, .. }) = used.capability.metadata.rollback.as_ref().map(|rollback| &rollback.value) {
            add(&uses.value, format!("{step} was undone by it"), now);
        }
    }
    for export in old.exports.values() {
        if let Deliver::Uses { uses, .. } = &export.spec.deliver.value {
            let name = &export.metadata.name.value;
            let now = new.exports.get(name).map(|export| export.metadata.name.span);
            add(&uses.value, format!("export `{name}` was delivered by it"), now);
        }
    }
    for notice in old.notices.values() {
        let name = &notice.metadata.name.value;
        let now = new.notices.get(name).map(|notice| notice.metadata.name.span);
        add(&notice.spec.uses.value, format!("notice `{name}` was delivered by it"), now);
    }
    all
}

/// A new capability that asks the same operation for the same: most likely the old one under another name.
fn renamed(cx: &Context<'_>, old: &Declarations, gone: &Capability) -> Option<(String, Span)> {
    let does = |one: &Capability| (one.spec.uses.value.name.to_string(), one.spec.operation.value.to_string(), one.spec.effect.value);
    let is_new = |one: &&Arc<Capability>| !old.capabilities.contains_key(&one.metadata.name.value) && does(one) == does(gone);
    let names: BTreeSet<(String, Span)> = every(&cx.all.capabilities)
        .filter(is_new)
        .map(|one| (one.metadata.name.value.to_string(), one.metadata.name.span))
        .collect();
    let all: BTreeSet<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    (all.len() == 1).then(|| names.into_iter().next_back()).flatten()
}
