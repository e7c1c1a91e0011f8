//! What a comment lets pass, it lets pass in every layout and in the other notation: every finding of every page is
//! allowed by a comment, on its line and above it, in files that are laid out badly on purpose.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeSet;

use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};
use spec_lint::layout::{Held, Unformatted, converted, formatted, transcribed};
use spec_lint::rules::{Context, RULES, Rule};
use spec_lint::subject::Subject;
use spec_lint::suppress::{Passed, apply};

mod page;

use page::{Assembled, blocks, path};

const REASON: &str = "until=2099-12-31 by=user:ann reason=\"not today\"";

/// One catalogue of a page.
struct Catalogue {
    sources: Sources,
    operator: Option<SourceFile>,
}

impl Catalogue {
    /// With another text of one of its files.
    fn with(&self, path: &str, text: &str, notation: Notation) -> Self {
        let mut files: Vec<SourceFile> = self.sources.iter().map(|(_, file)| file.clone()).collect();
        for file in files.iter_mut().filter(|file| file.path == path) {
            *file = SourceFile::new(path.to_owned(), text.into(), notation);
        }
        let mut sources = Sources::default();
        files.into_iter().for_each(|file| {
            sources.add(file);
        });
        Self { sources, operator: self.operator.clone() }
    }

    /// What a rule finds, with file and line, and what comments of a file let pass.
    fn judged(&self, rule: &Rule, path: &str) -> (Vec<Placed>, Vec<Held>) {
        let subject = Subject::of(check(self.sources.clone()), self.operator.clone());
        let mut cx = Context::new(&subject, "2026-06-01T00:00:00Z".parse().unwrap(), None);
        cx.remarks = true;
        let mut found = Vec::new();
        (rule.find)(&cx, &mut found);
        found.sort_by(|one, other| one.order().cmp(&other.order()));
        let (found, passed) = apply(&cx, found);
        let placed = found.into_iter().map(|one| {
            let span = one.primary.as_ref().map(|label| label.span);
            let place = span.map(|span| {
                let file = subject.sources.get(span.file).unwrap();
                (file.path.clone(), file.line_column(span.start).0)
            });
            Placed { code: one.code, message: one.message, place }
        });
        let here = |held: &&Passed| subject.sources.get(held.comment.file).unwrap().path == path;
        let held = passed.iter().filter(here).map(|held| Held {
            comment: held.comment.start as usize,
            place: held.diagnostic.primary.as_ref().unwrap().span.start as usize,
        });
        (placed.collect(), held.collect())
    }

    /// What is found, in no order, and what is let pass.
    fn said(&self, rule: &Rule, path: &str) -> (BTreeSet<String>, Vec<Held>) {
        let (found, held) = self.judged(rule, path);
        (found.into_iter().map(|one| format!("{} {}", one.code, one.message)).collect(), held)
    }
}

/// A finding and where it is.
struct Placed {
    code: &'static str,
    message: String,
    place: Option<(String, u32)>,
}

/// Rules about how a file is written: another layout, or another notation, is what they ask for.
const OF_THE_TEXT: &[&str] = &["ambiguous-scalar", "crlf-mixed", "not-formatted"];

/// The catalogues of all pages of rules, in one notation.
fn catalogues() -> Vec<(&'static Rule, Catalogue)> {
    let mut all = Vec::new();
    for rule in RULES.iter().filter(|rule| !OF_THE_TEXT.contains(&rule.slug)) {
        for block in blocks(rule.page, "Refused").iter().filter(|block| block.notation == Notation::Yaml) {
            let whole = Assembled::new(block.text, Notation::Yaml, &path);
            all.push((rule, Catalogue { sources: whole.sources.clone(), operator: whole.workspace.clone() }));
        }
    }
    all
}

/// A line with a comment that lets a rule pass on it: behind it, or above it.
fn allowed(text: &str, line: u32, slug: &str, sign: &str, above: bool) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = line as usize - 1;
    let comment = format!("{sign} lint-allow: {slug} {REASON}");
    if above {
        lines.insert(at, comment);
    } else {
        lines[at].push_str(&format!("  {comment}"));
    }
    lines.join("\n") + "\n"
}

