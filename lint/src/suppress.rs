//! What suppressions in comments are worth: they let one rule pass on one line, for a time, with a person and
//! a reason. Must never let a law pass, nor a fault of a suppression itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use ordain_spec::diagnostic::{Diagnostic, Edit, Severity, nearest};
use ordain_spec::kind::scalar::Principal;
use ordain_spec::source::Span;
use ordain_spec::suppression::{self, Suppression};

use crate::rules::{self, Context, RULES, Rule};
use crate::subject::Subject;

const SAME: &str =
    "the engine would load it all the same; lint would report the fault as if nothing stood there";

/// What a comment let pass, and why.
#[derive(Debug, Clone)]
pub struct Passed {
    /// What would have been said.
    pub diagnostic: Diagnostic,
    /// The reason that the comment gives, by whom, until when.
    pub reason: String,
    /// The comment.
    pub comment: Span,
}

/// Takes out what is suppressed and adds what is wrong with suppressions. `cx.before` is the side that a change
/// is compared with: a change cannot exempt itself, so only what stood there already counts.
#[must_use]
pub fn apply(cx: &Context<'_>, mut found: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Passed>) {
    let mut passed = Vec::new();
    let (subject, before) = (cx.subject, cx.before);
    let old: Option<BTreeSet<_>> =
        before.map(|before| all(before).iter().map(|one| key(before, one)).collect());
    for one in all(subject) {
        let Some((slug, _)) = one.slug.as_ref().filter(|(slug, _)| may_pass(slug)) else {
            found.extend(unknown(subject, &one));
            continue;
        };
        let faults = faults(subject, &one, cx.as_of);
        if !faults.is_empty() {
            found.extend(faults);
            continue;
        }
        let is_meant = |problem: &Diagnostic| {
            problem.code == slug.as_str()
                && problem.severity != Severity::Law
                && line(subject, problem) == Some((one.span.file, one.line))
        };
        if !found.iter().any(is_meant) {
            // What was not looked for cannot have been found.
            let looked_for = RULES.iter().all(|rule| rule.slug != slug || cx.asks(rule));
            found.extend(looked_for.then(|| unused(subject, &one, slug)));
        } else if old.as_ref().is_none_or(|old| old.contains(&key(subject, &one))) {
            let gone = found.extract_if(.., |problem| is_meant(problem));
            passed.extend(gone.map(|diagnostic| Passed {
                diagnostic,
                reason: reason(&one),
                comment: one.span,
            }));
        } else {
            for problem in found.iter_mut().filter(|problem| is_meant(problem)) {
                problem.related.push(ordain_spec::diagnostic::Label {
                    span: one.span,
                    text: "this came with the change: a change cannot exempt itself".to_owned(),
                });
            }
        }
    }
    (found, passed)
}

/// What a comment says for itself, in one line.
fn reason(one: &Suppression) -> String {
    let word =
        |part: &Option<(String, Span)>| part.as_ref().map(|(word, _)| word.clone()).unwrap_or_default();
    format!("{} ({}, until {})", word(&one.reason), word(&one.by), word(&one.until))
}

/// Every suppression of a subject, the operator's file included, without those of the built-in set.
fn all(subject: &Subject) -> Vec<Suppression> {
    let declared = &subject.checked.declarations.suppressions;
    let own = |one: &&Suppression| {
        subject.sources.get(one.span.file).is_some_and(|file| !file.path.starts_with("std:"))
    };
    let mut found: Vec<Suppression> = declared.iter().filter(own).cloned().collect();
    if let Some((id, file)) = subject.operator.and_then(|id| Some((id, subject.sources.get(id)?))) {
        let nodes = ordain_spec::tree::yaml::read(id, &file.text, &mut Vec::new());
        found.extend(suppression::read(id, file, &nodes));
    }
    found
}

/// What makes two suppressions the same on both sides of a change: all that they say, and their file.
fn key(subject: &Subject, one: &Suppression) -> Vec<String> {
    let file = subject.sources.get(one.span.file).map(|file| file.path.clone()).unwrap_or_default();
    let parts = [&one.slug, &one.until, &one.by, &one.reason];
    std::iter::once(file)
        .chain(parts.into_iter().map(|part| part.as_ref().map(|(word, _)| word.clone()).unwrap_or_default()))
        .collect()
}

/// A rule that lint knows, or one of the author's own. Laws and everything at once are refused by law.
fn may_pass(slug: &str) -> bool {
    slug.starts_with("x-") || RULES.iter().any(|rule| rule.slug == slug && rule.group != rules::SUPPRESSIONS)
}

fn line(subject: &Subject, problem: &Diagnostic) -> Option<(ordain_spec::source::FileId, u32)> {
    let span = problem.primary.as_ref()?.span;
    Some((span.file, subject.sources.get(span.file)?.line_column(span.start).0))
}

