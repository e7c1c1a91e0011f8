//! Who gave what was asked for before can still give it.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use crate::compared;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("breaking-input-change", Severity::Error, include_str!("breaking-input-change.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for pair in compared::pairs(cx).into_iter().filter(|pair| !pair.says_breaking()) {
        let Some((old, new)) = compared::inputs(cx, &pair) else { continue };
        let changes = compared::breaking(old, new);
        let Some((_, place)) = changes.first() else { continue };
        let said: Vec<&str> = changes.iter().map(|(said, _)| said.as_str()).collect();
        let message = format!("{} `{}` breaks its callers: {}", pair.new.kind, pair.new.name, said.join(", "));
        found.push(
            RULE.at(place.unwrap_or(pair.new.version.span), message)
                .related(pair.new.version.span, format!("was {}", pair.old.version.value))
                .help("let the first number of the version grow, and keep the old release beside it for those who still ask for it")
                .consequence("the engine would deny calls that went through before (`input_invalid`)"),
        );
    }
}
