//! What others read is still given.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use crate::compared;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("output-removed", Severity::Error, include_str!("output-removed.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for pair in compared::pairs(cx).into_iter().filter(|pair| !pair.says_breaking()) {
        let gone: Vec<String> = match (compared::capabilities(cx, &pair), compared::runbooks(cx, &pair)) {
            (Some((old, new)), _) => missing(old.spec.output.keys(), |name| new.spec.output.get(name).is_some()),
            (None, Some((old, new))) => missing(old.spec.outputs.keys(), |name| new.spec.outputs.get(name).is_some()),
            (None, None) => continue,
        };
        if gone.is_empty() {
            continue;
        }
        let message = format!("{} `{}` no longer gives {}", pair.new.kind, pair.new.name, gone.join(", "));
        found.push(
            RULE.at(pair.new.version.span, message)
                .label(format!("was {}", pair.old.version.value))
                .help("give it still, or let the first number of the version grow and keep the old release beside it")
                .consequence("the engine would refuse the catalogues of others who read it"),
        );
    }
}

fn missing<'n>(names: impl Iterator<Item = &'n std::sync::Arc<str>>, is_there: impl Fn(&str) -> bool) -> Vec<String> {
    names.filter(|name| !is_there(name)).map(|name| format!("`{name}`")).collect()
}
