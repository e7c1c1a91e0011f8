//! Reads the files of catalogue folders. The only module of this crate that touches the file system;
//! must never follow a link out of a folder, and must never read more than the limits allow.
//!
//! What cannot be read is no error here: the file is kept with its refusal, and `check` reports it, so
//! that nobody can go on with a part of a catalogue by forgetting to look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::parallel;
use crate::scan::FILE_BYTES;
use crate::source::{Notation, Refusal, SourceFile, Sources};
use crate::unread::{self, Named};

/// The name of the operator's file.
const WORKSPACE: &str = crate::workspace::FILE;
/// The most files of a catalogue.
pub const FILES: usize = 5_000;
/// The most bytes of a catalogue.
pub const BYTES: usize = 32 << 20;
/// The most folders that are looked into: links can make few of them many.
pub const FOLDERS: usize = 20_000;
/// So many files are worth a worker.
const MANY: usize = 64;
/// The deepest folder below a catalogue folder.
const FOLDER_DEPTH: usize = 32;

/// The spec files of `folders` below `workspace`, in the order of their paths: `*.yaml`, `*.yml` and `*.kdl`.
/// Folders whose names begin with a dot are passed over; what [`unread`] says hides a spec is there, refused.
#[must_use]
pub fn read(workspace: &Path, folders: &[impl AsRef<str>]) -> Sources {
    let mut reader = Reader::default();
    for folder in folders {
        let name = folder.as_ref().trim_end_matches('/');
        reader.folder(&workspace.join(name), name);
    }
    let mut sources = Sources::default();
    for file in reader.read().into_values() {
        sources.add(file);
    }
    sources
}

/// The nearest folder at or above `start` that holds an operator's file.
#[must_use]
pub fn workspace_above(start: &Path) -> Option<PathBuf> {
    let start = fs::canonicalize(start).ok()?;
    start.ancestors().find(|folder| folder.join(WORKSPACE).is_file()).map(Path::to_path_buf)
}

/// The operator's file in the folder `root`, if there is one; kept with its refusal where it cannot be read, or
/// where its name is not quite the one that is read: without the file its grants and its profile would not hold.
#[must_use]
pub fn workspace_file(root: &Path) -> Option<SourceFile> {
    let path = root.join(WORKSPACE);
    if fs::symlink_metadata(&path).is_err() {
        return misnamed(root);
    }
    let mut reader = Reader::default();
    match fs::metadata(&path) {
        Ok(metadata) => reader.file(path, metadata.file_type(), WORKSPACE.to_owned()),
        Err(error) => reader.unreadable(WORKSPACE, &error),
    }
    reader.read().into_values().next()
}

/// A file that somebody took for the operator's.
fn misnamed(root: &Path) -> Option<SourceFile> {
    let names = fs::read_dir(root).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let taken_for_it = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.strip_prefix("ordain.").is_some_and(|ending| matches!(ending, "yaml" | "yml" | "kdl"))
    };
    let name = names.filter(taken_for_it).min()?;
    let refusal = Refusal {
        code: "file-not-read",
        at: 0,
        message: format!("`{name}` is not read: the operator's file is `{WORKSPACE}`"),
        help: "rename it to `ordain.yaml`; it is written in YAML",
    };
    // Opening a pipe would wait for its writer.
    let path = Some(root.join(&name)).filter(|path| path.is_file());
    let text =
        path.and_then(|path| contents(&path).ok()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let notation = Notation::of_path(&name.to_ascii_lowercase()).unwrap_or(Notation::Yaml);
    Some(SourceFile::refused(name, text.unwrap_or_default().into(), notation, refusal))
}

/// Finds the files first, then reads them.
#[derive(Default)]
struct Reader {
    /// What is refused, whatever it holds.
    files: BTreeMap<String, SourceFile>,
    /// Regular files to read, all links resolved.
    found: BTreeMap<String, PathBuf>,
    /// Folders that were looked into.
    folders: usize,
    full: bool,
}

/// Where a walk is.
struct Place<'a> {
    /// The catalogue folder itself, all links resolved: nothing outside of it is read.
    root: &'a Path,
    /// Folders above, all links resolved: a link back to one of them is a loop.
    above: BTreeSet<PathBuf>,
}

