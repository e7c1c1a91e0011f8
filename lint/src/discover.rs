//! Which files make up which catalogue. A folder with an `ordain.yaml` is a workspace and its own
//! catalogue; a path inside one checks all of it and reports what lies under the path; other files
//! together are one catalogue. Nothing that was asked for is passed over in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ordain_spec::folder::{BYTES, FILES};
use ordain_spec::scan::FILE_BYTES;
use ordain_spec::source::{Notation, Refusal, SourceFile, Sources};
use ordain_spec::unread::{self, Named};
use ordain_spec::workspace::FILE as WORKSPACE;

use crate::against::{self, NoRevision};
use crate::judge::weighed;
use crate::kept::Kept;
use crate::report::{Allowed, Finding, Group, Report, shown};
use crate::rules::{self, Context};
use crate::subject::Subject;
use crate::suppress::Passed;

/// What lint is asked for besides the paths.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The instant at which expiries are judged. Lint itself reads no clock.
    pub as_of: Timestamp,
    /// Remarks too: some of them cost as much as everything else.
    pub remarks: bool,
    /// The revision of git to compare with.
    pub against: Option<String>,
}

/// Why nothing could be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlintable {
    /// A path that cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    Unreadable {
        /// As it was given.
        path: String,
        /// What the system says.
        why: String,
    },
    /// Standard input, or a pipe.
    #[error("`{path}` is no file: lint reads files, as the engine does; editors speak with `ordain lsp`")]
    NoFile {
        /// As it was given.
        path: String,
    },
    /// A file that is no spec.
    #[error("`{path}` is no spec file: specs end in `.yaml`, `.yml` or `.kdl`, in small letters")]
    NoSpec {
        /// As it was given.
        path: String,
    },
    /// A path inside a workspace, but outside of its catalogue.
    #[error("`{path}` holds no file of the catalogue of workspace `{workspace}`")]
    NotOfCatalogue {
        /// As it was given.
        path: String,
        /// The workspace.
        workspace: String,
    },
    /// Nothing to compare with.
    #[error(transparent)]
    NoRevision(#[from] NoRevision),
    /// No file at all.
    #[error("there is nothing to check: no spec file under {paths}")]
    Nothing {
        /// As they were given.
        paths: String,
    },
}

/// Checks what `paths` hold. They are relative to `base`, and so are the paths in the report. Without
/// paths: the workspace that `base` lies in, or else `base`.
///
/// # Errors
///
/// When a path cannot be read or holds nothing that could be checked: silence would look like success.
pub fn lint(base: &Path, paths: &[PathBuf], asked: &Asked) -> Result<Report, Unlintable> {
    Known::default().lint(base, paths, asked)
}

/// Catalogues that were looked at, each with what is kept of it: who looks again and again reads anew only what
/// changed.
#[derive(Debug, Default)]
pub struct Known {
    /// By the folder of the workspace; loose files, which have none, by the empty path.
    kept: BTreeMap<PathBuf, Kept>,
}

impl Known {
    /// As [`lint`], and says exactly what it says.
    ///
    /// # Errors
    ///
    /// As [`lint`].
    pub fn lint(&mut self, base: &Path, paths: &[PathBuf], asked: &Asked) -> Result<Report, Unlintable> {
        let base = real(base, base)?;
        let mut search = Search { base: &base, asked, workspaces: BTreeMap::new(), found: BTreeMap::new() };
        if paths.is_empty() {
            search.add(&above(&base).unwrap_or_else(|| base.clone()), &base)?;
        }
        for path in paths {
            let found = real(&base.join(path), path).map_err(|error| match path.to_str() {
                Some("-") => Unlintable::NoFile { path: "-".to_owned() },
                _ => error,
            })?;
            search.add(&found, path)?;
        }
        let report = search.finish(&mut self.kept)?;
        if report.groups.is_empty() {
            let given: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
            let paths = if given.is_empty() { "`.`".to_owned() } else { given.join(", ") };
            return Err(Unlintable::Nothing { paths });
        }
        Ok(report)
    }
}

fn real(path: &Path, given: &Path) -> Result<PathBuf, Unlintable> {
    std::fs::canonicalize(path).map_err(|error| unreadable(given, &error))
}

fn unreadable(given: &Path, error: &std::io::Error) -> Unlintable {
    Unlintable::Unreadable { path: given.display().to_string(), why: plain(error) }
}

/// The words of an error without the number of the system.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The nearest folder at or above that holds an operator's file.
fn above(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join(WORKSPACE).is_file()).map(Path::to_path_buf)
}

