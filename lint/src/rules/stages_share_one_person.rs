//! Two stages are two looks, by different people.

use ordain_spec::catalogue::every;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("stages-share-one-person", Severity::Error, include_str!("stages-share-one-person.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for approval in every(&cx.all.approvals).filter(|approval| !approval.spec.distinct.value) {
        let stages = &approval.spec.stages;
        let eligible: Vec<_> =
            stages.iter().map(|stage| cx.resolved.people.behind(stage.any_of.iter().map(|who| &who.value))).collect();
        let shared = stages.iter().zip(&eligible).enumerate().find_map(|(at, (stage, people))| {
            let (other, others) = stages.iter().zip(&eligible).take(at).find(|(_, others)| {
                !people.humans.is_disjoint(&others.humans)
                    || people.external.keys().any(|group| others.external.contains_key(group))
            })?;
            let who = match people.humans.intersection(&others.humans).next() {
                Some(person) => format!("`{person}`"),
                None => "one member of an external group".to_owned(),
            };
            Some((other, stage, who))
        });
        let Some((first, second, who)) = shared else { continue };
        let name = &approval.metadata.name;
        let message = format!(
            "{who} may decide at stage `{}` and again at stage `{}` of approval `{}`",
            first.id.value, second.id.value, name.value
        );
        found.push(
            RULE.at(approval.spec.distinct.span, message)
                .related(first.id.span, "here")
                .related(second.id.span, "and here")
                .help("remove `distinct: false`, or let different people decide")
                .consequence("the engine would count one person at both stages"),
        );
    }
}
