//! What holds for every catalogue, lawful or not: a catalogue is given exactly when no law is broken; the
//! order and the names of files never matter; every place lies in its file; time stays in proportion; a
//! check after edits says what a first check says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use ordain_spec::check::{Checked, Checker, check};
use ordain_spec::diagnostic::Severity;
use ordain_spec::source::{Notation, SourceFile, Sources};
use proptest::prelude::*;

/// (path, text) of a catalogue for tests.
fn files(name: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, base: &Path, found: &mut Vec<(String, String)>) {
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../engine-tests/fixtures/catalogues")
        .join(name)
        .join("specs");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 4);
    found
}

fn sources(files: &[(String, String)]) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in files {
        let notation = Notation::of_path(path).unwrap();
        sources.add(SourceFile::new(path.clone(), text.as_str().into(), notation));
    }
    sources
}

fn checked(files: &[(String, String)]) -> Checked {
    check(sources(files))
}

/// Code and message of everything, sorted: what does not depend on the names of files.
fn said(checked: &Checked) -> Vec<(&'static str, String)> {
    let mut said: Vec<_> = checked.diagnostics.iter().map(|one| (one.code, one.message.clone())).collect();
    said.sort();
    said
}

/// One way to spoil a text.
#[derive(Debug, Clone)]
enum Spoil {
    DropLine(prop::sample::Index),
    RepeatLine(prop::sample::Index),
    /// Another word in a word's place.
    Word(prop::sample::Index, prop::sample::Index),
    /// One letter of a word is gone.
    Letter(prop::sample::Index),
    /// Anything in a word's place.
    Value(prop::sample::Index, &'static str),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let any = any::<prop::sample::Index>;
    let values = prop::sample::select(vec![
        "5",
        "true",
        "null",
        "[]",
        "{}",
        "''",
        "TODO",
        "group:nobody",
        "critical",
        "irreversible",
        "^9",
        "'${ x }'",
        "30",
        "-1",
        "live",
    ]);
    prop_oneof![
        any().prop_map(Spoil::DropLine),
        any().prop_map(Spoil::RepeatLine),
        (any(), any()).prop_map(|(at, with)| Spoil::Word(at, with)),
        any().prop_map(Spoil::Letter),
        (any(), values).prop_map(|(at, value)| Spoil::Value(at, value)),
    ]
}

/// The words of a text with their places.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, letter) in text.char_indices().chain([(text.len(), ' ')]) {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            start.get_or_insert(at);
        } else if let Some(from) = start.take() {
            found.push((from, &text[from..at]));
        }
    }
    found
}

fn spoiled(text: &str, how: &Spoil) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let words = words(text);
    let replace =
        |(at, word): (usize, &str), with: &str| format!("{}{with}{}", &text[..at], &text[at + word.len()..]);
    match how {
        Spoil::DropLine(at) => {
            let gone = at.index(lines.len());
            lines
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != gone)
                .fold(String::new(), |text, (_, line)| text + line + "\n")
        }
        Spoil::RepeatLine(at) => {
            let twice = at.index(lines.len());
            lines.iter().enumerate().fold(String::new(), |text, (at, line)| {
                let again = if at == twice { format!("{line}\n") } else { String::new() };
                text + line + "\n" + &again
            })
        }
        Spoil::Word(at, with) => replace(words[at.index(words.len())], words[with.index(words.len())].1),
        Spoil::Letter(at) => {
            let word = words[at.index(words.len())];
            replace(word, &word.1[1..])
        }
        Spoil::Value(at, value) => replace(words[at.index(words.len())], value),
    }
}

