//! Checks one catalogue again and again, reading anew only what changed. Whatever it remembers, it says
//! exactly what a first check of the same files says; `tests/again.rs` holds that over random edits.
//!
//! Three layers, each remembered for as long as what it stands on is the same: what a file says by itself
//! (`read`), what was found about a spec together with the specs it names (`memory`), and the laws about
//! the whole, which are asked anew every time because they are cheap.

use std::sync::{Arc, Mutex};

use super::follow::Unread;
use super::memory::{Memory, Reading};
use super::read::{self, FileRead};
use super::secrets::hush;
use super::{Checked, context, judge, page, places};
use crate::catalogue::{Catalogue, Declarations};
use crate::diagnostic::{Diagnostic, Severity};
use crate::expr::Scope;
use crate::parallel;
use crate::source::{FileId, SourceFile, Sources, Span};
use crate::tree::Node;

/// Numbers left free between two files, so that a new one between them moves nobody.
const ROOM: u32 = 1 << 16;
/// So many files are worth a worker.
const MANY: usize = 32;

/// One catalogue and what is known of it. Hand it all files every time.
#[derive(Default)]
pub struct Checker {
    room: u32,
    files: Vec<Known>,
    memory: Memory,
    /// What was observed, shared with the last check: it is asked for later, or not at all.
    observed: Arc<Mutex<Memory>>,
    readings: u64,
}

/// A file as it was read last.
struct Known {
    id: FileId,
    file: Arc<SourceFile>,
    read: FileRead,
    /// Which reading this was: another one has other specs.
    reading: u64,
}

impl std::fmt::Debug for Checker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checker").field("files", &self.files.len()).field("readings", &self.readings).finish()
    }
}

impl Checker {
    /// For a catalogue that is checked more than once.
    #[must_use]
    pub fn new() -> Self {
        Self { room: ROOM, ..Self::default() }
    }

    /// For one check: files are numbered from 0 on without gaps.
    pub(crate) fn once() -> Self {
        Self { room: 1, ..Self::default() }
    }

    /// How many files were read so far, all checks together: an edit of one file adds one.
    #[must_use]
    pub const fn readings(&self) -> u64 {
        self.readings
    }

    /// How many specs were looked at closely so far, all checks together.
    #[must_use]
    pub const fn findings(&self) -> u64 {
        self.memory.made()
    }

    /// The documents of the file at a path as the last check read them.
    #[must_use]
    pub fn documents(&self, path: &str) -> Option<&[Node]> {
        let known = self.files.binary_search_by(|known| known.file.path.as_str().cmp(path)).ok();
        known.and_then(|at| self.files.get(at)).map(|known| &*known.read.documents)
    }

    /// Asks every law about these files.
    pub fn check(&mut self, sources: &Sources) -> Checked {
        let mut diagnostics = Vec::new();
        let declarations = self.read(sources, &mut diagnostics);
        let readings = self.files.iter().map(|known| Reading { file: known.id, number: known.reading });
        let readings: Vec<Reading> = readings.collect();
        let cx = context::Context::new(&declarations, &diagnostics).of_readings(readings.clone());
        let mut found = Vec::new();
        let outputs = Arc::new(judge(&cx, &mut self.memory, &mut found));
        let documents = self.files.iter().flat_map(|known| known.read.documents.iter());
        Unread::of(documents, &diagnostics).silence(&mut found, &declarations.sources);
        diagnostics.append(&mut found);
        let secrets = self.files.iter().flat_map(|known| &known.read.secrets).cloned();
        let secrets: Vec<Diagnostic> = secrets.collect();
        hush(&mut diagnostics, &secrets, &declarations.sources);
        diagnostics.extend(secrets);
        self.memory.turn();
        diagnostics.sort_by(|one, other| {
            one.order().cmp(&other.order()).then_with(|| one.message.cmp(&other.message))
        });
        diagnostics.dedup();
        debug_assert!(
            diagnostics.iter().all(|diagnostic| page(diagnostic.code).is_some()),
            "a code without a page"
        );
        let lawful = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Law);
        let catalogue = lawful.then(|| Arc::new(Catalogue::checked(declarations.clone())));
        let documents = self.files.iter().map(|known| (known.id, Arc::clone(&known.read.documents)));
        let (documents, observed) = (documents.collect(), Arc::clone(&self.observed));
        let again = super::Again { readings, documents, outputs, observed };
        Checked { catalogue, declarations, diagnostics, again }
    }

    /// The facts of the expression at an offset of a file, as these files would have them. Nothing is judged,
    /// and what was found about other specs stays remembered.
    #[must_use]
    pub fn facts_at(&mut self, sources: &Sources, path: &str, offset: u32) -> Option<Scope> {
        let mut problems = Vec::new();
        let declarations = self.read(sources, &mut problems);
        let file = self.files.iter().find(|known| known.file.path == path)?.id;
        let cx = context::Context::new(&declarations, &problems);
        let place = Span::new(file, offset, offset);
        cx.facts_at(place, |cx| places::check_at(cx, place, &mut problems))
    }

    /// Reads what is new or changed, and puts everything together.
    fn read(&mut self, sources: &Sources, sink: &mut Vec<Diagnostic>) -> Declarations {
        let mut files: Vec<Arc<SourceFile>> = sources.shared().cloned().collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let known = std::mem::take(&mut self.files);
        let placed = place(files, known, self.room.max(1));
        let numbered = placed.iter().map(|placed| (placed.id, Arc::clone(&placed.file))).collect();
        let sources = Arc::new(Sources::numbered(numbered));
        if read::too_large(&sources, sink) {
            return Declarations { sources, ..Declarations::default() };
        }
        self.files = self.read_new(placed);
        read::join(sources, self.files.iter().map(|known| &known.read), sink)
    }

    fn read_new(&mut self, placed: Vec<Placed>) -> Vec<Known> {
        let new: Vec<&Placed> = placed.iter().filter(|placed| placed.known.is_none()).collect();
        let mut new = parallel::map(&new, MANY, |placed| read::file(placed.id, &placed.file)).into_iter();
        let mut files = Vec::with_capacity(placed.len());
        for Placed { id, file, known } in placed {
            let (read, reading) = match known {
                Some(known) => known,
                None => {
                    self.readings += 1;
                    (new.next().unwrap_or_default(), self.readings)
                }
            };
            files.push(Known { id, file, read, reading });
        }
        files
    }
}

