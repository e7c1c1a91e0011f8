//! What runs stand on stays until they have settled.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use ordain_spec::check::context::Context as Resolved;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("capability-removed-in-use", Severity::Error, include_str!("capability-removed-in-use.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(before) = cx.before else { return };
    let old = &before.checked.declarations;
    let resolved = Resolved::new(old, &[]);
    let mut said = BTreeSet::new();
    for used in &resolved.uses {
        let capability = &used.capability.metadata.name.value;
        let connector = &used.capability.spec.uses.value.name;
        let gone = if cx.all.capabilities.contains_key(capability) {
            (!cx.all.connectors.contains_key(connector)).then(|| format!("connector `{connector}`"))
        } else {
            Some(format!("capability `{capability}`"))
        };
        let Some(gone) = gone.filter(|gone| said.insert(gone.clone())) else { continue };
        let runbook = &used.runbook.metadata.name.value;
        let message = format!("{gone} is gone; step `{}` of runbook `{runbook}` used it", used.step.id.value);
        let now = cx.all.runbooks.get(runbook).and_then(|releases| releases.values().next_back());
        let place = now.map(|runbook| runbook.metadata.name.span);
        found.push(
            Diagnostic::new(RULE.slug, RULE.severity, place, message)
                .help("keep a release of it until the runs that were started with it have settled")
                .consequence("the engine would deny that step of every run in flight (`spec_withdrawn`)"),
        );
    }
}
