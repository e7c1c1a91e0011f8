//! What suppressions in comments are worth: they let one rule pass on one line, for a time, with a person and
//! a reason. Must never let a law pass, nor a fault of a suppression itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use ordain_spec::diagnostic::{Diagnostic, Edit, Label, Severity, nearest};
use ordain_spec::kind::scalar::Principal;
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::source::{FileId, Span};
use ordain_spec::suppression::{self, PARTS, Suppression};

use crate::branch::Branches;
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
/// is compared with: a change cannot exempt itself, so a comment lets pass only what it was about there.
#[must_use]
pub fn apply(cx: &Context<'_>, mut found: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Passed>) {
    let subject = cx.subject;
    let (valid, mut wrong) = weighed(cx);
    let there = Found::of(subject, &found);
    let mut stood = cx.before.map(|before| Stood::of(before, subject));
    // By the number of a finding: the number of the suppression that lets it pass.
    let mut passes: BTreeMap<usize, usize> = BTreeMap::new();
    let mut idle = Vec::new();
    for (number, (one, slug)) in valid.iter().enumerate() {
        let here = there.on(one.span.file, one.line, slug);
        if here.is_empty() {
            idle.push((one, slug));
            continue;
        }
        if let Some(other) = here.iter().find_map(|at| valid.get(*passes.get(at)?)) {
            wrong.push(doubled(subject, one, &other.0, slug));
            continue;
        }
        for at in here {
            let Some(problem) = found.get_mut(*at) else { continue };
            if stood.as_mut().is_none_or(|stood| stood.counts(one, problem)) {
                passes.insert(*at, number);
            } else {
                problem.related.push(Label {
                    span: one.span,
                    text: "this came with the change: a change cannot exempt itself".to_owned(),
                });
            }
        }
    }
    let heard = Heard::of(cx);
    for (one, slug) in idle.into_iter().filter(|(one, slug)| heard.is_idle(one, slug)) {
        let near = there.nearest(one.span.file, one.line, slug, &passes);
        let near = near.and_then(|(line, at)| Some((line, found.get(at)?.primary.as_ref()?.span)));
        wrong.push(unused(subject, one, slug, near));
    }
    let mut passed: Vec<(usize, Passed)> = Vec::new();
    let mut number = 0..;
    found.retain(|problem| {
        let by = number.next().and_then(|at| passes.get(&at));
        if let Some((by, (one, _))) = by.and_then(|by| Some((*by, valid.get(*by)?))) {
            let diagnostic = problem.clone();
            passed.push((by, Passed { diagnostic, reason: reason(one), comment: one.span }));
        }
        by.is_none()
    });
    passed.sort_by_key(|(by, _)| *by);
    wrong.sort_by(|one, other| one.order().cmp(&other.order()));
    found.extend(wrong);
    (found, passed.into_iter().map(|(_, passed)| passed).collect())
}

/// The suppressions that count, each with its rule, and what is wrong with the others.
fn weighed(cx: &Context<'_>) -> (Vec<(Suppression, String)>, Vec<Diagnostic>) {
    let (subject, known) = (cx.subject, Slugs::of(cx.subject));
    let (mut valid, mut wrong) = (Vec::new(), Vec::new());
    for one in all(subject) {
        match one.slug.as_ref().map(|(slug, _)| slug.clone()).filter(|slug| known.may_pass(slug)) {
            None => wrong.extend(unknown(subject, &one, &known)),
            Some(slug) => match faults(subject, &one, cx.as_of) {
                faults if faults.is_empty() => valid.push((one, slug)),
                faults => wrong.extend(faults),
            },
        }
    }
    (valid, wrong)
}

/// What is found, by where it is: a file can hold thousands of findings and of comments.
struct Found(BTreeMap<FileId, BTreeMap<&'static str, BTreeMap<u32, Vec<usize>>>>);

impl Found {
    fn of(subject: &Subject, found: &[Diagnostic]) -> Self {
        let mut all = Self(BTreeMap::new());
        for (number, problem) in found.iter().enumerate().filter(|(_, one)| one.severity != Severity::Law) {
            let Some((file, line)) = line(subject, problem) else { continue };
            let rules = all.0.entry(file).or_default();
            rules.entry(problem.code).or_default().entry(line).or_default().push(number);
        }
        all
    }

    /// What breaks a rule on a line, by number.
    fn on(&self, file: FileId, line: u32, slug: &str) -> &[usize] {
        let rules = self.0.get(&file);
        rules.and_then(|rules| rules.get(slug)?.get(&line)).map_or(&[], Vec::as_slice)
    }

    /// The line nearest to another that breaks a rule and passes by no comment, and what does.
    fn nearest(
        &self,
        file: FileId,
        line: u32,
        slug: &str,
        passes: &BTreeMap<usize, usize>,
    ) -> Option<(u32, usize)> {
        let lines = self.0.get(&file)?.get(slug)?;
        let open = |(line, all): (&u32, &Vec<usize>)| {
            Some((*line, *all.iter().find(|at| !passes.contains_key(*at))?))
        };
        let (above, below) = (lines.range(..line).rev().find_map(open), lines.range(line..).find_map(open));
        [above, below].into_iter().flatten().min_by_key(|(other, _)| other.abs_diff(line))
    }
}

/// The suppressions of the other side of a change, with the ways to what they are about there.
struct Stood<'s> {
    before: BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    subject: &'s Subject,
    branches: BTreeMap<FileId, Branches>,
}

