//! Layout: what is laid out keeps its meaning and its comments, and stays as it is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]
use std::path::{Path, PathBuf};

use super::*;

fn yaml(text: &str) -> String {
    let once = formatted(text, Notation::Yaml).unwrap();
    assert_eq!(formatted(&once, Notation::Yaml).unwrap(), once, "laid out twice");
    once
}

fn kdl(text: &str) -> String {
    let once = formatted(text, Notation::Kdl).unwrap();
    assert_eq!(formatted(&once, Notation::Kdl).unwrap(), once, "laid out twice");
    once
}

#[test]
fn yaml_has_two_spaces_a_level_and_what_the_author_decided() {
    let text = "\n# about\napiVersion: ordain/v1   # which\nkind:   Runbook\n\n\n\nmetadata: { name: a,  version: 1.0.0 }\nspec:\n    \
                # steps\n    steps:\n    -   id: one\n        when:  steps.a.state == \"x\"   # why\n        # before uses\n        uses: \"b\"\n\n    \
                - {id: two, with: {a: \"${ x }\"}}\n    # the end\n";
    let due = "# about\napiVersion: ordain/v1   # which\nkind: Runbook\n\nmetadata: {name: a, version: 1.0.0}\nspec:\n  # steps\n  steps:\n    \
               - id: one\n      when: 'steps.a.state == \"x\"'   # why\n      # before uses\n      uses: 'b'\n\n    \
               - {id: two, with: {a: '${ x }'}}\n  # the end\n";
    let laid_out = yaml(text);
    let without_columns = |text: &str| text.replace("   #", " #").replace("  #", " #");
    assert_eq!(without_columns(&laid_out), without_columns(due), "{laid_out}");
}

#[test]
fn braces_that_do_not_fit_or_hold_comments_become_a_block() {
    let long = "x".repeat(60);
    let text = format!("a: {{b: {long}, c: {long}, d: [1, 2]}}\ne: {{\n  f: 1, # one\n  g: 2\n}}\n");
    assert_eq!(
        yaml(&text),
        format!("a:\n  b: {long}\n  c: {long}\n  d: [1, 2]\ne:\n  f: 1, # one\n  g: 2\n")
            .replace("1, #", "1  #")
    );
}

#[test]
fn texts_of_several_lines_keep_their_lines() {
    let text = "a:\n      - |\n         one\n           two\n\n         three\n      - plain words\n         over lines\nb: >-\n    folded\n    text\n";
    let due = "a:\n  - |\n    one\n      two\n\n    three\n  - plain words\n    over lines\nb: >-\n  folded\n  text\n";
    assert_eq!(yaml(text), due);
}

#[test]
fn documents_and_crlf_stay() {
    assert_eq!(yaml("---\na: 1\n---\n# two\nb:   2\n"), "---\na: 1\n---\n# two\nb: 2\n");
    assert_eq!(yaml("a:   1\r\nb: 2\r\n"), "a: 1\r\nb: 2\r\n");
    assert_eq!(yaml("# only words\n"), "# only words\n");
}

#[test]
fn kdl_has_four_spaces_a_level_and_what_the_author_decided() {
    let text = "ordain   \"v1\"\n\n\n// about\nrunbook \"a\"   version=\"1.0.0\" owner=\"group:x\" summary=\"A { b; // c\" {\n  inputs { cluster type=\"string\"  { enum \"a\" \"b\";  } }\n \
                step \"one\" uses=\"b\" { // why\n wait \"1s\"; when \"true\" /* c */\n\n\n }\n  // the end\n}\n";
    let due = "ordain \"v1\"\n\n// about\nrunbook \"a\" version=\"1.0.0\" owner=\"group:x\" summary=\"A { b; // c\" {\n    inputs { cluster type=\"string\" { enum \"a\" \"b\" } }\n    \
               step \"one\" uses=\"b\" { // why\n        wait \"1s\"\n        when \"true\" /* c */\n    }\n    // the end\n}\n";
    assert_eq!(kdl(text), due);
}

const ALLOW: &str = "lint-allow: single-person-owner until=2099-12-31 by=user:ann reason=\"for now\"";

