//! Repairs: from source texts and what is wrong with them to new texts. Nothing is read or written here;
//! whatever an edit does not touch stays byte for byte.
//!
//! Edits that overlap are never made together: the fix that comes first in the order of weight and place
//! wins, the other is asked for again when the text has been read anew. It ends when nothing changes.

pub mod diff;
pub mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordain_spec::diagnostic::{Diagnostic, Edit, Fix};
use ordain_spec::scan::scan;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};

/// How often texts are read anew. Every round mends something; this many were never needed.
const ROUNDS: usize = 100;

/// Which repairs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those after which the meaning is the same beyond the repair.
    Safe,
    /// Also those that somebody has to look at.
    All,
}

/// A repair that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// What was wrong.
    pub code: &'static str,
    /// The path of the file, as the sources name it.
    pub file: String,
    /// The line where it was, in the text of that round.
    pub line: u32,
}

/// Sources after all repairs.
#[derive(Debug, Clone, Default)]
pub struct Mended {
    /// New texts by path; only those that changed.
    pub texts: BTreeMap<String, Arc<str>>,
    /// What was repaired, in order.
    pub repaired: Vec<Repaired>,
}

/// Files and what is wrong with them.
pub type Judged = (Arc<Sources>, Vec<Diagnostic>);

/// Repairs what can be repaired in `sources`. `judge` says what is wrong with sources, and which sources
/// the places are about; `may` says which problems are to be repaired.
pub fn mend(
    sources: &Sources,
    judge: &dyn Fn(Sources) -> Judged,
    which: Which,
    may: &dyn Fn(&Diagnostic, &SourceFile) -> bool,
) -> Mended {
    let mut mended = Mended::default();
    let mut current = sources.clone();
    let mut seen: BTreeSet<BTreeMap<String, Arc<str>>> = BTreeSet::new();
    for _ in 0..ROUNDS {
        // A text that was there before would come again.
        if !seen.insert(mended.texts.clone()) {
            break;
        }
        let (judged, diagnostics) = judge(current.clone());
        let (next, mut repaired) = round(&judged, &diagnostics, which, may);
        if next.is_empty() {
            break;
        }
        mended.repaired.append(&mut repaired);
        mended.texts.extend(next);
        current = with_texts(sources, &mended.texts);
    }
    mended
}

/// The same files, some of them with other texts.
fn with_texts(sources: &Sources, texts: &BTreeMap<String, Arc<str>>) -> Sources {
    let mut out = Sources::default();
    for (_, file) in sources.iter() {
        out.add(match texts.get(&file.path) {
            Some(text) => SourceFile::new(file.path.clone(), Arc::clone(text), file.notation),
            None => file.clone(),
        });
    }
    out
}

/// New texts by their paths.
type Texts = BTreeMap<String, Arc<str>>;

/// The repairs that can be made at once.
fn round(
    sources: &Sources,
    diagnostics: &[Diagnostic],
    which: Which,
    may: &dyn Fn(&Diagnostic, &SourceFile) -> bool,
) -> (Texts, Vec<Repaired>) {
    let mut by_file: BTreeMap<FileId, Vec<(&Diagnostic, &Fix)>> = BTreeMap::new();
    for diagnostic in diagnostics {
        let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fix.safe || which == Which::All) else {
            continue;
        };
        let Some(id) = one_file(fix) else { continue };
        let Some(file) = sources.get(id) else { continue };
        if file.refusal.is_none() && !file.path.starts_with("std:") && may(diagnostic, file) {
            by_file.entry(id).or_default().push((diagnostic, fix));
        }
    }
    let (mut texts, mut repaired) = (BTreeMap::new(), Vec::new());
    for (id, mut wanted) in by_file {
        let Some(file) = sources.get(id) else { continue };
        // Laws before taste: what lays a file out anew comes when nothing else is wrong with it.
        wanted.sort_by_key(|(diagnostic, _)| (diagnostic.severity, diagnostic.order()));
        let fixes: Vec<&Fix> = wanted.iter().map(|(_, fix)| *fix).collect();
        let (text, made) = careful(file, &fixes);
        if *text == *file.text {
            continue;
        }
        texts.insert(file.path.clone(), text.into());
        for ((diagnostic, _), _) in wanted.iter().zip(made).filter(|(_, made)| *made) {
            let line = diagnostic.primary.as_ref().map_or(1, |label| file.line_column(label.span.start).0);
            repaired.push(Repaired { code: diagnostic.code, file: file.path.clone(), line });
        }
    }
    (texts, repaired)
}

/// The file that all edits of a fix are about, if it is one.
fn one_file(fix: &Fix) -> Option<FileId> {
    let first = fix.edits.first()?.span.file;
    fix.edits.iter().all(|edit| edit.span.file == first).then_some(first)
}

/// The text with all fixes that fit together; where they make it less readable than it was, with those of
/// them that one by one do not.
fn careful(file: &SourceFile, fixes: &[&Fix]) -> (String, Vec<bool>) {
    let before = unreadable(&file.text, file.notation);
    let (text, made) = apply(&file.text, fixes);
    if unreadable(&text, file.notation) <= before {
        return (text, made);
    }
    for (at, fix) in fixes.iter().enumerate() {
        let (text, alone) = apply(&file.text, &[*fix]);
        if alone == [true] && unreadable(&text, file.notation) <= before {
            return (text, (0..fixes.len()).map(|other| other == at).collect());
        }
    }
    (file.text.to_string(), vec![false; fixes.len()])
}

/// How many places of a text no reader takes.
fn unreadable(text: &str, notation: Notation) -> usize {
    let mut found = Vec::new();
    if scan(FileId(0), text, &mut found) {
        match notation {
            Notation::Yaml => ordain_spec::tree::yaml::read(FileId(0), text, &mut found),
            Notation::Kdl => ordain_spec::tree::kdl::read(FileId(0), text, &mut found),
        };
    }
    found.len()
}

/// The text with the fixes that do not overlap, all about this text, and which of them were made. Of two
/// that overlap the first is made; two that make the same edits are one.
#[must_use]
pub fn apply(text: &str, fixes: &[&Fix]) -> (String, Vec<bool>) {
    let mut taken: Vec<&Edit> = Vec::new();
    let mut made = Vec::with_capacity(fixes.len());
    for fix in fixes {
        let there = fix.edits.iter().all(|edit| taken.contains(&edit));
        let fits =
            fix.edits.iter().all(|edit| lies_in(text, edit) && !taken.iter().any(|other| touch(other, edit)));
        if !there && fits {
            taken.extend(&fix.edits);
        }
        made.push(there || fits);
    }
    taken.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in taken {
        out.push_str(text.get(at..edit.span.start as usize).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.span.end as usize;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    (out, made)
}

fn lies_in(text: &str, edit: &Edit) -> bool {
    text.get(edit.span.start as usize..edit.span.end as usize).is_some()
}

/// True for edits of which one changes what the other is about, or that insert at one place.
fn touch(one: &Edit, other: &Edit) -> bool {
    let (one, other) = (one.span, other.span);
    if one.start == one.end || other.start == other.end {
        return one.start <= other.end && other.start <= one.end;
    }
    one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests;
