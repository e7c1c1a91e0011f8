//! Law `output-mismatch`: an operation that gives something else than its capabilities promise. Values of
//! the wrong type are found where the expressions are checked.

use super::context::{Context, law};
use crate::catalogue::every;
use crate::diagnostic::{Diagnostic, nearest};
use crate::kind::Capability;
use crate::kind::connector::ConnectorType;
use crate::source::Span;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    for connector in every(&cx.all.connectors).filter(|connector| cx.is_of_known_type(connector)) {
        for (name, entry) in &connector.spec.operations.0 {
            let operation = &entry.value;
            if !cx.is_whole(operation.span) {
                continue;
            }
            for capability in cx.callers(connector, name) {
                // A connector of type `mock` has no other answers than its mocks.
                if connector.spec.type_.value != ConnectorType::Mock || !operation.output.is_empty() {
                    let given =
                        operation.output.0.iter().map(|(name, entry)| (&**name, entry.key_span)).collect();
                    compare(capability, &format!("operation `{name}`"), entry.key_span, given, sink);
                }
                for answer in operation.mock.iter().flat_map(|mock| &mock.0) {
                    let Some(output) = &answer.output else { continue };
                    let given = output.0.iter().map(|(name, entry)| (&**name, entry.key_span)).collect();
                    compare(
                        capability,
                        &format!("a mock answer of operation `{name}`"),
                        cx.first_line(answer.span),
                        given,
                        sink,
                    );
                }
            }
        }
    }
}

fn compare(
    capability: &Capability,
    what: &str,
    place: Span,
    given: Vec<(&str, Span)>,
    sink: &mut Vec<Diagnostic>,
) {
    let (promised, of) = (&capability.spec.output, &capability.metadata.name.value);
    for (name, span) in &given {
        if promised.get(name).is_some() {
            continue;
        }
        let problem = law(
            "output-mismatch",
            *span,
            format!("{what} gives `{name}`, which capability `{of}` does not declare"),
        )
        .related(capability.metadata.name.span, "the capability");
        sink.push(match nearest(name, promised.keys().map(|name| &**name)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("declare it in the capability's `output`, or leave it out"),
        });
    }
    for (name, entry) in &promised.0 {
        let is_given = given.iter().any(|(given, _)| **given == **name);
        if !is_given && entry.value.is_required() {
            sink.push(
                law(
                    "output-mismatch",
                    place,
                    format!("{what} does not give `{name}`, which capability `{of}` promises"),
                )
                .related(entry.key_span, "promised here")
                .help(format!("add `{name}` to its output"))
                .consequence(
                    "the engine refuses the catalogue: every outcome would be unknown (`output_invalid`)",
                ),
            );
        }
    }
}
