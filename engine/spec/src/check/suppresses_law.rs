//! Law `suppresses-law`: nothing lets a broken law pass.

use super::context::{Context, law};
use crate::diagnostic::{Diagnostic, Edit};
use crate::suppression::Suppression;

pub(super) fn check(cx: &Context<'_>, sink: &mut Vec<Diagnostic>) {
    cx.all.suppressions.iter().for_each(|one| judge(one, sink));
}

/// Of one suppression, wherever it stands.
pub(super) fn judge(one: &Suppression, sink: &mut Vec<Diagnostic>) {
    let Some((slug, span)) = one.slug.as_ref().filter(|(slug, _)| super::page(slug).is_some()) else { return };
    sink.push(
        law("suppresses-law", *span, format!("`{slug}` is a law; no comment lets it pass"))
            .help("remove the comment and mend what breaks the law")
            .consequence("the engine refuses the catalogue: it reads no such comment")
            .fix(false, vec![Edit { span: one.span, text: String::new() }]),
    );
}
