//! Releases only go forward.

use ordain_spec::diagnostic::{Diagnostic, Severity};

use crate::compared;

use super::{About, Context, Rule};

/// See its page.
pub const RULE: Rule = Rule::new("version-went-back", Severity::Error, include_str!("version-went-back.md"), find).about(About::Before);

fn find(cx: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for pair in compared::pairs(cx) {
        let (old, new) = (&pair.old.version.value, &pair.new.version.value);
        if new < old {
            let message = format!("{} `{}` was at {old} and is at {new}", pair.new.kind, pair.new.name);
            found.push(
                RULE.at(pair.new.version.span, message)
                    .help(format!("give it a version above {old}, also to take a change back"))
                    .consequence("the engine would resolve `^` to a release that people believe was replaced"),
            );
        }
    }
}
