//! Checking again whenever a file changes, by what is known from the last time. Folders are watched, not files: editors write beside and rename,
//! and what a link leads to changes unseen. What counts is what the files hold, never that something was
//! touched. Ends with Ctrl-C.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{EventKind, RecursiveMode, Watcher};
use ordain_spec::digest::Digest;
use ordain_spec::unread::{Named, named};

use crate::command::Desk;
use crate::discover::{Known, contents};
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

/// Writes a report and says whether it blocks.
type Show<'s> = &'s dyn Fn(&Report) -> Result<bool, String>;

/// Shows findings, and shows them anew after each change. Gives what the last look came to.
///
/// # Errors
///
/// Why nothing can be watched, or why the last look could check nothing.
pub fn watch(options: &Options, desk: &Desk, show: Show<'_>) -> Result<bool, String> {
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
    looks(options, desk, show, &folders, &woken)
}

/// Looks, and looks anew when it is woken and a file holds something else, until it is stopped.
fn looks(
    options: &Options,
    desk: &Desk,
    show: Show<'_>,
    folders: &[PathBuf],
    woken: &Receiver<Woken>,
) -> Result<bool, String> {
    let mut files = digests(folders);
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
        let came_to = match &report {
            Ok(report) => Ok(show(report)?),
            Err(why) => {
                (desk.out)(&format!("✗ {why}\n"));
                Err(why.clone())
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
            if !wait(woken) {
                return came_to;
            }
            let now = digests(folders);
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
    let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
    folders.iter().for_each(|folder| look(folder, 0, &mut seen, &mut found));
    found
}

/// `seen` are folders, all links resolved: each is looked into once, however many links lead to it.
fn look(folder: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>, into: &mut BTreeMap<PathBuf, Digest>) {
    if !folder.canonicalize().is_ok_and(|real| seen.insert(real)) {
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            if !hidden && depth < DEPTH {
                look(&path, depth + 1, seen, into);
            }
        } else if named(&path.to_string_lossy()) != Named::Other
            && let Ok(bytes) = contents(&path)
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

    #[cfg(unix)]
    #[test]
    fn links_lead_to_each_folder_once_and_no_pipe_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for level in 0..30 {
            let here = folder.path().join(level.to_string());
            std::fs::create_dir(&here).unwrap();
            std::fs::write(here.join("a.yaml"), "1").unwrap();
            for name in ["a", "b", "c"] {
                std::os::unix::fs::symlink(format!("../{}", level + 1), here.join(name)).unwrap();
            }
        }
        let made =
            std::process::Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().unwrap();
        assert!(made.success());
        assert_eq!(digests(&[folder.path().to_path_buf()]).len(), 30);
    }

    #[test]
    fn a_watch_ends_as_its_last_look_did() {
        let looked = |files: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
            let (sender, woken) = channel();
            sender.send(Woken::Stopped).unwrap();
            let desk = Desk {
                directory: folder.path().to_path_buf(),
                look: crate::render::Look { colour: false, width: 80 },
                json: false,
                out: |_| {},
                aside: |_| {},
                now: || jiff::Timestamp::UNIX_EPOCH,
            };
            let folders = [folder.path().to_path_buf()];
            looks(&Options::default(), &desk, &|report| Ok(report.blocks(&[])), &folders, &woken)
        };
        assert_eq!(looked(&[("a.yaml", "a: 1\n")]), Ok(true));
        assert_eq!(looked(&[]).unwrap_err(), "there is nothing to check: no spec file under `.`");
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
