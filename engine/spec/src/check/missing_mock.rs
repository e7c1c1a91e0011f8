//! Law `missing-mock`: an operation that cannot be rehearsed.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::Diagnostic;
use crate::kind::connector::Operation;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors) {
        for (name, entry) in &connector.spec.operations.0 {
            if !cx.is_whole(entry.value.span) {
                continue;
            }
            operation(cx, name, &entry.value, entry.key_span, sink);
        }
    }
}

fn operation(cx: &Context<'_>, name: &str, operation: &Operation, place: Span, sink: &mut Vec<Diagnostic>) {
    let Some((last, before)) = operation.mock.as_ref().and_then(|mock| mock.0.split_last()) else {
        sink.push(
            law("missing-mock", place, format!("operation `{name}` has no `mock`"))
                .help("add `mock`: `{output: {…}}`, `{error: retryable|permanent|timeout}`, or a list of them with `when`")
                .consequence("the engine refuses the catalogue: no mock run and no scenario could reach it"),
        );
        return;
    };
    let problem = |span: Span, message: &str| {
        law("missing-mock", cx.first_line(span), format!("{message} of operation `{name}`"))
            .related(place, "this operation")
    };
    if let Some(when) = &last.when {
        sink.push(
            problem(when.span(), "the last mock answer has a `when`: there may be no answer")
                .help("end the list with an answer without `when`"),
        );
    }
    for answer in before.iter().filter(|answer| answer.when.is_none()) {
        sink.push(
            problem(answer.span, "a mock answer without `when` hides the ones after it")
                .help("only the last answer has no `when`"),
        );
    }
    for answer in before.iter().chain([last]) {
        match (&answer.output, &answer.error) {
            (None, None) => sink.push(
                problem(answer.span, "a mock answer with neither `output` nor `error`")
                    .help("write one of them"),
            ),
            (Some(_), Some(error)) => sink.push(
                law(
                    "wrong-type",
                    error.span,
                    format!("a mock answer of operation `{name}` has both `output` and `error`"),
                )
                .help("write exactly one of them"),
            ),
            _ => {}
        }
    }
}
