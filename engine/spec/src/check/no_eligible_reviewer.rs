//! Law `no-eligible-reviewer`: a stage at which nobody can agree.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    if cx.all.roster.is_none() {
        return;
    }
    for approval in every(&cx.all.approvals) {
        for stage in &approval.spec.stages {
            let known = stage.any_of.iter().all(|principal| cx.people.knows(&principal.value));
            let eligible = cx.people.behind(stage.any_of.iter().map(|principal| &principal.value));
            if known && cx.is_whole(stage.span) && eligible.count() == 0 {
                let message = format!(
                    "nobody can decide at stage `{}` of approval `{}`",
                    stage.id.value, approval.metadata.name.value
                );
                let mut problem = law("no-eligible-reviewer", stage.id.span, message)
                    .help("name people, or groups and roles with people in them: services and agents cannot decide")
                    .consequence("the engine refuses the catalogue: every step behind it would expire");
                for principal in &stage.any_of {
                    problem = problem.related(principal.span, format!("nobody is in `{}`", principal.value));
                }
                sink.push(problem);
            }
        }
    }
}