impl Reader {
    fn folder(&mut self, path: &Path, name: &str) {
        match fs::canonicalize(path) {
            Ok(root) if root.is_dir() => {
                let mut place = Place { root: &root, above: BTreeSet::from([root.clone()]) };
                self.walk(&root, name, &mut place);
            }
            Ok(_) => self.refuse(name, "the catalogue's folder is no folder", "name a folder in `catalogue`"),
            Err(error) => {
                let message = format!("the catalogue's folder `{name}` cannot be read: {}", plain(&error));
                self.refuse(name, &message, "make the folder, or name another one in `catalogue`");
            }
        }
    }

    fn walk(&mut self, folder: &Path, name: &str, place: &mut Place<'_>) {
        self.folders += 1;
        if self.folders > FOLDERS {
            return self.stop(format!("the catalogue has more than {FOLDERS} folders"));
        }
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("the folder `{name}` cannot be read: {}", plain(&error));
                return self.refuse(name, &message, "make it readable");
            }
        };
        let mut entries: Vec<_> =
            entries.iter().map(|entry| (entry.file_name(), entry.file_type())).collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (entry, kind) in entries {
            let shown = entry.to_string_lossy();
            let hidden = shown.starts_with('.');
            let looks_like_a_spec = unread::named(&shown) != Named::Other;
            if self.full || (hidden && !looks_like_a_spec) {
                continue;
            }
            let path = folder.join(&entry);
            let below = if name.is_empty() { shown.to_string() } else { format!("{name}/{shown}") };
            let leads_on = kind.as_ref().is_ok_and(|kind| kind.is_dir() || kind.is_symlink());
            if entry.to_str().is_none() && (looks_like_a_spec || leads_on) {
                // Two such names can be shown as one, and one of the two would not be read.
                let message = format!("the name of `{below}` is no UTF-8");
                self.refuse(&below, &message, "rename it");
                continue;
            }
            match kind.and_then(|kind| resolve(path, kind, place.root)) {
                Ok(Some((_, kind))) if kind.is_dir() && hidden => {}
                Ok(Some((real, kind))) if kind.is_dir() => self.descend(&real, &below, place),
                Ok(Some((real, kind))) => self.file(real, kind, below),
                Ok(None) if looks_like_a_spec => {
                    let message = format!("`{below}` is a link that leads out of the catalogue");
                    self.refuse(&below, &message, "put the file itself into the catalogue");
                }
                Ok(None) => {}
                // Editors lock a file by a hidden link that leads nowhere.
                Err(error) if looks_like_a_spec && !hidden => self.unreadable(&below, &error),
                Err(_) => {}
            }
        }
    }

    fn descend(&mut self, real: &Path, below: &str, place: &mut Place<'_>) {
        if place.above.len() > FOLDER_DEPTH {
            return self.refuse(below, "the folders are nested too deeply", "flatten them");
        }
        if place.above.insert(real.to_path_buf()) {
            self.walk(real, below, place);
            place.above.remove(real);
        } else {
            self.refuse(below, "a link to a folder above leads in a circle", "remove the link");
        }
    }

    fn file(&mut self, real: PathBuf, kind: FileType, below: String) {
        let known = self.files.contains_key(&below) || self.found.contains_key(&below);
        if known || unread::named(&below) == Named::Other {
            return;
        }
        if self.files.len() + self.found.len() >= FILES {
            return self.stop(format!("the catalogue has more than {FILES} files"));
        }
        // Opening a pipe would wait for its writer.
        if kind.is_file() {
            self.found.insert(below, real);
        } else {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            self.unreadable(&below, &error);
        }
    }

    /// All that was found, in the order of paths.
    fn read(mut self) -> BTreeMap<String, SourceFile> {
        let found: Vec<(String, PathBuf)> = std::mem::take(&mut self.found).into_iter().collect();
        let bytes = AtomicUsize::new(0);
        let read = parallel::map(&found, MANY, |(below, real)| {
            // Past the limit nothing more is held in memory.
            let before = bytes.load(Ordering::Relaxed);
            (before <= BYTES).then(|| {
                contents(real).map(|read| {
                    bytes.fetch_add(read.len(), Ordering::Relaxed);
                    source(below, &read)
                })
            })
        });
        for ((below, _), read) in found.iter().zip(read.into_iter().flatten()) {
            match read {
                Ok(file) => self.files.extend(file.map(|file| (below.clone(), file))),
                Err(error) => self.unreadable(below, &error),
            }
        }
        if bytes.into_inner() > BYTES {
            // Which were read is chance.
            self.files.clear();
            self.stop(format!("the catalogue has more than {BYTES} bytes"));
        }
        self.files
    }

    fn unreadable(&mut self, below: &str, error: &io::Error) {
        let message = format!("`{below}` cannot be read: {}", plain(error));
        self.refuse(below, &message, "make it a readable file, or remove it");
    }

    fn refuse(&mut self, path: &str, message: &str, help: &'static str) {
        let refusal = Refusal { code: "unparsable-file", at: 0, message: message.to_owned(), help };
        self.files.insert(
            path.to_owned(),
            SourceFile::refused(path.to_owned(), "".into(), Notation::Yaml, refusal),
        );
    }

    fn stop(&mut self, message: String) {
        self.full = true;
        let refusal = Refusal { code: "too-large-or-deep", at: 0, message, help: "split the catalogue" };
        self.files
            .insert(String::new(), SourceFile::refused(String::new(), "".into(), Notation::Yaml, refusal));
    }
}

