//! What repairs or a new layout would change, as a unified diff. Writes nothing.

use similar::TextDiff;

use crate::render::harmless;

/// The diff of one file. Characters that hide text are made visible: a diff is read by people.
#[must_use]
pub fn unified(path: &str, before: &str, after: &str, colour: bool) -> String {
    let diff = TextDiff::from_lines(before, after);
    let (old, new) = (format!("a/{}", harmless(path)), format!("b/{}", harmless(path)));
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(3).header(&old, &new).to_string();
    text.lines().map(|line| painted(line, colour) + "\n").collect()
}

fn painted(line: &str, colour: bool) -> String {
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
