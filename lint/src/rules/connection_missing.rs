//! The workspace grants what its runbooks need to run live.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordain_plan::Ungranted;
use ordain_spec::catalogue::every;
use ordain_spec::kind::scalar::Mode;
use ordain_spec::source::Span;
use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("connection-missing", Severity::Error, include_str!("connection-missing.md"), find).about(About::Workspace);

/// One finding a runbook: what it would meet first is the message, the rest follows.
fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut by_runbook: BTreeMap<Span, Vec<Missing>> = BTreeMap::new();
    for missing in missing(cx).into_iter().filter(|missing| !missing.is_secret()) {
        by_runbook.entry(missing.place).or_default().push(missing);
    }
    for list in by_runbook.into_values() {
        let Some((first, others)) = list.split_first() else { continue };
        let mut problem = first
            .problem(cx, &RULE)
            .help("add it to the connection of that name in `ordain.yaml`, or ask its operator to");
        for missing in others.iter().take(SHOWN) {
            problem.message = format!("{}; {}", problem.message, missing.fault.detail);
        }
        if others.len() > SHOWN {
            problem.message = format!("{}; and {} more", problem.message, others.len() - SHOWN);
        }
        found.push(problem);
    }
}

/// So many further faults of a runbook are named.
const SHOWN: usize = 3;

/// One thing that a connector asks for and does not get, and the first runbook that meets it.
pub(super) struct Missing {
    pub(super) fault: Ungranted,
    runbook: String,
    place: Span,
}

impl Missing {
    pub(super) fn is_secret(&self) -> bool {
        self.fault.detail.starts_with("secret ")
    }

    pub(super) fn problem(&self, cx: &Context<'_>, rule: &Rule) -> Diagnostic {
        let message = format!("runbook `{}` cannot run live: {}", self.runbook, self.fault.detail);
        let problem = rule.at(self.place, message).label(format!("met by step `{}`", self.fault.step)).consequence(
            "the engine would refuse every live run of it (`connection_missing`); mock runs are unaffected",
        );
        let connectors = cx.all.connectors.get(&*self.fault.connector);
        let connector = connectors.and_then(|releases| releases.values().next_back());
        match connector {
            Some(connector) => problem.related(connector.metadata.name.span, "the connector"),
            None => problem,
        }
    }
}

/// What runbooks that may run live do not get, each fault once. A plan is made only where it would be another one
/// than at the last look.
pub(super) fn missing(cx: &Context<'_>) -> Vec<Missing> {
    let mut found: BTreeMap<(Arc<str>, String), Missing> = BTreeMap::new();
    let live = every(&cx.all.runbooks).filter(|runbook| runbook.spec.modes.iter().any(|mode| mode.value == Mode::Live));
    for runbook in live {
        for fault in cx.ungranted(runbook).iter().filter(|fault| fault.code == "connection_missing") {
            let key = (Arc::clone(&fault.connector), fault.detail.clone());
            let name = &runbook.metadata.name;
            let missing = || Missing { fault: fault.clone(), runbook: name.value.to_string(), place: name.span };
            found.entry(key).or_insert_with(missing);
        }
    }
    found.into_values().collect()
}
