//! Names on the command line: what they mean in a catalogue, and what was probably meant.

use std::sync::Arc;

use ordain_spec::catalogue::{Catalogue, Unresolved};
use ordain_spec::kind::Runbook;
use ordain_spec::kind::scalar::{Name, Reference, Version};

use crate::failure::Failure;

/// The runbook that `name` or `name@requirement` means.
pub fn runbook<'c>(catalogue: &'c Catalogue, written: &str) -> Result<&'c Arc<Runbook>, Failure> {
    let reference = reference(written)?;
    catalogue.runbook(&reference).map_err(|error| unresolved("runbook", &reference, &error))
}

/// `name` or `name@requirement`
pub fn reference(written: &str) -> Result<Reference, Failure> {
    Reference::new(written).ok_or_else(|| {
        Failure::usage(format!("`{written}` is no reference"))
            .hint("write `name`, `name@1.4.0`, `name@^1`, `name@^1.4` or `name@~1.4`")
    })
}

/// Why a reference means nothing.
pub fn unresolved(kind: &str, reference: &Reference, error: &Unresolved) -> Failure {
    let listed =
        |releases: &[Version]| releases.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match error {
        Unresolved::Unknown { nearest, .. } => {
            let failure = Failure::not_found(kind, reference.name.as_str());
            match nearest.as_ref().map(Name::as_str) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint("`ordain specs` lists what is declared"),
            }
        }
        Unresolved::NoRelease { releases } => Failure::new(
            "not_found",
            format!("no release of {kind} `{}` fulfils the requirement", reference.name),
        )
        .hint(format!("there are {}", listed(releases))),
        Unresolved::Floating { releases } => Failure::new(
            "version_ambiguous",
            format!("there are several releases of {kind} `{}`", reference.name),
        )
        .hint(format!(
            "name one of {}, for instance `{}@{}`",
            listed(releases),
            reference.name,
            releases.last().map(ToString::to_string).unwrap_or_default()
        )),
    }
}