fn holds(files: &[(String, String)]) -> Result<Checked, TestCaseError> {
    let checked = checked(files);
    let broken = checked.diagnostics.iter().any(|one| one.severity == Severity::Law);
    prop_assert_eq!(checked.catalogue.is_none(), broken);
    for diagnostic in &checked.diagnostics {
        for label in diagnostic.primary.iter().chain(&diagnostic.related) {
            let file = checked.declarations.sources.get(label.span.file).expect("a file");
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            prop_assert!(start <= end && file.text.get(start..end).is_some(), "{diagnostic:?}");
        }
    }
    Ok(checked)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_catalogue_is_given_exactly_when_no_law_is_broken(
        which in prop::sample::select(vec!["payments", "kitchen-sink"]),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), spoil()), 1..4),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut files = files(which);
        for (file, how) in &spoils {
            let at = file.index(files.len());
            files[at].1 = spoiled(&files[at].1, how);
        }
        let first = holds(&files)?;
        // Another order of the same files: all is the same, places included.
        let turn = turn.index(files.len());
        files.rotate_left(turn);
        let turned = holds(&files)?;
        prop_assert_eq!(&first.diagnostics, &turned.diagnostics);
        prop_assert_eq!(first.catalogue.as_ref().map(|one| one.digest()), turned.catalogue.as_ref().map(|one| one.digest()));
    }
}

