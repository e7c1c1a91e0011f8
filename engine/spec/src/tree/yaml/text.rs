//! The way from each byte of a decoded scalar back to the file. Walks the source beside the decoded
//! value; what the source does not account for keeps the place of what came before, never a wrong one.

use super::event::Style;
use crate::tree::Way;

/// The way from a decoded scalar back to the file.
pub fn way(source: &str, start: usize, end: usize, style: Style, value: &str) -> Way {
    let block = matches!(style, Style::Literal | Style::Folded);
    let base = if block { block_start(source, start) } else { start };
    let written = source.get(base..end).unwrap_or_default();
    // What is written as it is read has neither escape nor fold.
    let quoted = usize::from(matches!(style, Style::Single | Style::Double));
    if !block && written.get(quoted..written.len().saturating_sub(quoted)) == Some(value) {
        return Way::Straight(narrow(start + if value.is_empty() { 0 } else { quoted }));
    }
    let mut walk = Walk { source: written, base, at: 0, value, done: 0, pieces: Vec::new() };
    match style {
        Style::Plain => walk.flow(None),
        Style::Single => walk.flow(Some('\'')),
        Style::Double => walk.flow(Some('"')),
        Style::Literal | Style::Folded => walk.block(),
    }
    if walk.pieces.first().is_none_or(|(decoded, _)| *decoded != 0) {
        walk.pieces.insert(0, (0, narrow(start)));
    }
    Way::of(&walk.pieces)
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

struct Walk<'a> {
    source: &'a str,
    base: usize,
    at: usize,
    value: &'a str,
    done: usize,
    pieces: Vec<(u32, u32)>,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn due(&self) -> Option<char> {
        self.value.get(self.done..).and_then(|rest| rest.chars().next())
    }

    /// The next decoded character comes from `width` bytes of source at `at`.
    fn take(&mut self, at: usize, width: usize, letter: char) {
        let place = narrow(self.base + at);
        let in_step = self.pieces.last().is_some_and(|(decoded, from)| {
            narrow(self.done).checked_sub(*decoded).and_then(|run| from.checked_add(run)) == Some(place)
        });
        if !in_step {
            self.pieces.push((narrow(self.done), place));
        }
        self.done += letter.len_utf8();
        self.at = at + width;
    }

    /// As many bytes as stand there, each for itself.
    fn run(&mut self, width: usize) {
        let Some(first) = self.rest().chars().next() else { return };
        self.take(self.at, first.len_utf8(), first);
        let more = width.saturating_sub(first.len_utf8());
        self.at += more;
        self.done += more;
    }

    /// Plain and quoted scalars: lines are folded, quotes and escapes replaced.
    fn flow(&mut self, quote: Option<char>) {
        if quote.is_some() {
            self.at += 1;
        }
        while let Some(due) = self.due() {
            let Some(next) = self.rest().chars().next() else { return };
            let blanks = self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
            let after = self.rest().get(blanks..).unwrap_or_default();
            if after.starts_with(['\n', '\r']) {
                self.fold(blanks);
            } else if blanks > 0 {
                // All at once: looking for their end again from each of them would be quadratic.
                self.run(blanks);
            } else if next == '\\' && quote == Some('"') {
                self.escape(due);
            } else if next == '\'' && quote == Some('\'') {
                self.take(self.at, 2, due);
            } else {
                let plain = self.rest().find([' ', '\t', '\n', '\r', '\\', '\'']);
                self.run(plain.unwrap_or(self.rest().len()).max(next.len_utf8()));
            }
        }
    }

    /// Line breaks with the blanks around them: one is a space, more are one line feed less.
    fn fold(&mut self, blanks: usize) {
        let mut breaks = Vec::new();
        let mut at = self.at + blanks;
        while let Some(rest) = self.source.get(at..) {
            let inner = rest.trim_start_matches([' ', '\t']);
            let skipped = rest.len() - inner.len();
            let width = if inner.starts_with("\r\n") { 2 } else { usize::from(inner.starts_with('\n')) };
            if width == 0 {
                at += skipped;
                break;
            }
            breaks.push(at + skipped);
            at += skipped + width;
        }
        match breaks.as_slice() {
            [only] if self.due() == Some(' ') => self.take(*only, 1, ' '),
            [_, later @ ..] => {
                for place in later {
                    if self.due() == Some('\n') {
                        self.take(*place, 1, '\n');
                    }
                }
            }
            _ => {}
        }
        self.at = at;
    }

    /// A backslash of a double-quoted scalar.
    fn escape(&mut self, due: char) {
        let rest = self.rest();
        let kind = rest.chars().nth(1).unwrap_or('\\');
        if matches!(kind, '\n' | '\r') {
            // An escaped line break joins two lines; blank lines between are line feeds.
            self.at += 1;
            self.fold_joined();
            return;
        }
        let width = match kind {
            'x' => 4,
            'u' if u32::from(due) > 0xffff => 12,
            'u' => 6,
            'U' => 10,
            other => 1 + other.len_utf8(),
        };
        self.take(self.at, width, due);
    }

    fn fold_joined(&mut self) {
        let before = self.at;
        let rest = self.rest();
        let width = if rest.starts_with("\r\n") { 2 } else { 1 };
        self.at += width;
        while let Some(rest) = self.source.get(self.at..) {
            let inner = rest.trim_start_matches([' ', '\t']);
            let skipped = rest.len() - inner.len();
            let width = if inner.starts_with("\r\n") { 2 } else { usize::from(inner.starts_with('\n')) };
            if width == 0 {
                self.at += skipped;
                break;
            }
            let place = self.at + skipped;
            if self.due() == Some('\n') {
                self.take(place, width, '\n');
            }
            self.at = place + width;
        }
        debug_assert!(self.at > before, "an escaped line break has a width");
    }

    /// Block scalars: each line's content stands after the indentation.
    fn block(&mut self) {
        let indent = self.indentation();
        let mut at = 0;
        while let Some(rest) = self.source.get(at..).filter(|rest| !rest.is_empty()) {
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            let skipped = indent.min(leading_spaces(line));
            let content = line.get(skipped..).unwrap_or_default();
            let end = at + line.len();
            self.at = at + skipped;
            let due = self.value.get(self.done..).unwrap_or_default();
            let same = if due.starts_with(content) { content.len() } else { common(content, due) };
            if same > 0 {
                self.run(same);
            }
            // One line feed, or the space of a fold, belongs to the end of each line.
            if let Some(gap @ (' ' | '\n')) = self.due() {
                self.take(end, 1, gap);
            }
            at += length + 1;
        }
    }

    /// The indentation of the lines: what the first line with content has more than its value.
    fn indentation(&self) -> usize {
        let line = self.source.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let first = self.value.trim_start_matches('\n');
        leading_spaces(line).saturating_sub(leading_spaces(first))
    }
}

/// How many bytes two texts begin with alike.
fn common(one: &str, other: &str) -> usize {
    let alike = one.chars().zip(other.chars()).take_while(|(one, other)| one == other);
    alike.map(|(letter, _)| letter.len_utf8()).sum()
}

fn leading_spaces(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// Where the lines of a block scalar begin: after the line of its header. `start` is somewhere between
/// the header and the first line's content.
fn block_start(source: &str, start: usize) -> usize {
    let before = source.get(..start).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    if !before.get(line..).unwrap_or_default().trim().is_empty() || before.is_empty() {
        // Still on the header's line.
        return source.get(start..).and_then(|rest| rest.find('\n')).map_or(start, |at| start + at + 1);
    }
    let mut begin = line;
    while let Some(above) = before.get(..begin.saturating_sub(1)).filter(|_| begin > 0) {
        let previous = above.rfind('\n').map_or(0, |at| at + 1);
        if !above.get(previous..).unwrap_or_default().trim().is_empty() {
            break;
        }
        begin = previous;
    }
    begin
}