/// Paths inside of a workspace, each with its word as given.
type Wanted = BTreeMap<PathBuf, String>;

struct Search<'b> {
    base: &'b Path,
    asked: &'b Asked,
    /// Workspaces and the paths whose findings are wanted; none for all. With each its word as given.
    workspaces: BTreeMap<PathBuf, Option<Wanted>>,
    /// Files outside of workspaces; true for those that were given one by one.
    found: BTreeMap<PathBuf, bool>,
}

impl Search<'_> {
    fn add(&mut self, path: &Path, given: &Path) -> Result<(), Unlintable> {
        if !path.is_dir() && !path.is_file() {
            return Err(Unlintable::NoFile { path: given.display().to_string() });
        }
        if let Some(root) = above(path) {
            if root == path {
                self.workspaces.insert(root, None);
            } else if let Some(wanted) = self.workspaces.entry(root).or_insert_with(|| Some(Wanted::new())) {
                wanted.insert(path.to_path_buf(), given.display().to_string());
            }
        } else if path.is_file() {
            if Notation::of_path(&path.to_string_lossy()).is_none() {
                return Err(Unlintable::NoSpec { path: given.display().to_string() });
            }
            self.found.insert(path.to_path_buf(), true);
        }
        if path.is_dir() {
            self.walk(path, above(path).is_some(), 0)?;
        }
        Ok(())
    }

    /// Workspaces below, and files that belong to none. `inside` of a workspace all files are its own. How deep folders
    /// are nested is bounded by how long a path may be.
    fn walk(&mut self, folder: &Path, inside: bool, depth: usize) -> Result<(), Unlintable> {
        let is_workspace = folder.join(WORKSPACE).is_file();
        let inside = inside || is_workspace;
        if is_workspace && depth > 0 {
            self.workspaces.insert(folder.to_path_buf(), None);
        }
        let name = self.shown(folder);
        let failed = |error: &std::io::Error| unreadable(Path::new(&name), error);
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| failed(&error))? {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let kind = entry.file_type().map_err(|error| failed(&error))?;
            // Links are not followed: what they lead to is checked where it is.
            if kind.is_dir() && !hidden {
                self.walk(&entry.path(), inside, depth + 1)?;
            } else if !kind.is_dir() && !kind.is_symlink() && !inside {
                self.found.entry(entry.path()).or_insert(false);
            }
        }
        Ok(())
    }

    /// A path relative to the caller's folder where it lies below it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.base).unwrap_or(path).display().to_string()
    }

    /// What is kept of folders that are not asked for any more is let go.
    fn finish(self, kept: &mut BTreeMap<PathBuf, Kept>) -> Result<Report, Unlintable> {
        let nowhere = PathBuf::new();
        kept.retain(|root, _| *root == nowhere || self.workspaces.contains_key(root));
        let mut groups = Vec::new();
        for (root, wanted) in &self.workspaces {
            let kept = kept.entry(root.clone()).or_default();
            if let Some(group) = self.workspace(kept, root, wanted.as_ref())? {
                groups.push(group);
            }
        }
        let loose = self.read();
        if !loose.is_empty() {
            groups.push(self.loose(kept.entry(nowhere).or_default(), &loose)?);
        }
        Ok(Report { groups })
    }

    /// One workspace. `None` where it holds no file at all.
    fn workspace(
        &self,
        kept: &mut Kept,
        root: &Path,
        wanted: Option<&Wanted>,
    ) -> Result<Option<Group>, Unlintable> {
        let shown_root = self.shown(root);
        let subject = kept.workspace(root);
        let before = match &self.asked.against {
            Some(revision) => Some(against::workspace(root, revision)?),
            None => None,
        };
        let (mut findings, mut passed) = self.judge(&subject, before.as_ref(), &shown_root);
        let is_wanted = |path: &str| {
            wanted.is_none_or(|wanted| root.join(path).ancestors().any(|folder| wanted.contains_key(folder)))
        };
        if let Some(wanted) = wanted {
            let paths: Vec<PathBuf> = own_files(&subject.sources).map(|file| root.join(&file.path)).collect();
            let holds: BTreeSet<&Path> = paths.iter().flat_map(|path| path.ancestors()).collect();
            if let Some((_, given)) = wanted.iter().find(|(under, _)| !holds.contains(&***under)) {
                let workspace = shown(&shown_root, "");
                return Err(Unlintable::NotOfCatalogue { path: given.clone(), workspace });
            }
        }
        let is_about = |finding: &Finding| {
            let file = finding.diagnostic.primary.as_ref().and_then(|label| finding.file(label.span));
            file.is_none_or(|file| is_wanted(&file.path))
        };
        findings.retain(is_about);
        passed.retain(|allowed| is_about(&allowed.finding));
        let specs = rules::specs(&subject.checked.declarations);
        let specs = specs.iter().filter(|spec| is_wanted(&spec.file.path)).count();
        let files = own_files(&subject.sources).filter(|file| is_wanted(&file.path)).count();
        let deny = subject.workspace.iter().flat_map(|spec| &spec.lint.deny);
        let deny = deny.map(|word| Arc::clone(&word.value)).collect();
        let wanted = own_files(&subject.sources).map(|file| file.path.clone());
        let wanted = wanted.filter(|path| is_wanted(path)).collect();
        Ok((files > 0).then_some(Group {
            root: shown_root,
            findings,
            passed,
            files,
            specs,
            deny,
            subject,
            before,
            wanted,
        }))
    }

    /// The files outside of workspaces. Past what a catalogue may hold nothing more is read: by law it is refused.
    fn read(&self) -> Sources {
        let (mut sources, mut bytes) = (Sources::default(), 0);
        for (path, given) in &self.found {
            if sources.len() > FILES || bytes > BYTES {
                break;
            }
            let name = self.shown(path);
            let file = if *given { Some(file(path, name)) } else { by_its_name(path, name) };
            if let Some(file) = file {
                bytes += file.text.len();
                sources.add(file);
            }
        }
        sources
    }

    fn loose(&self, kept: &mut Kept, sources: &Sources) -> Result<Group, Unlintable> {
        let subject = kept.files(sources, None);
        let before = match &self.asked.against {
            Some(revision) => {
                let paths: Vec<String> = own_files(sources).map(|file| file.path.clone()).collect();
                Some(against::files(self.base, &paths, revision)?)
            }
            None => None,
        };
        let (findings, passed) = self.judge(&subject, before.as_ref(), "");
        let specs = rules::specs(&subject.checked.declarations).len();
        let wanted = own_files(&subject.sources).map(|file| file.path.clone()).collect();
        let files = sources.len();
        let root = String::new();
        Ok(Group { root, findings, passed, files, specs, deny: Vec::new(), subject, before, wanted })
    }

    /// All that is wrong with a subject: with the operator's file, by law, and by rule.
    fn judge(&self, subject: &Subject, before: Option<&Subject>, root: &str) -> (Vec<Finding>, Vec<Allowed>) {
        let mut cx = Context::new(subject, self.asked.as_of, before);
        cx.remarks = self.asked.remarks;
        let finding =
            |diagnostic| Finding { diagnostic, sources: Arc::clone(&subject.sources), root: root.to_owned() };
        let (found, passed) = weighed(&cx);
        let allowed = |passed: Passed| Allowed {
            finding: finding(passed.diagnostic),
            reason: passed.reason,
            comment: passed.comment,
        };
        let passed = passed.into_iter().map(allowed).collect();
        (found.into_iter().map(finding).collect(), passed)
    }
}

