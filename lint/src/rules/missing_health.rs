//! Whether a service answers is known before a run needs it.

use std::collections::BTreeSet;

use ordain_spec::kind::connector::ConnectorType;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("missing-health", Severity::Warning, include_str!("missing-health.md"), find);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut said = BTreeSet::new();
    for used in &cx.resolved.uses {
        let live = used.runbook.spec.modes.iter().any(|mode| mode.value == Mode::Live);
        let Some((connector, _)) = cx.resolved.operation(used.capability).filter(|_| live) else { continue };
        let spec = &connector.spec;
        if spec.type_.value != ConnectorType::Http || spec.health.is_some() || !said.insert(connector.digest) {
            continue;
        }
        let name = &connector.metadata.name;
        found.push(
            RULE.at(name.span, format!("connector `{}` speaks to a service and has no `health`", name.value))
                .related(used.reference.span, "a live run comes to it here")
                .help("add `health: {operation, every}` with a read operation that takes no input")
                .consequence("the engine would find out that the service is down in the midst of a run"),
        );
    }
}
