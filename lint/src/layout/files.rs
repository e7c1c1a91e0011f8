//! The files that paths hold, laid out anew or in the other notation: what would change, and what is left
//! as it is and why. Writes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::source::{Notation, SourceFile};

use super::{Held, converted, formatted};
use crate::discover::{Asked, Unlintable, lint};
use crate::fix::report::Change;
use crate::render::Secrets;
use crate::report::{Allowed, Group, Report, shown};

/// A file that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its path, as it is shown.
    pub path: String,
    /// Why.
    pub why: String,
}

/// A file in the other notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The folder of its workspace, as it is shown.
    pub root: String,
    /// Its path, as it is shown.
    pub from: String,
    /// The path of the new file.
    pub to: String,
    /// What the new file is to hold.
    pub text: String,
}

/// The files that are not laid out as they should be, and those that cannot be.
///
/// # Errors
///
/// When a path cannot be read or holds no spec file.
pub fn layouts(base: &Path, paths: &[PathBuf]) -> Result<(Vec<Change>, Vec<Left>), Unlintable> {
    let (mut changes, mut left) = (Vec::new(), Vec::new());
    for group in &read(base, paths)?.groups {
        for file in asked(group) {
            let path = shown(&group.root, &file.path);
            match laid_out(file) {
                Ok(after) if after == *file.text => {}
                Ok(after) => changes.push(Change {
                    root: group.root.clone(),
                    path,
                    before: Arc::clone(&file.text),
                    after: after.into(),
                    secrets: Secrets::of(&group.subject),
                }),
                Err(why) => left.push(Left { path, why }),
            }
        }
    }
    Ok((changes, left))
}

/// The files in the other notation, and those that cannot be.
///
/// # Errors
///
/// When a path cannot be read or holds no spec file.
pub fn conversions(
    base: &Path,
    paths: &[PathBuf],
    to: Notation,
) -> Result<(Vec<Conversion>, Vec<Left>), Unlintable> {
    let (mut changes, mut left) = (Vec::new(), Vec::new());
    for group in &read(base, paths)?.groups {
        for file in asked(group).filter(|file| file.notation != to) {
            let path = shown(&group.root, &file.path);
            if file.path == ordain_spec::workspace::FILE {
                // The operator's file is YAML only; nobody who names a folder means it.
                continue;
            }
            let ending = if to == Notation::Kdl { "kdl" } else { "yaml" };
            let text = match &file.refusal {
                Some(refusal) => Err(refusal.message.clone()),
                None => converted(&file.text, file.notation, to, &held(group, file))
                    .map_err(|why| why.to_string()),
            };
            match text {
                Ok(text) => {
                    let stem = path.rsplit_once('.').map_or(&*path, |(stem, _)| stem);
                    let to = format!("{stem}.{ending}");
                    changes.push(Conversion { root: group.root.clone(), from: path, to, text });
                }
                Err(why) => left.push(Left { path, why }),
            }
        }
    }
    Ok((changes, left))
}

/// What comments of a file let pass.
fn held(group: &Group, file: &SourceFile) -> Vec<Held> {
    let here =
        |one: &&Allowed| group.subject.sources.get(one.comment.file).is_some_and(|it| it.path == file.path);
    let held = |one: &Allowed| {
        let place = one.finding.diagnostic.primary.as_ref()?.span.start as usize;
        Some(Held { comment: one.comment.start as usize, place })
    };
    group.passed.iter().filter(here).filter_map(held).collect()
}

/// The files that paths hold. What is wrong with them is nobody's question here.
fn read(base: &Path, paths: &[PathBuf]) -> Result<Report, Unlintable> {
    lint(base, paths, &Asked { as_of: Timestamp::UNIX_EPOCH, remarks: true, against: None })
}

fn asked(group: &Group) -> impl Iterator<Item = &SourceFile> {
    group.subject.sources.iter().map(|(_, file)| file).filter(|file| group.wanted.contains(&file.path))
}

fn laid_out(file: &SourceFile) -> Result<String, String> {
    match &file.refusal {
        Some(refusal) => Err(refusal.message.clone()),
        None => formatted(&file.text, file.notation).map_err(|why| why.to_string()),
    }
}
