//! Law `floating-reference`: no requirement where several releases stand side by side.

use super::context::{Context, law, said};
use super::references::{Mention, releases};
use crate::diagnostic::Diagnostic;
use crate::kind::scalar::Version;

pub(super) fn judge(cx: &Context<'_>, mention: &Mention<'_>, there: &[Version]) -> Diagnostic {
    let name = &mention.reference.value.name;
    let spec = said(mention.kind, name.as_str());
    let newest = there.last().map_or(0, |version| version.major);
    let mut problem = law(
        "floating-reference",
        mention.reference.span,
        format!("`{name}` does not say which release of {spec} is meant"),
    )
    .label(format!("{} refers to it", mention.by))
    .help(format!("write a requirement like `{name}@^{newest}`: the catalogue holds {}", releases(there)))
    .consequence("the engine refuses the catalogue: a further release would change what runs, unseen");
    for (label, place) in mention.declared(cx, name.as_str()) {
        problem = problem.related(place, label);
    }
    problem
}
