//! Checking again whenever a file changes, by what is known from the last time. Folders are watched, not files: editors write beside and rename,
//! and what a link leads to changes unseen. What counts is what the files hold, never that something was
//! touched. Ends with Ctrl-C.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecursiveMode, Watcher};
use ordain_spec::digest::Digest;
use ordain_spec::unread::{Named, named};

use crate::command::Desk;
use crate::discover::Known;
use crate::options::Options;
use crate::report::Report;

/// How long nothing may happen before files are read: a save is several events.
const QUIET: Duration = Duration::from_millis(60);
/// How long a stream of events is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// The deepest folder that is looked into.
const DEPTH: usize = 32;

/// What wakes the watch.
enum Woken {
    Changed,
    Stopped,
}

/// Shows findings, and shows them anew after each change. `show` writes a report and says whether it blocks.
/// Gives what the last one said.
pub fn watch(
    options: &Options,
    desk: &Desk,
    show: &dyn Fn(&Report) -> Result<bool, String>,
) -> Result<bool, String> {
    let (sender, woken) = channel();
    let stopper = sender.clone();
    ctrlc::set_handler(move || {
        let _over = stopper.send(Woken::Stopped);
    })
    .map_err(|error| format!("Ctrl-C cannot be waited for: {error}"))?;
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let touches = event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)));
        if touches {
            let _over = sender.send(Woken::Changed);
        }
    })
    .map_err(|error| format!("changes cannot be watched: {error}"))?;
    let folders = folders(options, desk)?;
    for folder in &folders {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .map_err(|error| format!("`{}` cannot be watched: {error}", folder.display()))?;
    }
    let mut files = digests(&folders);
    let mut known = Known::default();
    let mut last = None;
    let mut news = String::new();
    loop {
        let begun = Instant::now();
        let report = options.report(&mut known, desk);
        let took = begun.elapsed();
        if desk.look.colour {
            (desk.out)("\u{1b}[2J\u{1b}[3J\u{1b}[H");
        }
        (desk.out)(&news);
        let blocked = match &report {
            Ok(report) => show(report)?,
            Err(why) => {
                (desk.out)(&format!("✗ {why}\n"));
                true
            }
        };
        let found = report.as_ref().map(findings).unwrap_or_default();
        (desk.out)(&format!(
            "{}checked in {} ms; waiting for changes, Ctrl-C ends\n",
            since(last.as_ref(), &found),
            took.as_millis()
        ));
        last = Some(found);
        loop {
            if !wait(&woken) {
                return Ok(blocked);
            }
            let now = digests(&folders);
            if now != files {
                news = changed(&files, &now, &desk.directory);
                files = now;
                break;
            }
        }
    }
}

/// Waits for a change and for the quiet after it. False when it is over.
fn wait(woken: &Receiver<Woken>) -> bool {
    match woken.recv() {
        Ok(Woken::Changed) => {}
        Ok(Woken::Stopped) | Err(_) => return false,
    }
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match woken.recv_timeout(QUIET) {
            Ok(Woken::Changed) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Ok(Woken::Stopped) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

/// What is watched: workspaces as a whole, and the folders of other paths.
fn folders(options: &Options, desk: &Desk) -> Result<Vec<PathBuf>, String> {
    let given = if options.paths.is_empty() { vec![PathBuf::from(".")] } else { options.paths.clone() };
    let mut folders = Vec::new();
    for path in &given {
        let real = desk.directory.join(path).canonicalize();
        let real = real.map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        let own = if real.is_dir() { real.clone() } else { real.parent().unwrap_or(&real).to_path_buf() };
        folders.push(ordain_spec::folder::workspace_above(&real).unwrap_or(own));
    }
    folders.sort();
    folders.dedup();
    let all = folders.clone();
    folders.retain(|folder| !all.iter().any(|other| other != folder && folder.starts_with(other)));
    Ok(folders)
}

/// The digests of all spec files in folders, and of those that only their names keep from being one.
fn digests(folders: &[PathBuf]) -> BTreeMap<PathBuf, Digest> {
    let mut found = BTreeMap::new();
    folders.iter().for_each(|folder| look(folder, 0, &mut found));
    found
}

fn look(folder: &Path, depth: usize, into: &mut BTreeMap<PathBuf, Digest>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden && depth < DEPTH {
                look(&path, depth + 1, into);
            }
        } else if named(&path.to_string_lossy()) != Named::Other
            && let Ok(bytes) = std::fs::read(&path)
        {
            into.insert(path, Digest::of(&bytes));
        }
    }
}

/// Which files changed, in one line.
fn changed(before: &BTreeMap<PathBuf, Digest>, now: &BTreeMap<PathBuf, Digest>, base: &Path) -> String {
    let base = base.canonicalize().unwrap_or_default();
    let shown =
        |path: &PathBuf| crate::render::harmless(&path.strip_prefix(&base).unwrap_or(path).to_string_lossy());
    let mut parts = Vec::new();
    for (path, digest) in now {
        match before.get(path) {
            None => parts.push(format!("new {}", shown(path))),
            Some(old) if old != digest => parts.push(format!("changed {}", shown(path))),
            Some(_) => {}
        }
    }
    parts.extend(
        before.keys().filter(|path| !now.contains_key(*path)).map(|path| format!("gone {}", shown(path))),
    );
    format!("↻ {}\n\n", parts.join(", "))
}

/// What was found, without its places: lines move when a file is edited.
fn findings(report: &Report) -> Vec<String> {
    let all = report.groups.iter().flat_map(|group| &group.findings);
    all.map(|finding| {
        format!("{} {} {}", finding.primary().file, finding.diagnostic.code, finding.diagnostic.message)
    })
    .collect()
}

/// How many problems are new since the last look, and how many gone.
fn since(last: Option<&Vec<String>>, now: &[String]) -> String {
    let Some(last) = last else { return String::new() };
    let missing_in =
        |one: &[String], other: &[String]| one.iter().filter(|line| !other.contains(line)).count();
    match (missing_in(now, last), missing_in(last, now)) {
        (0, 0) => "nothing new, nothing gone · ".to_owned(),
        (new, gone) => format!("{new} new, {gone} gone · "),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
    use super::*;

    #[test]
    fn what_changed_is_told_by_what_files_hold() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("a.yaml"), "1").unwrap();
        std::fs::write(file("b.yaml"), "1").unwrap();
        std::fs::write(file("notes.txt"), "1").unwrap();
        let roots = [folder.path().to_path_buf()];
        let before = digests(&roots);
        assert_eq!(before.len(), 2);
        std::fs::write(file("a.yaml"), "1").unwrap();
        assert_eq!(digests(&roots), before);
        std::fs::write(file("a.yaml"), "2").unwrap();
        std::fs::remove_file(file("b.yaml")).unwrap();
        std::fs::write(file("c.kdl"), "3").unwrap();
        let said = changed(&before, &digests(&roots), folder.path());
        assert_eq!(said, "↻ changed a.yaml, new c.kdl, gone b.yaml\n\n");
    }

    #[test]
    fn a_watch_ends_when_it_is_told_to() {
        let (sender, woken) = channel();
        sender.send(Woken::Changed).unwrap();
        assert!(wait(&woken));
        sender.send(Woken::Stopped).unwrap();
        assert!(!wait(&woken));
        drop(sender);
        assert!(!wait(&woken));
    }
}
