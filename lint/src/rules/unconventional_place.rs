//! Specs lie in the folder of their kind.

use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Kind;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("unconventional-place", Severity::Warning, include_str!("unconventional-place.md"), find).about(About::Declarations);

/// The folder of a kind; a scenario stands beside what it tests, wherever that is.
const fn folder(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Capability => Some("capabilities"),
        Kind::Connector => Some("connectors"),
        Kind::Runbook => Some("runbooks"),
        Kind::Policy
        | Kind::Approval
        | Kind::Budget
        | Kind::Roster
        | Kind::Export
        | Kind::MetaSchema
        | Kind::Exemption
        | Kind::Notice
        | Kind::Ingress
        | Kind::Retention
        | Kind::Trigger => Some("policies"),
        Kind::Scenario | Kind::Workspace => None,
    }
}

/// A file of several kinds lies well in the folder of any of them.
fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for together in cx.specs.chunk_by(|one, other| one.span.file == other.span.file) {
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
        let problem = RULE
            .at(first.name_span, message)
            .label(format!("in `{}`", first.file.path))
            .help(format!("move the file into a folder `{due}` of the catalogue"))
            .consequence("the engine would load it all the same");
        found.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use crate::judge::judge;
    use crate::subject::Subject;
    use ordain_spec::source::{Notation, SourceFile, Sources};

    fn found(path: &str) -> usize {
        let two = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: a, version: 1.0.0, owner: group:x, summary: A step.}\nspec: {steps: [{id: rest, wait: 1s}]}\n---\napiVersion: ordain/v1\nkind: Approval\nmetadata: {name: b, version: 1.0.0, owner: group:x, summary: An approval.}\nspec: {stages: [{id: one, anyOf: ['group:x'], expires: 1h}]}\n";
        let mut sources = Sources::default();
        sources.add(SourceFile::new(path.into(), two.into(), Notation::Yaml));
        let problems = judge(&Subject::of_files(sources), jiff::Timestamp::UNIX_EPOCH, None);
        problems.iter().filter(|problem| problem.code == super::RULE.slug).count()
    }

    #[test]
    fn a_file_of_several_kinds_may_lie_in_the_folder_of_any_of_them() {
        assert_eq!(found("specs/policies/all.yaml"), 0);
        assert_eq!(found("specs/runbooks/all.yaml"), 0);
        assert_eq!(found("specs/all.yaml"), 1);
    }
}
