//! One absence does not block an approval.

use ordain_spec::catalogue::every;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("quorum-fragile", Severity::Warning, include_str!("quorum-fragile.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for approval in every(&cx.all.approvals) {
        let name = &approval.metadata.name;
        let mut fragile = approval.spec.stages.iter().filter_map(|stage| {
            let people = cx.resolved.people.behind(stage.any_of.iter().map(|who| &who.value));
            (people.count() == stage.quorum.value && people.count() > 0).then_some((stage, people))
        });
        let Some((stage, people)) = fragile.next() else { continue };
        let place = if stage.quorum.span.is_nowhere() { stage.id.span } else { stage.quorum.span };
        let who = people.humans.iter().map(|person| format!("`{person}`")).collect::<Vec<_>>().join(", ");
        let count = people.count();
        let only = if count == 1 { "one person".to_owned() } else { format!("all {count} people") };
        let message = format!(
            "stage `{}` of approval `{}` needs {only} who may decide{}{who}",
            stage.id.value,
            name.value,
            if who.is_empty() { "" } else { ": " }
        );
        let problem = RULE
            .at(place, message)
            .help("let one more person decide; the requester never counts")
            .consequence("the engine would let the approval expire when one of them is away or asks himself");
        found.push(fragile.fold(problem, |problem, (stage, _)| problem.related(stage.id.span, "and here")));
    }
}
