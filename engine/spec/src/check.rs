//! Laws: what makes a catalogue unsafe, and the only way to a [`Catalogue`].
//!
//! `check` reads every document, indexes what it declares, and asks every law about it. It never stops
//! at the first problem, reads no clock, no network and no history, and gives a catalogue only when no
//! law is broken.

mod context;
mod flow;
mod people;
mod places;
mod read;
pub mod scope;
mod subruns;

pub use read::API_VERSION;

use std::sync::Arc;

use crate::catalogue::{Catalogue, Declarations};
use crate::diagnostic::{Diagnostic, Severity};
use crate::kind::workspace::WorkspaceSpec;
use crate::source::{FileId, SourceFile, Sources};

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The catalogue, when no law is broken.
    pub catalogue: Option<Arc<Catalogue>>,
    /// Whatever could be read. Its `sources` are what the spans of `diagnostics` are about.
    pub declarations: Declarations,
    /// Sorted by place, weight and code.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the files of a catalogue and asks every law about them. The order of the files and the folder
/// they come from never matter; files of the built-in set may be among them.
#[must_use]
pub fn check(sources: Sources) -> Checked {
    let mut diagnostics = Vec::new();
    let declarations = read::read(in_order(sources), &mut diagnostics);
    judge(&declarations, &mut diagnostics);
    diagnostics
        .sort_by(|one, other| one.order().cmp(&other.order()).then_with(|| one.message.cmp(&other.message)));
    diagnostics.dedup();
    let lawful = diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Law);
    let catalogue = lawful.then(|| Arc::new(Catalogue::checked(declarations.clone())));
    Checked { catalogue, declarations, diagnostics }
}

/// Reads the operator's file (`ordain.yaml`). Its laws are those of decoding; nothing of it is a spec of a
/// catalogue.
pub fn read_workspace(id: FileId, file: &SourceFile, sink: &mut Vec<Diagnostic>) -> Option<WorkspaceSpec> {
    read::workspace(id, file, sink)
}

/// The same files in the order of their paths.
fn in_order(sources: Sources) -> Sources {
    let mut files: Vec<_> = sources.iter().map(|(_, file)| file.clone()).collect();
    if files.is_sorted_by(|one, other| one.path <= other.path) {
        return sources;
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut ordered = Sources::default();
    for file in files {
        ordered.add(file);
    }
    ordered
}

/// Asks every law about the declarations.
fn judge(declarations: &Declarations, sink: &mut Vec<Diagnostic>) {
    let cx = context::Context::new(declarations);
    places::check_all(&cx, sink);
}

/// The types that an operation's outputs must have: what the capabilities it carries out declare.
fn outputs_due(
    cx: &context::Context<'_>,
    connector: &crate::kind::Connector,
    operation: &str,
) -> std::collections::BTreeMap<Arc<str>, crate::expr::Type> {
    let callers = cx.callers(connector, operation).iter();
    let fields = callers.flat_map(|capability| capability.spec.output.iter());
    fields.map(|(name, field)| (Arc::clone(name), crate::expr::Type::declared(field))).collect()
}
