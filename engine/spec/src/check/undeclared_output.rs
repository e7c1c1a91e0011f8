//! Law `undeclared-output`: a mask of an output that no capability has. Reading an undeclared output in an
//! expression is found where the expression is checked.

use std::collections::BTreeSet;

use super::context::{Context, law, with_meant};
use super::scope::about;
use crate::diagnostic::{Diagnostic, nearest};

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for policy in cx.all.policies.values() {
        for rule in &policy.spec.rules {
            let Some(mask) = &rule.mask else { continue };
            let about = about(cx, &policy.spec.applies, rule.applies.as_ref());
            let known: BTreeSet<&str> = about
                .iter()
                .flat_map(|capability| capability.spec.output.keys())
                .map(|name| &**name)
                .collect();
            for field in mask.iter().filter(|field| !known.contains(&*field.value) && !about.is_empty()) {
                let message = format!(
                    "no capability that rule `{}` is about has an output `{}`",
                    rule.id.value, field.value
                );
                let problem = law("undeclared-output", field.span, message).consequence(
                    "the engine refuses the catalogue: a mask of a misspelt field hides nothing",
                );
                let problem = match nearest(&field.value, known.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("name an output, or narrow `applies`"),
                };
                sink.push(with_meant(cx, problem, (&field.value, field.span), known.iter().copied()));
            }
        }
    }
}
