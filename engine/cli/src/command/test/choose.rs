//! Which scenarios are played. Nothing that was asked for is passed over in silence: a word that fits nothing is
//! an error with the nearest name.

use std::sync::Arc;

use ordain_spec::diagnostic::nearest;
use ordain_spec::kind::Scenario;

use super::play::Played;
use crate::context::Loaded;
use crate::failure::Failure;

/// What narrows them down; what is given together must all fit.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// Only these; `*` stands for any text
    names: Vec<String>,
    /// Only those that run this runbook; `*` stands for any text
    #[arg(long, value_name = "RUNBOOK")]
    runbook: Option<String>,
    /// Only those in which a step uses this capability and becomes ready, or its undo begins
    #[arg(long, value_name = "CAPABILITY")]
    reaches: Option<String>,
    /// Only those of this owner: `group:payments`
    #[arg(long, value_name = "PRINCIPAL")]
    owner: Option<String>,
}

impl Choice {
    /// True where nothing is left out.
    pub const fn is_everything(&self) -> bool {
        self.names.is_empty() && self.runbook.is_none() && self.reaches.is_none() && self.owner.is_none()
    }

    /// The scenarios to play, by name.
    pub fn scenarios(&self, loaded: &Loaded) -> Result<Vec<Arc<Scenario>>, Failure> {
        let catalogue = &loaded.catalogue;
        let all = &catalogue.scenarios;
        let names: Vec<&str> = all.keys().map(|name| name.as_str()).collect();
        for wanted in &self.names {
            known("scenario", wanted, &names)?;
        }
        if let Some(wanted) = &self.runbook {
            let names: Vec<&str> = catalogue.runbooks.keys().map(|name| name.as_str()).collect();
            known("runbook", wanted, &names)?;
        }
        if let Some(wanted) = &self.reaches {
            let names: Vec<&str> = catalogue.capabilities.keys().map(|name| name.as_str()).collect();
            known("capability", wanted, &names)?;
        }
        if let Some(wanted) = &self.owner {
            let owners: Vec<String> = all.values().filter_map(|scenario| owner(scenario)).collect();
            known("owner of a scenario", wanted, &owners.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        let chosen: Vec<_> = all.values().filter(|scenario| self.fits(scenario)).map(Arc::clone).collect();
        match chosen.is_empty() {
            true if all.is_empty() => {
                Err(Failure::usage("there is nothing to test: the catalogue has no scenario"))
            }
            true => Err(Failure::usage("there is nothing to test: no scenario fits all that was asked for")),
            false => Ok(chosen),
        }
    }

    fn fits(&self, scenario: &Scenario) -> bool {
        let name = scenario.metadata.name.as_str();
        let runs = scenario.spec.run.value.name.as_str();
        (self.names.is_empty() || self.names.iter().any(|wanted| matches(wanted, name)))
            && self.runbook.as_ref().is_none_or(|wanted| matches(wanted, runs))
            && self
                .owner
                .as_ref()
                .is_none_or(|wanted| owner(scenario).is_some_and(|owner| matches(wanted, &owner)))
    }

    /// Keeps those that reach the wanted capability: that is known only when they were played.
    pub fn keep_reaching(&self, played: &mut Vec<Played>) -> Result<(), Failure> {
        let Some(wanted) = &self.reaches else { return Ok(()) };
        played.retain(|one| {
            let reached = one.result.iter().flat_map(|result| &result.seen.reached);
            reached.into_iter().any(|capability| matches(wanted, capability))
        });
        if played.is_empty() {
            let message = format!("there is nothing to test: no scenario reaches `{wanted}`");
            return Err(Failure::usage(message)
                .hint("a capability is reached when a step that uses it becomes ready"));
        }
        Ok(())
    }
}

fn owner(scenario: &Scenario) -> Option<String> {
    scenario.metadata.owner.as_ref().map(|owner| owner.value.to_string())
}

fn known(what: &str, wanted: &str, names: &[&str]) -> Result<(), Failure> {
    if names.iter().any(|name| matches(wanted, name)) {
        return Ok(());
    }
    let failure = Failure::not_found(what, wanted);
    Err(match nearest(wanted, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if what == "owner of a scenario" => {
            failure.hint("write it as in the scenario: `group:payments`")
        }
        None => failure.hint(format!("`ordain specs {what}` lists them")),
    })
}

/// True where the text is what the pattern says; `*` stands for any text, also none.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text_wherever_it_is() {
        for pattern in
            ["refund-denied", "*", "refund-*", "*-denied", "re*-d*d", "*fund*", "refund-denied*", "**"]
        {
            assert!(matches(pattern, "refund-denied"), "{pattern}");
        }
        for pattern in
            ["", "refund", "refund-denied-", "denied", "*refund", "re*fund", "refund-denied*d", "x*"]
        {
            assert!(!matches(pattern, "refund-denied"), "{pattern}");
        }
        assert!(!matches("ab*ba", "aba"), "no letter counts twice");
    }
}
