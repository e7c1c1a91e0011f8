//! Replays the `console` blocks of a page in a fresh copy of its folder (`docs/guide/transcripts.md`
//! says what the marks mean). Reads the page as a person would: nothing is skipped unless it says so.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Workspace, binary, root, said_by};

/// One command of a page and what it must print.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Line of the page, from 1.
    pub line: usize,
    /// The command.
    pub command: String,
    /// True for `& …`.
    pub in_background: bool,
    /// Lines that it must print; none: whatever it likes.
    pub expected: Vec<String>,
    /// The exit code that it must have.
    pub code: i32,
    /// (name, path) taken out of its standard output.
    pub takes: Vec<(String, String)>,
}

/// The exchanges of a page, in order.
#[must_use]
pub fn exchanges(page: &str) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence.trim() == "console";
            continue;
        }
        if !inside {
            continue;
        }
        let command = |text: &str, in_background| Exchange {
            line: number + 1,
            command: text.to_owned(),
            in_background,
            ..Exchange::default()
        };
        if let Some(text) = line.strip_prefix("$ ") {
            found.push(command(text, false));
        } else if let Some(text) = line.strip_prefix("& ") {
            found.push(command(text, true));
        } else if let Some(exchange) = found.last_mut() {
            if let Some(code) = line.strip_prefix("? ") {
                exchange.code = code.trim().parse().unwrap_or(-1);
            } else if let Some((name, path)) = line.strip_prefix("=> ").and_then(|take| take.split_once(' '))
            {
                exchange.takes.push((name.to_owned(), path.trim().to_owned()));
            } else {
                exchange.expected.push(line.to_owned());
            }
        }
    }
    found
}

/// True when `line` is what `pattern` says; `…` stands for any text.
fn line_fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    true
}

/// True when the printed lines are what the patterns say; a pattern `…` stands for any number of lines.
#[must_use]
pub fn lines_fit(patterns: &[String], lines: &[&str]) -> bool {
    match patterns.split_first() {
        None => lines.is_empty(),
        Some((pattern, rest)) if pattern.trim() == "…" => {
            (0..=lines.len()).any(|skipped| lines.get(skipped..).is_some_and(|lines| lines_fit(rest, lines)))
        }
        Some((pattern, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            line_fits(pattern.trim_end(), line.trim_end()) && lines_fit(rest, lines)
        }),
    }
}

fn trimmed<T: AsRef<str>>(lines: &[T]) -> &[T] {
    let blank = |line: &T| line.as_ref().trim().is_empty();
    let start = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !blank(line)).map_or(start, |last| last + 1);
    lines.get(start..end).unwrap_or_default()
}

/// A background process; its whole group ends with this.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
        drop(self.0.wait());
    }
}

/// Replays the page at `path` (from the root of the checkout).
///
/// # Panics
/// When a command does not do what the page says; says which and what it did.
pub fn replay(path: &str) {
    replay_with(path, |_| ());
}

/// The same, with a chance to change the copy before the first command.
///
/// # Panics
/// As [`replay`].
#[expect(clippy::expect_used, clippy::panic, reason = "a test helper")]
pub fn replay_with(path: &str, prepare: impl FnOnce(&Workspace)) {
    let page = std::fs::read_to_string(root().join(path)).expect("the page can be read");
    let folder = Path::new(path).parent().unwrap_or(Path::new("."));
    let workspace = Workspace::copy_of(folder);
    prepare(&workspace);
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut background = Vec::new();
    let all = exchanges(&page);
    assert!(!all.is_empty(), "{path} has no console block");
    for exchange in all {
        let filled = |text: &str| {
            variables
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let mut command = shell(&workspace, &filled(&exchange.command));
        if exchange.in_background {
            background.push(start(command, path, &exchange));
            continue;
        }
        let said = said_by(&mut command);
        let place = format!("{path}:{} `{}`", exchange.line, exchange.command);
        assert_eq!(said.code, exchange.code, "{place}\n{}{}", said.stdout, said.stderr);
        let expected: Vec<String> = exchange.expected.iter().map(|line| filled(line)).collect();
        let printed = format!("{}\n{}", said.stdout.trim_end(), said.stderr);
        let printed: Vec<&str> = printed.lines().collect();
        let expected = trimmed(&expected);
        if !expected.is_empty() && !lines_fit(expected, trimmed(&printed)) {
            panic!("{place}\nthe page says:\n{}\nit printed:\n{}", expected.join("\n"), printed.join("\n"));
        }
        for (name, pointer) in &exchange.takes {
            let pointer = format!("/{}", pointer.replace('.', "/"));
            let document = said.json();
            let value =
                document.pointer(&pointer).unwrap_or_else(|| panic!("{place}: no {pointer} in {document}"));
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            variables.insert(name.clone(), text);
        }
    }
}

fn shell(workspace: &Workspace, line: &str) -> Command {
    let binaries = binary("ordain").parent().map(Path::to_path_buf).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(workspace.path())
        .env("PATH", format!("{}:{path}", binaries.display()))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

#[expect(clippy::expect_used, reason = "a test helper")]
fn start(mut command: Command, path: &str, exchange: &Exchange) -> Background {
    let place = format!("{path}:{} `{}`", exchange.line, exchange.command);
    let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().expect("the process starts");
    let output = child.stdout.take().expect("its output is ours");
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        let _ = sender.send(lines.next().is_some_and(|line| line.is_ok()));
        // Keep reading, so that the process never blocks on a full pipe.
        for line in lines {
            drop(line);
        }
    });
    let begun = Instant::now();
    let wrote = receiver.recv_timeout(Duration::from_secs(10)).unwrap_or(false);
    let background = Background(child);
    assert!(wrote, "{place} wrote nothing in {:?}", begun.elapsed());
    background
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn fits(patterns: &str, lines: &str) -> bool {
        let patterns: Vec<String> = patterns.lines().map(str::to_owned).collect();
        lines_fit(&patterns, &lines.lines().collect::<Vec<_>>())
    }

    #[test]
    fn dots_stand_for_text_and_lines() {
        assert!(fits("run … succeeded", "run 0197 succeeded"));
        assert!(!fits("run … succeeded", "run 0197 failed"));
        assert!(fits("a\n…\nz", "a\nb\nc\nz"));
        assert!(fits("…\nz", "z"));
        assert!(!fits("a", "a\nb"));
        assert!(!fits("a…", "b"));
    }

    #[test]
    fn a_page_is_read_in_order() {
        let page = "# x\n```console\n$ ordain run a --json\n…\n? 4\n=> id run.id\n& serve\n```\n```console skip\n$ no\n```\n";
        let all = exchanges(page);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].code, all[0].takes.len(), all[0].expected.len()), (4, 1, 1));
        assert!(all[1].in_background);
    }
}
