//! Every guard was seen to hold and seen not to hold.

use std::collections::BTreeMap;

use ordain_kernel::rehearsal::{Branches, Guarded, declared_guards};
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Kind;

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("guard-branch-untested", Severity::Error, include_str!("guard-branch-untested.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(catalogue) = cx.catalogue() else { return };
    let guards = declared_guards(catalogue);
    if guards.is_empty() {
        return;
    }
    let mut seen: BTreeMap<&Guarded, Branches> = BTreeMap::new();
    for (guard, ways) in cx.rehearsed().values().flat_map(|one| &one.guards) {
        seen.entry(guard).or_default().join(*ways);
    }
    for (guard, span) in guards {
        let ways = seen.get(&guard).copied();
        let (never, missing) = match ways {
            None => ("asked", "in which it holds, and one in which it does not"),
            Some(ways) if !ways.held && !ways.failed => {
                ("true or false, only an error", "in which it holds, and one in which it does not")
            }
            Some(ways) if !ways.held => ("true", "in which it holds"),
            Some(ways) if !ways.failed => ("false", "in which it does not hold"),
            Some(_) => continue,
        };
        let of = match (&guard.kind, &guard.step) {
            (Kind::Runbook, Some(step)) => format!("step `{step}` of runbook `{}`", guard.name),
            _ => format!("capability `{}`", guard.name),
        };
        found.push(
            RULE.at(span, format!("guard `{}` of {of} is never {never} in a scenario", guard.id))
                .help(format!("add a scenario {missing}"))
                .consequence("the engine would deny or let go by a guard that nobody has seen do so"),
        );
    }
}
