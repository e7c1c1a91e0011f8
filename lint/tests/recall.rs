//! How many single mistakes in what governs are seen: fields deleted, misspelt, weakened, retyped, and names that
//! lead nowhere, in every lawful catalogue of this repository, chosen by a seed. A few hundred of them here;
//! `just recall` makes five thousand and says what was not seen.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ordain_spec::check::check;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::tree::{self, Node, Value};
use spec_lint::judge::judge;
use spec_lint::subject::Subject;

/// Fields that say who may do what, under which eyes, until when, at which price.
const GOVERNS: &[&str] = &[
    "owner",
    "risk",
    "failureMode",
    "rollback",
    "tests",
    "effect",
    "idempotency",
    "timeout",
    "costs",
    "quotas",
    "guards",
    "approval",
    "access",
    "clearance",
    "uses",
    "operation",
    "needs",
    "when",
    "expr",
    "allow",
    "deny",
    "require",
    "to",
    "reason",
    "applies",
    "enforcement",
    "anyOf",
    "quorum",
    "expires",
    "stepUp",
    "distinct",
    "requesterMayApprove",
    "rationale",
    "limit",
    "window",
    "unit",
    "onBreach",
    "grace",
    "roles",
    "custodians",
    "maxItems",
    "max",
    "on",
    "onFailure",
    "ensures",
    "repeat",
    "retry",
    "modes",
    "sensitivity",
    "run",
    "as",
    "exempts",
    "scope",
    "approvedBy",
    "requestedBy",
    "from",
    "type",
    "email",
    "maxResponse",
    "maxOutput",
    "success",
    "retryable",
    "mock",
    "fields",
];

/// One place that governs.
struct Place {
    file: usize,
    key: (usize, usize),
    value: (usize, usize),
    name: String,
    text: Option<String>,
}

struct Catalogue {
    files: Vec<(String, String)>,
    workspace: Option<SourceFile>,
    known: BTreeMap<String, usize>,
    places: Vec<Place>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn walk(folder: &Path, base: &Path, found: &mut Vec<(String, String)>) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, base, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

impl Catalogue {
    fn of(folder: &str) -> Self {
        let base = root().join(folder);
        let mut files = Vec::new();
        walk(&base.join("specs"), &base, &mut files);
        let workspace = std::fs::read_to_string(base.join("ordain.yaml")).ok();
        let workspace =
            workspace.map(|text| SourceFile::new("ordain.yaml".into(), text.into(), Notation::Yaml));
        let mut catalogue = Self { files, workspace, known: BTreeMap::new(), places: Vec::new() };
        catalogue.known = catalogue.findings(None, false);
        for (at, (_, text)) in catalogue.files.iter().enumerate() {
            for document in tree::yaml::read(FileId(0), text, &mut Vec::new()) {
                collect(&document, at, false, &mut catalogue.places);
            }
        }
        catalogue
    }

    /// What is found, with one file in another version; where `compared`, beside the version before.
    fn findings(&self, changed: Option<(usize, &str)>, compared: bool) -> BTreeMap<String, usize> {
        let subject = self.subject(changed);
        let before = compared.then(|| self.subject(None));
        let mut found = BTreeMap::new();
        for problem in judge(&subject, "2026-06-01T00:00:00Z".parse::<Timestamp>().unwrap(), before.as_ref())
        {
            *found.entry(format!("{} {}", problem.code, problem.message)).or_insert(0) += 1;
        }
        found
    }

