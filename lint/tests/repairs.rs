//! What holds for every safe repair, over single mistakes in lawful catalogues and the refused snippets of
//! all pages: what it repaired is gone, no further law is broken, and no control is weaker than it was
//! written, unless a misspelling of just that word was repaired.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_spec::check::check;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::tree::{self, Node, Value};
use spec_lint::fix::{Which, mend};

/// Fields that say who may do what, under which eyes, until when.
const CONTROLS: &[&str] = &[
    "risk",
    "anyOf",
    "expires",
    "allow",
    "deny",
    "require",
    "approvedBy",
    "to",
    "quorum",
    "stepUp",
    "distinct",
    "requesterMayApprove",
    "enforcement",
    "approval",
    "roles",
    "custodians",
    "limit",
    "max",
    "maxItems",
    "timeout",
    "effect",
    "sensitivity",
    "clearance",
    "access",
    "failureMode",
    "when",
    "applies",
    "restrictsOnly",
];

type Files = Vec<(String, String)>;

fn files(folder: &str) -> Files {
    fn walk(folder: &Path, base: &Path, found: &mut Files) {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                walk(&path, base, found);
            } else {
                let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(folder);
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found
}

fn sources(files: &Files) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in files {
        sources.add(SourceFile::new(path.clone(), text.as_str().into(), Notation::of_path(path).unwrap()));
    }
    sources
}

fn judge(sources: Sources) -> (Arc<Sources>, Vec<Diagnostic>) {
    let checked = check(sources);
    (Arc::clone(&checked.declarations.sources), checked.diagnostics)
}

fn laws(files: &Files) -> usize {
    judge(sources(files)).1.iter().filter(|one| one.severity == Severity::Law).count()
}

/// Every scalar below a control, by its path.
fn controls(path: &str, text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = Vec::new();
    let documents = match Notation::of_path(path).unwrap() {
        Notation::Yaml => tree::yaml::read(FileId(0), text, &mut found),
        Notation::Kdl => tree::kdl::read(FileId(0), text, &mut found),
    };
    let mut out = BTreeMap::new();
    for (at, document) in documents.iter().enumerate() {
        collect(document, &format!("{at}"), false, &mut out);
    }
    found.is_empty().then_some(out)
}

fn collect(node: &Node, path: &str, is_control: bool, into: &mut BTreeMap<String, String>) {
    match &node.value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                let control = is_control || CONTROLS.contains(&&*key.text);
                collect(value, &format!("{path}/{}", key.text), control, into);
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &format!("{path}/{at}"), is_control, into);
            }
        }
        _ if !is_control => {}
        Value::Text(text) => {
            into.insert(path.to_owned(), text.value.to_string());
        }
        other => {
            into.insert(path.to_owned(), format!("{other:?}"));
        }
    }
}

fn is_near(one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) <= (one.chars().count() / 3).max(2)
}

