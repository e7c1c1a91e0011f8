//! The catalogues of the project break no law.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "tests"
)]

use std::path::{Path, PathBuf};

use ordain_spec::check::{Checked, check};
use ordain_spec::source::{Notation, SourceFile, Sources};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn load(folder: &Path, base: &Path, into: &mut Sources) {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            load(&path, base, into);
            continue;
        }
        let name = path.strip_prefix(base).unwrap().to_string_lossy().into_owned();
        if let Some(notation) = Notation::of_path(&name) {
            into.add(SourceFile::new(name, std::fs::read_to_string(&path).unwrap().into(), notation));
        }
    }
}

fn checked(folder: &str, with_std: bool) -> Checked {
    let mut sources = Sources::default();
    load(&root().join(folder), &root(), &mut sources);
    if with_std {
        ordain_spec::std_set::files().for_each(|file| {
            sources.add(file);
        });
    }
    check(sources)
}

fn shown(checked: &Checked) -> String {
    let sources = &checked.declarations.sources;
    checked
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            let file = place.and_then(|span| sources.get(span.file));
            let line = file.zip(place).map_or(0, |(file, span)| file.line_column(span.start).0);
            let path = file.map_or("", |file| file.path.as_str());
            format!("{path}:{line} {} {}\n", diagnostic.code, diagnostic.message)
        })
        .collect()
}

fn is_lawful(folder: &str, with_std: bool) {
    let checked = checked(folder, with_std);
    assert!(checked.catalogue.is_some(), "{folder}:\n{}", shown(&checked));
}

#[test]
fn the_smallest_catalogue_breaks_no_law() {
    is_lawful("engine-tests/fixtures/catalogues/minimal/specs", false);
}

#[test]
fn the_payments_catalogue_breaks_no_law() {
    is_lawful("engine-tests/fixtures/catalogues/payments/specs", false);
}

#[test]
fn the_kitchen_sink_breaks_no_law() {
    is_lawful("engine-tests/fixtures/catalogues/kitchen-sink/specs", false);
}

#[test]
fn the_products_own_catalogue_breaks_no_law() {
    is_lawful("specs", false);
}

#[test]
fn every_example_breaks_no_law() {
    let folder = root().join("examples");
    let examples: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!examples.is_empty());
    for example in examples.iter().filter(|path| path.join("specs").is_dir()) {
        let workspace = std::fs::read_to_string(example.join("ordain.yaml")).unwrap_or_default();
        let name = example.file_name().unwrap().to_string_lossy();
        is_lawful(&format!("examples/{name}/specs"), workspace.contains("std"));
    }
}
