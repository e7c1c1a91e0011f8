//! Matters of taste: one file and one page each, one line in [`RULES`]. None of them keeps a catalogue
//! from loading.

mod file_name_differs;
mod unconventional_place;

use ordain_spec::catalogue::{Declarations, every};
use ordain_spec::decode::Spanned;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::kind::Kind;
use ordain_spec::kind::scalar::Name;
use ordain_spec::source::{SourceFile, Span};

/// A rule: its slug, its weight, its page, and what finds it.
pub struct Rule {
    /// The slug, named for the fault.
    pub slug: &'static str,
    /// Its weight.
    pub severity: Severity,
    /// Its page.
    pub page: &'static str,
    /// Finds it.
    pub find: fn(&[Spec<'_>], &mut Vec<Diagnostic>),
}

/// Every rule.
pub const RULES: &[Rule] = &[file_name_differs::RULE, unconventional_place::RULE];

/// A spec as rules see it: its kind, its name, its file.
#[derive(Debug, Clone, Copy)]
pub struct Spec<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: &'a str,
    /// Where its name stands.
    pub name_span: Span,
    /// The document.
    pub span: Span,
    /// Its file.
    pub file: &'a SourceFile,
}

/// What all rules find. Files of the built-in set are nobody's to mend.
#[must_use]
pub fn all(declarations: &Declarations) -> Vec<Diagnostic> {
    let specs = specs(declarations);
    let mut found = Vec::new();
    for rule in RULES {
        (rule.find)(&specs, &mut found);
    }
    found.sort_by_key(Diagnostic::order);
    found
}

/// The specs of a catalogue in the order of files and places, without those of the built-in set.
#[must_use]
pub fn specs(declarations: &Declarations) -> Vec<Spec<'_>> {
    let mut list = List { declarations, specs: Vec::new() };
    every(&declarations.capabilities)
        .for_each(|spec| list.add(Kind::Capability, &spec.metadata.name, spec.span));
    every(&declarations.connectors)
        .for_each(|spec| list.add(Kind::Connector, &spec.metadata.name, spec.span));
    every(&declarations.runbooks).for_each(|spec| list.add(Kind::Runbook, &spec.metadata.name, spec.span));
    every(&declarations.approvals).for_each(|spec| list.add(Kind::Approval, &spec.metadata.name, spec.span));
    declarations.policies.values().for_each(|spec| list.add(Kind::Policy, &spec.metadata.name, spec.span));
    declarations.budgets.values().for_each(|spec| list.add(Kind::Budget, &spec.metadata.name, spec.span));
    declarations.scenarios.values().for_each(|spec| list.add(Kind::Scenario, &spec.metadata.name, spec.span));
    declarations.roster.iter().for_each(|spec| list.add(Kind::Roster, &spec.metadata.name, spec.span));
    list.specs.sort_by_key(|spec| spec.span);
    list.specs
}

struct List<'a> {
    declarations: &'a Declarations,
    specs: Vec<Spec<'a>>,
}

impl<'a> List<'a> {
    fn add(&mut self, kind: Kind, name: &'a Spanned<Name>, span: Span) {
        if let Some(file) = self.declarations.sources.get(span.file)
            && !file.path.starts_with("std:")
        {
            self.specs.push(Spec { kind, name: name.value.as_str(), name_span: name.span, span, file });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::{RULES, all};
    use ordain_spec::source::{Notation, SourceFile, Sources};

    /// The file and the text of the snippet under a heading.
    fn snippet<'a>(page: &'a str, heading: &str) -> (&'a str, &'a str) {
        let rest = page.split_once(heading).unwrap().1;
        let path = rest.split('`').nth(1).unwrap();
        let text = rest.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
        (path, text)
    }

    fn found(path: &str, text: &str) -> Vec<(&'static str, String)> {
        let mut sources = Sources::default();
        sources.add(SourceFile::new(path.into(), text.into(), Notation::Yaml));
        let declarations = ordain_spec::check::check(sources).declarations;
        all(&declarations).into_iter().map(|problem| (problem.code, problem.message)).collect()
    }

    #[test]
    fn the_page_of_each_rule_is_true() {
        for rule in RULES {
            assert!(rule.page.starts_with(&format!("# {}\n", rule.slug)), "{}", rule.slug);
            let (path, text) = snippet(rule.page, "## Refused");
            let mark = text.split_once("# warning: ").unwrap().1.lines().next().unwrap();
            let (slug, message) = mark.split_once(' ').unwrap();
            assert_eq!(slug, rule.slug);
            assert_eq!(found(path, text), [(rule.slug, message.trim_matches('"').to_owned())]);
            let (path, text) = snippet(rule.page, "## Accepted");
            assert_eq!(found(path, text), []);
        }
    }

    #[test]
    fn a_file_of_several_specs_may_be_called_as_its_author_likes() {
        let two = "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: a, version: 1.0.0, owner: group:x, summary: A step.}\nspec: {steps: [{id: rest, wait: 1s}]}\n---\napiVersion: ordain/v1\nkind: Approval\nmetadata: {name: b, version: 1.0.0, owner: group:x, summary: An approval.}\nspec: {stages: [{id: one, anyOf: ['group:x'], expires: 1h}]}\n";
        assert_eq!(found("specs/policies/all.yaml", two), []);
        assert_eq!(found("specs/runbooks/all.yaml", two), []);
        assert_eq!(found("specs/all.yaml", two).len(), 1);
    }
}
