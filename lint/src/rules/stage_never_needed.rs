//! A stage adds something to the ones before it.

use ordain_spec::catalogue::every;
use ordain_spec::check::people::Members;
use ordain_spec::kind::approval::Stage;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("stage-never-needed", Severity::Warning, include_str!("stage-never-needed.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    // Where one person counts once, every further stage is a further pair of eyes.
    for approval in every(&cx.all.approvals).filter(|approval| !approval.spec.distinct.value) {
        let stages: Vec<(&Stage, Members<'_>)> = approval
            .spec
            .stages
            .iter()
            .map(|stage| (stage, cx.resolved.people.behind(stage.any_of.iter().map(|who| &who.value))))
            .collect();
        for (at, later) in stages.iter().enumerate() {
            let Some(earlier) = stages.iter().take(at).find(|earlier| adds_nothing(earlier, later)) else { continue };
            let message = format!(
                "whoever grants stage `{}` can grant stage `{}` as well",
                earlier.0.id.value, later.0.id.value
            );
            found.push(
                RULE.at(later.0.id.span, message)
                    .related(earlier.0.id.span, "the same people are enough here")
                    .help("remove the stage, or let other people decide at it")
                    .consequence("the engine would wait for a second click of the same people"),
            );
        }
    }
}

/// True where the people who granted `earlier` can always grant `later`, and it asks for nothing more.
fn adds_nothing(earlier: &(&Stage, Members<'_>), later: &(&Stage, Members<'_>)) -> bool {
    let ((first, before), (second, after)) = (earlier, later);
    let external = before.external.keys().all(|group| after.external.contains_key(group));
    let stronger = (second.step_up.value && !first.step_up.value) || !second.form.0.is_empty();
    before.humans.is_subset(&after.humans) && external && second.quorum.value <= first.quorum.value && !stronger
}
