//! What a workspace was at a revision of git: read through the `git` program, by argument, never through a
//! shell, and never more than the limits of a catalogue allow. Nothing is checked out and nothing is written.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use ordain_spec::check::{check, read_workspace};
use ordain_spec::folder::{BYTES, FILES};
use ordain_spec::kind::workspace::WorkspaceSpec;
use ordain_spec::scan::FILE_BYTES;
use ordain_spec::source::{FileId, Notation, SourceFile, Sources};
use ordain_spec::workspace::FILE as WORKSPACE;

use crate::subject::Subject;

/// The most bytes that a list of files may have.
const LIST_BYTES: u64 = 16 << 20;

/// Why there is no other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRevision {
    /// No git.
    #[error("`git` cannot be started: {0}")]
    NoGit(String),
    /// No repository.
    #[error("`{0}` lies in no git repository, so there is no revision to compare with")]
    NoRepository(String),
    /// No such revision.
    #[error("there is no revision `{0}` in this git repository")]
    Unknown(String),
    /// More than is read.
    #[error("revision `{0}` cannot be read: {1}")]
    Unreadable(String, String),
}

/// The workspace in `root` as it was at `revision`; its catalogue is empty where it was not there yet.
///
/// # Errors
/// When git, the repository or the revision is not there, or more would have to be read than a catalogue
/// may hold.
pub fn workspace(root: &Path, revision: &str) -> Result<Subject, NoRevision> {
    let side = Side::open(root, revision)?;
    let operator = side.read(&[WORKSPACE])?.into_iter().next();
    let spec = operator.as_ref().and_then(|file| read_workspace(FileId(0), file, &mut Vec::new()));
    let spec = spec.unwrap_or_else(WorkspaceSpec::standard);
    let folders = spec.catalogue.iter().map(|folder| &*folder.value);
    let folders: Vec<&str> = folders.map(|folder| folder.strip_prefix("./").unwrap_or(folder)).collect();
    let own: Vec<&str> = folders.iter().copied().filter(|folder| *folder != "std").collect();
    let mut files = if own.is_empty() { Vec::new() } else { side.read(&own)? };
    if folders.contains(&"std") {
        files.extend(ordain_spec::std_set::files());
    }
    Ok(subject(files, operator))
}

/// Loose files as they were at `revision`, each by its own path; those that were not there are left out.
///
/// # Errors
/// As [`workspace`].
pub fn files(base: &Path, paths: &[String], revision: &str) -> Result<Subject, NoRevision> {
    let side = Side::open(base, revision)?;
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    Ok(subject(side.read(&paths)?, None))
}

fn subject(mut files: Vec<SourceFile>, operator: Option<SourceFile>) -> Subject {
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut sources = Sources::default();
    for file in files {
        sources.add(file);
    }
    Subject::of(check(sources), operator)
}

/// One revision, seen from one folder.
struct Side<'a> {
    folder: &'a Path,
    given: &'a str,
    commit: String,
}

impl<'a> Side<'a> {
    fn open(folder: &'a Path, given: &'a str) -> Result<Self, NoRevision> {
        let side = Self { folder, given, commit: String::new() };
        if side.run(&["rev-parse", "--is-inside-work-tree"], None)?.is_none() {
            return Err(NoRevision::NoRepository(folder.display().to_string()));
        }
        let unknown = || NoRevision::Unknown(given.to_owned());
        // What begins with a dash would be an option of git.
        let named = format!("{given}^{{commit}}");
        if given.starts_with('-') || given.is_empty() {
            return Err(unknown());
        }
        let commit = side.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named], None)?;
        let commit = commit.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(unknown)?;
        Ok(Self { commit: commit.trim().to_owned(), ..side })
    }

    /// The spec files at or below these paths, with paths relative to the folder.
    fn read(&self, paths: &[&str]) -> Result<Vec<SourceFile>, NoRevision> {
        let mut list = vec!["ls-tree", "-r", "-z", &self.commit, "--"];
        list.extend(paths);
        let listed = self.run(&list, None)?.unwrap_or_default();
        let mut wanted: Vec<(String, String)> = Vec::new();
        for entry in listed.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            let Some((head, path)) = entry.split_once('\t') else { continue };
            let mut head = head.split(' ');
            let (mode, kind, object) = (head.next(), head.next(), head.next());
            let hidden = path.split('/').any(|part| part.starts_with('.'));
            // Links and submodules lead elsewhere.
            let is_file = kind == Some("blob") && mode.is_some_and(|mode| mode.starts_with("100"));
            if let Some(object) = object.filter(|_| is_file && !hidden && Notation::of_path(path).is_some()) {
                wanted.push((object.to_owned(), path.to_owned()));
            }
        }
        if wanted.len() > FILES {
            return Err(self.unreadable(format!("it has more than {FILES} files")));
        }
        if wanted.is_empty() { Ok(Vec::new()) } else { self.contents(&wanted) }
    }

    fn contents(&self, wanted: &[(String, String)]) -> Result<Vec<SourceFile>, NoRevision> {
        let asked: String = wanted.iter().map(|(object, _)| format!("{object}\n")).collect();
        let bytes = self.run(&["cat-file", "--batch"], Some(asked))?.unwrap_or_default();
        let (mut rest, mut files) = (bytes.as_slice(), Vec::new());
        for (_, path) in wanted {
            let cut = || self.unreadable("git gave less than it was asked for".to_owned());
            let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(cut)?;
            let head = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
            let size: usize = head.rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or_else(cut)?;
            let body = rest.get(end + 1..end + 1 + size).ok_or_else(cut)?;
            files.push(file(path.clone(), body));
            rest = rest.get(end + 2 + size..).unwrap_or_default();
        }
        Ok(files)
    }

    fn unreadable(&self, why: String) -> NoRevision {
        NoRevision::Unreadable(self.given.to_owned(), why)
    }

    /// What git says; `None` where it refuses. Reads no more than the limits allow.
    fn run(&self, arguments: &[&str], input: Option<String>) -> Result<Option<Vec<u8>>, NoRevision> {
        let failed = |error: &std::io::Error| NoRevision::NoGit(error.to_string());
        let mut command = Command::new("git");
        command.arg("-C").arg(self.folder).args(["-c", "core.quotePath=false", "--literal-pathspecs"]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let stdin = child.stdin.take();
        let writer = std::thread::spawn(move || {
            if let (Some(mut stdin), Some(input)) = (stdin, input) {
                // Where git goes early, its exit says so.
                let _closed = stdin.write_all(input.as_bytes());
            }
        });
        let limit = BYTES as u64 + LIST_BYTES;
        let mut bytes = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(limit + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        }
        if bytes.len() as u64 > limit {
            let _gone = child.kill();
            let _reaped = child.wait();
            return Err(self.unreadable(format!("it has more than {BYTES} bytes")));
        }
        let _joined = writer.join();
        let status = child.wait().map_err(|error| failed(&error))?;
        Ok(status.success().then_some(bytes))
    }
}

/// A file from its bytes, as the files of a folder are.
fn file(path: String, bytes: &[u8]) -> SourceFile {
    let notation = Notation::of_path(&path).unwrap_or(Notation::Yaml);
    SourceFile::of_bytes(path, bytes.get(..bytes.len().min(FILE_BYTES + 1)).unwrap_or_default(), notation)
}
