//! Repairs: what is mended is gone, nothing else changed, and mending twice changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use ordain_spec::check::check;
use ordain_spec::source::Span;

use super::*;

fn edit(start: u32, end: u32, text: &str) -> Edit {
    Edit { span: Span::new(FileId(0), start, end), text: text.to_owned() }
}

fn fix(edits: &[Edit]) -> Fix {
    Fix { safe: true, edits: edits.to_vec() }
}

#[test]
fn of_fixes_that_overlap_the_first_is_made_and_equal_ones_are_one() {
    let (one, other) = (fix(&[edit(0, 3, "x")]), fix(&[edit(2, 4, "y")]));
    assert_eq!(apply("abcdef", &[&one, &other]), ("xdef".to_owned(), vec![true, false]));
    assert_eq!(apply("abcdef", &[&other, &one]), ("abyef".to_owned(), vec![true, false]));
    assert_eq!(apply("abcdef", &[&one, &one]), ("xdef".to_owned(), vec![true, true]));
    let (here, there) = (fix(&[edit(2, 2, "1")]), fix(&[edit(2, 2, "2")]));
    assert_eq!(apply("abcd", &[&here, &there]), ("ab1cd".to_owned(), vec![true, false]));
    assert_eq!(apply("ab", &[&fix(&[edit(1, 9, "")])]), ("ab".to_owned(), vec![false]));
    assert_eq!(apply("aé", &[&fix(&[edit(2, 3, "")])]), ("aé".to_owned(), vec![false]));
}

#[test]
fn edits_of_one_fix_are_made_together_or_not_at_all() {
    let both = fix(&[edit(0, 1, "A"), edit(3, 4, "D")]);
    let between = fix(&[edit(1, 2, "B")]);
    assert_eq!(apply("abcd", &[&both, &between]).0, "ABcD");
    let over = fix(&[edit(3, 4, "x")]);
    assert_eq!(apply("abcd", &[&over, &both]), ("abcx".to_owned(), vec![true, false]));
}

/// Safe and unsafe repairs of one file until nothing changes.
fn mended(path: &str, text: &str, which: Which) -> String {
    let judge = |sources: Sources| {
        let checked = check(sources);
        (Arc::clone(&checked.declarations.sources), checked.diagnostics)
    };
    let mut sources = Sources::default();
    sources.add(SourceFile::new(path.into(), text.into(), Notation::of_path(path).unwrap()));
    let mended = mend(&sources, &judge, which, &|_, _| true);
    mended.texts.get(path).map_or_else(|| text.to_owned(), ToString::to_string)
}

#[test]
fn repairs_leave_comments_and_layout_and_are_made_once() {
    let text = "# a comment\napiVersion: ordain/v1\nkind: Capabilty   # what it is\nmetadata:\n  name: a.b\n  versoin: 1.0.0\n  \
                owner: group:team\n\n  summary: \"Two  spaces\"\n  risk: hgh\nspec:   {efect:   read}\n";
    let due = text
        .replace("Capabilty", "Capability")
        .replace("versoin", "version")
        .replace("hgh", "high")
        .replace("efect", "effect");
    let once = mended("a.yaml", text, Which::Safe);
    assert_eq!(once, due);
    assert_eq!(mended("a.yaml", &once, Which::Safe), once);
}

#[test]
fn what_a_tool_cannot_fill_is_a_todo_that_is_refused() {
    let text = "apiVersion: ordain/v1\nkind: Approval\nmetadata: {name: a, version: 1.0.0, owner: group:team, summary: A.}\n\
                spec:\n  stages:\n    - id: peer  # one\n      anyOf: ['group:team']\n";
    assert_eq!(mended("a.yaml", text, Which::Safe), text);
    let all = mended("a.yaml", text, Which::All);
    assert_eq!(all, format!("{text}      expires: TODO\n"));
    assert_eq!(mended("a.yaml", &all, Which::All), all);
    let kdl = "ordain \"v1\"\napproval \"a\" version=\"1.0.0\" owner=\"group:team\" summary=\"A.\" {\n    stage \"peer\" any-of=\"group:team\" // one\n}\n";
    assert_eq!(
        mended("a.kdl", kdl, Which::All),
        kdl.replace("any-of=\"group:team\"", "any-of=\"group:team\" expires=\"TODO\"")
    );
}
