//! An entry of `needs` says what no other entry says already.

use ordain_spec::catalogue::every;
use ordain_spec::kind::runbook::{NeedOn, Step};
use ordain_spec::source::{Notation, SourceFile, Span};
use ordain_spec::diagnostic::{Diagnostic, Edit, Severity};

use super::{Context, FixClass, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("redundant-edge", Severity::Info, include_str!("redundant-edge.md"), find).fix(FixClass::Safe);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for runbook in every(&cx.all.runbooks) {
        let Some(flow) = cx.resolved.flow(runbook) else { continue };
        for (at, step) in runbook.spec.steps.iter().enumerate() {
            let edges = flow.edges.get(at).map_or(&[][..], Vec::as_slice);
            let success = |on| on == NeedOn::Success;
            for (place, edge) in edges.iter().enumerate().filter(|(_, edge)| success(edge.need.on.value)) {
                let by = edges.iter().find(|other| {
                    success(other.need.on.value) && other.from != edge.from && flow.has_succeeded(edge.from, other.from)
                });
                if let Some(by) = by {
                    let message = format!(
                        "step `{}` needs `{}` through `{}` already",
                        step.id.value, edge.need.step.value, by.need.step.value
                    );
                    let problem = RULE
                        .at(edge.need.step.span, message)
                        .related(by.need.step.span, "this one leads there")
                        .help("remove the entry")
                        .consequence("the engine would run the same steps in the same order");
                    let edit = cx.all.sources.get(step.span.file).and_then(|file| removal(file, step, place));
                    found.push(match edit {
                        Some(edit) => problem.fix(true, vec![edit]),
                        None => problem,
                    });
                }
            }
        }
    }
}

/// Takes an entry out of its list together with what separates it; not where a comment stands between.
fn removal(file: &SourceFile, step: &Step, place: usize) -> Option<Edit> {
    if file.notation != Notation::Yaml || step.needs.len() < 2 {
        return None;
    }
    let this = step.needs.get(place)?.span;
    let span = match place.checked_sub(1).and_then(|before| step.needs.get(before)) {
        Some(before) => Span::new(this.file, before.span.end, this.end),
        None => Span::new(this.file, this.start, step.needs.get(place + 1)?.span.start),
    };
    (!file.slice(span).contains('#')).then(|| Edit { span, text: String::new() })
}
