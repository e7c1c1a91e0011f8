//! Every page in the other notation: each snippet of YAML, written in KDL, has exactly the findings that are
//! marked in it, at the places that correspond. So whatever a page says of YAML is so of KDL, and no page has
//! to say it twice. What KDL cannot be told, or cannot get wrong, is listed with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};

use ordain_spec::check::check;
use ordain_spec::diagnostic::Severity;
use ordain_spec::source::{Notation, SourceFile, Sources, Span};
use spec_lint::judge::judge;
use spec_lint::layout::transcribed;
use spec_lint::rules::RULES;
use spec_lint::subject::Subject;

mod page;

use page::{Assembled, Block, blocks, pages, path};

/// Mistakes that only YAML can make: its grammar is their cause.
const OF_YAML_ALONE: &[(&str, &str)] = &[
    ("expression-cut", "a text of KDL stands between quotes or is one word: nothing eats a part of it"),
    ("ambiguous-scalar", "`no` and `017` mean one thing in KDL: booleans are `#true` and `#false`"),
];

/// Mistakes in what stands before there is a tree: no tree can be written in KDL that has them, so these pages
/// show them by hand in both notations.
const BY_HAND: &[&str] = &[
    "alias-or-tag",
    "crlf-mixed",
    "duplicate-key",
    "hidden-characters",
    "integer-too-large",
    "not-formatted",
    "too-large-or-deep",
    "unknown-kind",
    "unparsable-file",
    "unsupported-api-version",
];

/// A finding: its rule, what it says, and the text that it is about.
type Finding = (&'static str, String, String);

/// True for a file that every snippet stands beside, and that stays as it is.
fn is_prelude(path: &str) -> bool {
    path.starts_with("b-")
}

/// A snippet's files with its own documents in KDL; the operator's file is YAML only.
fn in_kdl(whole: &Assembled) -> Result<Sources, String> {
    let mut files = Vec::new();
    for (_, file) in whole.sources.iter() {
        files.push(if is_prelude(&file.path) {
            file.clone()
        } else {
            let text =
                transcribed(&file.text, Notation::Yaml, Notation::Kdl).map_err(|why| why.to_string())?;
            SourceFile::new(file.path.replace(".yaml", ".kdl"), text.into(), Notation::Kdl)
        });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut sources = Sources::default();
    files.into_iter().for_each(|file| {
        sources.add(file);
    });
    Ok(sources)
}

/// What a rule, where it is one, and the laws find.
fn found(slug: &str, sources: Sources, whole: &Assembled, before: Option<&str>) -> Vec<Finding> {
    let subject = Subject::of(check(sources), whole.workspace.clone());
    let before = before.map(|text| {
        let whole = Assembled::new(text, Notation::Yaml, &path);
        Subject::of(check(whole.sources.clone()), whole.workspace.clone())
    });
    let is_rule = RULES.iter().any(|rule| rule.slug == slug);
    let problems = if is_rule || whole.workspace.is_some() {
        judge(&subject, "2026-06-01T00:00:00Z".parse().unwrap(), before.as_ref())
    } else {
        subject.checked.diagnostics.clone()
    };
    let mut found = Vec::new();
    for problem in problems {
        let label = problem.primary.as_ref();
        let file = label.and_then(|label| subject.sources.get(label.span.file));
        let is_own = file.is_none_or(|file| !is_prelude(&file.path));
        if problem.severity == Severity::Law || (problem.code == slug && is_own) {
            let about = label.zip(file).map(|(label, file)| about(file, label.span)).unwrap_or_default();
            // A message may name the file.
            found.push((problem.code, problem.message.replace(".kdl", ".yaml"), about));
        }
    }
    found
}

/// The text that a finding is about: of a node that only its first line is shown of, the whole.
fn about(file: &SourceFile, span: Span) -> String {
    let shown = file.slice(span);
    if file.notation != Notation::Kdl || !shown.ends_with('{') {
        return shown.to_owned();
    }
    let mut depth = 0;
    let rest = &file.text[span.start as usize..];
    let end = rest.find(|letter: char| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == '}' && depth == 0
    });
    rest[..end.unwrap_or(rest.len())].to_owned()
}

/// The words of a text, as both notations have them: names of fields without case and hyphens, and without
/// those that KDL says by their position.
fn words(text: &str) -> BTreeSet<String> {
    let lines = text.lines().map(|line| line.split(" # ").next().unwrap().split(" // ").next().unwrap());
    let text: String = lines.collect::<Vec<_>>().join(" ");
    let words = text.split(|letter: char| !letter.is_alphanumeric() && !matches!(letter, '-' | '_'));
    let words = words.map(|word| word.replace('-', "").to_lowercase());
    words.filter(|word| !matches!(word.as_str(), "" | "metadata" | "name" | "id")).collect()
}

/// True where two findings are one and are about the same: a map of one notation may hold a key more.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let (here, there) = (words(&one.2), words(&other.2));
    (&one.0, &one.1) == (&other.0, &other.1) && (here.is_subset(&there) || there.is_subset(&here))
}

/// What is otherwise with a snippet in KDL.
fn differs(slug: &str, block: &Block<'_>) -> Option<String> {
    let whole = Assembled::new(block.text, Notation::Yaml, &path);
    let sources = match in_kdl(&whole) {
        Ok(sources) => sources,
        Err(why) => return Some(format!("{slug}: no KDL: {why}\n{}", block.text)),
    };
    let texts: Vec<String> = sources
        .iter()
        .filter(|(_, file)| file.notation == Notation::Kdl)
        .map(|(_, file)| format!("// {}\n{}", file.path, file.text))
        .collect();
    let in_yaml = found(slug, whole.sources.clone(), &whole, block.before);
    let mut in_kdl = found(slug, sources, &whole, block.before);
    let lost: Vec<&Finding> = in_yaml
        .iter()
        .filter(|one| match in_kdl.iter().position(|other| is_same(one, other)) {
            Some(at) => {
                in_kdl.remove(at);
                false
            }
            None => true,
        })
        .collect();
    let same = lost.is_empty() && in_kdl.is_empty();
    (!same).then(|| {
        format!("{slug}:\n{}\nin YAML alone: {lost:#?}\nin KDL alone: {in_kdl:#?}", texts.join("\n"))
    })
}

#[test]
fn each_page_says_of_kdl_what_it_says_of_yaml() {
    let alone: BTreeMap<&str, &str> = OF_YAML_ALONE.iter().copied().collect();
    let (mut seen, mut wrong, mut excepted) = (0, Vec::new(), BTreeSet::new());
    for (slug, page) in pages() {
        let [refused, accepted] = ["Refused", "Accepted"].map(|heading| blocks(page, heading));
        let in_kdl = refused.iter().any(|block| block.notation == Notation::Kdl);
        let both = refused.iter().chain(&accepted).filter(|block| block.notation == Notation::Yaml);
        let otherwise: Vec<String> =
            both.inspect(|_| seen += 1).filter_map(|block| differs(slug, block)).collect();
        if BY_HAND.contains(&slug) && !in_kdl {
            wrong.push(format!("{slug}: the page shows no KDL"));
        }
        if otherwise.is_empty() {
            continue;
        }
        if alone.contains_key(slug) || BY_HAND.contains(&slug) {
            excepted.insert(slug);
        } else {
            wrong.extend(otherwise);
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} snippets:\n{}", wrong.len(), wrong.join("\n\n"));
    let listed: BTreeSet<&str> = alone.into_keys().chain(BY_HAND.iter().copied()).collect();
    assert_eq!(listed, excepted, "an exception that is none");
    assert!(seen > 370, "only {seen} snippets");
}