impl<'s> Stood<'s> {
    fn of(before: &Subject, subject: &'s Subject) -> Self {
        let mut read = BTreeMap::new();
        let mut all: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
        for one in self::all(before) {
            let Some(file) = before.sources.get(one.span.file) else { continue };
            let branches = read.entry(one.span.file).or_insert_with(|| Branches::of(one.span.file, file));
            let (start, end) = file.line(one.line);
            let ways = branches.between(start, end).map(|way| way.into_iter().map(str::to_owned).collect());
            all.entry(key(before, &one)).or_default().extend(ways);
        }
        Self { before: all, subject, branches: BTreeMap::new() }
    }

    /// True where a suppression that says the same stood in the same file and was about the same.
    fn counts(&mut self, one: &Suppression, problem: &Diagnostic) -> bool {
        let Some(ways) = self.before.get(&key(self.subject, one)) else { return false };
        let Some(place) = problem.primary.as_ref().map(|label| label.span) else { return false };
        let Some(file) = self.subject.sources.get(place.file) else { return false };
        let branches = self.branches.entry(place.file).or_insert_with(|| Branches::of(place.file, file));
        let way: Vec<String> = branches.to(place.start).map(str::to_owned).collect();
        ways.contains(&way)
    }
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

/// What can be let pass.
struct Slugs {
    /// `x-<id>` of each invariant; none where the operator's file cannot be read.
    invariants: Option<Vec<String>>,
}

impl Slugs {
    fn of(subject: &Subject) -> Self {
        let own = |spec: &WorkspaceSpec| {
            spec.invariants.iter().map(|invariant| format!("x-{}", invariant.id.value)).collect()
        };
        let nowhere = || subject.operator.is_none().then(Vec::new);
        Self { invariants: subject.workspace.as_ref().map(own).or_else(nowhere) }
    }

    /// A rule that lint knows, or one of the author's own. Laws and everything at once are refused by law.
    fn may_pass(&self, slug: &str) -> bool {
        match slug.strip_prefix("x-") {
            Some(_) => self.invariants.as_ref().is_none_or(|own| own.iter().any(|own| own == slug)),
            None => RULES.iter().any(|rule| rule.slug == slug && rule.group != rules::SUPPRESSIONS),
        }
    }

    fn nearest(&self, slug: &str) -> Option<&str> {
        let known = RULES.iter().filter(|rule| rule.group != rules::SUPPRESSIONS).map(|rule| rule.slug);
        nearest(slug, known.chain(self.invariants.iter().flatten().map(String::as_str)))
    }
}

/// Which comments can be said to let nothing pass: what was not looked for cannot have been found, and what could not be
/// read may be what a comment is for.
struct Heard<'c, 'a> {
    cx: &'c Context<'a>,
    /// Files that break laws.
    broken: BTreeSet<FileId>,
}

impl<'c, 'a> Heard<'c, 'a> {
    fn of(cx: &'c Context<'a>) -> Self {
        let laws = cx.subject.diagnostics.iter().chain(&cx.subject.checked.diagnostics);
        let laws = laws.filter(|problem| problem.severity == Severity::Law);
        Self { cx, broken: laws.filter_map(|problem| Some(problem.primary.as_ref()?.span.file)).collect() }
    }

