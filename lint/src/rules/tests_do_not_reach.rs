//! The scenarios that a capability names as its tests reach it.

use ordain_spec::catalogue::every;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule =
    Rule::new("tests-do-not-reach", Severity::Error, include_str!("tests-do-not-reach.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for capability in every(&cx.all.capabilities).filter(|capability| !cx.is_built_in(capability.span)) {
        let name = capability.metadata.name.as_str();
        for test in &capability.metadata.tests {
            // A name without a scenario is a broken law.
            let Some(seen) = cx.rehearsed().get(test.value.as_str()) else { continue };
            if seen.reached.contains(name) {
                continue;
            }
            let message = format!("scenario `{}` never reaches capability `{name}`", test.value);
            let mut problem = RULE
                .at(test.span, message)
                .help(format!("name a scenario in which a step that uses `{name}` becomes ready, or change this one"))
                .consequence(format!("the engine would run `{name}`, which nobody has seen work in a test"));
            if let Some(scenario) = cx.all.scenarios.get(test.value.as_str()) {
                problem = problem.related(scenario.spec.run.span, "it runs this");
            }
            found.push(problem);
        }
    }
}
