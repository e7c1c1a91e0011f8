//! All that is wrong with a subject, in one list: with the operator's file, by law, by rule, by the author's own rules.

use jiff::Timestamp;
use ordain_spec::check::hush;
use ordain_spec::diagnostic::Diagnostic;

use crate::rules::{self, Context};
use crate::subject::Subject;
use crate::suppress::Passed;
use crate::{denied, invariants, suppress};

/// Judges a subject at an instant; `before` is what it is compared with.
#[must_use]
pub fn judge(subject: &Subject, as_of: Timestamp, before: Option<&Subject>) -> Vec<Diagnostic> {
    judged(&Context::new(subject, as_of, before))
}

/// The same, of a context that was made before.
#[must_use]
pub fn judged(cx: &Context<'_>) -> Vec<Diagnostic> {
    weighed(cx).0
}

/// The same, with what comments let pass.
#[must_use]
pub fn weighed(cx: &Context<'_>) -> (Vec<Diagnostic>, Vec<Passed>) {
    let mut found = cx.subject.diagnostics.clone();
    found.extend(cx.subject.checked.diagnostics.iter().cloned());
    let (taste, passed) = taste(cx);
    found.extend(taste);
    (found, passed)
}

/// What is wrong and no law: by rule and by the author's own rules, without what comments let pass, which no law is.
#[must_use]
pub fn taste(cx: &Context<'_>) -> (Vec<Diagnostic>, Vec<Passed>) {
    let mut found = rules::all(cx);
    denied::find(cx, &mut found);
    invariants::find(cx, &mut found);
    let (mut found, mut passed) = suppress::apply(cx, found);
    let secrets = cx.subject.secrets();
    hush(&mut found, &secrets, &cx.subject.sources);
    for one in &mut passed {
        hush(std::slice::from_mut(&mut one.diagnostic), &secrets, &cx.subject.sources);
    }
    (found, passed)
}
