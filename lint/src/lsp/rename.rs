//! Another name for something, everywhere it stands. What a new name would change the meaning of is
//! refused with the reason; nothing is renamed in part.

use std::collections::BTreeMap;

use ordain_spec::kind::Kind;
use ordain_spec::kind::scalar::{Identifier, Slug};
use ordain_spec::source::Span;

use super::names::{Mention, Name};
use super::space::Space;

/// Edits by the path of the file.
pub type Edits = BTreeMap<String, Vec<(Span, String)>>;

/// The mention at an offset of a file.
#[must_use]
pub fn mention_at<'s>(space: &'s Space, path: &str, offset: u32) -> Option<&'s Mention> {
    space.names_in(path).iter().find(|mention| mention.span.start <= offset && offset <= mention.span.end)
}

/// Why a name cannot be given another one.
///
/// # Errors
/// What it is said to be.
pub fn renamable(space: &Space, mention: &Mention) -> Result<(), String> {
    match &mention.name {
        Name::Input(kind, ..) if *kind != Kind::Runbook => {
            Err("the input of a capability is part of what its operation is given: change both by hand"
                .into())
        }
        Name::Output(..) => {
            Err("an output is part of what others were promised: add a new one and release a version".into())
        }
        Name::Rule(..) => {
            Err("the id of a rule stands in decisions and exemptions: give a new rule a new id".into())
        }
        _ if mention.prefix => Err("a selector with `.*` means every name that begins so".into()),
        name => {
            let places = space.places_of(name);
            if places.iter().all(|place| !place.defines) {
                return Err(format!("`{}` is not declared in this workspace", name.bare()));
            }
            let in_built_in = places
                .iter()
                .any(|place| path(space, place.span).is_none_or(|path| path.starts_with("std:")));
            if in_built_in { Err(format!("`{}` is of the built-in set", name.bare())) } else { Ok(()) }
        }
    }
}

fn path(space: &Space, span: Span) -> Option<String> {
    space.subject.sources.get(span.file).map(|file| file.path.clone())
}

/// The edits that give a name another one everywhere.
///
/// # Errors
/// When it cannot be renamed, the new name is none, is taken, or would change what a selector selects.
pub fn rename(space: &Space, mention: &Mention, new: &str) -> Result<Edits, String> {
    renamable(space, mention)?;
    is_name(&mention.name, new)?;
    let name = &mention.name;
    let renamed = with(name, new);
    if space.declared().any(|other| other.name == renamed) {
        return Err(format!("a {} `{new}` is there already", name.what()));
    }
    if let Name::Spec(kind, old) = name {
        keeps_selected(space, *kind, old, new)?;
    }
    let mut edits = Edits::new();
    for place in space.places_of(name) {
        let Some(path) = path(space, place.span) else { continue };
        edits.entry(path).or_default().push((place.span, new.to_owned()));
    }
    Ok(edits)
}

/// A selector with `.*` must go on matching, and must not begin to.
fn keeps_selected(space: &Space, kind: Kind, old: &str, new: &str) -> Result<(), String> {
    for selector in space.mentioned().filter(|mention| mention.prefix) {
        let Name::Spec(of, prefix) = &selector.name else { continue };
        let selects = |name: &str| {
            *of == kind && name.strip_prefix(&**prefix).is_some_and(|rest| rest.starts_with('.'))
        };
        if selects(old) != selects(new) {
            let place = path(space, selector.span).unwrap_or_default();
            let change = if selects(old) { "no longer select" } else { "select" };
            return Err(format!("`{prefix}.*` in `{place}` would {change} it: who may use it would change"));
        }
    }
    Ok(())
}

fn is_name(name: &Name, new: &str) -> Result<(), String> {
    let fits = match name {
        Name::Spec(..) | Name::Principal(_) => ordain_spec::kind::scalar::Name::new(new).is_some(),
        Name::Operation(..) | Name::Stage(..) | Name::Rule(..) => Slug::new(new).is_some(),
        Name::Step(..) | Name::Input(..) | Name::Output(..) => Identifier::new(new).is_some(),
    };
    if fits { Ok(()) } else { Err(format!("`{new}` is no name of a {}", name.what())) }
}

fn with(name: &Name, new: &str) -> Name {
    let text = || new.into();
    match name.clone() {
        Name::Spec(kind, _) => Name::Spec(kind, text()),
        Name::Operation(of, _) => Name::Operation(of, text()),
        Name::Step(of, _) => Name::Step(of, text()),
        Name::Input(kind, of, _) => Name::Input(kind, of, text()),
        Name::Output(kind, of, _) => Name::Output(kind, of, text()),
        Name::Stage(of, _) => Name::Stage(of, text()),
        Name::Rule(of, _) => Name::Rule(of, text()),
        Name::Principal(old) => {
            let sort = old.split_once(':').map_or("user", |(sort, _)| sort);
            Name::Principal(format!("{sort}:{new}").into())
        }
    }
}
