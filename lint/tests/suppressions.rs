//! What a suppression is worth: what it is about, until when, beside others, and beside what stood there before a
//! change.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use ordain_spec::check::check;
use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::source::Notation;
use spec_lint::judge::judge;
use spec_lint::subject::Subject;

mod page;

use page::Assembled;

const RULE: &str = "single-person-owner";
const REST: &str = "until=2026-12-31 by=user:ann reason=\"a new colleague comes\"";

fn assembled(text: &str, notation: Notation) -> Assembled {
    let path = |at, text: &str| match notation {
        Notation::Yaml if !text.contains("# path: ") => "a/runbooks/page.yaml".to_owned(),
        Notation::Yaml => page::path(at, text),
        Notation::Kdl => "a/runbooks/page.kdl".to_owned(),
    };
    Assembled::new(text, notation, &path)
}

fn subject(whole: &Assembled) -> Subject {
    Subject::of(check(whole.sources.clone()), whole.workspace.clone())
}

/// What is said of the documents themselves at an instant, beside what they were: the line, and the problem.
fn said_at(text: &str, notation: Notation, as_of: &str, before: Option<&str>) -> Vec<(usize, Diagnostic)> {
    let whole = assembled(text, notation);
    let judged = subject(&whole);
    let before = before.map(|text| subject(&assembled(text, notation)));
    let found = judge(&judged, as_of.parse().unwrap(), before.as_ref());
    let place = |problem: &Diagnostic| {
        let span = problem.primary.as_ref()?.span;
        let file = judged.sources.get(span.file)?;
        Some(whole.line(&file.path, file.line_column(span.start).0 as usize))
    };
    let found = found.into_iter().map(|problem| (place(&problem).unwrap_or(0), problem));
    found.filter(|(line, problem)| *line < 1000 && problem.code != "not-formatted").collect()
}

fn said(text: &str, notation: Notation) -> Vec<(usize, Diagnostic)> {
    said_at(text, notation, "2026-06-01T00:00:00Z", None)
}

fn codes(found: &[(usize, Diagnostic)]) -> Vec<(usize, &'static str)> {
    found.iter().map(|(line, problem)| (*line, problem.code)).collect()
}

/// A runbook of one person whose `owner` stands on a line of its own, below some text.
fn owned(above: &str, behind: &str) -> String {
    format!(
        "kind: Runbook\nmetadata:\n  name: page\n  version: 1.0.0\n  summary: Works at night.\n{above}  owner: \
         user:ann{behind}\nspec: {{steps: [{{id: rest, wait: 1s}}]}}\n"
    )
}

#[test]
fn blank_lines_and_comments_part_nothing() {
    assert_eq!(codes(&said(&owned("", ""), Notation::Yaml)), [(6, RULE)]);
    for between in ["", "\n", "\n  # why\n\n"] {
        let text = owned(&format!("  # lint-allow: {RULE} {REST}\n{between}"), "");
        assert_eq!(codes(&said(&text, Notation::Yaml)), [], "{text}");
        let kdl = format!(
            "ordain \"v1\"\n// lint-allow: {RULE} {REST}\n{}runbook \"page\" version=\"1.0.0\" owner=\"user:ann\" \
             summary=\"Works.\" {{\n    step \"rest\" {{ wait \"1s\"; }}\n}}\n",
            between.replace('#', "//")
        );
        assert_eq!(codes(&said(&kdl, Notation::Kdl)), [], "{kdl}");
    }
}

#[test]
fn who_missed_the_line_is_told_which_one_and_loses_no_comment() {
    let text = format!("# lint-allow: {RULE} {REST}\n{}", owned("", ""));
    let found = said(&text, Notation::Yaml);
    assert_eq!(codes(&found), [(7, RULE), (1, "suppression-unused")]);
    let problem = &found[1].1;
    assert!(problem.message.contains("on line 2, which this is about"), "{}", problem.message);
    assert!(problem.help.as_ref().unwrap().contains("line 7"), "{:?}", problem.help);
    assert_eq!((problem.related.len(), &problem.fix), (1, &None));
}