/// What an entry of a folder means with links followed; `None` for a link that leads out of `root`. The folder's own
/// path holds no link.
fn resolve(path: PathBuf, kind: FileType, root: &Path) -> io::Result<Option<(PathBuf, FileType)>> {
    if !kind.is_symlink() {
        return Ok(Some((path, kind)));
    }
    let real = fs::canonicalize(path)?;
    if !real.starts_with(root) {
        return Ok(None);
    }
    let kind = fs::metadata(&real)?.file_type();
    Ok(Some((real, kind)))
}

/// The bytes of a regular file, one more than the limit at most.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    // Nearly all specs are smaller: one read takes them whole, and another finds that nothing is left.
    let mut bytes = Vec::with_capacity(4 << 10);
    File::open(path)?.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file from its bytes. `None` where it is none of Ordain's.
fn source(path: &str, bytes: &[u8]) -> Option<SourceFile> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return unread::file(path, text);
    }
    let file = unread::file(path, &String::from_utf8_lossy(bytes))?;
    Some(if file.refusal.is_some() { file } else { SourceFile::of_bytes(file.path, bytes, file.notation) })
}

/// The words of an error without the number of the system.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests write files")]
    use super::*;

    fn paths(sources: &Sources) -> Vec<(&str, Option<&'static str>)> {
        sources
            .iter()
            .map(|(_, file)| (file.path.as_str(), file.refusal.as_ref().map(|refusal| refusal.code)))
            .collect()
    }

    #[test]
    fn files_come_in_the_order_of_their_paths_and_others_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let specs = root.path().join("specs");
        fs::create_dir_all(specs.join("b")).unwrap();
        for name in ["z.yaml", "b/a.kdl", "b/c.yml", "README.md", ".hidden.yaml"] {
            fs::write(specs.join(name), "a: 1\n").unwrap();
        }
        // What other programs hide, and hidden folders, are not looked into.
        fs::create_dir_all(specs.join(".git")).unwrap();
        fs::write(specs.join(".git/a.yaml"), "apiVersion: ordain/v1\n").unwrap();
        fs::write(specs.join("bad.yaml"), b"a: \xff\n").unwrap();
        let sources = read(root.path(), &["specs"]);
        assert_eq!(
            paths(&sources),
            [
                ("specs/b/a.kdl", None),
                ("specs/b/c.yml", None),
                ("specs/bad.yaml", Some("not-utf8")),
                ("specs/z.yaml", None)
            ]
        );
    }

    #[test]
    fn what_looks_like_a_spec_and_is_not_read_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let specs = root.path().join("specs");
        fs::create_dir(&specs).unwrap();
        for name in [".deny.yaml", ".late.YML", "deny.YAML", "deny.kdl"] {
            fs::write(specs.join(name), "# apiVersion: ordain/v1\n").unwrap();
        }
        fs::write(specs.join(".bytes.yaml"), b"apiVersion: ordain/v1 \xff\n").unwrap();
        fs::write(specs.join(".other.yaml"), b"\xff\n").unwrap();
        let refused = Some("file-not-read");
        assert_eq!(
            paths(&read(root.path(), &["specs"])),
            [
                ("specs/.bytes.yaml", refused),
                ("specs/.deny.yaml", refused),
                ("specs/.late.YML", refused),
                ("specs/deny.YAML", refused),
                ("specs/deny.kdl", None)
            ]
        );
    }

    #[test]
    fn an_operators_file_under_another_name_is_refused() {
        for (name, due) in [
            ("ordain.yaml", Some(None)),
            ("ordain.yml", Some(Some("file-not-read"))),
            ("Ordain.YAML", Some(Some("file-not-read"))),
            ("ordain.kdl", Some(Some("file-not-read"))),
            ("ordain.yaml.example", None),
            ("ordain.json", None),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join(name), "apiVersion: ordain/v1\n").unwrap();
            let found = workspace_file(root.path());
            assert_eq!(found.map(|file| file.refusal.map(|refusal| refusal.code)), due, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere_outside_and_in_no_circle() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let specs = root.path().join("specs");
        fs::create_dir_all(specs.join("..data")).unwrap();
        fs::create_dir_all(specs.join("sub")).unwrap();
        fs::write(root.path().join("outside.yaml"), "a: 1\n").unwrap();
        fs::write(specs.join("..data/in.yaml"), "a: 1\n").unwrap();
        symlink(root.path().join("outside.yaml"), specs.join("out.yaml")).unwrap();
        symlink("..data/in.yaml", specs.join("in.yaml")).unwrap();
        symlink("nowhere", specs.join("gone.yaml")).unwrap();
        symlink("ann@desk.415:1", specs.join(".#in.yaml")).unwrap();
        symlink(root.path().join("outside.yaml"), specs.join(".out.yaml")).unwrap();
        symlink("..", specs.join("sub/up")).unwrap();
        let sources = read(root.path(), &["specs"]);
        assert_eq!(
            paths(&sources),
            [
                ("specs/.out.yaml", Some("unparsable-file")),
                ("specs/gone.yaml", Some("unparsable-file")),
                ("specs/in.yaml", None),
                ("specs/out.yaml", Some("unparsable-file")),
                ("specs/sub/up", Some("unparsable-file"))
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_do_not_make_few_folders_many() {
        let root = tempfile::tempdir().unwrap();
        let specs = root.path().join("specs");
        for level in 0..20 {
            let here = specs.join(format!("{level}"));
            fs::create_dir_all(&here).unwrap();
            for name in ["a", "b"] {
                std::os::unix::fs::symlink(format!("../{}", level + 1), here.join(name)).unwrap();
            }
        }
        assert_eq!(paths(&read(root.path(), &["specs"])).first(), Some(&("", Some("too-large-or-deep"))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let root = tempfile::tempdir().unwrap();
        let specs = root.path().join("specs");
        fs::create_dir(&specs).unwrap();
        let odd = |bytes: &[u8]| specs.join(std::ffi::OsStr::from_bytes(bytes));
        for name in [&b"a\xff.yaml"[..], b"a\xfe.yaml", b"b\xff.txt"] {
            fs::write(odd(name), "a: 1\n").unwrap();
        }
        fs::create_dir(odd(b"c\xff")).unwrap();
        let refused = Some("unparsable-file");
        assert_eq!(
            paths(&read(root.path(), &["specs"])),
            [("specs/a\u{fffd}.yaml", refused), ("specs/c\u{fffd}", refused)]
        );
    }

    #[test]
    fn a_missing_folder_and_too_many_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(paths(&read(root.path(), &["specs"])), [("specs", Some("unparsable-file"))]);
        let specs = root.path().join("specs");
        fs::create_dir(&specs).unwrap();
        for number in 0..=FILES {
            fs::write(specs.join(format!("{number}.yaml")), "").unwrap();
        }
        let sources = read(root.path(), &["specs"]);
        assert_eq!(paths(&sources).first(), Some(&("", Some("too-large-or-deep"))));
    }

    #[test]
    fn a_file_past_the_limit_is_not_read_to_its_end() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("specs")).unwrap();
        fs::write(root.path().join("specs/a.yaml"), "é".repeat(FILE_BYTES)).unwrap();
        let sources = read(root.path(), &["specs"]);
        let (id, file) = sources.iter().next().unwrap();
        let mut sink = Vec::new();
        assert!(!crate::scan::scan(id, &file.text, &mut sink));
        assert_eq!(sink.first().map(|problem| problem.code), Some("too-large-or-deep"));
    }
}