fn unknown(subject: &Subject, one: &Suppression) -> Option<Diagnostic> {
    let (slug, span) = one.slug.as_ref()?;
    let lawful = ordain_spec::check::page(slug).is_none() && !slug.contains('*') && !is_level(slug);
    if !lawful {
        return None;
    }
    let known = RULES.iter().filter(|rule| rule.group != rules::SUPPRESSIONS).map(|rule| rule.slug);
    let problem = RULES_UNKNOWN.at(*span, format!("there is no rule `{slug}`")).consequence(SAME);
    Some(match nearest(slug, known) {
        Some(near) => problem
            .help(format!("did you mean `{near}`?"))
            .fix(true, vec![Edit { span: *span, text: near.to_owned() }]),
        None => problem
            .help("`ordain explain` lists all rules; a comment about none can go")
            .fix(true, vec![removal(subject, one)]),
    })
}

fn is_level(slug: &str) -> bool {
    matches!(
        slug,
        "all" | "any" | "everything" | "law" | "error" | "errors" | "warning" | "warnings" | "info"
    )
}

const RULES_UNKNOWN: Rule = rules::suppression_unknown::RULE;

/// What keeps a suppression from counting.
fn faults(subject: &Subject, one: &Suppression, as_of: Timestamp) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (word, span) in &one.strange {
        let message = format!("`{word}` is no part of a suppression");
        found.push(
            RULES_UNKNOWN.at(*span, message).help("it has `until=`, `by=` and `reason=`").consequence(SAME),
        );
    }
    if one.reason.as_ref().is_none_or(|(reason, _)| ordain_spec::decode::is_placeholder(reason)) {
        let problem = rules::suppression_without_reason::RULE.at(one.span, "the suppression gives no reason");
        found.push(problem.help("add `reason=\"…\"`: why it may pass for now").consequence(SAME));
    }
    found.extend(person(subject, one));
    let expiry = rules::suppression_without_expiry::RULE;
    match one.until.as_ref().map(|(until, span)| (end(until), until, *span)) {
        None => {
            let problem = expiry.at(one.span, "the suppression never ends");
            found.push(problem.help("add `until=` and a day, like `until=2026-12-31`").consequence(SAME));
        }
        Some((None, until, span)) => {
            let problem = expiry.at(span, format!("`{until}` is no day"));
            found.push(problem.help("write a day like `2026-12-31`").consequence(SAME));
        }
        Some((Some(end), until, span)) if end <= as_of => {
            let problem =
                rules::suppression_expired::RULE.at(span, format!("the suppression ended with {until}"));
            found.push(problem.help("mend what it let pass, and remove the comment").consequence(SAME));
        }
        Some(_) => {}
    }
    found
}

/// Somebody answers for it: a person of the roster.
fn person(subject: &Subject, one: &Suppression) -> Option<Diagnostic> {
    let rule = rules::suppression_without_reason::RULE;
    let Some((by, span)) = &one.by else {
        let problem = rule.at(one.span, "the suppression does not say who allowed it");
        return Some(problem.help("add `by=user:…`: a person of the roster").consequence(SAME));
    };
    let roster = subject.checked.declarations.roster.as_ref();
    let is_person = match Principal::new(by) {
        Some(Principal::User(name)) => roster.is_none_or(|roster| {
            let person = roster.spec.people.get(name.as_str());
            person.is_some_and(|person| person.type_.value == ordain_spec::kind::roster::ActorType::Human)
        }),
        _ => false,
    };
    let problem = || rule.at(*span, format!("`{by}` is no person of the roster"));
    (!is_person)
        .then(|| problem().help("name the person who allowed it, like `by=user:carol`").consequence(SAME))
}

/// The instant at which it ends: with the day that it names, in UTC.
fn end(until: &str) -> Option<Timestamp> {
    let day: Date = until.parse().ok()?;
    Some(day.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn unused(subject: &Subject, one: &Suppression, slug: &str) -> Diagnostic {
    rules::suppression_unused::RULE
        .at(one.span, format!("nothing breaks `{slug}` on the line that this is about"))
        .help("remove the comment")
        .consequence("the engine would load it all the same; the comment would let a later fault pass unseen")
        .fix(true, vec![removal(subject, one)])
}

/// Takes the comment away, and its line where nothing else stands there.
fn removal(subject: &Subject, one: &Suppression) -> Edit {
    let Some(file) = subject.sources.get(one.span.file) else {
        return Edit { span: one.span, text: String::new() };
    };
    let (start, end) = (one.span.start as usize, one.span.end as usize);
    let before = file.text.get(..start).unwrap_or_default();
    let blank = before.len() - before.trim_end_matches([' ', '\t']).len();
    let newline = file.text.get(end..).is_some_and(|rest| rest.starts_with('\n'));
    let end = if one.alone && newline { end + 1 } else { end };
    let byte = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    Edit { span: Span::new(one.span.file, byte(start - blank), byte(end)), text: String::new() }
}
