//! From options to what is printed and how it ends: everything the two binaries have in common. What
//! is wrong with the command itself goes back to them; findings never do.

use std::mem::ManuallyDrop;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use ordain_spec::diagnostic::{Severity, counted};
use ordain_spec::source::Notation;

use crate::discover::{Asked, Known, plain};
use crate::fix::Which;
use crate::fix::diff::unified;
use crate::fix::report::{Change, Changes, changes};
use crate::options::{Format, Options};
use crate::render::inert::Reader;
use crate::render::{self, Look};
use crate::report::{Group, Report, shown};
use crate::write;

/// Where a command works and what it speaks to.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Where it starts.
    pub directory: PathBuf,
    /// How text on standard output looks.
    pub look: Look,
    /// Standard output takes one JSON document and nothing else, whatever the format.
    pub json: bool,
    /// Standard output.
    pub out: fn(&str),
    /// Remarks for people, beside what was asked for.
    pub aside: fn(&str),
    /// The clock of the caller: lint itself reads none.
    pub now: fn() -> Timestamp,
}

/// What beside findings belongs into the answer.
#[derive(Default)]
struct Done {
    changes: Changes,
    /// What `--diff` shows.
    diff: Option<String>,
}

impl Options {
    /// Checks, repairs where that is asked for, and shows what is wrong. True where something blocks: then the
    /// exit code is 1.
    ///
    /// # Errors
    ///
    /// Why it could not be done: nothing to check, or a file that cannot be read or written.
    pub fn run(&self, desk: &Desk) -> Result<bool, String> {
        if self.watch {
            if desk.json || self.format != Format::Text {
                return Err("`--watch` shows text: it has no other format".to_owned());
            }
            return crate::watch::watch(self, desk, &|report| self.deliver(report, &Done::default(), desk));
        }
        // The process ends with this: giving back what is known piece by piece is left out.
        let mut known = ManuallyDrop::new(Known::default());
        let report = ManuallyDrop::new(self.report(&mut known, desk)?);
        let Some(which) = self.repairs() else { return self.deliver(&report, &Done::default(), desk) };
        let least = if self.pedantic { Severity::Info } else { Severity::Warning };
        let changes = changes(&report, which, least, &self.asked(desk));
        if self.diff {
            let diff: String = changes.files.iter().map(|change| unified(change, desk.look.colour)).collect();
            let would = !diff.is_empty();
            let blocked = self.deliver(&report, &Done { changes, diff: Some(diff) }, desk)?;
            return Ok(blocked || would);
        }
        all_written(&changes.files, &desk.directory)?;
        let report = self.report(&mut known, desk)?;
        self.deliver(&report, &Done { changes, diff: None }, desk)
    }

    /// What is wrong, as far as it was asked for.
    pub(crate) fn report(&self, known: &mut Known, desk: &Desk) -> Result<Report, String> {
        let asked = self.asked(desk);
        let report = known.lint(&desk.directory, &self.paths, &asked);
        let report = report.map_err(|error| render::harmless(&error.to_string()))?;
        Ok(if self.pedantic { report } else { report.without_infos() })
    }

    fn asked(&self, desk: &Desk) -> Asked {
        Asked {
            as_of: self.as_of.unwrap_or_else(desk.now),
            remarks: self.pedantic,
            against: self.against.clone(),
        }
    }

    /// Levels that block beside laws, errors, and what a workspace denies.
    #[must_use]
    pub const fn deny(&self) -> &[Severity] {
        if self.deny_warnings { &[Severity::Warning] } else { &[] }
    }

    const fn repairs(&self) -> Option<Which> {
        match (self.unsafe_fixes, self.fix || self.diff) {
            (true, _) => Some(Which::All),
            (false, true) => Some(Which::Safe),
            (false, false) => None,
        }
    }

    fn deliver(&self, report: &Report, done: &Done, desk: &Desk) -> Result<bool, String> {
        let plain = Look { colour: false, width: 100 };
        let rendered = |format, look| self.rendered(report, format, look, done, &desk.directory);
        if let Some(path) = &self.output {
            if Notation::of_path(&path.to_string_lossy()).is_some() {
                return Err(format!("`{}` is the name of a spec file: a report is none", path.display()));
            }
            let text = rendered(self.format, plain);
            write::whole(&desk.directory.join(path), text.as_bytes())
                .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        }
        if self.format == Format::Github {
            summary(report, &desk.directory)?;
        }
        let format = match (desk.json, &self.output) {
            (true, _) => Format::Json,
            (false, Some(_)) => Format::Text,
            (false, None) => self.format,
        };
        let text = rendered(format, desk.look);
        (desk.out)(&if render::inert::is_read_by_a_server() { harmless_there(&text, format) } else { text });
        for said in report.groups.iter().filter_map(|group| self.uncompared(group)) {
            (desk.aside)(&said);
        }
        if report.groups.iter().any(Group::is_loose) {
            (desk.aside)(
                "files below no `ordain.yaml` belong to no workspace: they are judged together, as one catalogue",
            );
        }
        if let Some(said) = said(done) {
            (desk.aside)(&said);
        }
        Ok(report.blocks(self.deny()))
    }

    /// That the other side breaks laws, and where: what cannot be read there is compared with nothing.
    fn uncompared(&self, group: &Group) -> Option<String> {
        let before = group.before.as_ref().filter(|before| before.catalogue().is_none())?;
        let mut files: Vec<String> = before
            .checked
            .diagnostics
            .iter()
            .filter_map(|problem| before.sources.get(problem.primary.as_ref()?.span.file))
            .map(|file| render::harmless(&shown(&group.root, &file.path)))
            .collect();
        files.sort_unstable();
        files.dedup();
        let revision = render::harmless(self.against.as_deref().unwrap_or_default());
        let places = match files.as_slice() {
            [] => String::new(),
            [one] => format!(" (`{one}`)"),
            [one, others @ ..] => format!(" (`{one}` and {} more)", others.len()),
        };
        Some(format!("`{revision}` breaks laws{places}: what cannot be read there is compared with nothing"))
    }

