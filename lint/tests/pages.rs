//! The page of each rule says what is so: every snippet below "Refused" has exactly the findings that are
//! marked in it, at the marked lines, of its rule and of all laws; nothing below "Accepted" has any. Other
//! rules may have a word about a snippet: a page shows its own fault and nothing beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use ordain_spec::check::check;
use ordain_spec::diagnostic::Severity;
use ordain_spec::source::Notation;
use spec_lint::judge::judge;
use spec_lint::rules::{RULES, Rule};
use spec_lint::subject::Subject;

mod page;

use page::{Assembled, Block, blocks, marks, path_of};

/// Where pages are judged.
const AS_OF: &str = "2026-06-01T00:00:00Z";

fn assembled(block: &str, notation: Notation) -> Assembled {
    let ending = if notation == Notation::Kdl { "kdl" } else { "yaml" };
    // `␍` at the end of a line, before a mark or not, stands for a carriage return there.
    let returned: Vec<String> = block
        .lines()
        .map(|line| match line.split_once('␍') {
            Some((text, mark)) => format!("{text}{mark}\r"),
            None => line.to_owned(),
        })
        .collect();
    Assembled::new(&returned.join("\n"), notation, &|at, text| path_of(at, text, ending))
}

/// (line of the block, slug, message) of what a rule and the laws find in a block.
fn found(rule: &Rule, block: Block<'_>) -> Vec<(usize, &'static str, String)> {
    let whole = assembled(block.text, block.notation);
    let subject = Subject::of(check(whole.sources.clone()), whole.workspace.clone());
    let before = block.before.map(|text| {
        let whole = assembled(text, Notation::Yaml);
        Subject::of(check(whole.sources.clone()), whole.workspace.clone())
    });
    let as_of: Timestamp = AS_OF.parse().unwrap();
    let mut found = Vec::new();
    for problem in judge(&subject, as_of, before.as_ref()) {
        let line = problem.primary.as_ref().and_then(|label| {
            let file = subject.sources.get(label.span.file)?;
            Some(whole.line(&file.path, file.line_column(label.span.start).0 as usize))
        });
        // What the rule says about the prelude is beside the page.
        let is_own = line.is_none_or(|line| line < 1000);
        if problem.severity == Severity::Law || (problem.code == rule.slug && is_own) {
            assert!(problem.consequence.is_some(), "{}: no consequence", problem.code);
            found.push((line.unwrap_or(0), problem.code, problem.message));
        }
    }
    found
}

#[test]
fn each_page_shows_its_rule() {
    let mut wrong = Vec::new();
    for rule in RULES {
        let refused = blocks(rule.page, "Refused");
        let accepted = blocks(rule.page, "Accepted");
        assert!(!refused.is_empty() && !accepted.is_empty(), "{}: a page shows both", rule.slug);
        for block in refused {
            let due = marks(block.text);
            assert!(due.iter().any(|(_, slug, _)| slug == rule.slug), "{}:\n{}", rule.slug, block.text);
            let there = found(rule, block);
            let fits = there.len() == due.len()
                && due.iter().all(|(line, code, text)| {
                    there.iter().any(|one| one.0 == *line && one.1 == code && one.2.contains(text.as_str()))
                });
            if !fits {
                let slug = rule.slug;
                wrong.push(format!("{slug}, refused:\n{}\nmarked: {due:#?}\nfound: {there:#?}", block.text));
            }
        }
        for block in accepted {
            let there = found(rule, block);
            if !there.is_empty() {
                wrong.push(format!("{}, accepted:\n{}\nfound: {there:#?}", rule.slug, block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} snippets are wrong\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn each_page_has_its_parts_and_each_rule_a_page() {
    for rule in RULES {
        assert!(rule.page.starts_with(&format!("# {}\n\n", rule.slug)), "{}: the heading", rule.slug);
        let why = rule.page.lines().nth(2).unwrap();
        assert!(why.len() > 40 && !why.starts_with('#'), "{}: the first paragraph says why", rule.slug);
        assert!(ordain_spec::check::page(rule.slug).is_none(), "{}: it is a law", rule.slug);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let pages: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .collect();
    let slugs: BTreeSet<String> = RULES.iter().map(|rule| rule.slug.to_owned()).collect();
    assert_eq!(slugs, pages);
    assert_eq!(slugs.len(), RULES.len(), "no slug twice");
}
