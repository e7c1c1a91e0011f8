//! The built-in set `std`, embedded: capabilities and connectors only, so that nothing that comes with
//! the program can allow anything (see `docs/adr/0004-std-catalogue.md`).

use crate::source::{Notation, SourceFile};

/// (path, text): paths begin with `std:`, which no file of a folder can.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/std.rs"));

/// The files of the built-in set, in the order of their paths.
pub fn files() -> impl Iterator<Item = SourceFile> {
    FILES.iter().filter_map(|(path, text)| {
        let notation = Notation::of_path(path)?;
        Some(SourceFile::new((*path).to_owned(), (*text).into(), notation))
    })
}
