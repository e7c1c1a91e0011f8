//! What was found about a spec, kept for as long as the spec and every spec that the finding looked at are
//! the same readings of the same files. Must never keep what looked at anything that its key does not name.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};

/// One file and which reading of it this is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) file: FileId,
    pub(super) number: u64,
}

/// One spec of one reading of a file; nothing where a name means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stamp {
    /// There is no such spec.
    Nothing,
    /// The reading, and where in it.
    Spec(u64, u32),
    /// Something found, by its number.
    Found(u64),
}

impl Stamp {
    /// The stamp of the spec that stands at a place.
    pub(super) fn of(readings: &[Reading], span: Span) -> Self {
        let at = readings.binary_search_by_key(&span.file, |reading| reading.file).ok();
        let reading = at.and_then(|at| readings.get(at));
        reading.map_or(Self::Nothing, |reading| Self::Spec(reading.number, span.start))
    }
}

/// What is found about specs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// The schemas of its fields.
    Fields,
    /// Its expressions.
    Places,
    /// What a runbook gives to those that run it.
    Gives,
    /// What is worth a look and no law.
    Observed,
}

/// A finding and what it stands on.
#[derive(Debug, Clone)]
struct Found<T> {
    number: u64,
    key: Vec<Stamp>,
    value: T,
}

/// All findings of the last check.
#[derive(Debug, Default)]
pub(super) struct Memory {
    problems: Findings<Vec<Diagnostic>>,
    given: Findings<super::scope::Given>,
    observed: Findings<Vec<super::observed::Observed>>,
    made: u64,
}

#[derive(Debug)]
struct Findings<T> {
    last: BTreeMap<(About, Stamp), Found<T>>,
    current: BTreeMap<(About, Stamp), Found<T>>,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { last: BTreeMap::new(), current: BTreeMap::new() }
    }
}

impl<T: Clone> Findings<T> {
    fn recall(
        &mut self,
        made: &mut u64,
        at: (About, Stamp),
        key: Vec<Stamp>,
        find: impl FnOnce() -> T,
    ) -> (u64, T) {
        let kept = self.last.remove(&at).filter(|kept| kept.key == key);
        let found = kept.unwrap_or_else(|| {
            *made += 1;
            Found { number: *made, key, value: find() }
        });
        let result = (found.number, found.value.clone());
        self.current.insert(at, found);
        result
    }
}

impl Memory {
    /// How many findings were made, not recalled.
    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    /// Adds the problems of a spec, found anew only where something under `key` changed.
    pub(super) fn problems(
        &mut self,
        about: About,
        own: Stamp,
        key: Vec<Stamp>,
        sink: &mut Vec<Diagnostic>,
        find: impl FnOnce(&mut Vec<Diagnostic>),
    ) {
        let (_, mut found) = self.problems.recall(&mut self.made, (about, own), key, || {
            let mut found = Vec::new();
            find(&mut found);
            found
        });
        sink.append(&mut found);
    }

    /// Adds what is worth a look in a spec.
    pub(super) fn observed(
        &mut self,
        own: Stamp,
        key: Vec<Stamp>,
        sink: &mut Vec<super::observed::Observed>,
        find: impl FnOnce() -> Vec<super::observed::Observed>,
    ) {
        let (_, mut found) = self.observed.recall(&mut self.made, (About::Observed, own), key, find);
        sink.append(&mut found);
    }

    /// What a runbook gives, with the number of the finding.
    pub(super) fn given(
        &mut self,
        own: Stamp,
        key: Vec<Stamp>,
        find: impl FnOnce() -> super::scope::Given,
    ) -> (Stamp, super::scope::Given) {
        let (number, given) = self.given.recall(&mut self.made, (About::Gives, own), key, find);
        (Stamp::Found(number), given)
    }

    /// The check is over: what was not asked for is forgotten.
    pub(super) fn turn(&mut self) {
        self.problems.last = std::mem::take(&mut self.problems.current);
        self.given.last = std::mem::take(&mut self.given.current);
        self.observed.last = std::mem::take(&mut self.observed.current);
    }
}
