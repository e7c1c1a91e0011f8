//! `lint.deny` of the operator's file names levels and slugs that there are: a misspelt one would deny nothing, and
//! nobody would see it.

use ordain_spec::diagnostic::{Diagnostic, Edit, Severity, meant, nearest};

use crate::rules::{Context, RULES};

/// What names nothing. The engine takes no notice of `lint`, so this is no law.
pub fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let Some(workspace) = &cx.subject.workspace else { return };
    let own: Vec<String> =
        workspace.invariants.iter().map(|invariant| format!("x-{}", invariant.id.value)).collect();
    let levels = [Severity::Law, Severity::Error, Severity::Warning, Severity::Info];
    let mut known: Vec<&str> = own.iter().map(String::as_str).collect();
    levels.iter().for_each(|level| known.push(level.as_str()));
    RULES.iter().for_each(|rule| known.push(rule.slug));
    ordain_spec::check::slugs().for_each(|slug| known.push(slug));
    for word in workspace.lint.deny.iter().filter(|word| !known.contains(&&*word.value)) {
        let message = format!("`{}` is neither a level nor a rule", word.value);
        let problem = Diagnostic::new("unknown-value", Severity::Error, Some(word.span), message)
            .consequence("lint would deny nothing by this word");
        let problem = match nearest(&word.value, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => {
                problem.help("write `warning`, `info` or the slug of a rule; `ordain explain` lists them")
            }
        };
        found.push(match meant(&word.value, known.iter().copied()) {
            Some(near) => problem.fix(true, vec![Edit { span: word.span, text: near.to_owned() }]),
            None => problem,
        });
    }
}
