//! Embeds the pages of laws, and the built-in set `std`: the capabilities and connectors of `specs/` whose names begin with `std.` or `ordain.`.
#![allow(clippy::disallowed_methods, reason = "a build script writes what it makes")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs");
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for folder in ["capabilities", "connectors"] {
        let path = specs.join(folder);
        println!("cargo::rerun-if-changed={}", path.display());
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if ["std.", "ordain."].iter().any(|set| name.starts_with(set))
                && (name.ends_with(".yaml") || name.ends_with(".kdl"))
            {
                files.push((format!("std:{folder}/{name}"), entry.path().canonicalize()?));
            }
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for (name, path) in &files {
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(table, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    table.push(']');
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&out).join("std.rs"), table)?;
    fs::write(Path::new(&out).join("pages.rs"), pages()?)
}

/// The pages beside the laws, by slug: a page is documentation, the text of `explain`, and a test.
fn pages() -> io::Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "md") {
            files.push(path);
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for path in &files {
        let slug = path.file_stem().unwrap_or_default().to_string_lossy();
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(table, "    ({slug:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    table.push(']');
    Ok(table)
}