    fn subject(&self, changed: Option<(usize, &str)>) -> Subject {
        let mut sources = Sources::default();
        for (at, (path, text)) in self.files.iter().enumerate() {
            let text = changed.filter(|(file, _)| *file == at).map_or(text.as_str(), |(_, text)| text);
            sources.add(SourceFile::new(path.clone(), text.into(), Notation::Yaml));
        }
        let uses_std = self.workspace.as_ref().is_some_and(|file| file.text.contains("std"));
        if uses_std {
            ordain_spec::std_set::files().for_each(|file| {
                sources.add(file);
            });
        }
        Subject::of(check(sources), self.workspace.clone())
    }
}

fn collect(node: &Node, file: usize, free: bool, into: &mut Vec<Place>) {
    match &node.value {
        Value::Map(map) => {
            for (key, value) in &map.entries {
                let name = key.text.to_string();
                if !free && GOVERNS.contains(&name.as_str()) {
                    let span = |span: ordain_spec::source::Span| (span.start as usize, span.end as usize);
                    let text = if let Value::Text(text) = &value.value {
                        Some(text.value.to_string())
                    } else {
                        None
                    };
                    into.push(Place {
                        file,
                        key: span(key.span),
                        value: span(value.span),
                        name: name.clone(),
                        text,
                    });
                }
                // Below these the names are the author's.
                let free = [
                    "inputs",
                    "input",
                    "output",
                    "outputs",
                    "with",
                    "constants",
                    "given",
                    "expect",
                    "act",
                    "people",
                    "groups",
                ];
                collect(value, file, free.contains(&name.as_str()), into);
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, file, false, into)),
        _ => {}
    }
}

const CLASSES: &[&str] = &["deleted", "misspelt key", "misspelt value", "weakened", "retyped", "dangling"];

/// The text with one mistake of a class; `None` where the place has none of that class.
fn mutated(text: &str, place: &Place, class: &str, chance: u64) -> Option<String> {
    let ((key, key_end), (value, value_end)) = (place.key, place.value);
    let with = |from: usize, to: usize, new: &str| Some(format!("{}{new}{}", &text[..from], &text[to..]));
    let word = &text[value..value_end];
    match class {
        "deleted" => {
            let line = text[..key].rfind('\n').map_or(0, |at| at + 1);
            let alone = text[line..key].trim().is_empty();
            let rest = &text[value_end..];
            if alone {
                let end = value_end + rest.find('\n').map_or(rest.len(), |at| at + 1);
                return with(line, end, "");
            }
            match rest.chars().next() {
                Some(',') => with(key, value_end + 1, ""),
                Some('}') => with(
                    text[..key].trim_end().len() - usize::from(text[..key].trim_end().ends_with(',')),
                    value_end,
                    "",
                ),
                _ => None,
            }
        }
        "misspelt key" => {
            let name = &text[key..key_end];
            let at = 1 + usize::try_from(chance).unwrap() % name.len().saturating_sub(2).max(1);
            let mut letters: Vec<char> = name.chars().collect();
            if letters.len() < 3 || letters[at] == letters[at - 1] {
                return None;
            }
            letters.swap(at, at - 1);
            with(key, key_end, &letters.into_iter().collect::<String>())
        }
        "misspelt value" => {
            let plain = place
                .text
                .as_ref()
                .filter(|text| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
            let at = 1 + usize::try_from(chance).unwrap() % (plain.len() - 2);
            let mut letters: Vec<char> = plain.chars().collect();
            letters.remove(at);
            with(value, value_end, &letters.into_iter().collect::<String>())
        }
        "weakened" => {
            let weaker = match (place.name.as_str(), word) {
                ("risk", "critical" | "high" | "medium") => "low",
                ("quorum", _) => "0",
                ("failureMode", "rollback" | "halt") => "retry",
                ("effect", "write" | "irreversible") => "read",
                ("distinct", "true") => "false",
                ("requesterMayApprove", "false") => "true",
                ("enforcement", "enforce") => "shadow",
                ("access", "read") => "write",
                ("allow", _) => "'true'",
                ("deny", _) => "'false'",
                ("expr" | "when", _) => "'true'",
                ("expires" | "timeout", _) => "9000d",
                ("applies", _) => "{}",
                ("maxItems" | "max", _) => "1000000000",
                ("limit", _) => "9007199254740991",
                ("onBreach", "deny") => "throttle",
                _ => return None,
            };
            if word == weaker { None } else { with(value, value_end, weaker) }
        }
        "retyped" => with(value, value_end, if chance.is_multiple_of(2) { "[[1]]" } else { "{a: {b: 1}}" }),
        _ => {
            let named = ["uses", "approval", "require", "owner", "run", "as", "unit", "operation"];
            named.contains(&place.name.as_str()).then_some(())?;
            let plain = place.text.as_ref()?;
            let other = plain.replacen(|letter: char| letter.is_ascii_lowercase(), "zq", 1);
            with(value, value_end, &format!("'{other}'"))
        }
    }
}

/// SplitMix64: the same mistakes on every machine.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn nineteen_of_twenty_mistakes_in_what_governs_are_seen() {
    let wanted: usize =
        std::env::var("ORDAIN_RECALL").ok().and_then(|count| count.parse().ok()).unwrap_or(240);
    let folders = ["examples/agent-refund", "examples/hello", "examples/restore-drill", "examples/rollout"];
    let catalogues: Vec<Catalogue> = folders.iter().map(|folder| Catalogue::of(folder)).collect();
    let (mut state, mut made, mut seen, mut compared) = (415_u64, 0, 0, 0);
    let mut missed: BTreeMap<String, usize> = BTreeMap::new();
    let mut classes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    while made < wanted {
        let pick = |state: &mut u64, count: usize| usize::try_from(next(state) % count as u64).unwrap();
        let catalogue = &catalogues[pick(&mut state, catalogues.len())];
        let place = &catalogue.places[pick(&mut state, catalogue.places.len())];
        let class = CLASSES[pick(&mut state, CLASSES.len())];
        let text = &catalogue.files[place.file].1;
        let Some(mistake) = mutated(text, place, class, next(&mut state)) else { continue };
        made += 1;
        let is_seen = |compared| {
            let found = catalogue.findings(Some((place.file, &mistake)), compared);
            let is_new = |(problem, count): (&String, &usize)| {
                catalogue.known.get(problem).is_none_or(|before| count > before)
            };
            found.iter().any(is_new)
        };
        let entry = classes.entry(class).or_default();
        entry.0 += 1;
        if is_seen(false) {
            seen += 1;
            entry.1 += 1;
            continue;
        }
        let how = if is_seen(true) { "only beside the version before" } else { "not at all" };
        compared += usize::from(how != "not at all");
        *missed.entry(format!("{class}: `{}`, {how}", place.name)).or_default() += 1;
    }
    println!("{seen} of {made} were seen by the files alone, {compared} more with `--against`");
    classes.iter().for_each(|(class, (made, seen))| println!("| {class} | {made} | {seen} |"));
    missed.iter().for_each(|(what, count)| println!("{count} × {what}"));
    assert!(seen * 10 >= made * 9, "{seen} of {made} were seen; not: {missed:#?}");
    assert!(
        (seen + compared) * 20 >= made * 19,
        "{seen} and {compared} of {made} were seen; not: {missed:#?}"
    );
}
