//! The way from each byte of a KDL string's value back to the file, by walking its notation.

/// Pieces (offset in the value, offset in the file) of a string whose notation stands at `start`.
pub fn pieces(written: &str, start: usize, value: &str) -> Vec<(u32, u32)> {
    let hashes = written.len() - written.trim_start_matches('#').len();
    let body = written.get(hashes..).unwrap_or_default();
    let mut walk = Walk { written, start, value, done: 0, pieces: Vec::new(), raw: hashes > 0 };
    if body.starts_with("\"\"\"") {
        walk.lines(hashes + 3, written.len().saturating_sub(hashes + 3));
    } else if body.starts_with('"') {
        walk.run(hashes + 1, written.len().saturating_sub(hashes + 1));
    } else {
        walk.run(0, written.len());
    }
    if walk.pieces.is_empty() {
        walk.pieces.push((0, narrow(start)));
    }
    walk.pieces
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

struct Walk<'a> {
    written: &'a str,
    start: usize,
    value: &'a str,
    done: usize,
    pieces: Vec<(u32, u32)>,
    raw: bool,
}

impl Walk<'_> {
    fn due(&self) -> Option<char> {
        self.value.get(self.done..).and_then(|rest| rest.chars().next())
    }

    fn take(&mut self, at: usize) {
        let Some(letter) = self.due() else { return };
        let place = narrow(self.start + at);
        let in_step = self.pieces.last().is_some_and(|(decoded, from)| {
            narrow(self.done).checked_sub(*decoded).and_then(|run| from.checked_add(run)) == Some(place)
        });
        if !in_step {
            self.pieces.push((narrow(self.done), place));
        }
        self.done += letter.len_utf8();
    }

    /// Text between `at` and `end`, with escapes unless raw.
    fn run(&mut self, mut at: usize, end: usize) {
        while at < end {
            let rest = self.written.get(at..end).unwrap_or_default();
            let Some(letter) = rest.chars().next() else { return };
            if letter != '\\' || self.raw {
                self.take(at);
                at += letter.len_utf8();
                continue;
            }
            let after = rest.get(1..).unwrap_or_default();
            let blanks = after.len() - after.trim_start().len();
            if blanks > 0 {
                // An escaped white space is no part of the value.
                at += 1 + blanks;
                continue;
            }
            self.take(at);
            let width = if after.starts_with('u') { after.find('}').map_or(1, |close| close + 1) } else { 1 };
            at += 1 + after.get(..width).map_or(1, |_| width);
        }
    }

    /// A text of several lines: the last line's white space is every line's indentation.
    fn lines(&mut self, from: usize, to: usize) {
        let body = self.written.get(from..to).unwrap_or_default();
        let indent = body.rfind('\n').map_or(0, |at| body.len() - at - 1);
        let mut at = from + body.find('\n').map_or(body.len(), |at| at + 1);
        let last = from + body.rfind('\n').map_or(body.len(), |at| at);
        let mut first = true;
        while at <= last && at < to {
            let rest = self.written.get(at..to).unwrap_or_default();
            let length = rest.find('\n').unwrap_or(rest.len());
            if at + length > last {
                break;
            }
            if !std::mem::take(&mut first) && self.due() == Some('\n') {
                self.take(at.saturating_sub(1));
            }
            let line = rest.get(..length).unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.trim().is_empty() {
                self.run(at + indent.min(line.len()), at + line.len());
            }
            at += length + 1;
        }
    }
}