/// One edit of a catalogue.
#[derive(Debug, Clone)]
enum Change {
    Spoil(prop::sample::Index, Spoil),
    /// As it was at the beginning.
    Restore(prop::sample::Index),
    Remove(prop::sample::Index),
    /// A copy under another path, before or after it.
    Copy(prop::sample::Index, &'static str),
    /// The texts of two files of one notation change places.
    Exchange(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        4 => (any(), spoil()).prop_map(|(at, how)| Change::Spoil(at, how)),
        4 => any().prop_map(Change::Restore),
        1 => any().prop_map(Change::Remove),
        1 => (any(), prop::sample::select(vec!["0-", "z-"])).prop_map(|(at, name)| Change::Copy(at, name)),
        1 => (any(), any()).prop_map(|(at, other)| Change::Exchange(at, other)),
    ]
}

fn apply(files: &mut Vec<(String, String)>, first: &[(String, String)], change: &Change) {
    match change {
        Change::Spoil(at, how) => {
            let at = at.index(files.len());
            if words(&files[at].1).len() > 1 {
                files[at].1 = spoiled(&files[at].1, how);
            }
        }
        Change::Restore(at) => {
            let (path, text) = &first[at.index(first.len())];
            match files.iter_mut().find(|(known, _)| known == path) {
                Some(file) => file.1.clone_from(text),
                None => files.push((path.clone(), text.clone())),
            }
        }
        Change::Remove(at) if files.len() > 2 => {
            files.remove(at.index(files.len()));
        }
        Change::Remove(_) => {}
        Change::Copy(at, name) => {
            let (path, text) = files[at.index(files.len())].clone();
            let copy = format!("{name}{path}");
            if files.iter().all(|(known, _)| *known != copy) {
                files.push((copy, text));
            }
        }
        Change::Exchange(at, other) => {
            let (at, other) = (at.index(files.len()), other.index(files.len()));
            if Notation::of_path(&files[at].0) == Notation::of_path(&files[other].0) {
                let text = std::mem::take(&mut files[at].1);
                files[at].1 = std::mem::replace(&mut files[other].1, text);
            }
        }
    }
}

/// Everything that was said, with paths in place of the numbers of files.
fn told(checked: &Checked) -> Vec<String> {
    let path = |span: ordain_spec::source::Span| {
        let file = checked.declarations.sources.get(span.file).expect("a file");
        format!("{}:{}-{}", file.path, span.start, span.end)
    };
    let tell = |one: &ordain_spec::diagnostic::Diagnostic| {
        let labels: Vec<_> =
            one.primary.iter().chain(&one.related).map(|label| (path(label.span), &label.text)).collect();
        let edits = one.fix.iter().flat_map(|fix| &fix.edits);
        let edits: Vec<_> = edits.map(|edit| (path(edit.span), &edit.text)).collect();
        let fix = one.fix.as_ref().map(|fix| fix.safe);
        let words = (&one.message, &one.help, &one.consequence);
        format!("{} {:?} {words:?} {labels:?} {fix:?} {edits:?}", one.code, one.severity)
    };
    checked.diagnostics.iter().map(tell).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_check_after_edits_says_what_a_first_check_says(
        which in prop::sample::select(vec!["payments", "kitchen-sink"]),
        changes in prop::collection::vec(change(), 1..12),
    ) {
        let first = files(which);
        let mut files = first.clone();
        let mut checker = Checker::new();
        let _first = checker.check(&sources(&files));
        for change in &changes {
            apply(&mut files, &first, change);
            let (again, anew) = (checker.check(&sources(&files)), checked(&files));
            prop_assert_eq!(told(&again), told(&anew), "after {:?}", change);
            prop_assert_eq!(
                again.catalogue.as_ref().map(|one| one.digest()),
                anew.catalogue.as_ref().map(|one| one.digest())
            );
            prop_assert_eq!(again.declarations.index(), anew.declarations.index());
        }
    }
}

#[test]
fn an_edit_reads_one_file_and_looks_only_at_what_depends_on_it() {
    let mut files = files("payments");
    let mut checker = Checker::new();
    let _first = checker.check(&sources(&files));
    let (readings, findings) = (checker.readings(), checker.findings());
    assert_eq!(readings, files.len() as u64);
    let _same = checker.check(&sources(&files));
    assert_eq!((checker.readings(), checker.findings()), (readings, findings));
    let roster = files.iter_mut().find(|(_, text)| text.contains("kind: Roster")).unwrap();
    roster.1.push_str("# nobody else\n");
    let _edited = checker.check(&sources(&files));
    assert_eq!(checker.readings(), readings + 1);
    assert_eq!(checker.findings(), findings, "no expression depends on the roster");
    let runbook = files.iter_mut().find(|(_, text)| text.contains("kind: Runbook")).unwrap();
    runbook.1.push_str("# nothing else\n");
    let _edited = checker.check(&sources(&files));
    assert_eq!(checker.readings(), readings + 2);
    assert!(checker.findings() <= findings + 3, "its fields, its expressions, what it gives");
}

#[test]
fn a_new_file_between_two_moves_nobody_until_there_is_no_room() {
    let mut files = files("minimal");
    let mut checker = Checker::new();
    let first = checker.check(&sources(&files));
    let count = files.len() as u64;
    let id = |checked: &Checked, path: &str| {
        checked.declarations.sources.iter().find(|(_, file)| file.path == path).unwrap().0
    };
    let last = files.iter().map(|(path, _)| path.clone()).max().unwrap();
    let at = id(&first, &last);
    // Each new file comes just before the last one, so that the room halves every time.
    for number in 0..40 {
        files.push((format!("{}{number:02}.yaml", last.strip_suffix("l").unwrap()), "# nothing\n".into()));
        let again = checker.check(&sources(&files));
        assert_eq!(told(&again), told(&checked(&files)));
        if number < 10 {
            assert_eq!(id(&again, &last), at);
            assert_eq!(checker.readings(), count + number + 1);
        }
    }
    assert!(checker.readings() > count + 40, "there was no room for all of them");
}

#[test]
fn names_of_files_never_matter() {
    for which in ["minimal", "payments", "kitchen-sink"] {
        let mut files = files(which);
        let first = checked(&files);
        let count = files.len();
        for (at, (path, _)) in files.iter_mut().enumerate() {
            let ending = path.rsplit('.').next().unwrap().to_owned();
            *path = format!("{:03}/x.{ending}", count - at);
        }
        let renamed = checked(&files);
        assert_eq!(said(&first), said(&renamed));
        assert_eq!(first.catalogue.unwrap().digest(), renamed.catalogue.unwrap().digest());
    }
}

/// A runbook of layers of two steps, each of which needs both of the layer above: 2^layers paths.
fn diamond(layers: usize) -> String {
    let mut text = String::from(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {name: diamond, version: 1.0.0, owner: group:team, summary: Layers.}\nspec:\n  steps:\n",
    );
    for layer in 0..layers {
        for side in ["a", "b"] {
            let needs = if layer == 0 { String::new() } else { format!("needs: [a{0}, b{0}], ", layer - 1) };
            let reads = if layer == 0 {
                "first".into()
            } else {
                format!("'${{ steps.a0.outputs.text }} ${{ steps.b{}.outputs.text }}'", layer - 1)
            };
            writeln!(text, "    - {{id: {side}{layer}, {needs}uses: note.read@^1, with: {{id: {reads}}}}}")
                .unwrap();
        }
    }
    text
}

#[test]
fn a_diamond_of_a_thousand_layers_is_read_in_no_time() {
    let mut files = files("minimal");
    files.push(("runbooks/diamond.yaml".into(), diamond(1000)));
    let begun = std::time::Instant::now();
    let checked = checked(&files);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    assert!(
        checked.diagnostics.iter().all(|one| one.code != "too-large-or-deep"),
        "{:?}",
        checked.diagnostics.first()
    );
}

/// Runbooks of which each runs the next one `width` times.
fn fans(levels: usize, width: usize) -> String {
    let runbook = |level: usize| {
        let step = |at: usize| {
            if level + 1 == levels {
                format!("    - {{id: s{at}, uses: note.read@^1, with: {{id: first}}}}\n")
            } else {
                format!("    - {{id: s{at}, runbook: fan{}@^1}}\n", level + 1)
            }
        };
        let head = format!(
            "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: fan{level}, version: 1.0.0, owner: group:team, summary: Level {level}.}}\nspec:\n  steps:\n"
        );
        head + &(0..width).map(step).collect::<String>()
    };
    (0..levels).map(runbook).collect::<Vec<_>>().join("---\n")
}

#[test]
fn what_sub_runs_multiply_to_is_bounded_and_said_once() {
    let said = |levels, width| {
        let mut files = files("minimal");
        files.push(("runbooks/fan.yaml".into(), fans(levels, width)));
        let found = checked(&files).diagnostics;
        found
            .iter()
            .filter(|one| one.code == "too-large-or-deep")
            .map(|one| one.message.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(said(4, 8), Vec::<String>::new(), "4,680 steps");
    let tree = (1..=5).map(|level| 8_u64.pow(level)).sum::<u64>();
    assert_eq!(
        said(8, 8),
        [format!("a run of `fan3` has {tree} steps with those of the runbooks it runs; 10000 are allowed")]
    );
}

#[test]
fn lists_in_lists_cost_what_they_are_long() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut files = files("minimal");
    let text = format!(
        "apiVersion: ordain/v1\nkind: Runbook\nmetadata: {{name: nested, version: 1.0.0, owner: group:team, summary: Lists.}}\nspec:\n  constants: {{a: {}}}\n  steps:\n    - {{id: one, uses: note.read@^1, with: {{id: first}}}}\n",
        nested(50)
    );
    files.push(("runbooks/nested.yaml".into(), text));
    // Twice the work for each level would not end today.
    let found = checked(&files).diagnostics;
    assert!(found.iter().all(|one| one.code != "too-large-or-deep"), "{found:?}");
}

#[test]
fn the_most_files_there_may_be_are_checked_in_no_time() {
    let mut files = files("minimal");
    let capability = files.iter().find(|(_, text)| text.contains("kind: Capability")).unwrap().1.clone();
    let name = capability.lines().find_map(|line| line.trim().strip_prefix("name: ")).unwrap().to_owned();
    while files.len() < 5_000 {
        let at = files.len();
        files.push((
            format!("capabilities/x{at}.yaml"),
            capability.replace(&format!("name: {name}"), &format!("name: {name}-{at}")),
        ));
    }
    let begun = std::time::Instant::now();
    let checked = checked(&files);
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    assert!(checked.declarations.capabilities.len() > 4_000);
}