#[test]
fn a_second_comment_for_the_same_is_one_too_many() {
    let comment = format!("# lint-allow: {RULE} {REST}");
    let other = comment.replace("2026-12-31", "2026-11-30");
    for (above, behind) in [
        (format!("  {comment}\n"), format!(" {other}")),
        (format!("  {comment}\n  {other}\n"), String::new()),
        (String::new(), format!(" {comment} {other}")),
    ] {
        let text = owned(&above, &behind);
        let found = said(&text, Notation::Yaml);
        let [(_, problem)] = &found[..] else { panic!("{text}{found:#?}") };
        assert_eq!((problem.code, problem.related.len()), ("suppression-unused", 1), "{text}");
        assert!(problem.message.contains("passes already"), "{}", problem.message);
        let edit = &problem.fix.as_ref().unwrap().edits[0];
        let file = format!("{text}apiVersion: ordain/v1\n");
        let mended = format!("{}{}", &file[..edit.span.start as usize], &file[edit.span.end as usize..]);
        assert!(mended.contains(&comment) && !mended.contains(&other), "{mended}");
        assert_eq!(codes(&said(&mended, Notation::Yaml)), [], "{mended}");
    }
}

#[test]
fn two_rules_may_pass_on_one_line_by_two_comments() {
    let text = format!(
        "# path: a/runbooks/else.yaml\nkind: Runbook\nmetadata: {{name: page, version: 1.0.0, owner: user:ann, \
         summary: Works.}} # lint-allow: {RULE} {REST} # lint-allow: file-name-differs {REST}\nspec: {{steps: [{{id: \
         rest, wait: 1s}}]}}\n"
    );
    assert_eq!(codes(&said(&text, Notation::Yaml)), []);
}

#[test]
fn it_counts_to_the_end_of_its_day_wherever_the_clock_stands() {
    let text = owned(&format!("  # lint-allow: {RULE} {REST}\n"), "");
    let over = [(7, RULE), (6, "suppression-expired")];
    for (as_of, due) in [
        ("2026-12-31T00:00:00Z", &[][..]),
        ("2026-12-31T23:59:59.999Z", &[]),
        ("2027-01-01T00:00:00Z", &over),
        ("2027-01-01T00:59:59+01:00", &[]),
        ("2027-01-01T01:00:00+01:00", &over),
        ("2026-12-31T19:00:00-05:00", &over),
    ] {
        assert_eq!(codes(&said_at(&text, Notation::Yaml, as_of, None)), due, "{as_of}");
    }
}

#[test]
fn a_day_is_written_in_one_way() {
    let with =
        |until: &str| owned(&format!("  # lint-allow: {RULE} {REST}\n").replace("2026-12-31", until), "");
    for until in
        ["2026-12-31T00:00:00", "2026-12-31T23:00:00+14:00", "20261231", "2026-W53-4", "2026-13-01", "later"]
    {
        let found = said(&with(until), Notation::Yaml);
        assert_eq!(codes(&found), [(7, RULE), (6, "suppression-without-expiry")], "{until}");
        assert!(found[1].1.message.contains("is no day"), "{}", found[1].1.message);
    }
    assert_eq!(codes(&said(&with("9999-12-31"), Notation::Yaml)), []);
}

#[test]
fn what_is_said_twice_or_without_quotes_lets_nothing_pass_and_is_named() {
    for (rest, due) in [
        (format!("{REST} until=2099-12-31"), "`until=` stands here a second time"),
        (REST.replace('"', ""), "the reason ends before `new`"),
        (format!("file-name-differs {REST}"), "`file-name-differs` is a second rule"),
        (format!("{REST} because so"), "`because`, `so` are no part of a suppression"),
    ] {
        let text = owned(&format!("  # lint-allow: {RULE} {rest}\n"), "");
        let found = said(&text, Notation::Yaml);
        assert_eq!(codes(&found), [(7, RULE), (6, "suppression-unknown")], "{text}");
        assert!(found[1].1.message.starts_with(due), "{}", found[1].1.message);
    }
}

