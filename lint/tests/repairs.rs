//! What holds for every safe repair, over single mistakes in lawful catalogues and the refused snippets of
//! all pages, in both notations: what it repaired is gone, no further law is broken, a second repair changes
//! nothing; every control is as it was written, or as it was before the mistake; no principal comes or goes;
//! comments and lines beside the repaired words stay byte for byte. Repairs of taste change no digest but
//! where they say so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ordain_spec::check::check;
use ordain_spec::diagnostic::{Diagnostic, Severity};
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::tree::{self, Node, Value};
use spec_lint::fix::{Mended, Which, mend};
use spec_lint::judge::judge as judge_all;
use spec_lint::layout::converted;
use spec_lint::rules::{FixClass, RULES};
use spec_lint::subject::Subject;

mod page;

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

/// The same files in the other notation.
fn in_kdl(files: &Files) -> Files {
    let written = |text: &str| converted(text, Notation::Yaml, Notation::Kdl, &[]).unwrap();
    files.iter().map(|(path, text)| (path.replace(".yaml", ".kdl"), written(text))).collect()
}

/// Every principal that a text names.
fn principals(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || ":.-_".contains(letter)));
    let is_one = |word: &&str| ["user:", "group:", "role:"].iter().any(|kind| word.starts_with(kind));
    words.filter(is_one).collect()
}

/// The comment of a line, where it has one.
fn comment<'l>(path: &str, line: &'l str) -> Option<&'l str> {
    let sign = if path.ends_with(".kdl") { "//" } else { "#" };
    let line = line.trim_end();
    if line.trim_start().starts_with(sign) {
        return Some(line.trim_start());
    }
    line.find(&format!(" {sign} ")).map(|at| &line[at + 1..])
}

fn comments<'t>(path: &str, text: &'t str) -> Vec<&'t str> {
    text.lines().filter_map(|line| comment(path, line)).collect()
}

/// What a repair changed besides words within lines.
fn disturbed(path: &str, before: &str, after: &str, repairs: usize) -> Option<String> {
    let (old, new): (Vec<_>, Vec<_>) = (before.split('\n').collect(), after.split('\n').collect());
    let indented = |line: &str| line.len() - line.trim_start().len();
    let changed: Vec<_> = old.iter().zip(&new).filter(|(old, new)| old != new).collect();
    let torn = changed.iter().find(|(old, new)| {
        comment(path, old) != comment(path, new)
            || indented(old) != indented(new)
            || old.ends_with('\r') != new.ends_with('\r')
    });
    if old.len() != new.len() || changed.len() > repairs {
        return Some(format!("{path}: {} lines changed by {repairs} repairs", changed.len()));
    }
    torn.map(|(old, new)| format!("{path}: `{old}` became `{new}`"))
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

/// What somebody did to a lawful catalogue: what it was, which word he meant, and what he wrote.
struct Mistake<'m> {
    lawful: &'m Files,
    meant: &'m str,
    written: &'m str,
}

