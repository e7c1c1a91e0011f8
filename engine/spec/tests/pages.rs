//! The page of each law says what is so: every snippet below "Refused" breaks exactly the laws that are
//! marked in it, at the marked lines; nothing below "Accepted" breaks any. How snippets are completed is
//! said in `check.rs`.
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
use std::path::{Path, PathBuf};

use ordain_spec::check::{beside, check, page, read_workspace, slugs};
use ordain_spec::diagnostic::Diagnostic;
use ordain_spec::source::{FileId, Notation, Sources};

#[path = "page/mod.rs"]
mod snippet;

use snippet::{Assembled, blocks, marks};

/// (line of the block, slug, message) of everything wrong with a block.
fn found(block: &str, notation: Notation) -> Vec<(usize, &'static str, String)> {
    let ending = if notation == Notation::Kdl { "kdl" } else { "yaml" };
    let whole = Assembled::new(block, notation, &|at, _| format!("a-{at:02}.{ending}"));
    let checked = check(whole.sources.clone());
    assert_eq!(checked.catalogue.is_some(), checked.diagnostics.is_empty());
    let mut found = placed(&checked.diagnostics, &checked.declarations.sources, &whole);
    if let Some(file) = whole.workspace.clone() {
        let (mut diagnostics, mut sources) = (Vec::new(), Sources::default());
        let spec = read_workspace(FileId(0), &file, &mut diagnostics);
        diagnostics.extend(spec.iter().flat_map(|spec| beside(&checked.declarations, spec)));
        sources.add(file);
        found.append(&mut placed(&diagnostics, &sources, &whole));
    }
    found
}

fn placed(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    whole: &Assembled,
) -> Vec<(usize, &'static str, String)> {
    let line = |diagnostic: &Diagnostic| {
        let span = diagnostic.primary.as_ref()?.span;
        let file = sources.get(span.file)?;
        Some(whole.line(&file.path, file.line_column(span.start).0 as usize))
    };
    diagnostics.iter().map(|one| (line(one).unwrap_or(0), one.code, one.message.clone())).collect()
}

#[test]
fn each_page_shows_its_law() {
    let mut wrong = Vec::new();
    for slug in slugs() {
        let text = page(slug).unwrap();
        for (block, notation) in blocks(text, "Refused").iter().map(|block| (block.text, block.notation)) {
            let due: Vec<_> = marks(block);
            assert!(
                due.iter().any(|(_, code, _)| code == slug),
                "{slug}: a block below `Refused` does not show it:\n{block}"
            );
            let there = found(block, notation);
            let fits = there.len() == due.len()
                && due.iter().all(|(line, code, text)| {
                    there.iter().any(|one| one.0 == *line && one.1 == code && one.2.contains(text.as_str()))
                });
            if !fits {
                wrong.push(format!("{slug}, refused:\n{block}\nmarked: {due:#?}\nfound: {there:#?}"));
            }
        }
        for (block, notation) in blocks(text, "Accepted").iter().map(|block| (block.text, block.notation)) {
            let there = found(block, notation);
            if !there.is_empty() {
                wrong.push(format!("{slug}, accepted:\n{block}\nfound: {there:#?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} snippets are wrong\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn each_page_has_its_parts() {
    for slug in slugs() {
        let text = page(slug).unwrap();
        assert!(text.starts_with(&format!("# {slug}\n\n")), "{slug}: the heading is the slug");
        let why = text.lines().nth(2).unwrap();
        assert!(why.len() > 40 && !why.starts_with('#'), "{slug}: the first paragraph says why");
        for heading in ["Refused", "Accepted"] {
            let (_, below) =
                text.split_once(&format!("## {heading}\n")).unwrap_or_else(|| panic!("{slug}: no {heading}"));
            assert!(below.trim().len() > 10, "{slug}: nothing below {heading}");
        }
    }
}

#[test]
fn the_prelude_breaks_no_law() {
    assert_eq!(
        found(
            "kind: Policy\nmetadata: {name: more, version: 1.0.0, owner: group:team, summary: More.}\nspec: {applies: {}, restrictsOnly: true, rules: [{id: none, deny: 'false', reason: none}]}\n",
            Notation::Yaml
        ),
        []
    );
}

/// The files of the crate's source, tests left out.
fn code(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if path.is_dir() && !is_test {
            code(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test {
            into.push(path);
        }
    }
}

#[test]
fn each_code_has_a_page_and_each_page_a_code() {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    code(&root, &mut files);
    let pattern = regex::Regex::new(r#""([a-z]+(?:-[a-z0-9]+)+|cycle)""#).unwrap();
    let called = regex::Regex::new(r#"(?s)(?:\blaw|absent|bad|report|unapproved|unknown|refused|fault)\(\s*(?:cx,\s*|used,\s*)?"([a-z]+(?:-[a-z0-9]+)+|cycle)""#).unwrap();
    let (mut literals, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        // The table of laws names every slug, used or not.
        let text = if path.ends_with("src/check.rs") {
            text.split_once("/// What `check` found.").unwrap().1
        } else {
            text
        };
        literals.extend(pattern.captures_iter(text).map(|found| found[1].to_owned()));
        codes.extend(called.captures_iter(text).map(|found| found[1].to_owned()));
    }
    let pages: BTreeSet<String> = slugs().map(str::to_owned).collect();
    let unwritten: Vec<_> = codes.difference(&pages).collect();
    assert!(unwritten.is_empty(), "codes without a page: {unwritten:?}");
    let unused: Vec<_> = pages.difference(&literals).collect();
    assert!(unused.is_empty(), "pages without a code: {unused:?}");
    assert!(codes.len() > 60, "the search finds the codes");
    let mut files: Vec<String> = std::fs::read_dir(root.join("check"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
        .collect();
    files.sort();
    assert_eq!(files, pages.into_iter().collect::<Vec<_>>(), "each page is in the table");
}
