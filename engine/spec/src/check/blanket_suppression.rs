//! Law `blanket-suppression`: a suppression names one rule.

use super::context::{Context, law};
use crate::diagnostic::Diagnostic;
use crate::suppression::Suppression;

/// Words with which people elsewhere switch everything off.
const EVERYTHING: &[&str] = &["*", "all", "any", "everything", "law", "error", "warning", "info", "errors", "warnings"];

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    cx.all.suppressions.iter().for_each(|one| judge(one, sink));
}

/// Of one suppression, wherever it stands.
pub(super) fn judge(one: &Suppression, sink: &mut Vec<Diagnostic>) {
    let (message, span) = match &one.slug {
        None => ("the comment suppresses no rule by its name".to_owned(), one.span),
        Some((slug, span)) if EVERYTHING.contains(&slug.as_str()) || slug.contains('*') => {
            (format!("`{slug}` suppresses more than one rule"), *span)
        }
        Some(_) => return,
    };
    sink.push(
        law("blanket-suppression", span, message)
            .help("name the one rule that may pass here; write a second comment for a second one")
            .consequence("the engine refuses the catalogue: what passes unseen today and what comes tomorrow would pass alike"),
    );
}
