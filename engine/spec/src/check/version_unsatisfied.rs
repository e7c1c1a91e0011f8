//! Law `version-unsatisfied`: no release fulfils a requirement.

use super::context::{Context, law, said};
use super::references::{Mention, releases};
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::Version;

pub(super) fn judge(cx: &Context<'_>, mention: &Mention<'_>, there: &[Version]) -> Diagnostic {
    let reference = &mention.reference.value;
    let spec = said(mention.kind, reference.name.as_str());
    let mut problem = law(
        "version-unsatisfied",
        mention.reference.span,
        format!("no release of {spec} fulfils `{reference}`"),
    )
    .label(format!("{} refers to it", mention.by))
    .help(format!("the catalogue holds {}; pre-releases only by their exact version", releases(there)));
    for (label, place) in mention.declared(cx, reference.name.as_str()) {
        problem = problem.related(place, label);
    }
    problem
}
