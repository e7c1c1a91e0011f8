//! More than one person answers for a spec.

use std::collections::BTreeMap;

use ordain_spec::kind::scalar::Principal;
use ordain_spec::source::Span;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("single-person-owner", Severity::Warning, include_str!("single-person-owner.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut owned: BTreeMap<&Principal, Vec<Span>> = BTreeMap::new();
    for head in cx.resolved.heads() {
        if let Some(owner) = head.owner.filter(|owner| !cx.is_built_in(owner.span)) {
            owned.entry(&owner.value).or_default().push(owner.span);
        }
    }
    for (owner, mut places) in owned {
        let people = cx.resolved.people.behind([owner]);
        let [person] = people.humans.iter().collect::<Vec<_>>()[..] else { continue };
        if !people.external.is_empty() {
            continue;
        }
        places.sort();
        let Some((first, others)) = places.split_first() else { continue };
        let said = match others.len() {
            0 => format!("`{owner}`, who answers for it, is one person, `{person}`"),
            more => format!("`{owner}`, who answers for {} specs, is one person, `{person}`", more + 1),
        };
        let problem = RULE
            .at(*first, said)
            .help("let a group of two or more own it")
            .consequence("the engine would go on without that person, and nobody could change the spec with the owner's word");
        found.push(others.iter().take(3).fold(problem, |problem, place| problem.related(*place, "and here")));
    }
}