    fn rendered(&self, report: &Report, format: Format, look: Look, done: &Done, directory: &Path) -> String {
        let below = below(directory);
        match (format, &done.diff) {
            (Format::Text, Some(diff)) => diff.clone(),
            (Format::Text, None) => render::text(report, look),
            (Format::Json, diff) => {
                let mut document = render::json(report);
                let asked = self.repairs().is_some();
                if let Some(object) = document.as_object_mut().filter(|_| asked) {
                    let name = if diff.is_some() { "fixable" } else { "fixed" };
                    object.insert(name.into(), render::repaired(&done.changes.repaired));
                    diff.iter().for_each(|diff| {
                        object.insert("diff".into(), diff.clone().into());
                    });
                }
                ordain_plan::render::document(&document)
            }
            (Format::Sarif, _) => ordain_plan::render::document(&render::sarif(report, &below)),
            (Format::Github, _) => render::github(report, &below),
            (Format::Junit, _) => render::junit(report, self.deny()),
        }
    }
}

/// What a CI server takes no command from, but for those that are asked for.
fn harmless_there(text: &str, format: Format) -> String {
    match format {
        Format::Text => render::inert(text, Reader::Person),
        Format::Json | Format::Sarif => render::inert(text, Reader::Json),
        Format::Junit => render::inert(text, Reader::Xml),
        Format::Github => text.to_owned(),
    }
}

/// What is wrong with a command line, in one line.
#[must_use]
pub fn misread(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    lines.join(" ").trim_start_matches("error: ").to_owned()
}

/// What was repaired, or would be, in one line.
fn said(done: &Done) -> Option<String> {
    let repaired = &done.changes.repaired;
    if repaired.is_empty() {
        return done.diff.as_ref().map(|_| "nothing to repair".to_owned());
    }
    let verb = if done.diff.is_some() { "would repair" } else { "repaired" };
    let files = done.changes.files.len();
    let (problems, files) = (counted(repaired.len(), "problem"), counted(files, "file"));
    Some(format!("{verb} {problems} in {files}"))
}

/// Writes files anew: all that can be, also where one cannot.
///
/// # Errors
///
/// Which cannot be written, and why; there the old text still stands.
pub fn all_written(changes: &[Change], directory: &Path) -> Result<(), String> {
    let failed: Vec<String> = changes.iter().filter_map(|change| written(change, directory).err()).collect();
    match (failed.as_slice(), changes.len() - failed.len()) {
        ([], _) => Ok(()),
        (_, 0) => Err(failed.join("; ")),
        (_, done) => {
            Err(format!("{}; {} written all the same", failed.join("; "), counted(done, "other file")))
        }
    }
}

/// Writes one file anew. What a link leads to outside of the workspace stays as it is, and so does what somebody
/// else wrote since it was read.
fn written(change: &Change, directory: &Path) -> Result<(), String> {
    let shown = render::harmless(&change.path);
    let fail = |error: std::io::Error| format!("`{shown}` cannot be written: {}", plain(&error));
    let base = directory.canonicalize().map_err(fail)?;
    let path = base.join(&change.path);
    let root = base.join(&change.root).canonicalize().map_err(fail)?;
    let folder = path.parent().unwrap_or(&root).canonicalize().map_err(fail)?;
    if !change.root.is_empty() && !folder.starts_with(&root) {
        return Err(format!("`{shown}` cannot be written: a link leads out of the workspace"));
    }
    if std::fs::read(&path).map_err(fail)? != change.before.as_bytes() {
        return Err(format!("`{shown}` is not written: somebody else wrote it meanwhile; ask again"));
    }
    write::whole(&path, change.after.as_bytes()).map_err(fail)
}

/// The folder of `-C` as CI sees it: the paths of a report are relative to it, those of CI to where the
/// command was called.
fn below(directory: &Path) -> String {
    let parts = directory.components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().to_string_lossy().into_owned()
}

/// The job summary, added to what other steps wrote there.
fn summary(report: &Report, directory: &Path) -> Result<(), String> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let text = render::summary(report, &below(directory));
    write::appended(Path::new(&path), text.as_bytes())
        .map_err(|error| format!("`{}` cannot be written: {error}", Path::new(&path).display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]
    use super::*;

    #[test]
    fn what_somebody_else_wrote_meanwhile_stays_and_the_rest_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let change = |name: &str| Change {
            root: String::new(),
            path: name.to_owned(),
            before: "old".into(),
            after: "new".into(),
            secrets: render::Secrets::default(),
        };
        for (name, holds) in [("a.yaml", "other"), ("b.yaml", "old"), ("c.yaml", "old")] {
            std::fs::write(folder.path().join(name), holds).unwrap();
        }
        let said = all_written(&["a.yaml", "gone.yaml", "b.yaml", "c.yaml"].map(change), folder.path());
        assert_eq!(
            said.unwrap_err(),
            "`a.yaml` is not written: somebody else wrote it meanwhile; ask again; `gone.yaml` cannot be written: no such \
             file or directory; 2 other files written all the same"
        );
        assert_eq!([text("a.yaml"), text("b.yaml"), text("c.yaml")], ["other", "new", "new"]);
    }
}
