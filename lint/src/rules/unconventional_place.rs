//! Specs lie in the folder of their kind.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Kind;

use super::{Rule, Spec};

/// See its page.
pub const RULE: Rule = Rule {
    slug: "unconventional-place",
    severity: Severity::Warning,
    page: include_str!("unconventional-place.md"),
    find,
};

/// The folder of a kind; a scenario stands beside what it tests, wherever that is.
const fn folder(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Capability => Some("capabilities"),
        Kind::Connector => Some("connectors"),
        Kind::Runbook => Some("runbooks"),
        Kind::Policy | Kind::Approval | Kind::Budget | Kind::Roster => Some("policies"),
        Kind::Scenario | Kind::Workspace => None,
    }
}

/// A file of several kinds lies well in the folder of any of them.
fn find(specs: &[Spec<'_>], found: &mut Vec<Diagnostic>) {
    for together in specs.chunk_by(|one, other| one.span.file == other.span.file) {
        let mut placed = together.iter().filter_map(|spec| Some((spec, folder(spec.kind)?)));
        let Some((first, due)) = placed.next() else { continue };
        let lies_in = |name: &str| {
            let folders = first.file.path.rsplit_once('/').map_or("", |(folders, _)| folders);
            folders.split('/').any(|folder| folder == name)
        };
        if lies_in(due) || placed.any(|(_, other)| lies_in(other)) {
            continue;
        }
        let message = format!("{} `{}` does not lie in a folder `{due}`", first.kind, first.name);
        let problem = Diagnostic::new(RULE.slug, RULE.severity, Some(first.name_span), message)
            .label(format!("in `{}`", first.file.path))
            .help(format!("move the file into a folder `{due}` of the catalogue"))
            .consequence("the engine would load it all the same");
        found.push(problem);
    }
}
