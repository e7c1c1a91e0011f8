//! All that is wrong with a subject, in one list: with the operator's file, by law, by rule.

use jiff::Timestamp;
use ordain_spec::diagnostic::Diagnostic;

use crate::rules::{self, Context};
use crate::subject::Subject;

/// Judges a subject at an instant; `before` is what it is compared with.
#[must_use]
pub fn judge(subject: &Subject, as_of: Timestamp, before: Option<&Subject>) -> Vec<Diagnostic> {
    let mut found = subject.diagnostics.clone();
    found.extend(subject.checked.diagnostics.iter().cloned());
    found.extend(rules::all(&Context::new(subject, as_of, before)));
    found
}