#[test]
fn what_cannot_pass_is_named() {
    for (slug, code, due) in [
        ("single-person-owners", "suppression-unknown", "there is no rule `single-person-owners`"),
        ("suppression-unused", "suppression-unknown", "`suppression-unused` is about suppressions"),
        ("x-nothing", "suppression-unknown", "there is no rule `x-nothing`"),
        ("missing-owner", "suppresses-law", "`missing-owner` is a law"),
        ("all", "blanket-suppression", "`all` suppresses more than one rule"),
    ] {
        let text = owned(&format!("  # lint-allow: {slug} {REST}\n"), "");
        let text = format!(
            "{text}---\nkind: Workspace\nspec: {{invariants: [{{id: some, expr: 'catalogue.runbooks.all(r, true)'}}]}}\n"
        );
        let found = said(&text, Notation::Yaml);
        let one = found.iter().find(|(line, _)| *line == 6).unwrap();
        assert_eq!(one.1.code, code, "{found:#?}");
        assert!(one.1.message.contains(due), "{}", one.1.message);
        let is_lawful = code == "suppression-unknown";
        assert_eq!(found.iter().any(|(_, problem)| problem.code == RULE), is_lawful, "{slug}: {found:#?}");
    }
}

#[test]
fn where_a_law_is_broken_no_comment_is_said_to_be_unused() {
    let with = |name: &str| {
        format!(
            "kind: Runbook\nmetadata:\n  # lint-allow: file-name-differs {REST}\n  name: {name}\n  version: 1.0.0\n  owner: \
             group:team\n  summary: Works.\nspec: {{steps: [{{id: rest, wait: 1s}}]}}\n"
        )
    };
    let codes = |text: &str| codes(&said(text, Notation::Yaml));
    assert_eq!(codes(&with("page")), [(3, "suppression-unused")]);
    assert_eq!(codes(&with("other")), []);
    // What it is for cannot be read.
    assert_eq!(codes(&with("Other")), [(4, "bad-name")]);
}

#[test]
fn beside_a_change_a_comment_is_worth_what_it_was_about_before() {
    let as_of = "2026-06-01T00:00:00Z";
    let comment = format!("  # lint-allow: {RULE} {REST}\n");
    let one = owned(&comment, "");
    let codes = |now: &str, before: &str| {
        let found = said_at(now, Notation::Yaml, as_of, Some(before));
        let rule = found.into_iter().filter(|(_, problem)| problem.code == RULE);
        rule.map(|(line, problem)| (line, problem.related.len())).collect::<Vec<_>>()
    };
    assert_eq!(codes(&one, &one), []);
    // Laid out otherwise it is about the same.
    let flow = format!(
        "kind: Runbook\n{comment}metadata: {{owner: user:ann, name: page, version: 1.0.0, summary: Works at \
         night.}}\nspec: {{steps: [{{id: rest, wait: 1s}}]}}\n"
    );
    assert_eq!(codes(&flow, &one), []);
    // What came with the change does not count.
    assert_eq!(codes(&one, &owned("", "")), [(7, 1)]);
}

#[test]
fn a_comment_that_was_copied_or_moved_to_what_is_new_counts_for_nothing() {
    let comment = format!("    # lint-allow: always-true-guard {REST}\n");
    let step =
        |id: &str, needs: &str| format!("    - {{id: {id}, needs: [{needs}], when: 'true', wait: 1s}}\n");
    let (first, second) = (step("first", ""), step("second", "first"));
    let runbook = |steps: &[&str]| format!("kind: Runbook\nspec:\n  steps:\n{}", steps.concat());
    let before = runbook(&[&comment, &first]);
    for (steps, due) in [
        (&[&*comment, &first][..], &[][..]),
        (&[&comment, &first, &comment, &second], &[(7, 1)]),
        (&[&first, &comment, &second], &[(4, 0), (6, 1)]),
        // Its step has another place among others.
        (&[&step("zero", "").replace(", when: 'true'", ""), &comment, &first], &[]),
    ] {
        let text = runbook(steps);
        let found = said_at(&text, Notation::Yaml, "2026-06-01T00:00:00Z", Some(&before));
        let found = found.into_iter().filter(|(_, problem)| problem.code == "always-true-guard");
        let found: Vec<_> = found.map(|(line, problem)| (line, problem.related.len())).collect();
        assert_eq!(found, due, "{text}");
    }
}
