//! Law `too-large-or-deep`, of runbooks: more steps than a reviewer reads, or, with the runbooks that it runs,
//! more than anybody could wait for. Files, trees and expressions are measured where they are read.

use std::collections::BTreeMap;

use super::context::{Context, law};
use super::subruns::{children, children_first};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::digest::Digest;

/// The most steps of a runbook.
const STEPS: u64 = 2_000;

/// The most steps of a run and of all runs below it, those of a runbook counted wherever it is run; the items of
/// a `forEach` are bounded by its own `maxItems` and count once.
const STEPS_BELOW: u64 = 10_000;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        let (name, steps) = (&runbook.metadata.name, runbook.spec.steps.len() as u64);
        if steps > STEPS {
            let message = format!("runbook `{}` has {steps} steps, more than {STEPS}", name.value);
            sink.push(law("too-large-or-deep", name.span, message).help("cut it into sub-runs"));
        }
    }
    let mut sizes: BTreeMap<Digest, u64> = BTreeMap::new();
    for runbook in children_first(cx) {
        let below = children(cx, runbook);
        let sizes_below: Vec<u64> =
            below.iter().map(|(_, child)| sizes.get(&child.digest).copied().unwrap_or_default()).collect();
        let own = runbook.spec.steps.len() as u64;
        let size = sizes_below.iter().fold(own, |sum, size| sum.saturating_add(*size));
        sizes.insert(runbook.digest, size);
        // Said where it begins: whatever runs this one is too large as well.
        let largest = below.iter().zip(&sizes_below).max_by_key(|(_, size)| **size);
        if let Some(((step, _), largest)) = largest
            && size > STEPS_BELOW
            && *largest <= STEPS_BELOW
        {
            let name = &runbook.metadata.name;
            let message = format!(
                "a run of `{}` has {size} steps with those of the runbooks it runs; {STEPS_BELOW} are allowed",
                name.value
            );
            sink.push(
                law("too-large-or-deep", name.span, message)
                    .related(step.id.span, format!("{largest} of them below this step"))
                    .help("run it over a list with `forEach`, which bounds its items, or run fewer runbooks within each other"),
            );
        }
    }
}