/// The files of a folder: those of the built-in set are nobody's to mend.
fn own_files(sources: &Sources) -> impl Iterator<Item = &SourceFile> {
    sources.iter().map(|(_, file)| file).filter(|file| !file.path.starts_with("std:"))
}

/// A file of a folder outside of any catalogue; `None` where its name says that it is no spec.
fn by_its_name(path: &Path, name: String) -> Option<SourceFile> {
    match unread::named(&name) {
        Named::Other => None,
        Named::Spec(_) => Some(file(path, name)),
        Named::Capitals(_) | Named::Hidden(_) => unread::file(&name, &file(path, name.clone()).text),
    }
}

/// A file outside of any catalogue folder, read within its limit.
fn file(path: &Path, name: String) -> SourceFile {
    let notation = Notation::of_path(&name).unwrap_or(Notation::Yaml);
    let (message, help) = match contents(path) {
        // Two such names can be shown as one.
        _ if path.to_str().is_none() => (format!("the name of `{name}` is no UTF-8"), "rename it"),
        Ok(bytes) => return SourceFile::of_bytes(name, &bytes, notation),
        Err(error) => (format!("`{name}` cannot be read: {}", plain(&error)), "make it a readable file"),
    };
    SourceFile::refused(name, "".into(), notation, Refusal { code: "unparsable-file", at: 0, message, help })
}

/// The bytes of a regular file, one more than the limit at most: opening a pipe would wait for its writer.
pub(crate) fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    if !path.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