/// The same text with its short maps and blocks too long for a line, and its lines too far to the right.
fn spread(text: &str, notation: Notation) -> String {
    let long = "x".repeat(110);
    match notation {
        Notation::Yaml => text.replace("summary: ", &format!("summary: {long} ")),
        Notation::Kdl => text.replace("summary=\"", &format!("summary=\"{long} ")).replace("\n    ", "\n  "),
    }
}

/// What was tried and what went wrong.
#[derive(Default)]
struct Tried {
    laid_out: usize,
    turned: usize,
    wrong: Vec<String>,
}

/// One file of a catalogue, with every finding of a rule allowed in it, above its line or behind it.
fn tried(rule: &Rule, catalogue: &Catalogue, path: &str, (text, notation, above): Text<'_>, all: &mut Tried) {
    let catalogue = catalogue.with(path, text, notation);
    let is_meant = |one: Placed| {
        one.place.filter(|(file, _)| one.code == rule.slug && file == path).map(|(_, line)| line)
    };
    let lines: BTreeSet<u32> = catalogue.judged(rule, path).0.into_iter().filter_map(is_meant).collect();
    let (sign, other) = match notation {
        Notation::Yaml => ("#", Notation::Kdl),
        Notation::Kdl => ("//", Notation::Yaml),
    };
    // From the last on, so that lines stay where they are.
    let text =
        lines.iter().rev().fold(text.to_owned(), |text, line| allowed(&text, *line, rule.slug, sign, above));
    let catalogue = catalogue.with(path, &text, notation);
    let (before, held) = catalogue.said(rule, path);
    if held.is_empty() {
        return;
    }
    let shown = format!("{}, {path}, above: {above}\n{text}", rule.slug);
    let differs = |there: &str, notation| {
        let (after, now) = catalogue.with(path, there, notation).said(rule, path);
        let same = after == before && now.len() == held.len();
        (!same).then(|| format!("{shown}\n{there}\n{before:?}\n{after:?}"))
    };
    match formatted(&text, notation) {
        Ok(there) => {
            all.wrong.extend(differs(&there, notation));
            all.laid_out += 1;
            if formatted(&there, notation).as_ref() != Ok(&there) {
                all.wrong.push(format!("not twice the same: {shown}\n{there}"));
            }
        }
        Err(Unformatted::Unreadable(_)) => {}
        Err(why) => all.wrong.push(format!("{why}: {shown}")),
    }
    match converted(&text, notation, other, &held) {
        Ok(there) => {
            all.wrong.extend(differs(&there, other));
            all.turned += 1;
        }
        Err(why @ Unformatted::WouldPart(_)) => all.wrong.push(format!("{why}: {shown}")),
        Err(_) => {}
    }
}

/// A text, how it is written, and whether comments stand above lines.
type Text<'t> = (&'t str, Notation, bool);

#[test]
fn what_a_comment_lets_pass_it_lets_pass_in_every_layout_and_notation() {
    let mut all = Tried::default();
    for (rule, catalogue) in catalogues() {
        let own = catalogue.sources.iter().map(|(_, file)| file).filter(|file| file.path.starts_with("a/"));
        for file in own {
            let kdl = transcribed(&file.text, Notation::Yaml, Notation::Kdl).ok();
            for (text, notation) in [(Some(&*file.text), Notation::Yaml), (kdl.as_deref(), Notation::Kdl)] {
                let Some(text) = text else { continue };
                let is_yaml = notation == Notation::Yaml;
                tried(rule, &catalogue, &file.path, (text, notation, is_yaml), &mut all);
                tried(rule, &catalogue, &file.path, (&spread(text, notation), notation, !is_yaml), &mut all);
            }
        }
    }
    let Tried { laid_out, turned, wrong } = all;
    assert!(wrong.is_empty(), "{} of {laid_out} and {turned}\n{}", wrong.len(), wrong.join("\n=====\n"));
    assert!(laid_out > 100 && turned > 100, "{laid_out} and {turned}");
}