/// A file with its number, and what is known of it.
struct Placed {
    id: FileId,
    file: Arc<SourceFile>,
    known: Option<(FileRead, u64)>,
}

/// Numbers the files, both in the order of their paths. A file that was there keeps its number, and what
/// was read of it where it is the same.
fn place(files: Vec<Arc<SourceFile>>, known: Vec<Known>, room: u32) -> Vec<Placed> {
    let mut known = known.into_iter().peekable();
    let mut placed: Vec<(Option<FileId>, Placed)> = Vec::with_capacity(files.len());
    for file in files {
        while known.next_if(|known| known.file.path < file.path).is_some() {}
        let before = known.next_if(|known| known.file.path == file.path);
        let id = before.as_ref().map(|known| known.id);
        // What is the same stays the one that others may know.
        let (file, known) = match before.filter(|known| is_same(&known.file, &file)) {
            Some(same) => (same.file, Some((same.read, same.reading))),
            None => (file, None),
        };
        placed.push((id, Placed { id: FileId(0), file, known }));
    }
    number(&mut placed, room);
    placed.into_iter().map(|(_, placed)| placed).collect()
}

/// Gives new files numbers between those of their neighbours. Where there is no room between them, all
/// files are numbered and read anew.
fn number(placed: &mut [(Option<FileId>, Placed)], room: u32) {
    let mut next = None;
    let mut after: Vec<Option<u32>> = Vec::with_capacity(placed.len());
    for (id, _) in placed.iter().rev() {
        after.push(next);
        next = id.map(|id| id.0).or(next);
    }
    let mut last: Option<u32> = None;
    for ((id, file), after) in placed.iter_mut().zip(after.into_iter().rev()) {
        let free = match (*id, last, after) {
            (Some(id), _, _) => Some(id.0),
            (None, None, None) => Some(0),
            (None, Some(last), None) => Some(last.saturating_add(room)),
            (None, last, Some(after)) => {
                let first = last.map_or(0, |last| last + 1);
                (first < after).then(|| first + (after - first) / 2)
            }
        };
        let Some(free) = free else { return number_anew(placed, room) };
        file.id = FileId(free);
        last = Some(free);
    }
}

fn number_anew(placed: &mut [(Option<FileId>, Placed)], room: u32) {
    for (at, (_, file)) in (0_u32..).zip(placed) {
        file.id = FileId(at.saturating_add(1).saturating_mul(room));
        file.known = None;
    }
}

fn is_same(one: &SourceFile, other: &SourceFile) -> bool {
    let same_text = Arc::ptr_eq(&one.text, &other.text) || one.text == other.text;
    same_text && one.notation == other.notation && one.refusal == other.refusal
}
