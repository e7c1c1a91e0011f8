//! Runs in flight can still get the approvals that they wait for.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use std::collections::BTreeSet;

use ordain_spec::catalogue::every;
use ordain_spec::kind::scalar::Reference;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("in-flight-incompatible", Severity::Error, include_str!("in-flight-incompatible.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(before) = cx.before else { return };
    let old = &before.checked.declarations;
    let mut asked: Vec<(&Reference, String)> = Vec::new();
    for runbook in every(&old.runbooks) {
        for step in &runbook.spec.steps {
            let by = format!("step `{}` of runbook `{}`", step.id.value, runbook.metadata.name.value);
            asked.extend(step.approval.iter().chain(&step.approve).map(|named| (&named.value, by.clone())));
        }
    }
    for capability in every(&old.capabilities) {
        let by = format!("capability `{}`", capability.metadata.name.value);
        asked.extend(capability.spec.approval.iter().map(|named| (&named.value, by.clone())));
    }
    let mut said = BTreeSet::new();
    for (reference, by) in asked {
        if cx.all.approval(reference).is_ok() || !said.insert(reference.to_string()) {
            continue;
        }
        let now = cx.all.approvals.get(&reference.name).and_then(|releases| releases.values().next_back());
        let place = now.map(|approval| approval.metadata.name.span);
        found.push(
            Diagnostic::new(RULE.slug, RULE.severity, place, format!("{by} waits for approval `{reference}`, which nothing fulfils any more"))
                .help("keep a release of it until the runs that were started with it have settled")
                .consequence("the engine would let those runs wait until the approval expires"),
        );
    }
}