    fn is_idle(&self, one: &Suppression, slug: &str) -> bool {
        let cx = self.cx;
        let is_read = cx.all.is_whole() && !self.broken.contains(&one.span.file);
        let is_asked = match RULES.iter().find(|rule| rule.slug == slug) {
            Some(rule) => cx.asks(rule),
            // An invariant.
            None => cx.catalogue().is_some() && self.broken.is_empty(),
        };
        is_read && is_asked
    }
}

fn line(subject: &Subject, problem: &Diagnostic) -> Option<(FileId, u32)> {
    let span = problem.primary.as_ref()?.span;
    Some((span.file, subject.sources.get(span.file)?.line_column(span.start).0))
}

fn unknown(subject: &Subject, one: &Suppression, known: &Slugs) -> Option<Diagnostic> {
    let (slug, span) = one.slug.as_ref()?;
    let lawful = ordain_spec::check::page(slug).is_none() && !slug.contains('*') && !is_level(slug);
    if !lawful {
        return None;
    }
    if RULES.iter().any(|rule| rule.slug == slug) {
        let message = format!("`{slug}` is about suppressions; no comment lets it pass");
        let problem = RULES_UNKNOWN.at(*span, message).consequence(SAME);
        return Some(problem.help("mend the other comment").fix(true, vec![removal(subject, one)]));
    }
    let problem = RULES_UNKNOWN.at(*span, format!("there is no rule `{slug}`")).consequence(SAME);
    Some(match known.nearest(slug) {
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
    let mut found: Vec<Diagnostic> = strange(subject, one).into_iter().collect();
    if one.reason.as_ref().is_none_or(|(reason, _)| ordain_spec::decode::is_placeholder(reason)) {
        let problem = rules::suppression_without_reason::RULE.at(one.span, "the suppression gives no reason");
        found.push(problem.help("add `reason=\"…\"`: why it may pass for now").consequence(SAME));
    }
    found.extend(person(subject, one));
    found.extend(expiry(one, as_of));
    found
}

/// Words that are no part of it.
fn strange(subject: &Subject, one: &Suppression) -> Option<Diagnostic> {
    let ((word, first), (_, last)) = (one.strange.first()?, one.strange.last()?);
    let key = word.split_once('=').map(|(key, _)| key).filter(|key| PARTS.contains(key));
    let quoted = one.reason.as_ref().is_none_or(|(_, span)| {
        let written = subject.sources.get(span.file).map_or("", |file| file.slice(*span));
        written.ends_with('"')
    });
    let is_rule =
        |word: &str| RULES.iter().any(|rule| rule.slug == word) || ordain_spec::check::page(word).is_some();
    let (message, help) = match key {
        Some(key) => (format!("`{key}=` stands here a second time"), format!("keep one `{key}=`")),
        None if is_rule(word) => (
            format!("`{word}` is a second rule; a suppression lets one pass"),
            "write a comment of its own for each rule, one above the other".to_owned(),
        ),
        None if !quoted => (
            format!("the reason ends before `{word}`: a blank ends a word"),
            "put the reason between quotation marks: `reason=\"…\"`".to_owned(),
        ),
        None => {
            let words: Vec<String> = one.strange.iter().map(|(word, _)| format!("`{word}`")).collect();
            let are = if words.len() == 1 { "is" } else { "are" };
            (
                format!("{} {are} no part of a suppression", words.join(", ")),
                "it has the name of one rule, `until=`, `by=` and `reason=`".to_owned(),
            )
        }
    };
    Some(RULES_UNKNOWN.at(first.to(*last), message).help(help).consequence(SAME))
}

/// It ends, on a day that is not over.
fn expiry(one: &Suppression, as_of: Timestamp) -> Option<Diagnostic> {
    let rule = rules::suppression_without_expiry::RULE;
    let Some((until, span)) = &one.until else {
        let problem = rule.at(one.span, "the suppression never ends");
        return Some(problem.help("add `until=` and a day, like `until=2026-12-31`").consequence(SAME));
    };
    let problem = match end(until) {
        None => rule.at(*span, format!("`{until}` is no day")).help("write a day like `2026-12-31`"),
        Some(end) if end <= as_of => rules::suppression_expired::RULE
            .at(*span, format!("the suppression ended with {until}"))
            .help("mend what it let pass, and remove the comment"),
        Some(_) => return None,
    };
    Some(problem.consequence(SAME))
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

/// The instant at which it ends: with the day that it names, in UTC. A day is written in one way only.
fn end(until: &str) -> Option<Timestamp> {
    let is_plain =
        until.len() == "2026-12-31".len() && until.starts_with(|first: char| first.is_ascii_digit());
    let day: Date = until.parse().ok().filter(|_| is_plain)?;
    let begin = |day: Date| day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|day| day.timestamp());
    // Behind the last day that there is comes none.
    Some(day.tomorrow().ok().and_then(begin).unwrap_or(Timestamp::MAX))
}

/// What it is about breaks nothing. `near` is what does, and its line.
fn unused(subject: &Subject, one: &Suppression, slug: &str, near: Option<(u32, Span)>) -> Diagnostic {
    let rule = rules::suppression_unused::RULE;
    let consequence =
        "the engine would load it all the same; the comment would let a later fault pass unseen";
    match near {
        // Where the comment was meant for something else, to remove it would be no repair.
        Some((line, place)) => rule
            .at(one.span, format!("nothing breaks `{slug}` on line {}, which this is about", one.line))
            .related(place, "this breaks it")
            .help(format!(
                "let the comment stand on line {line}, or above it with nothing but comments between"
            ))
            .consequence(consequence),
        None => rule
            .at(one.span, format!("nothing breaks `{slug}` on the line that this is about"))
            .help("remove the comment")
            .consequence(consequence)
            .fix(true, vec![removal(subject, one)]),
    }
}

/// Another comment lets the same pass.
fn doubled(subject: &Subject, one: &Suppression, other: &Suppression, slug: &str) -> Diagnostic {
    rules::suppression_unused::RULE
        .at(one.span, format!("what breaks `{slug}` there passes already"))
        .related(other.span, "by this comment")
        .help("remove one of the two")
        .consequence(
            "the engine would load it all the same; nobody could say which of the two reasons is the one",
        )
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
