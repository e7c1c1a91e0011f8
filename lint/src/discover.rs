//! Which files make up which catalogue. A folder with an `ordain.yaml` is a workspace and its own
//! catalogue; a path inside one checks all of it and reports what lies under the path; other files
//! together are one catalogue. Nothing that was asked for is passed over in silence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
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

/// The deepest folder below a path.
const DEPTH: usize = 32;

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
        let mut search = Search { base: &base, asked, workspaces: BTreeMap::new(), loose: BTreeMap::new() };
        if paths.is_empty() {
            search.add(&above(&base).unwrap_or_else(|| base.clone()), &base)?;
        }
        for path in paths {
            let found = real(&base.join(path), path)?;
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
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    Unlintable::Unreadable { path: given.display().to_string(), why }
}

/// The nearest folder at or above that holds an operator's file.
fn above(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.join(WORKSPACE).is_file()).map(Path::to_path_buf)
}

struct Search<'b> {
    base: &'b Path,
    asked: &'b Asked,
    /// Workspaces and the paths whose findings are wanted; none for all. With each its word as given.
    workspaces: BTreeMap<PathBuf, Option<Vec<(PathBuf, String)>>>,
    /// Files outside of workspaces.
    loose: BTreeMap<PathBuf, SourceFile>,
}

impl Search<'_> {
    fn add(&mut self, path: &Path, given: &Path) -> Result<(), Unlintable> {
        if let Some(root) = above(path) {
            if root == path {
                self.workspaces.insert(root, None);
            } else if let Some(wanted) = self.workspaces.entry(root).or_insert_with(|| Some(Vec::new())) {
                wanted.push((path.to_path_buf(), given.display().to_string()));
            }
        } else if path.is_file() {
            if Notation::of_path(&path.to_string_lossy()).is_none() {
                return Err(Unlintable::NoSpec { path: given.display().to_string() });
            }
            self.loose.insert(path.to_path_buf(), file(path, self.shown(path)));
        }
        if path.is_dir() {
            self.walk(path, given, 0)?;
        }
        Ok(())
    }

    /// Workspaces below, and files that belong to none.
    fn walk(&mut self, folder: &Path, given: &Path, depth: usize) -> Result<(), Unlintable> {
        let inside = above(folder).is_some();
        if inside && folder.join(WORKSPACE).is_file() && depth > 0 {
            self.workspaces.insert(folder.to_path_buf(), None);
        }
        let entries = std::fs::read_dir(folder).map_err(|error| unreadable(given, &error))?;
        let entries = entries.filter_map(Result::ok);
        let mut entries: Vec<_> =
            entries.filter_map(|entry| Some((entry.path(), entry.file_type().ok()?))).collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (path, kind) in entries {
            let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            // Links are not followed: what they lead to is checked where it is.
            if kind.is_symlink() {
                continue;
            }
            if kind.is_dir() && !hidden && depth < DEPTH {
                self.walk(&path, given, depth + 1)?;
            } else if kind.is_file() && !inside && !self.loose.contains_key(&path) {
                let found = by_its_name(&path, self.shown(&path));
                self.loose.extend(found.map(|file| (path, file)));
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
            if let Some(group) = self.workspace(kept, root, wanted.as_deref())? {
                groups.push(group);
            }
        }
        if !self.loose.is_empty() {
            groups.push(self.loose(kept.entry(nowhere).or_default())?);
        }
        Ok(Report { groups })
    }

    /// One workspace. `None` where it holds no file at all.
    fn workspace(
        &self,
        kept: &mut Kept,
        root: &Path,
        wanted: Option<&[(PathBuf, String)]>,
    ) -> Result<Option<Group>, Unlintable> {
        let shown_root = self.shown(root);
        let subject = kept.workspace(root);
        let before = match &self.asked.against {
            Some(revision) => Some(against::workspace(root, revision)?),
            None => None,
        };
        let (mut findings, mut passed) = self.judge(&subject, before.as_ref(), &shown_root);
        let paths: Vec<PathBuf> = own_files(&subject.sources).map(|file| root.join(&file.path)).collect();
        let is_wanted =
            |path: &Path| wanted.is_none_or(|wanted| wanted.iter().any(|(under, _)| path.starts_with(under)));
        for (under, given) in wanted.unwrap_or_default() {
            if !paths.iter().any(|path| path.starts_with(under)) {
                return Err(Unlintable::NotOfCatalogue {
                    path: given.clone(),
                    workspace: shown(&shown_root, ""),
                });
            }
        }
        let is_about = |finding: &Finding| {
            let file = finding.diagnostic.primary.as_ref().and_then(|label| finding.file(label.span));
            file.is_none_or(|file| is_wanted(&root.join(&file.path)))
        };
        findings.retain(is_about);
        passed.retain(|allowed| is_about(&allowed.finding));
        let specs = rules::specs(&subject.checked.declarations);
        let specs = specs.iter().filter(|spec| is_wanted(&root.join(&spec.file.path))).count();
        let files = paths.iter().filter(|path| is_wanted(path)).count();
        let deny = subject.workspace.iter().flat_map(|spec| &spec.lint.deny);
        let deny = deny.map(|word| Arc::clone(&word.value)).collect();
        let wanted = own_files(&subject.sources).map(|file| file.path.clone());
        let wanted = wanted.filter(|path| is_wanted(&root.join(path))).collect();
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

    fn loose(&self, kept: &mut Kept) -> Result<Group, Unlintable> {
        let mut sources = Sources::default();
        for file in self.loose.values() {
            sources.add(file.clone());
        }
        let subject = kept.files(&sources, None);
        let before = match &self.asked.against {
            Some(revision) => {
                let paths: Vec<String> = self.loose.values().map(|file| file.path.clone()).collect();
                Some(against::files(self.base, &paths, revision)?)
            }
            None => None,
        };
        let (findings, passed) = self.judge(&subject, before.as_ref(), "");
        let specs = rules::specs(&subject.checked.declarations).len();
        let wanted = own_files(&subject.sources).map(|file| file.path.clone()).collect();
        let files = self.loose.len();
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
    use std::io::Read as _;
    let notation = Notation::of_path(&name).unwrap_or(Notation::Yaml);
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes));
    let refuse = |code, at: usize, message: String, help, text: &str| {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        SourceFile::refused(name.clone(), text.into(), notation, Refusal { code, at, message, help })
    };
    if let Err(error) = read {
        let Unlintable::Unreadable { why, .. } = unreadable(path, &error) else {
            return SourceFile::new(name, "".into(), notation);
        };
        return refuse(
            "unparsable-file",
            0,
            format!("`{name}` cannot be read: {why}"),
            "make it a readable file",
            "",
        );
    }
    match String::from_utf8(bytes) {
        Ok(text) => SourceFile::new(name, text.into(), notation),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            if error.as_bytes().len() > FILE_BYTES {
                // The last letter may be cut by the limit; that the file is too large comes first.
                return SourceFile::new(name, text.into(), notation);
            }
            refuse(
                "not-utf8",
                at,
                format!("byte {at} of `{name}` is no UTF-8"),
                "save the file as UTF-8",
                &text,
            )
        }
    }
}
