//! Any text as a YAML file of a catalogue: read, decoded and checked without panic or hang; every place
//! lies in the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ordain_spec::check::check;
use ordain_spec::source::{Notation, SourceFile, Sources};

fuzz_target!(|source: &str| {
    let mut sources = Sources::default();
    sources.add(SourceFile::new("fuzz.yaml".to_owned(), source.into(), Notation::Yaml));
    for problem in check(sources).diagnostics {
        for label in problem.primary.iter().chain(&problem.related) {
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            assert!(start <= end && end <= source.len(), "{problem:?}");
            assert!(source.get(start..end).is_some(), "a place between letters: {problem:?}");
        }
    }
});
