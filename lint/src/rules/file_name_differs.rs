//! A file that holds one spec is called as the spec is.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{Rule, Spec};

/// See its page.
pub const RULE: Rule = Rule {
    slug: "file-name-differs",
    severity: Severity::Warning,
    page: include_str!("file-name-differs.md"),
    find,
};

fn find(specs: &[Spec<'_>], found: &mut Vec<Diagnostic>) {
    for alone in specs.chunk_by(|one, other| one.span.file == other.span.file) {
        let [spec] = alone else { continue };
        let file = spec.file.path.rsplit('/').next().unwrap_or_default();
        let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        if stem == spec.name {
            continue;
        }
        let message = format!("`{}` stands in a file called `{file}`", spec.name);
        let problem = Diagnostic::new(RULE.slug, RULE.severity, Some(spec.name_span), message)
            .label("the name")
            .help(format!("call the file `{}.{ending}`, so that it is found by the name", spec.name))
            .consequence("the engine would load it all the same");
        found.push(problem);
    }
}
