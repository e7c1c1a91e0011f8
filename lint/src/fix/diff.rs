//! What repairs or a new layout would change, as a unified diff. Writes nothing.

use similar::TextDiff;

use super::report::Change;
use crate::render::{Secrets, harmless};

/// The diff of one file. Characters that hide text are made visible, and secrets black: a diff is read by people,
/// and kept by what runs for them.
#[must_use]
pub fn unified(change: &Change, colour: bool) -> String {
    let path = &change.path;
    let diff = TextDiff::from_lines(&*change.before, &change.after);
    let (old, new) = (format!("a/{}", harmless(path)), format!("b/{}", harmless(path)));
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(3).header(&old, &new).to_string();
    text.lines().map(|line| painted(line, &change.secrets, colour) + "\n").collect()
}

fn painted(line: &str, secrets: &Secrets, colour: bool) -> String {
    let line = &*secrets.line(line);
    // Tabs and the return of CRLF are part of what is compared.
    let shown: Vec<String> = line.split('\t').map(|part| harmless(part.trim_end_matches('\r'))).collect();
    let shown = shown.join("\t");
    let ink = match line.as_bytes() {
        _ if !colour => return shown,
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => "1",
        [b'+', ..] => "32",
        [b'-', ..] => "31",
        [b'@', b'@', ..] => "36",
        _ => return shown,
    };
    format!("\u{1b}[{ink}m{shown}\u{1b}[0m")
}
