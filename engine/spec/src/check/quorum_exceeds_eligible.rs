//! Law `quorum-exceeds-eligible`: more agreements than there are people to give them.

use super::context::{Context, law};
use super::people::Members;
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::Approval;
use crate::kind::approval::Stage;

/// Up to so many stages every choice of stages is looked at; beyond, each alone and all together.
const STAGES: usize = 8;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    if cx.all.roster.is_none() {
        return;
    }
    for approval in every(&cx.all.approvals) {
        let stages: Vec<(&Stage, Members<'_>)> = approval
            .spec
            .stages
            .iter()
            .map(|stage| (stage, cx.people.behind(stage.any_of.iter().map(|principal| &principal.value))))
            .collect();
        let before = sink.len();
        for (stage, eligible) in &stages {
            single(approval, stage, eligible, sink);
        }
        if approval.spec.distinct.value && sink.len() == before {
            together(approval, &stages, sink);
        }
    }
}

fn single(approval: &Approval, stage: &Stage, eligible: &Members<'_>, sink: &mut Vec<Diagnostic>) {
    let (quorum, count) = (stage.quorum.value, eligible.count());
    // Nobody at all is a law of its own.
    if quorum > count && count > 0 {
        let place = if stage.quorum.span.is_nowhere() { stage.id.span } else { stage.quorum.span };
        let message = format!(
            "stage `{}` of approval `{}` needs {quorum} people; {count} can decide",
            stage.id.value, approval.metadata.name.value
        );
        sink.push(
            law("quorum-exceeds-eligible", place, message)
                .related(stage.id.span, "this stage")
                .help("lower `quorum`, or let more people decide"),
        );
    }
}

/// One person counts once over all stages: every choice of stages needs as many people as its quorums
/// say (Hall's condition).
fn together(approval: &Approval, stages: &[(&Stage, Members<'_>)], sink: &mut Vec<Diagnostic>) {
    let count = stages.len().min(STAGES);
    let choices: u32 = if stages.len() <= STAGES { (1 << count) - 1 } else { 0 };
    for choice in (1..=choices).chain([u32::MAX]) {
        let chosen: Vec<&(&Stage, Members<'_>)> = stages
            .iter()
            .enumerate()
            .filter(|(at, _)| choice == u32::MAX || choice & (1 << at) != 0)
            .map(|(_, stage)| stage)
            .collect();
        let needed = chosen.iter().fold(0_u64, |sum, (stage, _)| sum.saturating_add(stage.quorum.value));
        let mut people = Members::default();
        chosen.iter().for_each(|(_, eligible)| people.extend(eligible));
        if chosen.len() > 1 && people.count() > 0 && needed > people.count() {
            let name = &approval.metadata.name;
            let message = format!(
                "the stages of approval `{}` need {needed} different people; {} can decide",
                name.value,
                people.count()
            );
            let mut problem = law("quorum-exceeds-eligible", name.span, message)
                .help("let more people decide, or write `distinct: false`, so that one person may count at several stages");
            for (stage, _) in chosen {
                problem = problem.related(stage.id.span, format!("needs {}", stage.quorum.value));
            }
            sink.push(problem);
            return;
        }
    }
}