/// What a safe repair may not do. `Ok` says how many repairs were made.
fn repaired(files: &Files) -> Result<usize, String> {
    let before = sources(files);
    let mended = mend(&before, &judge, Which::Safe, &|_, _| true);
    if mended.repaired.is_empty() {
        return Ok(0);
    }
    let after: Files = files
        .iter()
        .map(|(path, text)| {
            (path.clone(), mended.texts.get(path).map_or_else(|| text.clone(), ToString::to_string))
        })
        .collect();
    let said = || format!("{:?}\n{:?}", mended.repaired, mended.texts);
    let again = mend(&sources(&after), &judge, Which::Safe, &|_, _| true);
    if !again.texts.is_empty() {
        return Err(format!("repairing twice changes something: {}", said()));
    }
    let (_, left) = judge(sources(&after));
    if let Some(left) = left.iter().find(|one| one.fix.as_ref().is_some_and(|fix| fix.safe)) {
        return Err(format!("{left:?} is still to be repaired: {}", said()));
    }
    let (was, is) = (laws(files), laws(&after));
    // What stood in a document of no known kind was not judged before.
    if is >= was && mended.repaired.iter().all(|one| one.code != "unknown-kind") {
        return Err(format!("{is} laws are broken, {was} were: {}", said()));
    }
    for ((path, old), (_, new)) in files.iter().zip(&after) {
        let (Some(old), Some(new)) = (controls(path, old), controls(path, new)) else { continue };
        for (place, value) in &new {
            let Some(written) = old.get(place) else {
                // Under another name it was no control: that name was misspelt, and the value is the same.
                let name = |path: &str| {
                    path.rsplit('/').find(|part| CONTROLS.contains(part)).unwrap_or("").to_owned()
                };
                let own = name(place);
                if own.is_empty() {
                    return Err(format!("{place} is new: {}", said()));
                }
                continue;
            };
            let same = written == value || is_near(written, value) || *written == format!("Int({value})");
            if !same && !written.contains(value.trim_matches('\'')) {
                return Err(format!("{place}: `{written}` became `{value}`: {}", said()));
            }
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            if digits(written) != digits(value) {
                return Err(format!("{place}: another number, `{written}` became `{value}`: {}", said()));
            }
        }
    }
    Ok(mended.repaired.len())
}

/// The words of a text with their places.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            found.push((from, &text[from..at]));
        }
    }
    found
}

/// One mistake that hands make: a letter gone, two turned, one doubled, quotes where none are due.
fn mistaken(word: &str, how: usize) -> String {
    let at = how / 4 % word.len();
    let letters: Vec<char> = word.chars().collect();
    let mut out = letters.clone();
    match how % 4 {
        0 => {
            out.remove(at);
        }
        1 => out.swap(at, (at + 1) % letters.len()),
        2 => out.insert(at, letters[at]),
        _ => return format!("'{word}'"),
    }
    out.into_iter().collect()
}

#[test]
fn safe_repairs_of_single_mistakes_weaken_nothing() {
    let (mut tried, mut made, mut wrong) = (0, 0, Vec::new());
    for folder in ["engine-tests/fixtures/catalogues/payments/specs", "examples/agent-refund/specs"] {
        let whole = files(folder);
        assert_eq!(laws(&whole), 0);
        let places: Vec<(usize, usize, String)> = whole
            .iter()
            .enumerate()
            .flat_map(|(file, (_, text))| {
                words(text)
                    .into_iter()
                    .filter(|(_, word)| word.len() > 2)
                    .map(move |(at, word)| (file, at, word.to_owned()))
            })
            .collect();
        // Every seventh word, each in its own way: the same on every machine.
        for (number, (file, at, word)) in places.iter().enumerate().step_by(7) {
            let mut files = whole.clone();
            let text = &whole[*file].1;
            files[*file].1 =
                format!("{}{}{}", &text[..*at], mistaken(word, number), &text[at + word.len()..]);
            if files[*file].1 == *text || laws(&files) == 0 {
                continue;
            }
            tried += 1;
            match repaired(&files) {
                Ok(count) => made += usize::from(count > 0),
                Err(why) => wrong.push(why),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(made > 60, "{made} of {tried} are repaired");
}

#[test]
fn safe_repairs_of_refused_snippets_weaken_nothing() {
    let (mut made, mut wrong) = (0, Vec::new());
    for slug in ordain_spec::check::slugs() {
        let page = ordain_spec::check::page(slug).unwrap();
        let below = page.split_once("## Refused").unwrap().1.split("\n## ").next().unwrap();
        for (fence, ending) in [("```yaml\n", "yaml"), ("```kdl\n", "kdl")] {
            for block in below.split(fence).skip(1) {
                let text = block.split("```").next().unwrap().to_owned();
                match repaired(&vec![(format!("a.{ending}"), text)]) {
                    Ok(count) => made += usize::from(count > 0),
                    Err(why) => wrong.push(format!("{slug}: {why}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(made > 3, "{made} snippets are repaired");
}
