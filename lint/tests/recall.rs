//! How many single mistakes in what governs are seen: fields deleted, misspelt, weakened, retyped, and names that
//! lead nowhere, in every lawful catalogue of `examples/`, chosen by a seed. A few hundred of them here;
//! `just recall` makes five thousand and writes what came of it into `docs/reference/recall.md`.
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
use std::fmt::Write as _;
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

/// The lawful catalogues: every example that is written in YAML. Mistakes are made in bytes; what KDL makes of the same
/// mistakes is held by `kdl.rs`.
fn catalogues() -> Vec<Catalogue> {
    let entries = std::fs::read_dir(root().join("examples")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("ordain.yaml").is_file());
    folders.sort();
    let all = folders.iter().map(|folder| Catalogue::of(folder));
    let written_in_yaml: Vec<Catalogue> = all.filter(|catalogue| !catalogue.places.is_empty()).collect();
    assert!(written_in_yaml.len() >= 4, "most examples are written in YAML");
    written_in_yaml
}

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
    fn of(base: &Path) -> Self {
        let mut files = Vec::new();
        walk(&base.join("specs"), base, &mut files);
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

/// Mistakes that the files alone do not show: what was done, to which fields, and why lint is right to be silent.
/// A mistake that is not seen and not judged here fails the test.
const JUDGED: &[(&str, &[&str], &str)] = &[
    (
        "deleted",
        &["access", "enforcement", "grace", "limit", "onBreach"],
        "no mistake: what stood there is the default, the digest is the same",
    ),
    (
        "deleted",
        &["rationale"],
        "no mistake: of an act in a scenario; a valid one stands in, and the scenario tests the same",
    ),
    (
        "deleted",
        &["timeout"],
        "a capability has its operation's, which is mandatory; a runbook has 24 h, a sub-run its parent's",
    ),
    ("deleted", &["modes"], "the default is less: mock runs alone"),
    (
        "deleted",
        &["idempotency", "max", "retry", "retryable", "success"],
        "the defaults: nothing is repeated or retried, 200 alone succeeds, a minute between attempts",
    ),
    (
        "deleted",
        &["onFailure"],
        "stop is the default: what is done stays, which may be wanted; `ordain drill` says what is left behind",
    ),
    (
        "deleted",
        &["needs", "on", "when"],
        "the author's order and condition, where no value is read through it: scenarios see it if it matters",
    ),
    (
        "deleted",
        &["ensures", "guards"],
        "a check that nothing else asks for: no scenario expects its reason, so only the version before knows that it was there",
    ),
    (
        "deleted",
        &["sensitivity"],
        "no weakening: what was declared is `meta`; the default, `internal`, is stricter and cannot leave",
    ),
    (
        "deleted",
        &["effect"],
        "of a policy's `applies`: it selects more, which it may; where that lets everybody do everything it is seen (`allow-everything`)",
    ),
    (
        "deleted",
        &["to"],
        "of a rule with a condition: everybody may, under that condition. `allow-everything` is about `true` alone; a matter of the reviewer",
    ),
    (
        "deleted",
        &["reason"],
        "of a guard or an `ensures`: it denies all the same, under the code of the registry; or a field of `show` of that name. Of a policy's rule it is seen (`rule-without-reason`)",
    ),
    (
        "misspelt key",
        &["reason"],
        "an argument or a field of `show` of that name: data, or a field that somebody else declares",
    ),
    ("misspelt value", &["reason"], "an author's own code in other letters: another lawful word"),
    ("retyped", &["reason"], "an argument or a field of `show` of that name: data of any type"),
    (
        "weakened",
        &["applies"],
        "`{}` selects everything, which a budget or a policy may; where that lets everybody do everything it is seen",
    ),
    (
        "weakened",
        &["max"],
        "10^9: a lawful number; which is too large only the house knows, in an invariant of `ordain.yaml`",
    ),
    ("weakened", &["failureMode"], "where everything else allows it another spec, as lawful as the first"),
];

/// The judgement of what was not seen, by its number in [`JUDGED`].
fn judged(class: &str, field: &str) -> Option<usize> {
    JUDGED.iter().position(|(known, fields, _)| *known == class && fields.contains(&field))
}

/// What five thousand mistakes came to.
#[derive(Default)]
struct Tally {
    made: usize,
    seen: usize,
    /// Seen only beside the version before.
    compared: usize,
    /// Made and seen, by class.
    classes: BTreeMap<&'static str, (usize, usize)>,
    /// Not seen by the files alone: class, field, and whether the version before shows it.
    missed: BTreeMap<(&'static str, String, bool), usize>,
    unjudged: Vec<String>,
}

fn tally(wanted: usize) -> Tally {
    let catalogues: Vec<Catalogue> = catalogues();
    let (mut state, mut tally) = (415_u64, Tally::default());
    while tally.made < wanted {
        let pick = |state: &mut u64, count: usize| usize::try_from(next(state) % count as u64).unwrap();
        let catalogue = &catalogues[pick(&mut state, catalogues.len())];
        let place = &catalogue.places[pick(&mut state, catalogue.places.len())];
        let class = CLASSES[pick(&mut state, CLASSES.len())];
        let text = &catalogue.files[place.file].1;
        let Some(mistake) = mutated(text, place, class, next(&mut state)) else { continue };
        tally.made += 1;
        let is_seen = |compared| {
            let found = catalogue.findings(Some((place.file, &mistake)), compared);
            let is_new = |(problem, count): (&String, &usize)| {
                catalogue.known.get(problem).is_none_or(|before| count > before)
            };
            found.iter().any(is_new)
        };
        let entry = tally.classes.entry(class).or_default();
        entry.0 += 1;
        if is_seen(false) {
            tally.seen += 1;
            entry.1 += 1;
            continue;
        }
        let beside = is_seen(true);
        tally.compared += usize::from(beside);
        *tally.missed.entry((class, place.name.clone(), beside)).or_default() += 1;
        if judged(class, &place.name).is_none() {
            let (path, line) = (&catalogue.files[place.file].0, text[..place.key.0].lines().count());
            tally.unjudged.push(format!("{class}: `{}` in {path}:{line}", place.name));
        }
    }
    tally
}

/// The part of the page that is made from a tally.
fn shown(tally: &Tally) -> String {
    let share = |seen: usize, made: usize| format!("{}.{} %", seen * 100 / made, seen * 1000 / made % 10);
    let mut text =
        format!("Of {}, by the files alone:\n\n| mistake | made | seen |\n|---|---|---|\n", tally.made);
    for class in CLASSES {
        let (made, seen) = tally.classes.get(class).copied().unwrap_or_default();
        writeln!(text, "| {class} | {made} | {seen} ({}) |", share(seen, made)).unwrap();
    }
    writeln!(text, "| together | {} | {} ({}) |", tally.made, tally.seen, share(tally.seen, tally.made))
        .unwrap();
    let with = tally.seen + tally.compared;
    writeln!(
        text,
        "\nBeside the version before (`lint --against REV`, as in a pull request) {with} are seen ({}), because a change of \
         a released\nspec without a new version is refused (`changed-without-bump`).\n\nWhat the files alone do not show, \
         one by one:\n\n| count | what was done | judged |\n|---|---|---|",
        share(with, tally.made)
    )
    .unwrap();
    for (at, (class, fields, because)) in JUDGED.iter().enumerate() {
        let count = |field: &str, beside| {
            tally.missed.get(&(*class, field.to_owned(), beside)).copied().unwrap_or_default()
        };
        let counts: Vec<(&str, usize)> = fields
            .iter()
            .filter(|field| judged(class, field) == Some(at))
            .map(|field| (*field, count(field, true) + count(field, false)))
            .filter(|(_, count)| *count > 0)
            .collect();
        if counts.is_empty() {
            continue;
        }
        let numbers: Vec<String> = counts.iter().map(|(_, count)| count.to_string()).collect();
        let names: Vec<String> = counts.iter().map(|(field, _)| format!("`{field}`")).collect();
        let never: usize = fields.iter().map(|field| count(field, false)).sum();
        let never =
            if never == 0 { String::new() } else { "; not beside the version before either".to_owned() };
        writeln!(text, "| {} | {class}: {} | {because}{never} |", numbers.join(", "), names.join(", "))
            .unwrap();
    }
    text
}

const FIRST: &str = "<!-- made by `just recall` -->\n";
const LAST: &str = "<!-- until here -->\n";

#[test]
fn nineteen_of_twenty_mistakes_in_what_governs_are_seen_and_the_rest_is_judged() {
    let asked = std::env::var("ORDAIN_RECALL").ok().and_then(|count| count.parse().ok());
    let tally = tally(asked.unwrap_or(240));
    let path = root().join("docs/reference/recall.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(FIRST).unwrap();
    let (listed, tail) = rest.split_once(LAST).unwrap();
    if asked.is_some() {
        let text = shown(&tally);
        println!("{text}");
        std::fs::write(&path, format!("{head}{FIRST}{text}{LAST}{tail}")).unwrap();
    }
    assert!(tally.unjudged.is_empty(), "not seen, and nobody judged why: {:#?}", tally.unjudged);
    // Of a few hundred the share varies; of all of them it is on the page.
    let share = if asked.is_some() { (20, 19) } else { (10, 9) };
    let (seen, made) = (tally.seen, tally.made);
    assert!(seen * share.0 >= made * share.1, "{seen} of {made} were seen; not: {:#?}", tally.missed);
    let with = seen + tally.compared;
    assert!(with * 50 >= made * 49, "{with} of {made} were seen with the version before");
    // What was not seen here stands on the page as it is judged.
    if asked.is_none() {
        for (class, field, _) in tally.missed.keys() {
            let because = JUDGED[judged(class, field).unwrap()].2;
            let there = listed.lines().any(|line| {
                line.contains(&format!(" {class}: "))
                    && line.contains(&format!("`{field}`"))
                    && line.contains(because)
            });
            assert!(there, "docs/reference/recall.md is stale: {class} `{field}`; run `just recall`");
        }
    }
}