/// What a safe repair may not do. `Ok` says how many repairs were made.
fn repaired(files: &Files, mistake: Option<&Mistake<'_>>) -> Result<usize, String> {
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
    for (at, ((path, old), (_, new))) in files.iter().zip(&after).enumerate() {
        if let Some(what) = disturbed(path, old, new, mended.repaired.len()) {
            return Err(format!("{what}: {}", said()));
        }
        if principals(old) != principals(new) {
            return Err(format!("{path}: another principal: {}", said()));
        }
        let (Some(old), Some(new)) = (controls(path, old), controls(path, new)) else { continue };
        let lawful = mistake.and_then(|mistake| Some((mistake, controls(path, &mistake.lawful[at].1)?)));
        if let Some((Mistake { meant, written, .. }, lawful)) = &lawful {
            // As it was written, or as it was before the mistake; or, where what it refers to was misspelt, it
            // follows. Nothing else.
            let fits = |(place, value): &(&String, &String)| {
                let before = lawful.get(*place);
                old.get(*place) == Some(value)
                    || before
                        .is_some_and(|before| before == *value || before.replace(meant, written) == **value)
            };
            if let Some((place, value)) = new.iter().find(|one| !fits(one)) {
                return Err(format!("{place}: now `{value}`, in neither text: {}", said()));
            }
        }
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

/// Single mistakes in a lawful catalogue: how many broke a law, how many were repaired, what was wrong with that.
fn mistakes(whole: &Files, every: usize, wrong: &mut Vec<String>) -> (usize, usize) {
    assert_eq!(laws(whole), 0);
    let (mut tried, mut made) = (0, 0);
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
    // Every so many words one, each in its own way: the same on every machine.
    for (number, (file, at, word)) in places.iter().enumerate().step_by(every) {
        let mut files = whole.clone();
        let text = &whole[*file].1;
        let written = mistaken(word, number);
        files[*file].1 = format!("{}{written}{}", &text[..*at], &text[at + word.len()..]);
        if files[*file].1 == *text || laws(&files) == 0 {
            continue;
        }
        tried += 1;
        match repaired(&files, Some(&Mistake { lawful: whole, meant: word, written: &written })) {
            Ok(count) => made += usize::from(count > 0),
            Err(why) => wrong.push(why),
        }
    }
    (tried, made)
}

const CATALOGUES: &[&str] =
    &["engine-tests/fixtures/catalogues/payments/specs", "examples/agent-refund/specs"];

#[test]
fn safe_repairs_of_single_mistakes_weaken_nothing() {
    // KDL is slow to read.
    for (is_kdl, every, due) in [(false, 11, 40), (true, 41, 12)] {
        let (mut tried, mut made, mut wrong) = (0, 0, Vec::new());
        for folder in CATALOGUES {
            let whole = files(folder);
            let whole = if is_kdl { in_kdl(&whole) } else { whole };
            let (one, other) = mistakes(&whole, every, &mut wrong);
            (tried, made) = (tried + one, made + other);
        }
        assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n\n"));
        assert!(made > due, "{made} of {tried} are repaired");
    }
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
                match repaired(&vec![(format!("a.{ending}"), text)], None) {
                    Ok(count) => made += usize::from(count > 0),
                    Err(why) => wrong.push(format!("{slug}: {why}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(made > 3, "{made} snippets are repaired");
}

/// All that lint says about files without a workspace.
fn judge_whole(sources: Sources) -> (Arc<Sources>, Vec<Diagnostic>) {
    let subject = Subject::of_files(sources);
    let found = judge_all(&subject, "2026-06-01T00:00:00Z".parse().unwrap(), None);
    (Arc::clone(&subject.sources), found)
}

fn digest(files: &Files) -> String {
    let checked = check(sources(files));
    let catalogue = checked.catalogue.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    catalogue.digest().to_string()
}

fn with(files: &Files, mended: &Mended) -> Files {
    let text = |path: &String, text: &String| {
        mended.texts.get(path).map_or_else(|| text.clone(), ToString::to_string)
    };
    files.iter().map(|(path, old)| (path.clone(), text(path, old))).collect()
}

/// A text as hands leave it: lines that end in blanks or CRLF, wide gaps, comments anywhere.
fn careless(path: &str, text: &str, seed: usize) -> String {
    let sign = if path.ends_with(".kdl") { "//" } else { "#" };
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        match (number + seed) % 11 {
            0 => out.push_str(&format!("{indent}{sign} note {number}\n{line}\n")),
            3 => out.push_str(&format!("{line}\r\n")),
            5 => out.push_str(&format!("{}\n", line.replacen(": {", ":   {", 1).replacen(" {", "  {", 1))),
            8 => out.push_str(&format!("{line}   {sign} why {number}\n")),
            _ => out.push_str(&format!("{line}\n")),
        }
    }
    out
}

/// A catalogue whose files are careless, but for those that would then break a law: a comment within a text of
/// several lines is a part of that text.
fn all_careless(tidy: &Files, seed: usize) -> Files {
    let mut untidy = tidy.clone();
    for at in 0..tidy.len() {
        untidy[at].1 = careless(&tidy[at].0, &tidy[at].1, seed);
        if laws(&untidy) > 0 {
            untidy[at] = tidy[at].clone();
        }
    }
    untidy
}

#[test]
fn repairs_of_layout_change_no_digest_and_no_comment() {
    let mut tried = 0;
    for tidy in CATALOGUES.iter().map(|folder| files(folder)) {
        let both = [tidy.clone(), in_kdl(&tidy)];
        for (tidy, seed) in both.iter().flat_map(|tidy| [0, 5].map(|seed| (tidy, seed))) {
            let untidy = all_careless(tidy, seed);
            let mended = mend(&sources(&untidy), &judge_whole, Which::Safe, &|_, _| true);
            let after = with(&untidy, &mended);
            assert_eq!(digest(&after), digest(&untidy), "{:?}", mended.repaired);
            for ((path, old), (_, new)) in untidy.iter().zip(&after) {
                assert_eq!(comments(path, old), comments(path, new), "{path}");
            }
            let again = mend(&sources(&after), &judge_whole, Which::Safe, &|_, _| true);
            assert!(again.texts.is_empty(), "again: {:?}", again.repaired);
            tried += mended.texts.len();
        }
    }
    assert!(tried > 100, "only {tried} files were laid out anew");
}

/// Where a repair of taste may change what is declared; all others change no digest.
const CHANGES: &[(&str, &str)] = &[
    ("redundant-edge", "/needs"),
    ("dead-allow-list-entry", "/fields"),
    ("changed-without-bump", "/metadata/version"),
    ("bump-too-small", "/metadata/version"),
];

/// Every scalar of a text, by its path.
fn scalars(file: &SourceFile) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let documents = match file.notation {
        Notation::Yaml => tree::yaml::read(FileId(0), &file.text, &mut Vec::new()),
        Notation::Kdl => tree::kdl::read(FileId(0), &file.text, &mut Vec::new()),
    };
    for (at, document) in documents.iter().enumerate() {
        collect(document, &at.to_string(), true, &mut out);
    }
    out
}

/// A line of a page without its mark, which is a comment and would keep a repair away; `␍` stands for a carriage
/// return at its end.
fn unmarked(line: &str) -> String {
    let marks = ["#", "//"]
        .iter()
        .flat_map(|sign| ["warning", "info", "error"].map(|level| format!(" {sign} {level}: ")));
    let end = marks.filter_map(|mark| line.find(&mark)).min().unwrap_or(line.len());
    match line[..end].split_once('␍') {
        Some((text, _)) => format!("{text}\r\n"),
        None => format!("{}\n", &line[..end]),
    }
}

#[test]
fn repairs_of_taste_change_what_their_rule_is_about_and_nothing_else() {
    let as_of = "2026-06-01T00:00:00Z".parse().unwrap();
    let mut seen = BTreeSet::new();
    for rule in RULES.iter().filter(|rule| rule.fix == FixClass::Safe) {
        for block in page::blocks(rule.page, "Refused") {
            let text = block.text.lines().map(unmarked);
            let text: String = text.collect();
            let whole = page::Assembled::new(&text, block.notation, &page::path);
            let before = block.before.map(|text| page::Assembled::new(text, Notation::Yaml, &page::path));
            let before = before.map(|whole| Subject::of(check(whole.sources), whole.workspace));
            let judge = |sources: Sources| {
                let subject = Subject::of(check(sources), whole.workspace.clone());
                let found = judge_all(&subject, as_of, before.as_ref());
                (Arc::clone(&subject.sources), found)
            };
            let mended = mend(&whole.sources, &judge, Which::Safe, &|one, _| one.code == rule.slug);
            assert!(!mended.repaired.is_empty(), "{}: its page is not repaired\n{text}", rule.slug);
            seen.insert(rule.slug);
            for (_, file) in whole.sources.iter() {
                let Some(after) = mended.texts.get(&file.path) else { continue };
                let after = SourceFile::new(file.path.clone(), Arc::clone(after), file.notation);
                let (old, new) = (scalars(file), scalars(&after));
                let places = old.keys().chain(new.keys()).filter(|place| old.get(*place) != new.get(*place));
                let may = CHANGES.iter().find(|(slug, _)| *slug == rule.slug).map(|(_, place)| *place);
                let other: Vec<_> =
                    places.filter(|place| may.is_none_or(|may| !place.contains(may))).collect();
                assert!(other.is_empty(), "{}: {other:?}\n{}", rule.slug, after.text);
                // Nothing is added but words in the place of others.
                assert!(new.len() <= old.len(), "{}: more than there was\n{}", rule.slug, after.text);
                assert!(principals(&file.text).len() >= principals(&after.text).len(), "{}", rule.slug);
            }
        }
    }
    let safe: BTreeSet<&str> =
        RULES.iter().filter(|rule| rule.fix == FixClass::Safe).map(|rule| rule.slug).collect();
    assert_eq!(seen, safe);
}
