//! A file that holds one spec is called as the spec is.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("file-name-differs", Severity::Warning, include_str!("file-name-differs.md"), find).about(About::Declarations);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for alone in cx.specs.chunk_by(|one, other| one.span.file == other.span.file) {
        let [spec] = alone else { continue };
        let file = spec.file.path.rsplit('/').next().unwrap_or_default();
        let (stem, ending) = file.rsplit_once('.').unwrap_or((file, ""));
        if stem == spec.name {
            continue;
        }
        let message = format!("`{}` stands in a file called `{file}`", spec.name);
        let problem = RULE
            .at(spec.name_span, message)
            .label("the name")
            .help(format!("call the file `{}.{ending}`, so that it is found by the name", spec.name))
            .consequence("the engine would load it all the same");
        found.push(problem);
    }
}