#[test]
fn what_stands_on_a_line_with_a_suppression_stays_on_it() {
    let long = "x".repeat(100);
    let text =
        format!("# {ALLOW}\na: {{ b: {long},  c: 1, d: 2 }}\ne: {{b: {long}, c: 1, d: 2, eeee: {long}}}\n");
    let due =
        format!("# {ALLOW}\na: {{b: {long}, c: 1, d: 2}}\ne:\n  b: {long}\n  c: 1\n  d: 2\n  eeee: {long}\n");
    assert_eq!(yaml(&text), due);
    let text = format!("a:\n    - {{b: 1,\n       # {ALLOW}\n       c: 2, d: 3}}\n    - x: 1\n");
    assert_eq!(yaml(&text), format!("a:\n  - {{b: 1,\n     # {ALLOW}\n     c: 2, d: 3}}\n  - x: 1\n"));
    let text = format!("a:\n  {{b: {long}, c: 1, d: 2}} # {ALLOW}\n");
    assert_eq!(yaml(&text), text);
    let short = |blanks: &str, indent: &str| {
        format!(
            "ordain \"v1\"\nrunbook \"x\" {{\n{indent}inputs {{ a type=\"string\" description=\"{long}\";{blanks}b type=\"integer\" }} // {ALLOW}\n{indent}timeout \"1h\"; on-failure \"stop\" // {ALLOW}\n{indent}// {ALLOW}\n{indent}step \"a\" \\\n{indent}  wait=\"1s\"\n}}\n"
        )
    };
    assert_eq!(kdl(&short("  ", "  ")), short(" ", "    "));
}

#[test]
fn a_comment_between_a_key_and_its_text_stands_above_both() {
    assert_eq!(
        yaml("a: 1\n\nb: |  # why\n  text\nc:\n  # because\n  d\n"),
        "a: 1\n\n# why\nb: |\n  text\n# because\nc: d\n"
    );
    let text = format!("a:\n  # {ALLOW}\n  b\nc: 1\n");
    assert_eq!(formatted(&text, Notation::Yaml), Err(Unformatted::WouldPart(2)));
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    assert!(matches!(formatted("a: [1\n", Notation::Yaml), Err(Unformatted::Unreadable(_))));
    assert!(matches!(formatted("a {\n", Notation::Kdl), Err(Unformatted::Unreadable(_))));
}

/// (path, text) of everything in the repository that is a spec, and the snippets of all pages.
fn everything() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, found);
            } else if Notation::of_path(&path.to_string_lossy()).is_some()
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                found.push((path, text));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let mut found = Vec::new();
    for folder in ["specs", "examples", "engine-tests/fixtures"] {
        walk(&root.join(folder), &mut found);
    }
    for slug in ordain_spec::check::slugs() {
        let page = ordain_spec::check::page(slug).unwrap();
        for (mark, ending) in [("```yaml\n", "yaml"), ("```kdl\n", "kdl")] {
            for (at, block) in page.split(mark).skip(1).enumerate() {
                let text = block.split("```").next().unwrap();
                found.push((PathBuf::from(format!("{slug}-{at}.{ending}")), text.to_owned()));
            }
        }
    }
    assert!(found.len() > 200);
    found
}

#[test]
fn every_spec_is_laid_out_once_and_reads_the_same() {
    let (mut laid_out, mut wrong) = (0, Vec::new());
    for (path, text) in everything() {
        let notation = Notation::of_path(&path.to_string_lossy()).unwrap();
        match formatted(&text, notation) {
            Ok(once) => {
                laid_out += 1;
                let twice = formatted(&once, notation);
                if twice.as_ref() != Ok(&once) {
                    wrong.push(format!("{}: not twice the same\n{once}\n{twice:?}", path.display()));
                }
            }
            Err(Unformatted::Unreadable(_)) => {}
            Err(why) => wrong.push(format!("{}: {why}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(laid_out > 200, "{laid_out}");
}

#[test]
fn every_spec_goes_to_the_other_notation_and_back_with_its_digest() {
    let (mut converted_specs, mut wrong) = (0, Vec::new());
    for (path, text) in everything() {
        let from = Notation::of_path(&path.to_string_lossy()).unwrap();
        let to = if from == Notation::Yaml { Notation::Kdl } else { Notation::Yaml };
        if text.contains("kind: Workspace") {
            continue;
        }
        match converted(&text, from, to, &[]) {
            Ok(there) => {
                converted_specs += 1;
                // `converted` compares the digests of what it was given and what it gives.
                if let Err(why) = converted(&there, to, from, &[]) {
                    wrong.push(format!("{}: not back: {why}\n{there}", path.display()));
                }
            }
            Err(Unformatted::Unreadable(_)) => {}
            Err(why) => wrong.push(format!("{}: {why}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(converted_specs > 100, "{converted_specs}");
}
