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
    .help(help(reference.name.as_str(), there));
    for (label, place) in mention.declared(cx, reference.name.as_str()) {
        problem = problem.related(place, label);
    }
    problem
}

/// What can be asked for, and what there is.
fn help(name: &str, there: &[Version]) -> String {
    let holds = format!("the catalogue holds {}", releases(there));
    let released = there.iter().filter(|version| version.pre.is_empty()).max();
    let exact = if there.iter().all(|version| version.pre.is_empty()) {
        ""
    } else {
        "; pre-releases only by their exact version"
    };
    match released {
        Some(newest) if newest.major > 0 => {
            format!("ask for `{name}@^{}`, or add the release: {holds}{exact}", newest.major)
        }
        Some(newest) => format!("ask for `{name}@^0.{}`, or add the release: {holds}{exact}", newest.minor),
        None => format!("{holds}{exact}"),
    }
}
